//! Event logs behind two traits: records enter as bytes and leave as bytes with offsets; nothing is decoded.
//!
//! [`log`] has the traits, a reading half and an appending half. [`embedded`] keeps a log in a directory, [`memory`] in memory, and
//! [`registry`] opens the one that a source names; [`conformance`] is what both, and any other, have to pass.

mod changes;
mod checks;
#[doc(hidden)]
pub mod conformance;
pub mod connector;
pub mod embedded;
pub mod error;
pub mod limits;
pub mod log;
pub mod memory;
pub mod partitioner;
pub mod record;
pub mod registry;
#[doc(hidden)]
pub mod testing;
