//! Topics that events are sent to, records of derived topics, and keys of caches that became stale.

use serde_json::json;

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, header, in_path, positioned, query};
use super::super::schema::{anything, list, nullable, object, position, sent_event, text, whole, whole_from, whole_within};
use crate::http::limits::{RECORDS_DEFAULT, RECORDS_MAX};

pub(crate) static TOPICS: DescribedPath = DescribedPath::new("/v1/topics", || vec![topics()]);
pub(crate) static RECORDS: DescribedPath = DescribedPath::new("/v1/topics/{topic}/records", || vec![records()]);
pub(crate) static INVALIDATIONS: DescribedPath = DescribedPath::new("/v1/invalidations/{sink}", || vec![invalidations()]);

const TAG: &str = "topics";

fn topics() -> DescribedOperation {
    let partition = object(&[("partition", whole()), ("earliest", whole()), ("next", whole())]);
    let topic = object(&[("name", text()), ("message", nullable(text())), ("partitions", list(partition))]);
    DescribedOperation::get("list_topics", TAG, "The topics that the caller may send events to")
        .to(Audience::Senders)
        .answers(200, positioned("The topics.", object(&[("topics", list(topic)), ("position", position())])))
        .problems(&[400, 507])
}

fn records() -> DescribedOperation {
    let record =
        object(&[("offset", whole()), ("timestamp", json!({ "type": "integer" })), ("key", text()), ("value", anything())]);
    let page = object(&[
        ("topic", text()),
        ("partition", whole()),
        ("earliest", whole()),
        ("end", whole()),
        ("records", list(record)),
        ("next", whole()),
    ]);
    DescribedOperation::get("read_topic", TAG, "Records of a derived topic, of complete epochs only")
        .to(Audience::Readers)
        .words("For operators, or for everyone where the view that the topic follows is public.")
        .with([in_path("topic", text(), "The name of a derived topic.")])
        .with([query("partition", whole_within(0, 0, 0), "The partition.")])
        .with([query("offset", whole_from(0), "The first record: the `next` of the answer before.")])
        .with([query("limit", whole_within(1, RECORDS_MAX, RECORDS_DEFAULT), "Records of the page.")])
        .answers(200, positioned("The records, and the offset to ask for next.", page))
        .problems(&[400, 403, 404, 507])
}

fn invalidations() -> DescribedOperation {
    let keys = sent_event(&["reset", "invalidate", "progress"]);
    DescribedOperation::get("follow_invalidations", "streams", "Keys of caches that each epoch made stale")
        .to(Audience::Readers)
        .words("For operators, or for everyone where the view that the sink follows is public. Events: `reset`, `invalidate`, `progress`.")
        .with([in_path("sink", text(), "The name of a sink.")])
        .with([query("last_event_id", text(), "The id of the last event that was seen.")])
        .with([query("ticket", text(), "Stands for a token, once.")])
        .with([header("Last-Event-ID", text(), "The same, before the parameter.")])
        .answers(200, answer("Events without an end.", &[("text/event-stream", keys)]))
        .problems(&[400, 403, 404])
}
