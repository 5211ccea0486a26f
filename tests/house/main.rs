//! The rules of the house, held by looking at its sources: edges between crates, no circles, plain words, one name for one type.

#![allow(clippy::unwrap_used, missing_docs)]

mod architecture;
mod circles;
mod crates;
mod dependencies;
mod documentation;
mod manifest;
mod modules;
mod names;
mod release;
mod summary;
mod tokens;
mod words;
