//! The API over another implementation of the read half of the views.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use schemas::position::{Position, Token};
use sinks::views::{Forgotten, Hydration, IndexId, ServedView, Snapshot, Step, ViewReader, WaitError};

use super::*;

/// A reader of views that counts the snapshots that are taken, and notes the threads that take them.
struct CountingReader {
    views: Arc<Views>,
    snapshots: AtomicUsize,
    threads: Mutex<Vec<ThreadId>>,
}

impl ViewReader for CountingReader {
    fn timeline(&self) -> Timeline {
        self.views.timeline()
    }

    fn position(&self) -> Position {
        self.views.position()
    }

    fn reached(&self, token: &Token) -> Result<bool, WaitError> {
        self.views.reached(token)
    }

    fn consumed(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.views.consumed()
    }

    fn set_listener(&self, listener: Box<dyn Fn(Position) + Send + Sync>) {
        self.views.set_listener(listener);
    }

    fn view(&self, name: &str) -> Option<Arc<ServedView>> {
        self.views.view(name)
    }

    fn views(&self) -> Vec<Arc<ServedView>> {
        self.views.views().collect()
    }

    fn staged(&self, name: &str) -> Option<Arc<ServedView>> {
        self.views.staged(name)
    }

    fn hydration(&self, name: &str) -> Option<Hydration> {
        self.views.hydration(name)
    }

    fn staged_hydration(&self, name: &str) -> Option<Hydration> {
        self.views.staged_hydration(name)
    }

    fn hydrating(&self) -> Vec<(String, Hydration)> {
        self.views.hydrating()
    }

    fn staged_hydrations(&self) -> Vec<(String, Hydration)> {
        self.views.staged_hydrations()
    }

    fn snapshot(&self) -> Snapshot<'_> {
        self.snapshots.fetch_add(1, Ordering::AcqRel);
        self.threads.lock().unwrap().push(std::thread::current().id());
        self.views.snapshot()
    }

    fn step_after(&self, index: IndexId, epoch: Epoch) -> Result<Option<Step>, Forgotten> {
        self.views.step_after(index, epoch)
    }
}

fn counted() -> (Arc<CountingReader>, Router) {
    let reader = Arc::new(CountingReader { views: social(), snapshots: AtomicUsize::new(0), threads: Mutex::default() });
    let shared = Arc::clone(&reader) as Arc<dyn ViewReader>;
    let health = Arc::new(TestHealth(Readiness::Ready));
    (reader, router(ApiState::new(shared, Arc::new(TextIngest::default()), health, config())))
}

#[tokio::test]
async fn filtered_reads_hold_their_snapshot_on_a_thread_for_work_that_blocks() {
    let (reader, api) = counted();
    let answer = get(&api, "/rest/v1/posts?limit=3").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let threads = reader.threads.lock().unwrap();
    assert!(threads.len() == 1 && threads[0] != std::thread::current().id(), "a read keeps other requests from being served");
}

#[tokio::test]
async fn the_api_reads_whatever_implements_the_read_half_with_one_snapshot_per_request() {
    let (reader, over_reader) = counted();
    let own = token(1);
    for (number, uri) in ["/v1/views", "/v1/views/posts?limit=3", "/v1/views/following_feed?user_id=eq.1"].iter().enumerate() {
        let (answer, expected) = (get_as(&over_reader, &own, uri).await, get_as(&api(), &own, uri).await);
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected.json()), "{uri}");
        assert_eq!(reader.snapshots.load(Ordering::Acquire), number + 1, "{uri}");
    }
}
