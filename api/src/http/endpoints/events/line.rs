//! The line around an event, `{"event":...,"topic":...}`: of one that was sent to a topic, and of CloudEvents.

use schemas::field::json_string;

use crate::host::ingest::EventSender;
use crate::http::cloud_events::CloudEvent;
use crate::http::error::cloud_event::{CloudEventError, CloudEventFault, CloudEventPlace};
use crate::http::state::ApiState;

/// The line of an event, with the key of its record if there is one. The topic comes last: of a member that is there twice the last one counts,
/// so nothing inside of the event names another.
pub(in crate::http::endpoints) fn line_of(topic: &str, key: Option<&str>, event: Vec<u8>) -> Vec<u8> {
    if event.trim_ascii().is_empty() {
        return event;
    }
    let mut end = String::new();
    if let Some(key) = key {
        end.push_str(",\"key\":");
        json_string(key, &mut end);
    }
    end.push_str(",\"topic\":");
    json_string(topic, &mut end);
    end.push('}');
    [b"{\"event\":".as_slice(), &event, end.as_bytes()].concat()
}

/// The lines of CloudEvents that were sent to a topic, or of which each names its own. A topic whose events have another form takes none; a
/// sender who may not send to it learns nothing of that.
pub(super) fn cloud_event_lines(
    state: &ApiState,
    sender: &EventSender,
    topic: Option<&str>,
    events: Vec<CloudEvent>,
) -> Result<Vec<Vec<u8>>, CloudEventError> {
    let is_batch = events.len() > 1;
    let line = |(number, event): (usize, CloudEvent)| {
        let refused = |fault| CloudEventError { place: CloudEventPlace(is_batch.then_some(number)), fault };
        let topic = topic.or(event.topic.as_deref()).ok_or_else(|| refused(CloudEventFault::NoTopic))?;
        let is_known = sender.check_topic(topic).is_ok() && state.ingest().takes(topic);
        if is_known && !state.ingest().takes_objects(topic) {
            return Err(refused(CloudEventFault::OtherEvents { topic: topic.to_owned() }));
        }
        Ok(line_of(topic, None, event.json))
    };
    (1..).zip(events).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_wrapped_and_can_not_name_another_topic() {
        assert_eq!(line_of("products", Some("A\"1"), b"null".to_vec()), br#"{"event":null,"key":"A\"1","topic":"products"}"#);
        assert_eq!(line_of("bids", None, b"{\"a\":1}".to_vec()), b"{\"event\":{\"a\":1},\"topic\":\"bids\"}");
        assert_eq!(line_of("bids", None, b" ".to_vec()), b" ");
        let sly = line_of("bids", None, b"{},\"topic\":\"others\"".to_vec());
        let read: serde_json::Value = serde_json::from_slice(&sly).unwrap();
        assert_eq!(read["topic"], "bids");
    }
}
