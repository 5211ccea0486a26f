//! PostgREST's conventions: the grammar of its URLs, its headers, its forms of answers and of errors.
//!
//! The text of a request enters; a typed question for [`crate::read`] leaves, and its rows as an array, an object, CSV or lines. What is not
//! served is refused by name and never passed over. `docs/API.md` has the table of calls.

pub(crate) mod answer;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod media;
mod operation;
mod order;
mod parameters;
mod preferences;
mod scanner;
mod select;
mod typed;
mod window;
