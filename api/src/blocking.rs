//! Work that may block: it runs on a thread of its own, and only so much of it at a time.
//!
//! Owns [`BlockingWork`]. A closure enters and its result leaves. A caller that is gone before the end frees no place: the work goes on until
//! it ends, and keeps its place for as long.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Places for one kind of work.
pub(crate) struct BlockingWork {
    places: Arc<Semaphore>,
    /// places for callers, those whose turn it is and those that wait
    callers: Arc<Semaphore>,
    waiting_max: usize,
}

/// Work that has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockingError {
    /// work that panicked, or a process that ends
    #[error("it ended early: {detail}")]
    Ended {
        /// the reason
        detail: String,
    },
    /// work that was not begun
    #[error("{waiting_max} others wait for their turn already: try again in a moment")]
    TooManyWaiting {
        /// work that may wait
        waiting_max: usize,
    },
}

impl BlockingWork {
    /// Places for so much work at a time; further work waits for its turn.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            callers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            waiting_max: usize::MAX,
        }
    }

    /// The same where at most `waiting_max` wait, and further work is refused.
    pub(crate) fn with_waiting_max(at_once: usize, waiting_max: usize) -> Self {
        Self { callers: Arc::new(Semaphore::new(at_once + waiting_max)), waiting_max, ..Self::new(at_once) }
    }

    /// Runs work when it is its turn. An error means that it panicked, that too many wait, or that the process ends.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, BlockingError> {
        let ended = |detail: String| BlockingError::Ended { detail };
        let caller = Arc::clone(&self.callers).try_acquire_owned();
        let caller = caller.map_err(|_| BlockingError::TooManyWaiting { waiting_max: self.waiting_max })?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|error| ended(error.to_string()))?;
        let run = move || {
            let (_place, _caller) = (place, caller);
            work()
        };
        tokio::task::spawn_blocking(run).await.map_err(|error| ended(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_keeps_its_place_until_it_ends_although_its_caller_is_gone() {
        let all = Arc::new(BlockingWork::new(1));
        let (begin, begun) = oneshot::channel();
        let (end, ended) = channel();
        let caller = tokio::spawn({
            let all = Arc::clone(&all);
            let work = move || {
                begin.send(()).unwrap();
                ended.recv().unwrap();
            };
            async move { all.run(work).await }
        });
        begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(all.places.available_permits(), 0, "a caller that hangs up begins work without end");
        end.send(()).unwrap();
        assert_eq!(all.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn work_beyond_the_longest_queue_is_refused_and_a_caller_that_is_gone_waits_no_more() {
        let all = Arc::new(BlockingWork::with_waiting_max(1, 1));
        let (end, ended) = channel::<()>();
        let mut running = Box::pin(all.run(move || ended.recv().is_err()));
        assert!((&mut running).now_or_never().is_none());
        let mut waiting = Box::pin(all.run(|| true));
        assert!((&mut waiting).now_or_never().is_none());
        assert!(matches!(all.run(|| true).await, Err(BlockingError::TooManyWaiting { waiting_max: 1 })));
        drop(waiting);
        let mut waiting = Box::pin(all.run(|| true));
        assert!((&mut waiting).now_or_never().is_none());
        drop(end);
        assert!(running.await.unwrap() && waiting.await.unwrap());
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_gives_its_place_back() {
        let all = BlockingWork::new(1);
        let panicked = all.run(|| assert_eq!(1, 2, "as it should")).await.unwrap_err();
        assert!(panicked.to_string().contains("it ended early"), "{panicked}");
        assert_eq!(all.run(|| 7).await.unwrap(), 7);
    }
}
