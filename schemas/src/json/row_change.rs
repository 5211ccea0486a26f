//! A record that changes a row, between the formats that write it and the columns that it becomes.
//!
//! Owns [`RowChange`]. A format fills it; one value for each column leaves, those that say what the record does behind the declared ones.

use std::borrow::Cow;

use super::columns::MemberTokens;
use super::inside;
use super::null;
use super::reader::JsonToken;
use super::record_key::read_key;
use crate::dead_letter::Fault;
use crate::event::checks::missing;
use crate::field::Value;
use crate::topic::changes::{CHANGE_DELETE, CHANGE_PUT, CHANGE_TRUNCATE, ChangeFormat, TopicChanges};
use crate::topic::declared::DeclaredTopic;

/// Effect of a record on a row.
pub(super) struct RowChange<'a> {
    /// one of the names of [`crate::topic::changes`]; `None` when nothing is done
    operation: Option<&'static str>,
    /// one for each declared column
    values: Vec<Value<'a>>,
    /// for each declared column, true if the row keeps what it has
    kept: Vec<bool>,
    /// place of the change in the log of its database
    pub(super) sequence: Option<i64>,
    /// time of the change there, in microseconds since 1970
    pub(super) changed_at: Option<i64>,
}

impl<'a> RowChange<'a> {
    /// A record that does nothing.
    pub(super) fn nothing(topic: &DeclaredTopic) -> Self {
        let columns = topic.members().len();
        Self { operation: None, values: vec![Value::Null; columns], kept: vec![false; columns], sequence: None, changed_at: None }
    }

    /// The row of a key is gone.
    pub(super) fn delete(topic: &DeclaredTopic, changes: &TopicChanges, key: Vec<Value<'a>>) -> Self {
        let mut change = Self { operation: Some(CHANGE_DELETE), ..Self::nothing(topic) };
        for (&column, value) in changes.key.iter().zip(key) {
            change.values[column] = value;
        }
        change
    }

    /// All rows are gone.
    pub(super) fn truncate(topic: &DeclaredTopic) -> Self {
        Self { operation: Some(CHANGE_TRUNCATE), ..Self::nothing(topic) }
    }

    /// A row, made of the members of an object; columns of the key that the object lacks come from the key of the record. `read` makes the
    /// value of a column of its token, and is nothing where the row keeps what it has. `around` is the path of the object in the record.
    pub(super) fn put(
        topic: &DeclaredTopic,
        changes: &TopicChanges,
        (tokens, around): (MemberTokens<'a>, &str),
        record_key: &'a [u8],
        mut read: impl FnMut(usize, JsonToken<'a>) -> Result<Option<Value<'a>>, Fault>,
    ) -> Result<Self, Fault> {
        let mut change = Self { operation: Some(CHANGE_PUT), ..Self::nothing(topic) };
        for (place, token) in tokens.into_iter().enumerate() {
            let name = &topic.members()[place].name;
            change.values[place] = match token {
                None | Some(JsonToken::Null) if !changes.required[place] => Value::Null,
                Some(token) if token != JsonToken::Null => match read(place, token).map_err(|fault| inside(around, fault))? {
                    Some(value) => value,
                    None => {
                        change.kept[place] = true;
                        Value::Null
                    }
                },
                absent => match changes.key.iter().position(|&column| column == place) {
                    // What is wrong with a key that was sent is said of the key.
                    Some(part) if !record_key.is_empty() => read_key(topic, changes, record_key)?.swap_remove(part),
                    _ => {
                        let fault = if absent.is_none() { missing(name) } else { null(name) };
                        return Err(inside(around, fault));
                    }
                },
            };
        }
        Ok(change)
    }

    /// One value for each column of the topic but the parts of its records.
    pub(super) fn into_fields(self, topic: &DeclaredTopic, changes: &TopicChanges) -> Vec<Value<'a>> {
        let Self { operation, values: mut fields, kept, sequence, changed_at: _ } = self;
        fields.push(operation.map_or(Value::Null, |operation| Value::Text(Cow::Borrowed(operation))));
        if changes.format == ChangeFormat::Debezium {
            fields.push(sequence.map_or(Value::Null, Value::Int));
            fields.push(Value::Boolean(kept.contains(&true)));
        }
        for (place, column) in topic.members().iter().enumerate() {
            if changes.may_keep(place, &column.data_type) {
                fields.push(Value::Boolean(kept[place]));
            }
        }
        fields
    }
}
