//! All views of a process behind their locks.
//!
//! Owns [`Views`]. The halves that write and read it are siblings of this file, and each says which of the locks it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, RwLock};
use schemas::position::{Epoch, Position, Timeline};

use super::catalogue::Catalogue;
use super::error::ViewsError;
use super::history::ChangeHistory;
use super::hydration::Hydrations;
use super::ids::{IndexId, ServedView, ViewsDefinition};
use super::kept::KeptIndex;
use super::progress::VisibleProgress;
use super::staged::StagedIndexes;
use crate::dead_letters::{DeadLetters, DeadLettersSeed, RowErrors};

/// Called with the position of each epoch that became visible.
type PositionListener = Arc<dyn Fn(Position) + Send + Sync>;

/// All views of a process.
///
/// Locks are taken in this order: `publishing`, `staged`, `state`, and then one of the others, which are held only for a look.
pub struct Views {
    /// the history whose epochs are published; it never changes
    pub(super) timeline: Timeline,
    /// state that a snapshot reads; written for the length of one application of checked changes
    pub(super) state: RwLock<ViewsState>,
    /// The catalogue of `state`, for those who need no rows with it.
    pub(super) catalogue: RwLock<Arc<Catalogue>>,
    /// rows of views that are not served yet
    pub(super) staged: Mutex<StagedIndexes>,
    /// progress of the views that are not whole
    pub(super) hydrations: RwLock<Hydrations>,
    /// Held through a publish, so that what it has checked is still so when it applies.
    pub(super) publishing: Mutex<()>,
    /// progress that waiters look at; written after the state, so a token that is reached is visible
    pub(super) progress: Mutex<VisibleProgress>,
    /// wakes waiters after each publish
    pub(super) progressed: Condvar,
    /// changes of the last epochs; written while `state` is
    pub(super) history: RwLock<ChangeHistory>,
    /// called after each publish, outside of all locks
    pub(super) listener: RwLock<Option<PositionListener>>,
}

/// The state that an epoch changes, under one lock.
pub(super) struct ViewsState {
    /// the visible epoch; `None` before the first publish
    pub(super) epoch: Option<Epoch>,
    /// its wall clock, microseconds since 1970
    pub(super) wall_micros: i64,
    /// the views that belong to `indexes`
    pub(super) catalogue: Arc<Catalogue>,
    /// rows of every served index, and of no other
    pub(super) indexes: BTreeMap<IndexId, KeptIndex>,
    /// quarantined events
    pub(super) dead_letters: DeadLetters,
    /// errors of the rows that are there now
    pub(super) row_errors: RowErrors,
}

impl Views {
    /// Empty views, of which nothing is published yet. Panics when two views have one name or a view has no index: the planner
    /// has checked that.
    pub fn new(definition: ViewsDefinition) -> Arc<Self> {
        let mut catalogue = Catalogue::default();
        for view in definition.views {
            assert!(!view.indexes.is_empty(), "view '{}' has no index to be served from", view.name);
            let served = catalogue.number(view);
            let name = served.view.name.clone();
            assert!(catalogue.served.insert(name.clone(), served).is_none(), "two views are named '{name}'");
        }
        let catalogue = Arc::new(catalogue);
        let state = ViewsState {
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
            staged: Mutex::default(),
            hydrations: RwLock::default(),
            publishing: Mutex::new(()),
            progress: Mutex::new(VisibleProgress::default()),
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
    /// [`Snapshot::view`](super::Snapshot::view).
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

    /// Returns an epoch as a position of this history; 0 before the first publish.
    pub(super) fn position_of(&self, epoch: Option<Epoch>) -> Position {
        Position { timeline: self.timeline, epoch: epoch.unwrap_or(Epoch(0)) }
    }

    /// Returns the catalogue. A commit may replace it at any time.
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read())
    }

    /// Replaces the catalogue, also where no rows are asked for with it.
    pub(super) fn set_catalogue(&self, state: &mut ViewsState, catalogue: Arc<Catalogue>) {
        state.catalogue = Arc::clone(&catalogue);
        *self.catalogue.write() = catalogue;
    }
}
