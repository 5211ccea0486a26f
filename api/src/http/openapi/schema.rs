//! Schemas of values in JSON Schema 2020-12, which OpenAPI 3.1 takes as it is.

use serde_json::{Map, Value, json};

/// A text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A text that a pattern describes, from its beginning to its end.
pub(super) fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^({pattern})$") })
}

/// A text in a form that has a name.
pub(super) fn format(name: &str) -> Value {
    json!({ "type": "string", "format": name })
}

/// A whole number that is not negative.
pub(super) fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A whole number of a parameter, of at most 64 bits.
pub(super) fn whole_from(least: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": u64::MAX })
}

/// A whole number within bounds, and the one that is taken when none is given.
pub(super) fn whole_within(least: usize, most: usize, default: usize) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
}

/// A number.
pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

/// True or false.
pub(super) fn truth() -> Value {
    json!({ "type": "boolean" })
}

/// Any value.
pub(super) fn anything() -> Value {
    json!({})
}

/// One of some words.
pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// A list.
pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// The schema, or null.
pub(super) fn nullable(mut schema: Value) -> Value {
    match schema.get_mut("type") {
        Some(kind @ Value::String(_)) => *kind = json!([kind.clone(), "null"]),
        Some(Value::Array(kinds)) => kinds.push("null".into()),
        _ => return json!({ "anyOf": [schema, { "type": "null" }] }),
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema
}

/// An object with these members; one whose name ends in `?` may be missing, and others may be added.
pub(super) fn object(members: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone())).collect();
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// The schema with words about it.
pub(super) fn described(mut schema: Value, words: &str) -> Value {
    schema["description"] = words.into();
    schema
}

/// A component of the document, such as `schemas/Problem`.
pub(super) fn component(name: &str) -> Value {
    json!({ "$ref": format!("#/components/{name}") })
}

/// The position of an answer.
pub(super) fn position() -> Value {
    component("schemas/Position")
}

/// An event of a stream, as server-sent events write it.
pub(super) fn sent_event(names: &[&str]) -> Value {
    described(object(&[("event?", one_of(names)), ("id?", text()), ("data", text())]), "One event of the stream.")
}
