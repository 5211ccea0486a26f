//! Dead letters: their list, sending one again, and discarding one; and the rows on which an expression fails.

mod described;
pub(super) mod discard;
mod filter;
pub(super) mod list;
pub(super) mod retry;
pub(super) mod row_errors;
