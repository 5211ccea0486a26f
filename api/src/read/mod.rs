//! The typed core of the API: who reads which rows of what, and where the next page begins.
//!
//! Conditions, an order and the claims of a reader enter; rows leave. Of protocols it knows nothing.

pub(crate) mod access;
pub(crate) mod conditions;
pub(crate) mod cursor;
pub(crate) mod limits;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod stored;
pub(crate) mod suggest;
pub(crate) mod value;
pub(crate) mod wait;
