//! Views in memory: one copy of every row per index, read by the API while the dataflow goes on.
//!
//! Owns [`Views`]. [`Commit`]s enter through [`Views::publish`], from one caller; [`Snapshot`]s leave, to any number of readers,
//! and each shows exactly one epoch across all views. A reader may first wait for what it has written ([`Views::wait_until`]).
//!
//! `write` and `read` are the two halves, `wait` is the time between them; `ordered_rows` keeps the rows of one index, in
//! `chunk`s, and `served` cuts an index at its limit. Which views there are changes with a commit (`catalogue`): new ones are
//! staged (`stage`) and compared with what is served (`compare`); `hydration` tells which are not whole yet. `changes`
//! remembers the last epochs for those who follow, and `past` reads rows as they were at one of them.

mod catalogue;
mod changes;
mod chunk;
mod compare;
mod error;
mod hydration;
mod kept;
mod ordered_rows;
mod past;
mod read;
mod served;
mod stage;
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

use crate::dead_letters::{DeadLetters, DeadLettersSeed, RowErrors};
use catalogue::Catalogue;
pub use catalogue::CatalogueChange;
use changes::History;
pub use changes::{Forgotten, HISTORY_BYTES_MAX, HISTORY_EPOCHS_MAX, HistoryLimits, Step};
pub use compare::{CompareError, Difference};
pub use error::{ViewsError, WaitError};
pub use hydration::Hydration;
use hydration::Hydrations;
use kept::KeptIndex;
pub use past::Page;
pub use read::{Range, Scan, Snapshot, prefix_end};
pub use served::Served;
use stage::Aside;
use wait::Progress;
pub use write::{Commit, EpochChanges};

/// One index of one view, numbered through all views in the order of the [`Definition`], then in the order they are staged. A
/// number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub usize);

/// Definition of the views at the start.
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
///
/// Locks are taken in this order: `publishing`, `aside`, `state`, and then one of the others, which are held only for a look.
pub struct Views {
    timeline: Timeline,
    state: RwLock<State>,
    /// The catalogue of `state`, for those who need no rows with it.
    catalogue: RwLock<Arc<Catalogue>>,
    aside: Mutex<Aside>,
    hydrations: RwLock<Hydrations>,
    /// Held through a publish, so that what it has checked is still so when it applies.
    publishing: Mutex<()>,
    progress: Mutex<Progress>,
    progressed: Condvar,
    /// changes of the last epochs; written while `state` is
    history: RwLock<History>,
    listener: RwLock<Option<Listener>>,
}

/// The state that an epoch changes, under one lock.
struct State {
    epoch: Option<Epoch>,
    wall_micros: i64,
    catalogue: Arc<Catalogue>,
    indexes: BTreeMap<IndexId, KeptIndex>,
    dead_letters: DeadLetters,
    row_errors: RowErrors,
}

impl Views {
    /// Empty views, of which nothing is published yet. Panics when two views have one name or a view has no index: the planner
    /// has checked that.
    pub fn new(definition: Definition) -> Arc<Self> {
        let mut catalogue = Catalogue::default();
        for view in definition.views {
            assert!(!view.indexes.is_empty(), "view '{}' has no index to be served from", view.name);
            let served = catalogue.number(view);
            let name = served.view.name.clone();
            assert!(catalogue.served.insert(name.clone(), served).is_none(), "two views are named '{name}'");
        }
        let catalogue = Arc::new(catalogue);
        let state = State {
            epoch: None,
            wall_micros: 0,
            indexes: catalogue.served.values().flat_map(|served| KeptIndex::all_of(served)).collect(),
            catalogue: Arc::clone(&catalogue),
            dead_letters: DeadLetters::default(),
            row_errors: RowErrors::default(),
        };
        Arc::new(Self {
            timeline: definition.timeline,
            state: RwLock::new(state),
            catalogue: RwLock::new(catalogue),
            aside: Mutex::default(),
            hydrations: RwLock::default(),
            publishing: Mutex::new(()),
            progress: Mutex::new(Progress::default()),
            progressed: Condvar::new(),
            history: RwLock::default(),
            listener: RwLock::new(None),
        })
    }

    /// The history whose epochs are published.
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// The view that is served under this name now. A commit may replace it at any time: who reads rows takes it from
    /// [`Snapshot::view`].
    pub fn view(&self, name: &str) -> Option<Arc<ServedView>> {
        self.catalogue().served.get(name).cloned()
    }

    /// All views that are served now, by name.
    pub fn views(&self) -> impl Iterator<Item = Arc<ServedView>> {
        self.catalogue().served.values().cloned().collect::<Vec<_>>().into_iter()
    }

    /// The view that is staged under this name.
    pub fn staged(&self, name: &str) -> Option<Arc<ServedView>> {
        self.catalogue().staged.get(name).cloned()
    }

    /// All views that are staged, by name.
    pub fn all_staged(&self) -> impl Iterator<Item = Arc<ServedView>> {
        self.catalogue().staged.values().cloned().collect::<Vec<_>>().into_iter()
    }

    /// Takes over the dead letters of an earlier process, so that ids go on. Before the first publish only.
    pub fn seed_dead_letters(&self, seed: DeadLettersSeed) -> Result<(), ViewsError> {
        let _publishing = self.publishing.lock();
        let mut state = self.state.write();
        if state.epoch.is_some() {
            return Err(ViewsError::BadSeed { reason: "an epoch is published already" });
        }
        let bad = |reason| ViewsError::BadSeed { reason };
        let (dead_letters, row_errors) = seed.restore().map_err(bad)?;
        (state.dead_letters, state.row_errors) = (dead_letters, row_errors);
        Ok(())
    }

    /// Calls `listener` after each publish, on the publisher's thread and outside every lock; it replaces an earlier listener.
    /// It must return at once: the dataflow waits for it.
    pub fn set_listener(&self, listener: Box<dyn Fn(Position) + Send + Sync>) {
        *self.listener.write() = Some(Arc::from(listener));
    }

    fn position_of(&self, epoch: Option<Epoch>) -> Position {
        Position { timeline: self.timeline, epoch: epoch.unwrap_or_default() }
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read())
    }

    /// Replaces the catalogue, also where no rows are asked for with it.
    fn set_catalogue(&self, state: &mut State, catalogue: Arc<Catalogue>) {
        state.catalogue = Arc::clone(&catalogue);
        *self.catalogue.write() = catalogue;
    }
}
