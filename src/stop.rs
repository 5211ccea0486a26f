//! A request to stop what waits and repeats.
//!
//! Owns [`StopSignal`]. The request is made once, from any thread; everybody who holds a clone sees it and stops waiting.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A request to stop; clones share it.
#[derive(Clone, Default)]
pub struct StopSignal(Arc<StopShared>);

#[derive(Default)]
struct StopShared {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Asks everybody to stop.
    pub fn request(&self) {
        *self.0.requested.lock() = true;
        self.0.changed.notify_all();
    }

    /// Returns true once it was requested.
    pub fn is_requested(&self) -> bool {
        *self.0.requested.lock()
    }

    /// Waits for so long, or until it is requested; returns true if it is.
    pub fn wait(&self, longest: Duration) -> bool {
        let mut requested = self.0.requested.lock();
        self.0.changed.wait_while_for(&mut requested, |requested| !*requested, longest);
        *requested
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_request_ends_every_wait() {
        let stop = StopSignal::default();
        assert!(!stop.wait(Duration::from_millis(1)) && !stop.is_requested());
        let waiting = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait(Duration::from_secs(600))
        });
        stop.request();
        assert!(waiting.join().unwrap() && stop.is_requested());
        let asked = Instant::now();
        assert!(stop.wait(Duration::from_secs(600)) && asked.elapsed() < Duration::from_secs(300));
    }
}
