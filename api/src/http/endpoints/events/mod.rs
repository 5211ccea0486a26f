//! Events on their way in.

pub(in crate::http::endpoints) mod line;
pub(in crate::http::endpoints) mod outcome;
pub(in crate::http::endpoints) mod send;
