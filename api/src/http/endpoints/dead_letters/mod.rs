//! Dead letters: their list, and sending one again.

pub(super) mod list;
pub(super) mod retry;
