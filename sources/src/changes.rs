//! The counter of appends that readers wait on.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Counts appends since the log was opened and wakes who waits for the next.
///
/// The count says nothing about how many records there are: an append of many counts once.
#[derive(Default)]
pub(crate) struct Changes {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Changes {
    /// Announces that something was appended.
    ///
    /// Called after the records can be read, never before: who wakes up has to find them.
    pub fn announce(&self) {
        *self.count.lock() += 1;
        self.changed.notify_all();
    }

    /// Waits until the count is no longer `seen`, or for `timeout`. Returns the count.
    pub fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        let mut count = self.count.lock();
        self.changed.wait_while_for(&mut count, |count| *count == seen, timeout);
        *count
    }
}
