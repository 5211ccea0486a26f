//! Events as JSON: one object, or an array of them. They keep their bytes.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::event::{AttributeValue, Attributes, CloudEvent, check, check_length};
use crate::http::error::cloud_event::{CloudEventError, CloudEventFault, CloudEventPlace};
use crate::http::limits::EVENTS_LINES_MAX;

/// The member with the data, whatever it is.
const DATA: &str = "data";
/// The member with data that is bytes.
const DATA_BASE64: &str = "data_base64";

/// The first events of an array: as many as a request may have, and one more if there are more.
struct FirstEvents<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for FirstEvents<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstEventsVisitor)
    }
}

/// Reads an array to its end, and keeps its first events.
struct FirstEventsVisitor;

impl<'de> Visitor<'de> for FirstEventsVisitor {
    type Value = FirstEvents<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while events.len() <= EVENTS_LINES_MAX
            && let Some(event) = array.next_element()?
        {
            events.push(event);
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FirstEvents(events))
    }
}

/// Reads one event.
pub(super) fn read(body: &[u8]) -> Result<CloudEvent, CloudEventFault> {
    check_length(body)?;
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|error| CloudEventFault::NotAnObject { detail: error.to_string() })?;
    if members.contains_key(DATA) && members.contains_key(DATA_BASE64) {
        return Err(CloudEventFault::TwoData);
    }
    let mut attributes = Attributes::new();
    for (name, value) in members {
        match name.as_str() {
            DATA => {}
            DATA_BASE64 => check_base64(value)?,
            _ => attributes.extend(attribute(&name, value)?.map(|value| (name, value))),
        }
    }
    Ok(CloudEvent { topic: check(&attributes)?, json: body.trim_ascii().to_vec() })
}

/// Reads a batch, which may be empty.
pub(super) fn read_batch(body: &[u8]) -> Result<Vec<CloudEvent>, CloudEventError> {
    let refused = |place, fault| CloudEventError { place: CloudEventPlace(place), fault };
    let FirstEvents(events) =
        serde_json::from_slice(body).map_err(|error| refused(None, CloudEventFault::NotABatch { detail: error.to_string() }))?;
    if events.len() > EVENTS_LINES_MAX {
        return Err(refused(None, CloudEventFault::TooMany { events_max: EVENTS_LINES_MAX }));
    }
    let events =
        (1..).zip(events).map(|(number, event)| read(event.get().as_bytes()).map_err(|fault| refused(Some(number), fault)));
    events.collect()
}

/// The value of an attribute; `None` where it is `null`, which says that the attribute is not there.
fn attribute(name: &str, value: &RawValue) -> Result<Option<AttributeValue>, CloudEventFault> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let read = serde_json::from_str(text).map(AttributeValue::Text);
            read.map(Some).map_err(|_| CloudEventFault::NotText { attribute: name.to_owned() })
        }
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') => Err(CloudEventFault::NotPlain { attribute: name.to_owned() }),
        _ => Ok(Some(AttributeValue::Other)),
    }
}

fn check_base64(value: &RawValue) -> Result<(), CloudEventFault> {
    let text: Option<String> = serde_json::from_str(value.get()).map_err(|_| CloudEventFault::NotBase64)?;
    match text.map(|text| STANDARD.decode(text)) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(CloudEventFault::NotBase64),
    }
}
