//! The typed core of the API: who reads which rows of what, and where the next page begins.
//!
//! Conditions, an order and the claims of a reader enter; rows leave. Of protocols it knows nothing: the text of a URL, headers and
//! statuses belong to `http`, and further protocols translate into the same types.
//!
//! `catalog` finds a view and what a reader may see of it (`claims`, `access`); `request` and `plan` choose index and ranges for
//! `conditions`; `page`, `cursor`, `rows` and `projection` read them. `filtered` reads rows that pass a `filter`, `sorted` puts them in an
//! order that no index keeps, and `selection` writes what is asked for of them, with `cast`s. `search` does the same for full-text indexes.

pub(crate) mod access;
pub(crate) mod cast;
pub(crate) mod catalog;
pub(crate) mod claims;
pub(crate) mod columns;
pub(crate) mod conditions;
pub(crate) mod cursor;
pub(crate) mod cursor_key;
pub(crate) mod error;
pub(crate) mod expression_error;
pub(crate) mod filter;
pub(crate) mod filtered;
pub(crate) mod limits;
pub(crate) mod literal;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod projection;
pub(crate) mod request;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod search_error;
pub(crate) mod selection;
pub(crate) mod sorted;
pub(crate) mod source;
pub(crate) mod suggest;
pub(crate) mod value;
pub(crate) mod value_text;
