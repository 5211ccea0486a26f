//! Errors of planning: the place in the statement, the words for it, and the advice.

pub mod blame;
pub mod costly_call;
pub mod messages;
pub mod missing_relation;
pub mod unusable;
