//! The hand-over from the driver to the thread of one outlet: bounded, and the driver never waits.
//!
//! Owns [`Queue`]. Published epochs enter; they leave in order, or a notice that some were dropped because the thread did not keep up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use schemas::chain::Chain;
use sinks::views::{EpochChanges, ServedView};

/// Changes of all views that may wait for the thread of a sink task, and those of one more epoch, however large that is: an epoch that is dropped
/// ends a record of changes.
pub const HANDED_CHANGES_MAX: usize = 1_000_000;
/// Epochs that may wait for it: some minutes of them.
pub const HANDED_EPOCHS_MAX: usize = 10_000;

/// A published epoch.
#[derive(Clone, Debug)]
pub struct Handed {
    /// its number
    pub epoch: u64,
    /// the identity of the epoch before
    pub after: Chain,
    /// its identity
    pub chain: Chain,
    /// the first epoch whose identity is still known
    pub retained_from: u64,
    /// the view as it is served from this epoch on; `None` when it is gone
    pub served: Option<Arc<ServedView>>,
    /// its changes
    pub changes: Arc<EpochChanges>,
}

/// Work that the thread takes at once.
#[derive(Default)]
pub struct TakenEpochs {
    /// the last epoch that was dropped; everything before is gone too
    pub dropped: Option<u64>,
    /// the epochs behind that
    pub handed: VecDeque<Handed>,
    /// nothing comes any more
    pub closed: bool,
}

/// Epochs on their way to one sink task.
#[derive(Default)]
pub struct Queue {
    /// the epoch that the sink task begins with
    start: u64,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    taken: TakenEpochs,
    changes: usize,
}

impl Queue {
    /// A way to a sink task that begins with this epoch. What that one shows is no change but everything that is there, so it does not wait here.
    pub fn beginning_with(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Hands over an epoch. When too much waits already, all of it is dropped, and the thread learns that.
    pub fn hand_over(&self, mut handed: Handed) {
        if handed.epoch <= self.start {
            handed.changes = Arc::new(EpochChanges { changes: Vec::new(), ..*handed.changes });
        }
        let mut waiting = self.waiting.lock();
        if waiting.changes > HANDED_CHANGES_MAX || waiting.taken.handed.len() >= HANDED_EPOCHS_MAX {
            waiting.taken.handed.clear();
            waiting.changes = 0;
            waiting.taken.dropped = Some(handed.epoch);
        } else {
            waiting.changes += handed.changes.changes.iter().map(|(_, rows)| rows.len()).sum::<usize>();
            waiting.taken.handed.push_back(handed);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Drops what waits, up to this epoch: what it shows is no change of what was there.
    pub fn lose(&self, epoch: u64) {
        let mut waiting = self.waiting.lock();
        waiting.taken.handed.clear();
        waiting.changes = 0;
        waiting.taken.dropped = Some(epoch);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        self.waiting.lock().taken.closed = true;
        self.arrived.notify_one();
    }

    /// Takes everything that is there, waiting at most so long for something.
    pub fn take(&self, patience: Duration) -> TakenEpochs {
        let mut waiting = self.waiting.lock();
        let is_empty = |waiting: &mut Waiting| {
            let TakenEpochs { dropped, handed, closed } = &waiting.taken;
            handed.is_empty() && dropped.is_none() && !closed
        };
        self.arrived.wait_while_for(&mut waiting, is_empty, patience);
        waiting.changes = 0;
        let closed = waiting.taken.closed;
        std::mem::replace(&mut waiting.taken, TakenEpochs { closed, ..TakenEpochs::default() })
    }
}

#[cfg(test)]
mod tests {
    use schemas::position::Epoch;
    use schemas::row::Row;
    use sinks::views::IndexId;

    use super::*;

    fn handed(epoch: u64, rows: usize) -> Handed {
        let rows = (0..rows).map(|row| (Row::from_bytes(&row.to_be_bytes()), 1)).collect();
        let changes = EpochChanges { epoch: Epoch(epoch), wall_micros: 0, changes: vec![(IndexId(0), rows)] };
        let (after, chain) = (Chain::default(), Chain::default());
        Handed { epoch, after, chain, retained_from: 0, served: None, changes: Arc::new(changes) }
    }

    #[test]
    fn epochs_come_out_in_order_and_all_are_dropped_when_too_much_waits() {
        let queue = Queue::default();
        queue.hand_over(handed(1, 1));
        queue.hand_over(handed(2, HANDED_CHANGES_MAX - 1));
        let taken = queue.take(Duration::ZERO);
        assert_eq!((taken.handed.len(), taken.dropped, taken.closed), (2, None, false));
        queue.hand_over(handed(3, HANDED_CHANGES_MAX));
        queue.hand_over(handed(4, 1));
        queue.hand_over(handed(5, 1));
        queue.hand_over(handed(6, 1));
        queue.close();
        let taken = queue.take(Duration::ZERO);
        let epochs: Vec<u64> = taken.handed.iter().map(|handed| handed.epoch).collect();
        assert_eq!((epochs, taken.dropped, taken.closed), (vec![6], Some(5), true));
        assert!(queue.take(Duration::from_secs(60)).closed, "it does not wait for what never comes");
    }

    #[test]
    fn one_epoch_is_never_too_large_and_the_first_one_weighs_nothing() {
        let queue = Queue::beginning_with(7);
        queue.hand_over(handed(7, HANDED_CHANGES_MAX + 1));
        queue.hand_over(handed(8, HANDED_CHANGES_MAX + 1));
        let taken = queue.take(Duration::ZERO);
        let rows = |handed: &Handed| handed.changes.changes.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        let found: Vec<(u64, usize)> = taken.handed.iter().map(|handed| (handed.changes.epoch.0, rows(handed))).collect();
        assert_eq!((found, taken.dropped), (vec![(7, 0), (8, HANDED_CHANGES_MAX + 1)], None));
    }

    #[test]
    fn epochs_without_changes_are_bounded_too() {
        let queue = Queue::default();
        for epoch in 0..=HANDED_EPOCHS_MAX as u64 {
            queue.hand_over(handed(epoch, 0));
        }
        assert_eq!(queue.take(Duration::ZERO).dropped, Some(HANDED_EPOCHS_MAX as u64));
    }
}
