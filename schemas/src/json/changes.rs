//! Records that change rows of a table: which row, and what becomes of it.
//!
//! Owns the choice of the format, and the records of which the value is the row itself. A record enters; one value for each column leaves, or
//! the first [`Fault`] with its path.

use super::columns::{member_tokens, value};
use super::debezium;
use super::record_key::read_key;
use super::row_change::RowChange;
use crate::dead_letter::Fault;
use crate::event::content::Event;
use crate::event::declared::complete;
use crate::raw_record::RawRecord;
use crate::topic::changes::{ChangeFormat, TopicChanges};
use crate::topic::declared::DeclaredTopic;

/// Reads a record into one value for each column; the former content of `event` is overwritten.
pub(crate) fn read_event<'a>(
    topic: &DeclaredTopic,
    changes: &TopicChanges,
    record: &RawRecord<'a>,
    event: &mut Event<'a>,
) -> Result<(), Fault> {
    let change = match changes.format {
        // It follows a deletion, which has said all.
        ChangeFormat::Debezium if has_no_value(record.value) => RowChange::nothing(topic),
        ChangeFormat::Debezium => debezium::read_change(topic, changes, record)?,
        ChangeFormat::Upsert => upsert(topic, changes, record)?,
    };
    let changed_at = change.changed_at.filter(|_| topic.event_time().is_none());
    event.fields = change.into_fields(topic, changes);
    complete(topic, record.appended_at, event)?;
    // A clock of the database that is ahead does not move that of the events.
    event.occurred_at = changed_at.map_or(event.occurred_at, |changed_at| changed_at.min(record.appended_at));
    Ok(())
}

/// Returns true if a record says that its key is gone.
fn has_no_value(value: &[u8]) -> bool {
    matches!(value.trim_ascii(), b"" | b"null")
}

/// The value is the row of the primary key that is in it, or in the record's key; without a value that row is gone.
fn upsert<'a>(topic: &DeclaredTopic, changes: &TopicChanges, record: &RawRecord<'a>) -> Result<RowChange<'a>, Fault> {
    if has_no_value(record.value) {
        return Ok(RowChange::delete(topic, changes, read_key(topic, changes, record.key)?));
    }
    let tokens = member_tokens(topic, record.value)?;
    RowChange::put(topic, changes, (tokens, ""), record.key, |place, token| {
        let column = &topic.members()[place];
        value(&column.data_type, topic.form(place), token, &column.name).map(Some)
    })
}

#[cfg(test)]
mod tests;
