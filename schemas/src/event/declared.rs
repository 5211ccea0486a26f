//! An event with declared columns once its values are read, in whatever encoding: its time and its identity.

use sha2::{Digest, Sha256};

use super::checks::check_future;
use super::content::Event;
use super::id::EventId;
use crate::dead_letter::Fault;
use crate::field::{FieldKind, Value};
use crate::row::Row;
use crate::topic::declared::DeclaredTopic;

/// Bytes of the hash that is the key of an event without one.
const HASHED_KEY_BYTES: usize = 8;

/// Sets the time and the identity of an event whose fields are read. Without an event time of its own it happened when it was appended, in
/// microseconds since 1970.
pub(crate) fn complete(topic: &DeclaredTopic, appended_at: i64, event: &mut Event<'_>) -> Result<(), Fault> {
    event.kind = 0;
    event.occurred_at = appended_at;
    if let Some(column) = topic.event_time()
        && let Value::Timestamp(occurred_at) = event.fields[column]
    {
        check_future(occurred_at, appended_at, &topic.columns()[column].name)?;
        event.occurred_at = occurred_at;
    }
    event.event_id = identity(topic, &event.fields);
    Ok(())
}

/// The key of an event that was sent without one: a hash of its bytes.
pub(crate) fn hashed_key(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes)[..HASHED_KEY_BYTES].to_vec()
}

/// The identity of an event: a hash of the columns by which it is told apart, and the same for all where none are declared.
fn identity(topic: &DeclaredTopic, fields: &[Value<'_>]) -> EventId {
    if topic.told_apart_by().is_empty() {
        return EventId::default();
    }
    let mut row = Row::empty();
    for &column in topic.told_apart_by() {
        let kind = FieldKind::of(&topic.columns()[column].data_type);
        let kind = kind.unwrap_or_else(|| panic!("a column of '{}' has a type that rows can't hold", topic.topic));
        kind.write(&fields[column], &mut row);
    }
    let hash: [u8; 32] = Sha256::digest(row.as_bytes()).into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    EventId(id)
}
