//! JSON values with PostgreSQL's meaning of `jsonb`, and the one text of each.
//!
//! Owns [`Jsonb`] and the canonical text that rows hold: members in the order of their names' lengths and then of their bytes, the last of several
//! with one name, numbers in their written digits without an exponent, no blanks. Any JSON enters ([`canonical`], [`Jsonb::parse`]); canonical text
//! leaves ([`Jsonb::canonical`]), or that of PostgreSQL with its blanks ([`shown`]).

mod change;
mod error;
mod number;
mod order;
mod path;
mod text;
mod value;

pub use change::{concat, delete_element, delete_name, delete_path, set_path, strip_nulls};
pub use error::{JSONB_BYTES_MAX, JSONB_DEPTH_MAX, JSONB_DIGITS_MAX, JsonbError};
pub use order::{comparable, compare, contains};
pub use path::{PathKey, element, elements, has_name, member, members, names, scalar_text, step};
pub use text::shown;
pub use value::{Jsonb, canonical};

#[cfg(test)]
mod tests;
