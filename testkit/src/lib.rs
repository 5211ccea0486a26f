//! Helpers that the tests of several crates share. Depends on nothing, so that it builds in no time; never part of the program.
//!
//! Owns repeatable random numbers ([`random`]) and the place of the published data ([`data`]).

pub mod data;
pub mod random;
