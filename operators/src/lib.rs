//! The verbs of Tidewater's dataflow: one file per verb over collections of byte rows. No SQL, no I/O, no async.
//!
//! Owns how collections are arranged, joined, reduced, ranked, windowed, folded, filtered by time and cut into sessions, each incrementally.
//! Rows with times and differences enter and leave; what is in a row is known here only as far as a [`schemas::field::FieldKind`]
//! tells. Every verb gives the same collection for any number of workers and for any slicing of its input into epochs. A verb that
//! is used over streams can report its state entry by entry, and begin from it.

use differential_dataflow::VecCollection;
use schemas::dead_letter::RowError;
use schemas::row::{Diff, Row};

pub mod arrange;
pub mod clear;
pub mod count_beyond;
pub mod dedup;
pub mod distinct;
mod encoding;
pub mod fold;
mod hash;
pub mod join;
mod keyed;
mod owed_rows;
pub mod reduce;
pub mod session;
mod sorted_rows;
pub mod state;
pub mod temporal_filter;
pub mod top_k;
pub mod window;

pub use hash::exchange_hash;

/// The epoch, as the dataflow's timestamp.
pub type Time = u64;

/// A collection of rows.
pub type Rows<'s> = VecCollection<'s, Time, Row, Diff>;

/// A collection of rows with the key by which they are distributed over workers.
pub type KeyedRows<'s> = VecCollection<'s, Time, (Row, Row), Diff>;

/// The rows on which an expression failed: data like any other, retracted when the cause goes away.
pub type Errors<'s> = VecCollection<'s, Time, RowError, Diff>;
