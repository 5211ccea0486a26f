//! Views in memory: one copy of every row per index, read by the API while the dataflow goes on.
//!
//! Owns [`Views`]. [`Commit`]s enter through [`Views::publish`], from one caller; [`Snapshot`]s leave, to any number of readers,
//! and each shows exactly one epoch across all views. A reader may first wait for what it has written ([`Views::wait_until`]).
//!
//! `write` and `read` are the two halves, `wait` is the time between them; `ordered_rows` keeps the rows of one index, in
//! `chunk`s, and `served` cuts an index at its limit.

mod chunk;
mod error;
mod ordered_rows;
mod read;
mod served;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
mod wait;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, RwLock};
use schemas::position::{Epoch, Position, Timeline};
use schemas::serving::{IndexLayout, View};

use crate::dead_letters::{DeadLetters, RowErrors};
pub use error::{ViewsError, WaitError};
use ordered_rows::OrderedRows;
pub use read::{Range, Scan, Snapshot, prefix_end};
pub use served::Served;
use wait::Progress;
pub use write::Commit;

/// One index of one view, numbered through all views in the order of the [`Definition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub usize);

/// What is kept.
#[derive(Clone, Debug)]
pub struct Definition {
    /// the history whose epochs are published
    pub timeline: Timeline,
    /// the views; their names differ, and each has an index
    pub views: Vec<View>,
}

/// A view and where its rows are.
#[derive(Clone, Debug)]
pub struct ServedView {
    /// the view
    pub view: View,
    /// its indexes in the view's order, and how each lays out a row
    pub indexes: Vec<(IndexId, IndexLayout)>,
}

/// Called with the position of each epoch that became visible.
type Listener = Arc<dyn Fn(Position) + Send + Sync>;

/// All views of a process.
pub struct Views {
    timeline: Timeline,
    by_name: BTreeMap<String, ServedView>,
    slots: Vec<Slot>,
    state: RwLock<State>,
    /// Held through a publish, so that what it has checked is still so when it applies.
    publishing: Mutex<()>,
    progress: Mutex<Progress>,
    progressed: Condvar,
    listener: RwLock<Option<Listener>>,
}

/// What is fixed about an index.
struct Slot {
    view: String,
    index: String,
    layout: IndexLayout,
    limit: Option<usize>,
}

/// What an epoch changes, under one lock.
struct State {
    epoch: Option<Epoch>,
    wall_micros: i64,
    indexes: Vec<OrderedRows>,
    dead_letters: DeadLetters,
    row_errors: RowErrors,
}

impl Views {
    /// Empty views, of which nothing is published yet. Panics when two views have one name or a view has no index: the planner
    /// has checked that.
    pub fn new(definition: Definition) -> Arc<Self> {
        let mut by_name = BTreeMap::new();
        let mut slots = Vec::new();
        for view in definition.views {
            assert!(!view.indexes.is_empty(), "view '{}' has no index to be served from", view.name);
            let served = add_slots(view, &mut slots);
            let name = served.view.name.clone();
            assert!(by_name.insert(name.clone(), served).is_none(), "two views are named '{name}'");
        }
        let state = State {
            epoch: None,
            wall_micros: 0,
            indexes: slots.iter().map(|_| OrderedRows::new()).collect(),
            dead_letters: DeadLetters::default(),
            row_errors: RowErrors::default(),
        };
        Arc::new(Self {
            timeline: definition.timeline,
            by_name,
            slots,
            state: RwLock::new(state),
            publishing: Mutex::new(()),
            progress: Mutex::new(Progress::default()),
            progressed: Condvar::new(),
            listener: RwLock::new(None),
        })
    }

    /// The view of this name.
    pub fn view(&self, name: &str) -> Option<&ServedView> {
        self.by_name.get(name)
    }

    /// All views, by name.
    pub fn views(&self) -> impl Iterator<Item = &ServedView> {
        self.by_name.values()
    }

    /// Calls `listener` after each publish, on the publisher's thread and outside every lock; it replaces an earlier listener.
    /// It must return at once: the dataflow waits for it.
    pub fn set_listener(&self, listener: Box<dyn Fn(Position) + Send + Sync>) {
        *self.listener.write() = Some(Arc::from(listener));
    }

    fn position_of(&self, epoch: Option<Epoch>) -> Position {
        Position { timeline: self.timeline, epoch: epoch.unwrap_or_default() }
    }
}

fn add_slots(view: View, slots: &mut Vec<Slot>) -> ServedView {
    let mut indexes = Vec::with_capacity(view.indexes.len());
    for index in &view.indexes {
        let layout = IndexLayout::new(&view.columns, index);
        indexes.push((IndexId(slots.len()), layout.clone()));
        slots.push(Slot { view: view.name.clone(), index: index.name.clone(), layout, limit: index.limit });
    }
    ServedView { view, indexes }
}
