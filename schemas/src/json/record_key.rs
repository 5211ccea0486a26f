//! Keys of records: the value of a primary key as a text, a number, or a JSON object of the key's columns.
//!
//! Owns both directions. The bytes of a key enter and the values of the columns leave, or the other way around. An object may stand in
//! `{"schema": ..., "payload": ...}`, as Kafka Connect's JSON converter writes it.

use std::borrow::Cow;

use arrow_schema::DataType;

use super::columns::member_tokens;
use super::connect::{self, ConnectSchema};
use super::inside;
use super::null;
use super::reader::{JsonToken, Reader};
use crate::dead_letter::{Fault, Reason};
use crate::event::checks::missing;
use crate::field::{Value, json_string};
use crate::topic::changes::TopicChanges;
use crate::topic::declared::DeclaredTopic;

/// The member of a line that is the key, in faults.
pub(super) const KEY: &str = "key";

/// The values of the columns of the primary key, in its order.
pub(crate) fn read_key<'a>(topic: &DeclaredTopic, changes: &TopicChanges, key: &'a [u8]) -> Result<Vec<Value<'a>>, Fault> {
    if key.is_empty() {
        return Err(missing(KEY));
    }
    let text = str::from_utf8(key).map_err(|_| Fault::at(Reason::InvalidUtf8, KEY, "the key is not UTF-8"))?;
    let whole = token(text);
    let JsonToken::Object(object) = whole else { return Ok(vec![single(topic, changes, (whole, text))?]) };
    let is_column = |name: &str| changes.key.iter().any(|&column| topic.members()[column].name == name);
    match connect::members(object, ["schema", "payload"]) {
        [Some(JsonToken::Object(schema)), Some(JsonToken::Object(payload))] if !is_column("payload") => {
            of_object(topic, changes, payload, &ConnectSchema::of(Some(schema), None))
        }
        [Some(JsonToken::Object(_)), Some(payload)] if !is_column("payload") => {
            let digits = if let JsonToken::Number(digits) = payload { digits } else { "" };
            Ok(vec![single(topic, changes, (payload, digits))?])
        }
        _ => of_object(topic, changes, object, &ConnectSchema::of(None, None)),
    }
}

/// A text as JSON, or as it is when it is not JSON.
fn token(text: &str) -> JsonToken<'_> {
    let mut reader = Reader::new(text.as_bytes());
    match reader.value() {
        Ok(token) if reader.end().is_ok() => token,
        _ => JsonToken::Text(Cow::Borrowed(text)),
    }
}

fn of_object<'a>(
    topic: &DeclaredTopic,
    changes: &TopicChanges,
    object: &'a str,
    schema: &ConnectSchema<'_>,
) -> Result<Vec<Value<'a>>, Fault> {
    let mut tokens = member_tokens(topic, object.as_bytes()).map_err(|fault| inside(KEY, fault))?;
    let value = |&place: &usize| {
        let column = &topic.members()[place];
        let value = match tokens[place].take() {
            None => Err(missing(&column.name)),
            Some(JsonToken::Null) => Err(null(&column.name)),
            Some(token) => connect::value((&column.data_type, topic.form(place)), token, (schema, &column.name), &column.name),
        };
        value.map_err(|fault| inside(KEY, fault))
    };
    changes.key.iter().map(value).collect()
}

/// The value of a key of one column. What is a text as JSON is one, and of a column of texts everything else is a text as it stands there.
fn single<'a>(
    topic: &DeclaredTopic,
    changes: &TopicChanges,
    (token, text): (JsonToken<'a>, &'a str),
) -> Result<Value<'a>, Fault> {
    let [place] = changes.key[..] else {
        let names: Vec<&str> = changes.key.iter().map(|&column| topic.members()[column].name.as_str()).collect();
        let detail = format!("the key has the columns {}: send a JSON object with them", names.join(", "));
        return Err(Fault::at(Reason::WrongType, KEY, detail));
    };
    let (column, form) = (&topic.members()[place], topic.form(place));
    let token = match token {
        JsonToken::Text(text) => JsonToken::Text(text),
        _ if column.data_type == DataType::Utf8 => JsonToken::Text(Cow::Borrowed(text)),
        other => other,
    };
    connect::value((&column.data_type, form), token, (&ConnectSchema::of(None, None), ""), KEY)
}

/// The one form of a key: a text as it is, other single values as JSON, and several as an object in the order of the key.
pub(crate) fn write_key(topic: &DeclaredTopic, changes: &TopicChanges, values: &[&Value<'_>]) -> Vec<u8> {
    let mut out = String::new();
    match values {
        [Value::Text(text)] if is_read_back(text) => out.push_str(text),
        [value] => value.write_json(&mut out),
        _ => {
            for (&column, value) in changes.key.iter().zip(values) {
                out.push(if out.is_empty() { '{' } else { ',' });
                json_string(&topic.members()[column].name, &mut out);
                out.push(':');
                value.write_json(&mut out);
            }
            out.push('}');
        }
    }
    out.into_bytes()
}

/// Returns true if a text without quotes is read as itself.
fn is_read_back(text: &str) -> bool {
    match token(text) {
        JsonToken::Object(_) => false,
        JsonToken::Text(read) => read == text && !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
