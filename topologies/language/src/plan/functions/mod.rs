//! The functions that SQL may call: those of the [`table`] and the aggregates.
//!
//! Names enter; functions leave, or the advice for a name that is none.

pub mod aggregates;
mod conditions;
pub mod documentation;
mod entry;
mod json;
mod lists;
mod numbers;
mod own;
pub mod refused;
mod registry;
pub mod table;
mod texts;
mod times;
pub mod windows;

pub use own::decayed_value;
pub use registry::Functions;
