//! Streams of HTTP/2 whose client takes nothing are reset.
//!
//! A connection of HTTP/2 may be well while one of its streams is not: the client opens no window for it. So each stream is a task that
//! notes when a part of its answer is waiting for the client, and ends when that lasts too long; its answer is dropped with it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::task::futures::TaskLocalFuture;
use tokio::time::{Sleep, sleep};

tokio::task_local! {
    /// progress of the stream that the current task answers
    static PROGRESS: Arc<StreamProgress>;
}

/// Progress of the answer of one stream.
#[derive(Default)]
pub(super) struct StreamProgress {
    /// parts that were given to the connection, twice, and one more while the next one is ours to make
    parts: AtomicU64,
}

impl StreamProgress {
    /// That of the stream which the current task answers; none in HTTP/1.
    pub(super) fn current() -> Option<Arc<Self>> {
        PROGRESS.try_with(Arc::clone).ok()
    }

    /// A part was given to the connection, which asks for the next one when the client takes more.
    pub(super) fn gave_a_part(&self) {
        let parts = self.parts.load(Ordering::Relaxed);
        self.parts.store((parts | 1).wrapping_add(1), Ordering::Relaxed);
    }

    /// The client would take more, and there is nothing yet.
    pub(super) fn waits_for_us(&self) {
        self.parts.fetch_or(1, Ordering::Relaxed);
    }

    /// The number of the part that the client has not taken, if there is one; 0 before the answer has begun.
    fn waiting_part(&self) -> Option<u64> {
        let parts = self.parts.load(Ordering::Relaxed);
        (parts > 0 && parts.is_multiple_of(2)).then_some(parts)
    }
}

/// Starts the task of each stream.
#[derive(Clone)]
pub(super) struct StreamExecutor {
    /// longest time in which a client takes nothing of an answer
    pub(super) stall_max: Duration,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let progress = Arc::new(StreamProgress::default());
        let future = Box::pin(PROGRESS.scope(Arc::clone(&progress), future));
        tokio::spawn(WatchedStream { future, progress, stall_max: self.stall_max, stalled: None });
    }
}

/// The task of a stream, which ends early when its client takes nothing.
struct WatchedStream<F> {
    future: Pin<Box<TaskLocalFuture<Arc<StreamProgress>, F>>>,
    progress: Arc<StreamProgress>,
    stall_max: Duration,
    /// the part that the client does not take, and the time until the stream is given up
    stalled: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<F: Future<Output = ()>> Future for WatchedStream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let stream = &mut *self;
        if stream.future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(part) = stream.progress.waiting_part() else {
            stream.stalled = None;
            return Poll::Pending;
        };
        if stream.stalled.as_ref().is_none_or(|(stalled, _)| *stalled != part) {
            stream.stalled = Some((part, Box::pin(sleep(stream.stall_max))));
        }
        let Some((_, time)) = &mut stream.stalled else { return Poll::Pending };
        if time.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!(seconds = stream.stall_max.as_secs(), "a stream is reset since its client takes nothing");
        Poll::Ready(())
    }
}
