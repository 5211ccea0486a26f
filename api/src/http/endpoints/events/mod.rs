//! Events on their way in.

pub(in crate::http::endpoints) mod outcome;
pub(super) mod send;
