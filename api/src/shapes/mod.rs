//! Shapes: the rows of a public view and the log of their changes, in parts that a cache can keep and hand to every reader.
//!
//! The protocol is that of ElectricSQL. A question to a view enters ([`question::ShapeQuestion`]); parts of its rows and its log leave as
//! messages. A part is named by the handle of its log and by the offset behind which it begins, and its content depends on nothing else. So
//! all readers at the same offset ask for the same address, and a cache before the server asks once for all of them.
//!
//! `registry` finds the shape of a question, `shape` keeps its log up to date from the history that all subscriptions share, whenever a
//! reader asks. `log` remembers messages within a limit, `snapshot` reads the rows as they were at an epoch, `changes` finds what an epoch
//! changed, `form` writes messages, `memory` counts the bytes of all shapes, `fault` says why another log begins.
//! `offset` and `handle` are the two parts of an address, `condition` and `names` read the texts of a question.

mod changes;
mod condition;
pub(crate) mod error;
mod fault;
mod form;
pub(crate) mod handle;
pub(crate) mod limits;
mod log;
mod memory;
mod names;
pub(crate) mod offset;
pub(crate) mod question;
pub(crate) mod registry;
pub(crate) mod shape;
mod snapshot;
