//! Topics: those that events can be sent to, events of one of them, and the records of derived ones.

pub(super) mod list;
pub(super) mod records;
pub(super) mod send;
