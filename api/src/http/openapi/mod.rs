//! The OpenAPI 3.1 document: every path of the table of routes, and every view and full-text index that a caller may read.
//!
//! Views with their columns, indexes and readers enter; the document leaves, in the same order whenever it is asked for. [`paths`] describes
//! the paths, one constant each, by which the table of routes names them.

mod columns;
mod components;
pub(crate) mod document;
pub(crate) mod kept;
pub(crate) mod operation;
pub(crate) mod paths;
mod schema;
mod searches;
mod views;
