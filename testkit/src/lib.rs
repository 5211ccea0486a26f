//! Helpers that the tests of several crates share. Depends on nothing, so that it builds in no time; never part of the program.
//!
//! Owns repeatable random numbers ([`random`]), the place of the published data ([`data`]), the messages of the social network ([`social`]),
//! the clients of others ([`packages`]) and frames of HTTP/2 ([`http2`]).

pub mod data;
pub mod http2;
pub mod packages;
pub mod random;
pub mod social;
