//! Waiting: from a token that a client holds to the epoch that shows it.
//!
//! Waiters look at [`VisibleProgress`] alone, under a lock of its own: a waiter never holds up a publish, and asking
//! for the position is free of the state's lock, so it may be asked for while a snapshot is held.

use std::collections::BTreeMap;
use std::time::Instant;

use schemas::position::{Epoch, Offset, Partition, Position, Token, Topic};

use super::error::WaitError;
use super::progress::VisibleProgress;
use super::store::Views;

impl Views {
    /// The epoch that a snapshot taken now shows at least; epoch 0 before the first publish.
    pub fn position(&self) -> Position {
        self.position_of(self.progress.lock().epoch)
    }

    /// Returns true if a snapshot taken now shows what the token stands for. Nothing is reached before the first publish.
    pub fn reached(&self, token: &Token) -> Result<bool, WaitError> {
        self.covers(&self.progress.lock(), token)
    }

    /// Blocks until the token is reached, and returns the position then visible.
    pub fn wait_until(&self, token: &Token, deadline: Instant) -> Result<Position, WaitError> {
        let mut progress = self.progress.lock();
        while !self.covers(&progress, token)? {
            let timed_out = self.progressed.wait_until(&mut progress, deadline).timed_out();
            if timed_out && !self.covers(&progress, token)? {
                return Err(WaitError::Timeout { token: token.clone(), position: self.position_of(progress.epoch) });
            }
        }
        Ok(self.position_of(progress.epoch))
    }

    /// Returns true if what is visible covers a token; an error when it never will.
    fn covers(&self, progress: &VisibleProgress, token: &Token) -> Result<bool, WaitError> {
        match token {
            Token::Epoch(position) if position.timeline != self.timeline => {
                Err(WaitError::OtherTimeline { token: token.clone(), timeline: self.timeline })
            }
            Token::Epoch(position) => Ok(progress.epoch >= Some(position.epoch)),
            Token::Records(_) if progress.epoch.is_none() => Ok(false),
            Token::Records(records) => {
                // Every record is looked at, so that one that can't be waited for is reported at once.
                records.iter().try_fold(true, |all, record| Ok(all & progress.shows(record)?))
            }
        }
    }

    /// Notifies waiters and the listener of what became visible; the state's lock is released by now.
    pub(super) fn announce(&self, epoch: Epoch, consumed: BTreeMap<(Topic, Partition), Offset>) {
        {
            let mut progress = self.progress.lock();
            progress.epoch = Some(epoch);
            progress.consumed.extend(consumed);
        }
        self.progressed.notify_all();
        let listener = self.listener.read().clone();
        if let Some(listener) = listener {
            listener(self.position_of(Some(epoch)));
        }
    }
}
