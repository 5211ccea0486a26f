//! Event logs behind one trait: records enter as bytes and leave as bytes with offsets; nothing is decoded.
//!
//! [`embedded`] keeps a log in a directory, [`memory`] in memory; [`conformance`] is what both, and any other, have to pass.

mod changes;
#[doc(hidden)]
pub mod conformance;
pub mod embedded;
pub mod error;
pub mod limits;
pub mod log;
pub mod memory;
pub mod partitioner;
