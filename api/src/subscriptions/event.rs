//! Events of a subscription, gathered in a [`Batch`] of limited size.

use schemas::position::Position;
use serde_json::json;

use super::id::EventId;
use super::limits::SUBSCRIPTION_BATCH_BYTES;

/// Bytes of an event beside its data: names and an id.
pub(crate) const FRAME_BYTES: usize = 96;

/// Reason why the rows are sent from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// the subscription is new
    Start,
    /// the id to go on from is none, or of another query, reader or process
    UnknownId,
    /// the changes since the id are not remembered any more
    OldId,
    /// the id is from the middle of a snapshot
    PartialSnapshot,
    /// the reader is so far behind that what it missed is not remembered any more
    SlowReader,
    /// one epoch changed more rows than are sent one by one
    ManyChanges,
    /// the view was replaced by another definition
    ReplacedView,
}

impl Reset {
    /// A name for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::UnknownId => "unknown_id",
            Self::OldId => "old_id",
            Self::PartialSnapshot => "partial_snapshot",
            Self::SlowReader => "slow_reader",
            Self::ManyChanges => "many_changes",
            Self::ReplacedView => "replaced_view",
        }
    }
}

/// One message to a subscriber.
pub(crate) struct Event {
    /// its kind
    pub(crate) name: &'static str,
    /// the place to resume behind it
    pub(crate) id: Option<EventId>,
    /// a JSON object
    pub(crate) data: String,
}

impl Event {
    /// Forget all rows: those of a position follow.
    pub(crate) fn reset(reason: Reset, position: Position, id: EventId) -> Self {
        let data = json!({ "reason": reason.name(), "position": position.to_string() }).to_string();
        Self { name: "reset", id: Some(id), data }
    }

    /// A row is there: `data` is an object with `row`.
    pub(crate) fn upsert(data: String, id: EventId) -> Self {
        Self { name: "upsert", id: Some(id), data }
    }

    /// A row is gone: `data` is an object with `row` or `key`.
    pub(crate) fn delete(data: String, id: EventId) -> Self {
        Self { name: "delete", id: Some(id), data }
    }

    /// The rows are now those of a position.
    pub(crate) fn progress(id: EventId) -> Self {
        Self { name: "progress", id: Some(id), data: json!({ "position": id.position.to_string() }).to_string() }
    }

    /// The subscription ends with this: `data` is an object that says why.
    pub(crate) fn error(data: String) -> Self {
        Self { name: "error", id: None, data }
    }
}

/// One piece of work handed to a connection.
pub(crate) enum Signal {
    /// events
    Events(Vec<Event>),
    /// nothing, to show that the subscription is alive
    Heartbeat,
}

/// Events until there are enough to be sent.
#[derive(Default)]
pub(crate) struct Batch {
    events: Vec<Event>,
    bytes: usize,
}

impl Batch {
    /// Adds an event.
    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += event.data.len() + FRAME_BYTES;
        self.events.push(event);
    }

    /// Returns true if they should be sent before there are more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= SUBSCRIPTION_BATCH_BYTES
    }

    /// The events.
    pub(crate) fn into_events(self) -> Vec<Event> {
        self.events
    }
}
