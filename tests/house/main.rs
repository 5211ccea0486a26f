//! The rules of the house, held by looking at its sources: edges between crates, no circles, plain words, one name for one type.

#![allow(clippy::unwrap_used, missing_docs)]

mod architecture;
mod crates;
#[allow(dead_code)]
mod modules;
#[allow(dead_code)]
mod tokens;
mod words;
