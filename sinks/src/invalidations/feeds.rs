//! Invalidations: which keys of caches each epoch made stale, for those who follow while the process runs.
//!
//! Owns one [`Feed`] for each sink that declares keys, with what the latest epochs made stale. An epoch's keys enter after the views show
//! it; they leave to any number of followers, each of which goes on behind a position, or learns that it has to drop everything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use schemas::position::{Epoch, Position};

/// The most keys of one feed that are remembered; followers that are further behind drop everything they hold.
pub const KEYS_KEPT_MAX: usize = 100_000;
/// The most keys of several epochs that a follower gets at once; those of one epoch come together, however many they are.
pub const STALE_KEYS_MAX: usize = 1_000;

/// All feeds of a process.
#[derive(Default)]
pub struct Invalidations {
    /// the feeds by the names of their sinks
    feeds: RwLock<BTreeMap<String, Arc<Feed>>>,
    /// called by [`Invalidations::announce`], outside of all locks
    listener: RwLock<Option<FeedListener>>,
}

/// Called after each epoch that a feed took in.
type FeedListener = Arc<dyn Fn() + Send + Sync>;

/// Keys that the latest epochs made stale for one sink.
pub struct Feed {
    /// the view whose rows decide
    pub view: String,
    /// held for a look or a step, never while a listener is called
    state: Mutex<FeedState>,
}

#[derive(Default)]
struct FeedState {
    /// everything after this epoch is known; `None` before the first
    since: Option<Position>,
    /// the last epoch that was taken in
    last: Position,
    /// epochs that made something stale
    epochs: VecDeque<(Epoch, Arc<[String]>)>,
    /// number of keys in `epochs`; at most [`KEYS_KEPT_MAX`], or those of one epoch
    keys: usize,
}

/// Keys that became stale since a follower last heard of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalidated {
    /// the keys that each of these epochs made stale, ascending; nothing else became stale up to the position, which is not the last one
    /// where more epochs follow
    Stale(Vec<(Position, Arc<[String]>)>, Position),
    /// anything may be stale up to the position
    Everything(Position),
}

impl Invalidations {
    /// The feed of a sink.
    pub fn feed(&self, sink: &str) -> Option<Arc<Feed>> {
        self.feeds.read().get(sink).cloned()
    }

    /// The sinks that have feeds.
    pub fn sinks(&self) -> Vec<String> {
        self.feeds.read().keys().cloned().collect()
    }

    /// Opens the feed of a sink again, which begins behind a position: everything before may be stale.
    pub fn open(&self, sink: &str, view: &str) -> Arc<Feed> {
        let feed = Arc::new(Feed { view: view.to_owned(), state: Mutex::default() });
        self.feeds.write().insert(sink.to_owned(), Arc::clone(&feed));
        feed
    }

    /// Closes the feeds of other sinks than these.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.feeds.write().retain(|sink, _| is_there(sink));
    }

    /// Calls `listener` after each epoch; it replaces an earlier listener and must return at once.
    pub fn set_listener(&self, listener: Box<dyn Fn() + Send + Sync>) {
        *self.listener.write() = Some(Arc::from(listener));
    }

    /// Tells followers that there is something new.
    pub fn announce(&self) {
        let listener = self.listener.read().clone();
        if let Some(listener) = listener {
            listener();
        }
    }
}

impl Feed {
    /// Takes in an epoch; the keys ascend, each once. For one caller; epochs ascend.
    pub fn epoch(&self, position: Position, keys: Vec<String>) {
        let mut state = self.state.lock();
        let before = Position { epoch: Epoch(position.epoch.0.saturating_sub(1)), ..position };
        state.since.get_or_insert(before);
        state.last = position;
        if keys.is_empty() {
            return;
        }
        state.keys += keys.len();
        state.epochs.push_back((position.epoch, keys.into()));
        while state.keys > KEYS_KEPT_MAX
            && let Some((epoch, keys)) = state.epochs.pop_front()
        {
            state.keys -= keys.len();
            state.since = Some(Position { epoch, ..position });
        }
    }

    /// Forgets which keys became stale up to this position.
    pub fn reset(&self, position: Position) {
        *self.state.lock() = FeedState { since: Some(position), last: position, ..FeedState::default() };
    }

    /// Returns the next message for a follower that knows everything up to `known`; `None` when it knows all.
    pub fn after(&self, known: Option<Position>) -> Option<Invalidated> {
        let state = self.state.lock();
        let since = state.since?;
        let last = state.last;
        let Some(known) = known.filter(|known| known.timeline == last.timeline && known.epoch >= since.epoch) else {
            return Some(Invalidated::Everything(last));
        };
        if known.epoch > last.epoch {
            // It has seen more than this process has computed again so far.
            return None;
        }
        if known == last {
            return None;
        }
        let first = state.epochs.partition_point(|(epoch, _)| *epoch <= known.epoch);
        let mut stale: Vec<(Position, Arc<[String]>)> = Vec::new();
        let mut count = 0;
        for (epoch, keys) in state.epochs.range(first..) {
            count += keys.len();
            if count > STALE_KEYS_MAX
                && let Some((position, _)) = stale.last()
            {
                let position = *position;
                return Some(Invalidated::Stale(stale, position));
            }
            stale.push((Position { epoch: *epoch, ..last }, Arc::clone(keys)));
        }
        Some(Invalidated::Stale(stale, last))
    }
}

#[cfg(test)]
mod tests;
