//! One event of the generated world and its line of JSON.
//!
//! Owns the form of the line and of the event id. Drafts without a time enter, lines leave.

use std::fmt::Write as _;

use schemas::field::json_string;
use schemas::time::write_timestamp;

const MICROS_PER_MILLI: i64 = 1_000;

/// The topics of the generated world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// people, and whom they follow and block
    User,
    /// posts and what is done to them
    Post,
    /// direct conversations
    Conversation,
}

impl Kind {
    fn topic(self) -> &'static str {
        match self {
            Self::User => "social.user",
            Self::Post => "social.post",
            Self::Conversation => "social.conversation",
        }
    }
}

/// Key that orders events: those of one aggregate keep their order.
pub(super) type Aggregate = (Kind, String);

/// An event that has no time yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// its aggregate
    pub(super) aggregate: Aggregate,
    /// such as `post.created`
    pub(super) event_type: &'static str,
    /// its actor
    pub(super) actor: u32,
    /// the fields, as a JSON object
    pub(super) payload: String,
}

impl Draft {
    /// The line of this event, without a line break.
    pub(super) fn line(&self, occurred_at: i64, world: u16, counter: u64) -> String {
        let (kind, aggregate_id) = &self.aggregate;
        let mut line = String::with_capacity(320 + self.payload.len());
        let _ = write!(line, "{{\"topic\":\"{}\",\"event\":{{\"event_id\":\"", kind.topic());
        write_event_id(occurred_at, world, counter, &mut line);
        let _ = write!(
            line,
            "\",\"event_type\":\"{}\",\"schema_version\":1,\"aggregate_id\":\"{aggregate_id}\",\"occurred_at\":\"",
            self.event_type
        );
        write_timestamp(occurred_at, &mut line);
        let _ = write!(line, "\",\"actor_id\":\"{}\",\"payload\":{}}}}}", self.actor, self.payload);
        line
    }
}

/// A UUIDv7: milliseconds, the microseconds within them, the world, and a counter.
pub(super) fn write_event_id(occurred_at: i64, world: u16, counter: u64, out: &mut String) {
    let millis = occurred_at.div_euclid(MICROS_PER_MILLI) as u64 & 0xFFFF_FFFF_FFFF;
    let micros = occurred_at.rem_euclid(MICROS_PER_MILLI);
    let _ = write!(
        out,
        "{:08x}-{:04x}-7{micros:03x}-8{:03x}-{:012x}",
        millis >> 16,
        millis & 0xFFFF,
        world & 0xFFF,
        counter & 0xFFFF_FFFF_FFFF
    );
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    json_string(text, &mut out);
    out
}

/// A JSON list of strings.
pub(super) fn quoted_list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(","))
}
