//! Views: their list, their rows, the changes of these, and the events that made them.

pub(super) mod list;
pub(super) mod page;
pub(super) mod subscribe;
pub(super) mod why;
