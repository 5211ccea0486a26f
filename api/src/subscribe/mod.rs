//! Subscriptions: a query whose rows are sent, and then every change of them.
//!
//! A request enters; a [`Feed`] leaves, which an endpoint asks for one batch of events after the other as fast as its client takes
//! them. A subscription is a plan and a place in the history that all share ([`sinks::views::Step`]): it has no queue of its own.
//!
//! `shown` plans, `changes` tells what an epoch changes, `feed` goes from epoch to epoch, `id` lets a client go on, `event` is text.

mod changes;
mod event;
mod feed;
mod id;
mod shown;

use sinks::views::Forgotten;
use tokio::sync::watch;

pub(crate) use event::Signal;
pub(crate) use feed::Feed;
pub(crate) use shown::Request;

use crate::error::ApiError;

/// Reason why a subscription can't simply continue.
enum Interruption {
    /// the next change for it is not remembered any more
    Forgotten,
    /// one epoch changed more than is told one by one
    ManyChanges,
    /// the view is another one by now
    Replaced,
    /// it has to end
    Refused(ApiError),
}

impl From<Forgotten> for Interruption {
    fn from(_: Forgotten) -> Self {
        Self::Forgotten
    }
}

impl From<ApiError> for Interruption {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

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
    async fn wait(&mut self) {
        // An error means that the server is gone.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
