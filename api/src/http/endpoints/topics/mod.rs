//! Topics: those that events can be sent to, and the records of derived ones.

pub(super) mod list;
pub(super) mod records;
