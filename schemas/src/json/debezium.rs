//! Envelopes of Debezium: a change of a row of a database, with the row before and after it.
//!
//! Owns what each operation means. A record enters and what it does to its row leaves. An envelope may stand in
//! `{"schema": ..., "payload": ...}`, whose schema then tells the types of values that have several forms.

use super::columns::{MemberTokens, member_tokens};
use super::connect::{self, ConnectSchema, is_unavailable};
use super::reader::JsonToken;
use super::record_key::{KEY, read_key};
use super::row_change::RowChange;
use super::{inside, null, whole_object, within, wrong_type};
use crate::dead_letter::{Fault, Reason};
use crate::event::checks::{missing, shortened};
use crate::field::Value;
use crate::raw_record::RawRecord;
use crate::topic::changes::TopicChanges;
use crate::topic::declared::DeclaredTopic;

const AFTER: &str = "after";
const BEFORE: &str = "before";

/// The members of an envelope.
#[derive(Default)]
struct Envelope<'a> {
    before: Option<JsonToken<'a>>,
    after: Option<JsonToken<'a>>,
    operation: Option<JsonToken<'a>>,
    source: Option<JsonToken<'a>>,
    /// the schema around it
    schema: Option<&'a str>,
    /// its path in the record
    path: &'static str,
}

/// The topic and how its records change rows.
#[derive(Clone, Copy)]
struct Rows<'t> {
    topic: &'t DeclaredTopic,
    changes: &'t TopicChanges,
}

/// Reads what a record does. One without an envelope follows a deletion, and does nothing.
pub(super) fn read_change<'a>(
    topic: &DeclaredTopic,
    changes: &TopicChanges,
    record: &RawRecord<'a>,
) -> Result<RowChange<'a>, Fault> {
    let Some(envelope) = envelope(record.value)? else { return Ok(RowChange::nothing(topic)) };
    let path = envelope.path;
    // The key lies beside the envelope, and not in it.
    let is_of_key = |fault: &Fault| fault.field.as_deref().is_some_and(|field| field.split('.').next() == Some(KEY));
    read_envelope(Rows { topic, changes }, envelope, record.key).map_err(|fault| match is_of_key(&fault) {
        true => fault,
        false => inside(path, fault),
    })
}

/// The envelope of a record; `None` where it has none.
fn envelope(value: &[u8]) -> Result<Option<Envelope<'_>>, Fault> {
    let mut envelope = Envelope::default();
    let (mut schema, mut payload) = (None, None);
    whole_object(value, |reader, key| {
        let place = match key.as_ref() {
            "before" => &mut envelope.before,
            "after" => &mut envelope.after,
            "op" => &mut envelope.operation,
            "source" => &mut envelope.source,
            "schema" => &mut schema,
            "payload" => &mut payload,
            _ => return reader.skip().map_err(|fault| within(fault, &shortened(&key))),
        };
        *place = Some(reader.value().map_err(|fault| within(fault, &key))?);
        Ok(())
    })?;
    match (schema, payload) {
        (Some(schema), Some(JsonToken::Object(payload))) if envelope.operation.is_none() => {
            let [before, after, operation, source] = connect::members(payload, [BEFORE, AFTER, "op", "source"]);
            let schema = if let JsonToken::Object(schema) = schema { Some(schema) } else { None };
            Ok(Some(Envelope { before, after, operation, source, schema, path: "payload" }))
        }
        (Some(_), Some(JsonToken::Null)) if envelope.operation.is_none() => Ok(None),
        _ => Ok(Some(envelope)),
    }
}

fn read_envelope<'a>(rows: Rows<'_>, envelope: Envelope<'a>, key: &'a [u8]) -> Result<RowChange<'a>, Fault> {
    let operation = match envelope.operation {
        Some(JsonToken::Text(operation)) => operation,
        None => return Err(missing("op")),
        Some(other) => return Err(wrong_type("op", "a text", &other)),
    };
    let (sequence, changed_at) = source_place(envelope.source)?;
    let mut change = match operation.as_ref() {
        "c" | "r" | "u" => {
            let (after, before) = (row_object(envelope.after, AFTER)?, optional_object(envelope.before));
            let before = before.filter(|_| operation == "u");
            put(rows, (after, before), envelope.schema, key)?
        }
        "d" => delete(rows, optional_object(envelope.before), envelope.schema, key)?,
        "t" => RowChange::truncate(rows.topic),
        // A message that somebody wrote into the log of the database.
        "m" => RowChange::nothing(rows.topic),
        _ => return Err(wrong_type("op", "c, r, u, d or t", &JsonToken::Text(operation))),
    };
    (change.sequence, change.changed_at) = (sequence, changed_at);
    Ok(change)
}

/// The place of the change in the log of its database and its time there, in microseconds since 1970; databases without such numbers have none.
fn source_place(source: Option<JsonToken<'_>>) -> Result<(Option<i64>, Option<i64>), Fault> {
    let Some(JsonToken::Object(source)) = source else { return Ok((None, None)) };
    let [lsn, millis] = connect::members(source, ["lsn", "ts_ms"]);
    let millis = match &millis {
        Some(JsonToken::Number(digits)) => digits.parse::<i64>().ok(),
        _ => None,
    };
    let changed_at = millis.and_then(|millis| millis.checked_mul(1_000));
    match &lsn {
        None | Some(JsonToken::Null) => Ok((None, changed_at)),
        Some(JsonToken::Number(digits)) if digits.parse::<i64>().is_ok() => Ok((digits.parse().ok(), changed_at)),
        Some(other) => Err(wrong_type("source.lsn", "a whole number of 64 bits", other)),
    }
}

fn row_object<'a>(token: Option<JsonToken<'a>>, name: &str) -> Result<&'a str, Fault> {
    match token {
        Some(JsonToken::Object(row)) => Ok(row),
        None => Err(missing(name)),
        Some(JsonToken::Null) => Err(null(name)),
        Some(other) => Err(wrong_type(name, "an object", &other)),
    }
}

fn optional_object(token: Option<JsonToken<'_>>) -> Option<&str> {
    match token {
        Some(JsonToken::Object(row)) => Some(row),
        _ => None,
    }
}

impl Rows<'_> {
    fn value<'a>(self, place: usize, token: JsonToken<'a>, schema: &ConnectSchema<'_>) -> Result<Value<'a>, Fault> {
        let column = &self.topic.members()[place];
        let types = (&column.data_type, self.topic.form(place));
        connect::value(types, token, (schema, &column.name), &column.name)
    }

    /// The values of the primary key in a row; `None` where one is not there.
    fn key<'a>(self, tokens: &MemberTokens<'a>, schema: &ConnectSchema<'_>) -> Result<Option<Vec<Value<'a>>>, Fault> {
        let is_there = |token: &Option<JsonToken<'_>>| !matches!(token, None | Some(JsonToken::Null));
        if !self.changes.key.iter().all(|&column| is_there(&tokens[column])) {
            return Ok(None);
        }
        let token = |column: usize| tokens[column].clone().unwrap_or(JsonToken::Null);
        self.changes.key.iter().map(|&column| self.value(column, token(column), schema)).collect::<Result<_, Fault>>().map(Some)
    }
}

fn put<'a>(
    rows: Rows<'_>,
    (after, before): (&'a str, Option<&'a str>),
    schema: Option<&'a str>,
    key: &'a [u8],
) -> Result<RowChange<'a>, Fault> {
    let Rows { topic, changes } = rows;
    let (after_types, before_types) = (ConnectSchema::of(schema, Some(AFTER)), ConnectSchema::of(schema, Some(BEFORE)));
    let new = member_tokens(topic, after.as_bytes()).map_err(|fault| inside(AFTER, fault))?;
    let old = before.map(|before| member_tokens(topic, before.as_bytes())).transpose();
    let mut old = old.map_err(|fault| inside(BEFORE, fault))?;
    if let Some(old) = &old {
        check_same_key(rows, (old, &before_types), (&new, &after_types))?;
    }
    let read = |place: usize, token: JsonToken<'a>| {
        if !changes.may_keep(place, &topic.members()[place].data_type) || !is_unavailable(&token) {
            return rows.value(place, token, &after_types).map(Some);
        }
        match old.as_mut().and_then(|old| old[place].take()) {
            Some(before) if before != JsonToken::Null && !is_unavailable(&before) => {
                rows.value(place, before, &before_types).map(Some)
            }
            _ => Ok(None),
        }
    };
    RowChange::put(topic, changes, (new, AFTER), key, read)
}

/// An update never gives a row another key: Debezium sends a deletion and a creation then.
fn check_same_key(
    rows: Rows<'_>,
    (old, old_types): (&MemberTokens<'_>, &ConnectSchema<'_>),
    (new, new_types): (&MemberTokens<'_>, &ConnectSchema<'_>),
) -> Result<(), Fault> {
    let old = rows.key(old, old_types).map_err(|fault| inside(BEFORE, fault))?;
    let new = rows.key(new, new_types).map_err(|fault| inside(AFTER, fault))?;
    let Some((old, new)) = old.zip(new) else { return Ok(()) };
    let Some(place) = (0..old.len()).find(|&place| old[place] != new[place]) else { return Ok(()) };
    let name = &rows.topic.members()[rows.changes.key[place]].name;
    let words = |value: &Value<'_>| {
        let mut text = String::new();
        value.write_json(&mut text);
        shortened(&text)
    };
    let detail = format!(
        "the update changes the primary key from {} to {}; declare the columns by which the connector tells rows apart as PRIMARY KEY",
        words(&old[place]),
        words(&new[place])
    );
    Err(Fault::at(Reason::KeyMismatch, format!("{AFTER}.{name}"), detail))
}

/// A deletion: the key is that of the row before, or that of the record.
fn delete<'a>(rows: Rows<'_>, before: Option<&'a str>, schema: Option<&'a str>, key: &'a [u8]) -> Result<RowChange<'a>, Fault> {
    let Rows { topic, changes } = rows;
    let found = match before {
        None => None,
        Some(before) => {
            let tokens = member_tokens(topic, before.as_bytes()).and_then(|tokens| {
                let types = ConnectSchema::of(schema, Some(BEFORE));
                rows.key(&tokens, &types)
            });
            tokens.map_err(|fault| inside(BEFORE, fault))?
        }
    };
    let values = match found {
        Some(values) => values,
        None => read_key(topic, changes, key).map_err(|fault| {
            let detail = format!("neither 'before' nor the key of the record has the primary key of the row: {}", fault.detail);
            Fault { detail, ..fault }
        })?,
    };
    Ok(RowChange::delete(topic, changes, values))
}

#[cfg(test)]
mod tests;
