//! The query string of a request, and what its parameters mean for a view or an index.
//!
//! The text after `?` enters; conditions, an order, columns, a cursor, a position, a search or a part of a shape leave, typed for [`crate::read`].

pub(crate) mod conditions;
pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod order;
pub(crate) mod path;
pub(crate) mod search;
pub(crate) mod select;
pub(crate) mod shape;
pub(crate) mod string;
pub(crate) mod wait;
