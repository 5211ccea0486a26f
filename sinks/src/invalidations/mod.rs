//! Invalidations: which keys of caches each epoch made stale, for those who follow while the process runs.

mod feeds;
mod stale;

pub use feeds::{Feed, Invalidated, Invalidations, KEYS_KEPT_MAX, STALE_KEYS_MAX};
pub use stale::stale_keys;
