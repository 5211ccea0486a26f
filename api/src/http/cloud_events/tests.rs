//! The three forms of CloudEvents, and what is none.

use schemas::event::EVENT_BYTES_MAX;
use serde_json::{Value, json};

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

const NEEDED_HEADERS: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/shop"), ("ce-type", "order")];

/// The event of headers beside those that every event has.
fn binary(more: &[(&str, &str)], body: &[u8]) -> Result<Value, CloudEventFault> {
    let headers = headers(&[NEEDED_HEADERS.as_slice(), more].concat());
    assert_eq!(CloudEventsForm::of(&headers), Ok(Some(CloudEventsForm::Binary)));
    match read(CloudEventsForm::Binary, &headers, body) {
        Ok(events) => Ok(serde_json::from_slice(&events[0].json).unwrap()),
        Err(error) => Err(error.fault),
    }
}

/// The fault of an event that every member of `changed` makes another one.
fn fault(changed: &Value) -> CloudEventFault {
    let mut event = json!({ "specversion": "1.0", "id": "1", "source": "/shop", "type": "order" });
    for (name, value) in changed.as_object().unwrap() {
        event[name] = value.clone();
    }
    read(CloudEventsForm::Structured, &HeaderMap::new(), event.to_string().as_bytes()).unwrap_err().fault
}

#[test]
fn the_form_is_told_by_the_media_type_and_else_by_the_header() {
    let form = |pairs: &[(&str, &str)]| CloudEventsForm::of(&headers(pairs));
    assert_eq!(form(&[("content-type", "application/json")]), Ok(None));
    assert_eq!(form(&[]), Ok(None));
    let structured = ("content-type", "application/cloudevents+json; charset=utf-8");
    assert_eq!(form(&[structured]), Ok(Some(CloudEventsForm::Structured)));
    assert_eq!(form(&[structured, ("ce-specversion", "1.0")]), Ok(Some(CloudEventsForm::Structured)));
    assert_eq!(form(&[("content-type", "Application/CloudEvents-Batch+JSON")]), Ok(Some(CloudEventsForm::Batch)));
    for other in ["application/cloudevents+xml", "application/cloudevents", "application/cloudevents-batch+avro"] {
        let error = form(&[("content-type", other)]).unwrap_err();
        assert_eq!(error.fault, CloudEventFault::Form { found: other.to_owned() });
    }
}

#[test]
fn headers_are_attributes_and_the_body_is_the_data() {
    let whole = binary(
        &[
            ("ce-time", "2026-01-05T09:00:00Z"),
            ("ce-subject", "\"caf%C3%A9 \\\"1\\\"\""),
            ("ce-trace1", "a%20b"),
            ("content-type", "application/vnd.order+json; charset=utf-8"),
            ("traceparent", "no attribute"),
        ],
        b" {\"a\": [1.0]} ",
    );
    let expected = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "time": "2026-01-05T09:00:00Z",
        "subject": "caf\u{e9} \"1\"", "trace1": "a b", "datacontenttype": "application/vnd.order+json; charset=utf-8", "data": { "a": [1.0] },
    });
    assert_eq!(whole, Ok(expected));
    let data = |kind: Option<&str>, body: &[u8]| {
        let kind: Vec<(&str, &str)> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        let event = binary(&kind, body).unwrap();
        (event["data"].clone(), event["data_base64"].clone())
    };
    assert_eq!(data(None, b"7"), (json!(7), Value::Null));
    assert_eq!(data(None, b""), (Value::Null, Value::Null));
    assert_eq!(data(Some("text/plain"), b"a \"b\""), (json!("a \"b\""), Value::Null));
    assert_eq!(data(Some("text/plain"), b"\xff"), (Value::Null, json!("/w==")));
    assert_eq!(data(Some("application/protobuf"), b"abc"), (Value::Null, json!("YWJj")));
    assert!(matches!(binary(&[], b"abc"), Err(CloudEventFault::DataNotJson { .. })));
}

#[test]
fn headers_that_are_no_attributes_are_refused_by_name() {
    let twice = binary(&[("ce-id", "2")], b"");
    assert_eq!(twice, Err(CloudEventFault::Twice { attribute: "id".into() }));
    let encoding = |value: &str| binary(&[("ce-subject", value)], b"");
    for bad in ["%", "%4", "%zz", "%ff"] {
        assert_eq!(encoding(bad), Err(CloudEventFault::Encoding { attribute: "subject".into() }), "{bad}");
    }
    let name = binary(&[("ce-not_one", "a")], b"");
    assert_eq!(name, Err(CloudEventFault::Name { attribute: "not_one".into() }));
    for attribute in ["data", "datacontenttype"] {
        let error = binary(&[(&format!("ce-{attribute}"), "a")], b"").unwrap_err();
        assert!(matches!(&error, CloudEventFault::Header { attribute: found, .. } if found == attribute), "{error}");
    }
    let without_id = headers(&[NEEDED_HEADERS[0], NEEDED_HEADERS[2], NEEDED_HEADERS[3]]);
    let error = read(CloudEventsForm::Binary, &without_id, b"").unwrap_err();
    assert_eq!(error.to_string(), "a CloudEvent has the attribute 'id', and it is not there");
    assert_eq!(error.fault.field(), "id");
}

#[test]
fn an_event_in_json_keeps_its_bytes_and_may_name_its_topic() {
    let text = "{ \"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\n\"topic\":\"orders\",\"ext\":null,\"n\":7,\"data\":{\"a\":1.50}}\n";
    let events = read(CloudEventsForm::Structured, &HeaderMap::new(), text.as_bytes()).unwrap();
    assert_eq!(events, [CloudEvent { topic: Some("orders".into()), json: text.trim().as_bytes().to_vec() }]);
    let batch = format!("[{text}, {}]", text.replace("\"topic\":\"orders\",", ""));
    let events = read(CloudEventsForm::Batch, &HeaderMap::new(), batch.as_bytes()).unwrap();
    assert_eq!(events.iter().map(|event| event.topic.as_deref()).collect::<Vec<_>>(), [Some("orders"), None]);
    assert_eq!(read(CloudEventsForm::Batch, &HeaderMap::new(), b"[]"), Ok(Vec::new()));
}

#[test]
fn what_is_no_event_is_refused_with_the_attribute() {
    let named = |name: &str| name.to_owned();
    assert_eq!(fault(&json!({ "specversion": "0.3" })), CloudEventFault::Version { found: named("0.3") });
    assert_eq!(fault(&json!({ "specversion": null })), CloudEventFault::Missing { attribute: "specversion" });
    assert_eq!(fault(&json!({ "id": "" })), CloudEventFault::NotText { attribute: named("id") });
    assert_eq!(fault(&json!({ "source": 7 })), CloudEventFault::NotText { attribute: named("source") });
    assert_eq!(fault(&json!({ "time": 7 })), CloudEventFault::NotText { attribute: named("time") });
    assert_eq!(fault(&json!({ "ext": {} })), CloudEventFault::NotPlain { attribute: named("ext") });
    assert_eq!(fault(&json!({ "myExt": 1 })), CloudEventFault::Name { attribute: named("myExt") });
    assert_eq!(fault(&json!({ "data": 1, "data_base64": "" })), CloudEventFault::TwoData);
    assert_eq!(fault(&json!({ "data_base64": "?" })), CloudEventFault::NotBase64);
    let refused = |form, body: &str| read(form, &HeaderMap::new(), body.as_bytes()).unwrap_err();
    assert_eq!(refused(CloudEventsForm::Structured, "[]").fault.field(), "body");
    assert!(matches!(refused(CloudEventsForm::Batch, "{}").fault, CloudEventFault::NotABatch { .. }));
    let large = format!("[{}]", "\n".repeat(EVENT_BYTES_MAX));
    assert_eq!(refused(CloudEventsForm::Structured, &large).fault, CloudEventFault::TooLarge { bytes_max: EVENT_BYTES_MAX });
    let many = format!("[{}{{}}]", "{},".repeat(10_000));
    assert_eq!(refused(CloudEventsForm::Batch, &many).fault, CloudEventFault::TooMany { events_max: 10_000 });
    let second =
        refused(CloudEventsForm::Batch, r#"[{"specversion":"1.0","id":"1","source":"s","type":"t"},{"specversion":"1.0"}]"#);
    assert_eq!(second.to_string(), "event 2 of the batch: a CloudEvent has the attribute 'id', and it is not there");
}
