//! CloudEvents 1.0 as HTTP carries them: with the attributes in headers, as one JSON object, or as a JSON array of several.
//!
//! Headers and a body enter; the events leave as JSON objects, in the JSON format of CloudEvents, each checked as far as the specification says
//! what an event is. An event that came as JSON keeps its bytes. What the source of its topic declares of it is checked later, as of every event.

mod binary;
mod event;
mod structured;

use axum::http::HeaderMap;

pub(crate) use self::event::CloudEvent;
use super::body::{CLOUD_EVENT, CLOUD_EVENTS, CLOUD_EVENTS_BATCH, SPEC_VERSION_HEADER, media_type, sent_media_type};
use super::error::cloud_event::{CloudEventError, CloudEventFault, CloudEventPlace};

/// Form in which a request has CloudEvents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloudEventsForm {
    /// attributes in headers, and the data is the body
    Binary,
    /// one event as a JSON object
    Structured,
    /// several as a JSON array
    Batch,
}

impl CloudEventsForm {
    /// The form of a request; `None` where it has no CloudEvents.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, CloudEventError> {
        match media_type(headers).as_deref() {
            Some(CLOUD_EVENT) => Ok(Some(Self::Structured)),
            Some(CLOUD_EVENTS_BATCH) => Ok(Some(Self::Batch)),
            Some(kind) if kind.starts_with(CLOUD_EVENTS) => {
                let fault = CloudEventFault::Form { found: sent_media_type(headers) };
                Err(CloudEventError { place: CloudEventPlace::default(), fault })
            }
            _ if headers.contains_key(SPEC_VERSION_HEADER) => Ok(Some(Self::Binary)),
            _ => Ok(None),
        }
    }
}

/// Reads the events of a request; the first that is none is the error.
pub(crate) fn read(form: CloudEventsForm, headers: &HeaderMap, body: &[u8]) -> Result<Vec<CloudEvent>, CloudEventError> {
    let only = |event: Result<CloudEvent, CloudEventFault>| {
        let event = event.map_err(|fault| CloudEventError { place: CloudEventPlace::default(), fault })?;
        Ok(vec![event])
    };
    match form {
        CloudEventsForm::Binary => only(binary::read(headers, body)),
        CloudEventsForm::Structured => only(structured::read(body)),
        CloudEventsForm::Batch => structured::read_batch(body),
    }
}

#[cfg(test)]
mod tests;
