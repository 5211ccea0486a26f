//! The end of the server, as its subscriptions learn of it.

use tokio::sync::watch;

/// Learns when the server stops: subscriptions end by themselves, so that it need not wait for them.
#[derive(Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// The two ends; the server stops when `true` is sent, or the sender is dropped.
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (stop, stopping) = watch::channel(false);
        (stop, Self(stopping))
    }

    /// Returns true if the server stops.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the server stops.
    pub(crate) async fn wait(&mut self) {
        // An error means that the server is gone.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
