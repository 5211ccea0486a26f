//! Events on their way in, and the tickets for streams.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, in_path, json_answer, query, with_headers};
use super::super::schema::{anything, described, format, list, nullable, object, one_of, text, whole};

pub(crate) static EVENTS: DescribedPath = DescribedPath::new("/v1/events", || vec![send()]);
pub(crate) static TOPIC: DescribedPath = DescribedPath::new("/v1/topics/{topic}", || vec![send_to_topic()]);
pub(crate) static TICKETS: DescribedPath = DescribedPath::new("/v1/tickets", || vec![ticket()]);

const EVENT_WORDS: &str = "One event as a JSON object, or one a line, also compressed (`Content-Encoding: gzip` or `zstd`). The answer is 200 \
     as soon as the lines were looked at, whatever became of each; a single event that is rejected is 422.";

const TOPIC_WORDS: &str = "The events alone, without the line with their topic around each: one as a JSON object, or one a line, also compressed. \
     A message of a `.proto` file may also be its bytes in base64, as a JSON string. Limits and answers are those of `POST /v1/events`.";
const CLOUD_WORDS: &str = "CloudEvents 1.0 are taken in each form of HTTP: with the attributes in headers `ce-...` and the data as the body, as one \
     JSON object, or as a batch. The event is then the object in CloudEvents' JSON format, whose members the source of the topic declares as columns. \
     A request with something that is no CloudEvent is refused as a whole, with the attribute.";
const TOPIC_ATTRIBUTE_WORDS: &str = "The topic, where the path has none.";
const KEY_WORDS: &str = "Events without an envelope lie in one partition if their keys are equal. Of a topic whose records change the rows of a \
     table it is the primary key: a text, a number, or an object of its columns; without an event the row is deleted.";
const RECORD_KEY_WORDS: &str = "The key of all events of the body. With the body `null` it names the row to be deleted, in a topic whose records \
     change the rows of a table.";

/// One event as a client sends it.
pub(super) fn event() -> Value {
    let members = [
        ("event_id", described(text(), "A UUID, by which a repeated event is known.")),
        ("event_type", text()),
        ("schema_version?", json!({ "type": "integer" })),
        ("aggregate_id", text()),
        ("occurred_at", described(text(), "Such as 2026-01-31T08:00:00Z.")),
        ("actor_id?", described(nullable(text()), "Who did it.")),
        ("payload", json!({ "type": "object" })),
    ];
    let words =
        "With the envelope of its message, or as the source of the topic declares it; base64 of a message of a `.proto` file.";
    let event = described(json!({ "anyOf": [object(&members), bare_event()] }), words);
    let key = described(json!({ "type": ["string", "number", "object", "null"] }), KEY_WORDS);
    object(&[("topic", described(text(), "GET /v1/topics lists them.")), ("event", event), ("key?", key)])
}

/// An event of which the source of its topic says what is in it.
fn bare_event() -> Value {
    json!({ "type": ["object", "string", "null"] })
}

/// An event in the JSON format of CloudEvents.
fn cloud_event() -> Value {
    let filled = |schema: Value| {
        let mut schema = schema;
        schema["minLength"] = 1.into();
        schema
    };
    let optional = || filled(nullable(text()));
    let mut event = object(&[
        ("specversion", one_of(&["1.0"])),
        ("id", filled(text())),
        ("source", filled(text())),
        ("type", filled(text())),
        ("subject?", optional()),
        ("time?", optional()),
        ("datacontenttype?", optional()),
        ("dataschema?", optional()),
        ("topic?", described(optional(), TOPIC_ATTRIBUTE_WORDS)),
        ("data?", anything()),
        ("data_base64?", nullable(text())),
    ]);
    event["propertyNames"] = json!({ "pattern": "^([a-z0-9]+|data_base64)$" });
    event["additionalProperties"] = json!({ "type": ["string", "number", "boolean", "null"] });
    event
}

/// The bodies of events: ours, and those of CloudEvents.
fn bodies(one: Value, lines: &str) -> [(&'static str, Value); 4] {
    [
        ("application/json", one),
        ("application/x-ndjson", described(text(), lines)),
        ("application/cloudevents+json", cloud_event()),
        ("application/cloudevents-batch+json", list(cloud_event())),
    ]
}

/// The outcome of one line.
pub(super) fn outcome() -> Vec<(&'static str, Value)> {
    vec![
        ("status", one_of(&["accepted", "duplicate", "rejected", "forbidden", "empty", "refused"])),
        ("position?", nullable(text())),
        ("reason?", text()),
        ("field?", nullable(text())),
        ("detail?", text()),
    ]
}

fn send() -> DescribedOperation {
    DescribedOperation::post("send_events", "events", "Send events")
        .to(Audience::Senders)
        .words(&format!("{EVENT_WORDS} {CLOUD_WORDS}"))
        .body(true, &bodies(event(), "One JSON object a line."))
        .answers(200, taken())
        .problems(&[400, 413, 415, 422, 507])
}

fn send_to_topic() -> DescribedOperation {
    DescribedOperation::post("send_topic_events", "events", "Send events of one topic")
        .to(Audience::Senders)
        .words(&format!("{TOPIC_WORDS} {CLOUD_WORDS}"))
        .with([in_path("topic", text(), "GET /v1/topics lists them."), query("key", text(), RECORD_KEY_WORDS)])
        .body(true, &bodies(bare_event(), "One event a line."))
        .answers(200, taken())
        .problems(&[400, 404, 413, 415, 422, 507])
}

/// The answer to events, one outcome for each line.
fn taken() -> Value {
    let count = |word: &'static str| (word, whole());
    let mut members = vec![("results", list(object(&outcome())))];
    members.extend(["accepted", "duplicate", "rejected", "forbidden", "refused"].map(count));
    members.push(("position", described(nullable(text()), "For `after`: an answer at this position shows all of these events.")));
    with_headers(json_answer("What became of each line.", object(&members)), &["Retry-After"])
}

fn ticket() -> DescribedOperation {
    let mut asked = object(&[("view?", described(nullable(text()), "The only view that the ticket opens."))]);
    asked["additionalProperties"] = false.into();
    let given = object(&[("ticket", text()), ("expires_at", format("date-time"))]);
    DescribedOperation::post("issue_ticket", "streams", "A ticket, which opens one stream in place of a token")
        .to(Audience::Holders)
        .words("For pages whose browser sends no header with a stream: the ticket is the parameter `ticket` of its address.")
        .body(false, &[("application/json", asked)])
        .answers(200, json_answer("The ticket, and the time until which it opens a stream.", given))
        .problems(&[400, 404, 413, 415])
}
