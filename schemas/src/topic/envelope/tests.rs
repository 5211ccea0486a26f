//! Messages with the envelope: those of the social network against the page that describes the domain, and what a file gets wrong.

use super::*;
use crate::testing::{enveloped_topics, social, social_topic};
use crate::topic::TopicSchema;
use crate::topic::message::{CompiledFile, MessageError, MessageEvents, ProtoFile};

const ORDER: &str = r#"syntax = "proto3";
package shop.v1;
import "tidewater/v1/options.proto";
import "line.proto";

message OrderEvent {
  option (tidewater.v1.topic) = "shop.order";
  string event_id = 1;
  string event_type = 2;
  int32 schema_version = 3;
  int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID];
  int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME];
  int64 actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID];
  optional string trace_parent = 7;
  oneof payload {
    OrderPlaced placed = 10 [(tidewater.v1.event_type) = "order.placed"];
    OrderPaid paid = 11 [(tidewater.v1.event_type) = "order.paid"];
    shop.v1.Line line_added = 12 [(tidewater.v1.event_type) = "order.line_added"];
  }
}
message OrderPlaced {
  int64 order_id = 1 [(tidewater.v1.meaning) = MEANING_ID, (tidewater.v1.key) = true];
  repeated string notes = 2;
}
message OrderPaid {
  oneof means { string card = 1; string voucher = 2; }
  double amount = 3;
}
message Plain {
  int64 at = 1 [(tidewater.v1.meaning) = MEANING_TIME];
}
"#;
const LINE: &str = r#"syntax = "proto3";
package shop.v1;
message Line {
  string sku = 1;
}
"#;

fn read_as(order: &str, line: &str, message: &str, topic: &str) -> Result<MessageEvents, MessageError> {
    let file = |name: &str, text: &str| ProtoFile { name: name.to_owned(), text: text.to_owned() };
    let files = [file("order.proto", order), file("line.proto", line)];
    CompiledFile::compile(&files, "order.proto")?.events(message, topic)
}

fn orders(text: &str) -> std::sync::Arc<EnvelopedTopic> {
    match read_as(text, LINE, "shop.v1.OrderEvent", "shop.order") {
        Ok(MessageEvents::Enveloped(topic)) => topic,
        other => panic!("{other:?}"),
    }
}

/// The fault of the text with a change, and the place that it is told at.
fn fault(from: &str, to: &str) -> (String, String, String) {
    assert!(ORDER.contains(from), "{from}");
    match read_as(&ORDER.replacen(from, to, 1), LINE, "shop.v1.OrderEvent", "shop.order") {
        Err(MessageError::Envelope(EnvelopeError { file, line, column, fault })) => {
            (format!("{file}:{line}:{column}"), fault.to_string(), fault.help())
        }
        other => panic!("'{to}' is read as {other:?}"),
    }
}

#[test]
fn a_message_of_anybody_has_the_columns_of_its_envelope_and_its_payloads() {
    let topic = orders(ORDER);
    let names: Vec<&str> = topic.columns.iter().map(|column| column.name.as_str()).collect();
    let payloads = ["placed.order_id", "placed.notes", "paid.card", "paid.voucher", "paid.amount", "line_added.sku"];
    assert_eq!(names[7..], payloads);
    assert_eq!((topic.topic.as_str(), topic.message.as_str()), ("shop.order", "shop.v1.OrderEvent"));
    let nullable = |event: usize| topic.events[event].fields.iter().map(|field| field.nullable).collect::<Vec<_>>();
    assert_eq!((nullable(0), nullable(1)), (vec![false, false], vec![true, true, false]), "alternatives may be missing");
    assert!(topic.events[0].fields[0].key);
}

#[test]
fn the_topic_may_be_left_out_of_the_file_and_the_lines_may_come_in_any_order() {
    assert_eq!(orders(&ORDER.replacen("  option (tidewater.v1.topic) = \"shop.order\";\n", "", 1)), orders(ORDER));
    let id = "  string event_id = 1;\n";
    let moved = ORDER.replacen(id, "", 1).replacen("  oneof payload {", &format!("{id}  oneof payload {{"), 1);
    assert_eq!(orders(&moved), orders(ORDER));
}

#[test]
fn a_message_without_a_payload_and_one_without_the_options_have_no_envelope() {
    let plain = |order: &str, message: &str| matches!(read_as(order, LINE, message, "t"), Ok(MessageEvents::Plain(_)));
    assert!(plain(ORDER, "shop.v1.Plain") && plain(ORDER, "shop.v1.OrderPlaced") && plain(ORDER, "shop.v1.Line"));
    let own = r#"syntax = "proto3"; message M { string event_id = 1; oneof payload { string a = 2; } }"#;
    assert!(plain(own, "M"), "another convention with a 'payload'");
    let upload = ORDER.replacen("message Plain {", "message Upload { oneof payload { string path = 1; bytes content = 2; } }\nmessage Plain {", 1);
    assert!(plain(&upload, "shop.v1.Upload"), "a 'payload' of something else");
    let unnamed = ORDER.replacen("  option (tidewater.v1.topic) = \"shop.order\";\n", "", 1).replacen("string event_id = 1;", "", 1);
    let read = read_as(&unnamed, LINE, "shop.v1.OrderEvent", "t");
    assert!(matches!(read, Err(MessageError::Envelope(_))), "an event type is enough: {read:?}");
}

#[test]
fn a_wrong_envelope_is_told_at_its_place_with_what_to_write() {
    for (from, to, place, said, help) in [
        ("  string event_id = 1;\n", "", "order.proto:6:1", "'shop.v1.OrderEvent' has no field 'event_id'", "string event_id = 1;"),
        ("event_type = 2;", "event_type = 20;", "order.proto:9:3", "'event_type' is not declared as", "string event_type = 2;"),
        ("int32 schema_version", "string schema_version", "order.proto:10:3", "'schema_version' is not", "int32 schema_version = 3;"),
        ("int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID]", "int64 aggregate_id = 4", "order.proto:11:3", "", "or string"),
        ("int64 occurred_at", "repeated int64 occurred_at", "order.proto:12:3", "'occurred_at'", "MEANING_TIME"),
        ("actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID]", "actor_id = 6", "order.proto:13:3", "'actor_id'", "MEANING_ID"),
        ("  optional string trace_parent = 7;\n", "", "order.proto:6:1", "no field 'trace_parent'", "optional string trace_parent"),
        ("  oneof payload {", "  string tenant = 8;\n  oneof payload {", "order.proto:15:3", "'tenant' is not one of", "messages of 'payload'"),
        ("oneof payload", "oneof content", "order.proto:6:1", "no 'oneof payload'", "oneof payload {"),
        ("OrderPaid paid", "int64 paid", "order.proto:17:5", "'paid' is not a message", "a message of its own"),
        (" [(tidewater.v1.event_type) = \"order.paid\"]", "", "order.proto:17:5", "'paid' has no option", "event_type) = "),
        ("\"order.paid\"", "\"\"", "order.proto:17:5", "'paid' has no option", "event_type) = "),
        ("\"order.paid\"", "\"order.placed\"", "order.proto:17:5", "the same event type 'order.placed'", "another event type"),
        ("double amount", "float amount", "order.proto:27:3", "'shop.v1.OrderPaid.amount' has a type", "write int64"),
        ("double amount", "map<string, string> amount", "order.proto:27:3", "has a type or a meaning", "write int64"),
        ("string notes = 2;", "string notes = 2 [(tidewater.v1.meaning) = MEANING_ID];", "order.proto:23:3", "meaning", "write int64"),
        ("int64 order_id", "optional int64 order_id", "order.proto:22:3", "'shop.v1.OrderPlaced.order_id' can't equal", "a key is"),
        ("int64 aggregate_id = 4 [(tidewater.v1.meaning) = MEANING_ID]", "string aggregate_id = 4", "order.proto:22:3", "", "a key is"),
        ("\"shop.order\"", "\"shop.orders\"", "order.proto:6:1", "declared for topic 'shop.orders'", "or leave out the option"),
    ] {
        let (told_at, text, remedy) = fault(from, to);
        assert!(told_at == place && text.contains(said) && remedy.contains(help), "{to}: {told_at}: {text}: {remedy}");
    }
}

#[test]
fn a_fault_of_a_payload_in_another_file_is_told_there() {
    let line = LINE.replacen("string sku", "bytes sku", 1);
    let Err(MessageError::Envelope(error)) = read_as(ORDER, &line, "shop.v1.OrderEvent", "shop.order") else { panic!("it was read") };
    assert_eq!(error.to_string(), "line.proto:4:3: the field 'shop.v1.Line.sku' has a type or a meaning that payloads don't have");
}

#[test]
fn too_many_fields_of_a_payload_or_of_all_are_refused() {
    let fields = |count: usize| -> String { (0..count).map(|number| format!("string f{number} = {};", number + 1)).collect() };
    let line = |count: usize| LINE.replacen("string sku = 1;", &fields(count), 1);
    assert!(read_as(ORDER, &line(PAYLOAD_FIELDS_MAX), "shop.v1.OrderEvent", "shop.order").is_ok());
    let said = |order: &str, line: &str| match read_as(order, line, "shop.v1.OrderEvent", "shop.order") {
        Err(MessageError::Envelope(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(said(ORDER, &line(PAYLOAD_FIELDS_MAX + 1)).starts_with("line.proto:3:1: the payload 'shop.v1.Line' has 65 fields"));
    let more: String = (0..16).map(|n| format!("shop.v1.Line l{n} = {} [(tidewater.v1.event_type) = \"l{n}\"];\n", n + 20)).collect();
    let many = ORDER.replacen("    OrderPaid paid", &format!("{more}    OrderPaid paid"), 1);
    assert!(said(&many, &line(PAYLOAD_FIELDS_MAX)).contains("'shop.v1.OrderEvent' has 1100 columns, and at most 1000"));
}

#[test]
fn every_topic_carries_its_events() {
    let listed: Vec<(&str, Vec<&str>)> = enveloped_topics(social())
        .into_iter()
        .map(|topic| (topic.topic.as_str(), topic.events.iter().map(|event| event.event_type.as_str()).collect()))
        .collect();
    let account =
        ["account.permission_granted", "account.permission_revoked", "account.session_started", "account.session_revoked"];
    let conversation = [
        "conversation.created",
        "conversation.member_joined",
        "conversation.member_left",
        "message.sent",
        "message.edited",
        "message.deleted",
        "message.read",
    ];
    let post = [
        "post.created",
        "post.updated",
        "post.deleted",
        "post.liked",
        "post.unliked",
        "post.commented",
        "post.comment_deleted",
        "post.shared",
        "post.viewed",
    ];
    let stream = [
        "stream.scheduled",
        "stream.started",
        "stream.ended",
        "stream.viewer_joined",
        "stream.viewer_left",
        "stream.chat_sent",
        "stream.event_recorded",
    ];
    let user = [
        "user.registered",
        "user.profile_updated",
        "user.deleted",
        "user.followed",
        "user.unfollowed",
        "user.blocked",
        "user.unblocked",
    ];
    let video = [
        "video.uploaded",
        "video.processing_completed",
        "video.processing_failed",
        "video.metadata_updated",
        "video.viewed",
        "video.deleted",
    ];
    let media = ["media.uploaded", "media.processing_completed", "media.metadata_updated", "media.deleted"];
    let notification = ["notification.read", "notification.preference_changed", "notification.device_registered"];
    let expected: [(&str, &[&str]); 10] = [
        ("social.account", &account),
        ("social.asset", &["asset.published", "asset.removed"]),
        ("social.conversation", &conversation),
        ("social.media", &media),
        ("social.notification", &notification),
        ("social.post", &post),
        ("social.search", &["search.performed"]),
        ("social.stream", &stream),
        ("social.user", &user),
        ("social.video", &video),
    ];
    assert_eq!(listed, expected.map(|(topic, events)| (topic, events.to_vec())));
}

#[test]
fn names_are_unique_within_a_topic() {
    for topic in enveloped_topics(social()) {
        let mut names: Vec<&str> = topic.columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}

#[test]
fn columns_have_the_types_that_the_fields_mean() {
    let posts = social_topic("social.post");
    let kind = |name: &str| posts.columns.iter().find(|column| column.name == name).map(|column| column.data_type.to_string());
    for (name, expected) in [
        ("event_id", "Utf8"),
        ("schema_version", "Int64"),
        ("aggregate_id", "Int64"),
        ("occurred_at", "Timestamp(µs, \"+00:00\")"),
        ("trace_parent", "Utf8"),
        ("created.hashtags", "List(Utf8)"),
        ("created.mentions", "List(Int64)"),
        ("created.reply_to", "Int64"),
    ] {
        assert_eq!(kind(name).as_deref(), Some(expected), "{name}");
    }
    let schema = TopicSchema::from(posts).arrow_schema();
    let required: Vec<&str> =
        schema.fields().iter().filter(|field| !field.is_nullable()).map(|field| field.name().as_str()).collect();
    assert_eq!(required, ["event_id", "event_type", "schema_version", "aggregate_id", "occurred_at", "actor_id"]);
    assert_eq!(social_topic("social.conversation").aggregate, AggregateIdKind::Text);
}

#[test]
fn required_fields_and_keys_are_those_of_the_options() {
    let users = social_topic("social.user");
    let keys: Vec<String> = users
        .events
        .iter()
        .flat_map(|event| event.fields.iter().filter(|field| field.key).map(|field| format!("{}.{}", event.name, field.name)))
        .collect();
    assert_eq!(keys, ["followed.follower_id", "unfollowed.follower_id", "blocked.blocker_id", "unblocked.blocker_id"]);

    let posts = social_topic("social.post");
    let (_, created) = posts.event("post.created").expect("an event");
    let nullable: Vec<&str> = created.fields.iter().filter(|field| field.nullable).map(|field| field.name.as_str()).collect();
    assert_eq!(nullable, ["video_id", "reply_to"]);
    assert_eq!(created.fields[2].kind, EventFieldKind::Texts);
}
