//! Views in memory: one copy of every row per index, read by the API while the dataflow goes on.
//!
//! Owns [`Views`]. [`Commit`]s enter through [`Views::publish`], from one caller; [`Snapshot`]s leave, to any number of readers,
//! and each shows exactly one epoch across all views. A reader may first wait for what it has written ([`Views::wait_until`]).
//!
//! The driver and its workers hold a [`ViewPublisher`], the API holds a [`ViewReader`]: neither learns how rows are kept.
//!
//! `store` holds everything behind its locks, and `ids` names it. `write` and `read` are the two halves, `wait` is the time between
//! them; `ordered_rows` keeps the rows of one index, in `chunk`s, and `served` cuts an index at its limit. Which views there are
//! changes with a commit (`catalogue`): new ones are staged (`stage`) and compared with what is served (`compare`); `hydrate` says
//! which are not whole yet. `history` remembers the last epochs for those who follow, and `past` reads rows as they were at one of them.

mod border;
mod catalogue;
mod chunk;
mod commit;
mod compare;
mod error;
mod history;
mod hydrate;
mod hydration;
mod ids;
mod kept;
mod ordered_rows;
mod past;
mod progress;
mod range;
mod read;
mod served;
mod stage;
mod staged;
mod store;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
mod wait;
mod write;

pub use border::{ViewPublisher, ViewReader};
pub use catalogue::CatalogueChange;
pub use commit::{Commit, EpochChanges};
pub use compare::{CompareError, Difference};
pub use error::{ViewsError, WaitError};
pub use history::{Forgotten, HISTORY_BYTES_MAX, HISTORY_EPOCHS_MAX, HistoryLimits, Step};
pub use hydration::Hydration;
pub use ids::{IndexId, ServedView, ViewsDefinition};
pub use past::Page;
pub use range::{Range, Scan, prefix_end};
pub use read::Snapshot;
pub use served::Served;
pub use store::Views;
