//! An event whose attributes are headers and whose data is the body, written as a JSON object.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::field::json_string;
use serde_json::value::RawValue;

use super::event::{AttributeValue, Attributes, CloudEvent, check, check_length};
use crate::http::body::media_type;
use crate::http::error::cloud_event::CloudEventFault;
use crate::read::value::hexadecimal;

/// Begin of the name of a header that is an attribute.
const PREFIX: &str = "ce-";
/// The attribute that is the header `Content-Type`.
const DATA_CONTENT_TYPE: &str = "datacontenttype";
/// Names that are no attributes of this form, and what stands for them.
const OTHERWISE: [(&str, &str); 2] = [(DATA_CONTENT_TYPE, "the header Content-Type says it"), ("data", "the body is the data")];

/// Reads the event of a request.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<CloudEvent, CloudEventFault> {
    check_length(body)?;
    let mut attributes = Attributes::new();
    let mut json = String::from("{");
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        if let Some((_, instead)) = OTHERWISE.iter().find(|(name, _)| *name == attribute) {
            return Err(CloudEventFault::Header { attribute: attribute.to_owned(), instead });
        }
        let mut values = headers.get_all(name).iter();
        let value = values.next().and_then(decoded);
        let value = value.ok_or_else(|| CloudEventFault::Encoding { attribute: attribute.to_owned() })?;
        if values.next().is_some() {
            return Err(CloudEventFault::Twice { attribute: attribute.to_owned() });
        }
        write_member(attribute, &value, &mut json);
        attributes.insert(attribute.to_owned(), AttributeValue::Text(value));
    }
    let topic = check(&attributes)?;
    if let Some(content_type) = headers.get(header::CONTENT_TYPE) {
        write_member(DATA_CONTENT_TYPE, &String::from_utf8_lossy(content_type.as_bytes()), &mut json);
    }
    write_data(media_type(headers).as_deref(), body, &mut json)?;
    json.push('}');
    Ok(CloudEvent { topic, json: json.into_bytes() })
}

/// Writes a member whose value is a text.
fn write_member(name: &str, value: &str, json: &mut String) {
    write_name(name, json);
    json_string(value, json);
}

fn write_name(name: &str, json: &mut String) {
    if json.len() > 1 {
        json.push(',');
    }
    json_string(name, json);
    json.push(':');
}

/// Writes the body: JSON as it is, a text as a text, and anything else in base64. Without a type it is JSON.
fn write_data(kind: Option<&str>, body: &[u8], json: &mut String) -> Result<(), CloudEventFault> {
    if body.is_empty() {
        return Ok(());
    }
    if kind.is_none_or(|kind| kind.ends_with("/json") || kind.ends_with("+json")) {
        let data: &RawValue =
            serde_json::from_slice(body).map_err(|error| CloudEventFault::DataNotJson { detail: error.to_string() })?;
        write_name("data", json);
        json.push_str(data.get());
        return Ok(());
    }
    match std::str::from_utf8(body) {
        Ok(text) if kind.is_some_and(|kind| kind.starts_with("text/")) => write_member("data", text, json),
        _ => write_member("data_base64", &STANDARD.encode(body), json),
    }
    Ok(())
}

/// The text of a header: out of its quotes if it has some, then out of percent-encoding.
fn decoded(value: &HeaderValue) -> Option<String> {
    let bytes = unquoted(value.as_bytes());
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                text.push(hexadecimal(digits[0])? * 16 + hexadecimal(digits[1])?);
                rest = tail;
            }
            other => text.push(*other),
        }
    }
    String::from_utf8(text).ok()
}

/// A value that some senders write as a quoted string, without its quotes.
fn unquoted(bytes: &[u8]) -> Vec<u8> {
    let Some(inner) = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return bytes.to_vec() };
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        text.push(if *byte == b'\\' { *rest.next().unwrap_or(byte) } else { *byte });
    }
    text
}
