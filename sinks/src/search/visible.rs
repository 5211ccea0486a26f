//! State of an index that readers see: its last commit and the progress of it.
//!
//! Owns [`Visible`], the only thing that the two halves share. The writer shows commits; whoever follows the view tells which epochs there were and
//! whether they changed it, so that an index that nothing changed is as far as its view. Readers look, wait and ask for more.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, RwLock};
use schemas::position::Epoch;
use tantivy::Searcher;

/// Called with the epoch of each change that became visible.
type EpochListener = Arc<dyn Fn(Epoch) + Send + Sync>;

/// The commit that is shown.
#[derive(Default)]
struct Shown {
    /// the commit that is read; `None` until the index is built
    searcher: Option<Searcher>,
    /// epoch of the last commit
    committed: Option<Epoch>,
    /// the last epoch of the view
    latest: Option<Epoch>,
    /// the last epoch that changed the view
    changed: Option<Epoch>,
    /// that a reader waits for
    wanted: Option<Epoch>,
}

impl Shown {
    /// The epoch whose rows are shown.
    fn epoch(&self) -> Option<Epoch> {
        let is_current = self.committed.is_some() && self.committed >= self.changed;
        if is_current { self.committed.max(self.latest) } else { self.committed }
    }
}

/// Wakes one thread, also when it was rung before the thread began to wait.
#[derive(Default)]
pub(super) struct Bell {
    /// set by who asks for a commit, cleared by who waits for that
    is_rung: Mutex<bool>,
    /// wakes the thread that commits
    rung: Condvar,
}

impl Bell {
    /// Wakes the thread.
    pub fn ring(&self) {
        *self.is_rung.lock() = true;
        self.rung.notify_one();
    }

    /// Blocks until it is rung, or this time has come.
    pub fn wait(&self, until: Option<Instant>) {
        let mut is_rung = self.is_rung.lock();
        while !*is_rung {
            match until {
                Some(until) if self.rung.wait_until(&mut is_rung, until).timed_out() => return,
                Some(_) => {}
                None => self.rung.wait(&mut is_rung),
            }
        }
        *is_rung = false;
    }
}

/// The state between the halves.
#[derive(Default)]
pub(super) struct Visible {
    /// wakes the thread that commits
    pub bell: Bell,
    /// held for a look or a step
    shown: Mutex<Shown>,
    /// wakes who waits for an epoch
    changed: Condvar,
    /// called outside of all locks
    listener: RwLock<Option<EpochListener>>,
}

impl Visible {
    /// Shows a commit.
    pub fn show(&self, searcher: Searcher, committed: Epoch) {
        self.change(|shown| {
            shown.searcher = Some(searcher);
            shown.committed = Some(committed);
        });
    }

    /// Says that the view is at this epoch, and whether the epoch changed it.
    pub fn follow(&self, epoch: Epoch, has_changes: bool) {
        self.change(|shown| {
            shown.latest = Some(epoch);
            shown.changed = if has_changes { Some(epoch) } else { shown.changed };
        });
    }

    /// Changes what is shown, then wakes waiters and calls the listener when another epoch is visible.
    fn change(&self, change: impl FnOnce(&mut Shown)) {
        let (before, after) = {
            let mut shown = self.shown.lock();
            let before = shown.epoch();
            change(&mut shown);
            (before, shown.epoch())
        };
        let Some(epoch) = after.filter(|_| before != after) else { return };
        self.changed.notify_all();
        let listener = self.listener.read().clone();
        if let Some(listener) = listener {
            listener(epoch);
        }
    }

    /// Returns the commit that is shown, and its epoch.
    pub fn shown(&self) -> Option<(Searcher, Epoch)> {
        let shown = self.shown.lock();
        shown.searcher.clone().zip(shown.epoch())
    }

    /// The epoch that is shown.
    pub fn epoch(&self) -> Option<Epoch> {
        self.shown.lock().epoch()
    }

    /// Calls `listener` after each change, outside of all locks; it replaces an earlier one and has to return at once.
    pub fn set_listener(&self, listener: EpochListener) {
        *self.listener.write() = Some(listener);
    }

    /// Returns true if an epoch is shown; otherwise asks for it as soon as can be.
    pub fn ask_for(&self, epoch: Epoch) -> bool {
        let mut shown = self.shown.lock();
        let is_shown = shown.epoch() >= Some(epoch);
        if !is_shown {
            shown.wanted = shown.wanted.max(Some(epoch));
            drop(shown);
            self.bell.ring();
        }
        is_shown
    }

    /// The epoch that a reader waits for.
    pub fn wanted(&self) -> Option<Epoch> {
        let shown = self.shown.lock();
        shown.wanted.filter(|wanted| shown.epoch() < Some(*wanted))
    }

    /// Blocks until an epoch is shown; false when that takes longer.
    pub fn wait_for(&self, epoch: Epoch, deadline: Instant) -> bool {
        let mut shown = self.shown.lock();
        while shown.epoch() < Some(epoch) {
            if self.changed.wait_until(&mut shown, deadline).timed_out() {
                return shown.epoch() >= Some(epoch);
            }
        }
        true
    }
}
