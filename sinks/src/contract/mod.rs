//! The contract between an epoch and a system that keeps its rows.
//!
//! Owns what every connector implements ([`Sink`]) and the one caller of it ([`Outbox`]). Nothing here does I/O or knows a connector.
//!
//! Four rules make an epoch arrive exactly once:
//! 1. A sink stores its [`Progress`] in the same atomic step as its rows, so a crash leaves both or neither.
//! 2. A unit names the epoch that it follows ([`Unit::after`]); a sink that is elsewhere answers [`SinkError::Guard`] and changes nothing.
//! 3. Before anything else a run fences the sink with its incarnation, and a sink refuses what an earlier incarnation sends later.
//! 4. An epoch is known by its [`Chain`](schemas::chain::Chain), not by its number: after a restore the same number may hold other records.

mod effect;
mod outbox;
mod progress;
pub mod progress_text;
mod sink;
pub mod steps;

pub use effect::{Effect, MakeEffect};
pub use outbox::{Outbox, OutboxLimits, RETAINED_EPOCHS, Run, SinkState, WAITING_CHANGES_MAX};
pub use progress::{History, Progress};
pub use sink::{Contents, Sink, SinkError, SinkKind, Unit};
