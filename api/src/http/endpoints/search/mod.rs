//! Full-text indexes: their list, hits, and suggestions while somebody types.

pub(super) mod hits;
pub(super) mod list;
pub(super) mod shared;
pub(super) mod suggestions;
