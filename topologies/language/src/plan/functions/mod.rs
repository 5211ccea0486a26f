//! The functions that SQL may call: those of the [`table`] and the aggregates.
//!
//! Names enter; functions leave, or the advice for a name that is none.

mod conditions;
pub mod documentation;
mod entry;
mod lists;
mod numbers;
mod own;
pub mod refused;
mod registry;
pub mod table;
mod texts;
mod times;

pub use own::decayed_value;
pub use registry::Functions;
