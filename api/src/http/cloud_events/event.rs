//! A CloudEvent and its attributes, whatever form it came in, and what the specification asks of them.

use std::collections::BTreeMap;

use schemas::event::EVENT_BYTES_MAX;

use crate::http::error::cloud_event::CloudEventFault;

/// The version that is read, which is the only one of this form.
const SPEC_VERSION: &str = "1.0";
/// The extension attribute that names the topic where the path does not.
const TOPIC_ATTRIBUTE: &str = "topic";
/// Attributes that every event has, beside its version.
const NEEDED: [&str; 3] = ["id", "source", "type"];
/// Attributes that an event may have, all of them texts; the topic is ours.
const TEXTS: [&str; 5] = ["subject", "time", "datacontenttype", "dataschema", TOPIC_ATTRIBUTE];

/// An event that has been checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CloudEvent {
    /// the topic that it names, if it names one
    pub topic: Option<String>,
    /// a JSON object
    pub json: Vec<u8>,
}

/// An attribute's value, as far as it is looked at.
pub(super) enum AttributeValue {
    Text(String),
    /// a number or a truth value
    Other,
}

/// Attributes by their names.
pub(super) type Attributes = BTreeMap<String, AttributeValue>;

/// Refuses bytes that are more than an event may have, before anything is made of them.
pub(super) fn check_length(body: &[u8]) -> Result<(), CloudEventFault> {
    match body.len() {
        0..=EVENT_BYTES_MAX => Ok(()),
        _ => Err(CloudEventFault::TooLarge { bytes_max: EVENT_BYTES_MAX }),
    }
}

/// Checks the attributes of an event, and returns the topic that they name.
pub(super) fn check(attributes: &Attributes) -> Result<Option<String>, CloudEventFault> {
    let version = needed(attributes, "specversion")?;
    if version != SPEC_VERSION {
        return Err(CloudEventFault::Version { found: version.to_owned() });
    }
    for attribute in NEEDED {
        needed(attributes, attribute)?;
    }
    for attribute in TEXTS {
        text(attributes, attribute)?;
    }
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if let Some(attribute) = attributes.keys().find(|name| !is_name(name)) {
        return Err(CloudEventFault::Name { attribute: attribute.clone() });
    }
    Ok(text(attributes, TOPIC_ATTRIBUTE)?.map(ToOwned::to_owned))
}

/// An attribute that every event has.
fn needed<'a>(attributes: &'a Attributes, attribute: &'static str) -> Result<&'a str, CloudEventFault> {
    text(attributes, attribute)?.ok_or(CloudEventFault::Missing { attribute })
}

/// An attribute that is a text, if it is there.
fn text<'a>(attributes: &'a Attributes, attribute: &str) -> Result<Option<&'a str>, CloudEventFault> {
    match attributes.get(attribute) {
        Some(AttributeValue::Text(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(CloudEventFault::NotText { attribute: attribute.to_owned() }),
        None => Ok(None),
    }
}
