//! The decoder in both encodings, against each other and against messages that another library writes.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value as WireValue};
use testkit::random::Random;

use super::*;
use crate::dead_letter::Reason;
use crate::event::{EVENT_BYTES_MAX, Incoming, parse_line};
use crate::testing::{NOW, enveloped_topics, sample_line, sample_lines, social, social_topic as topic};
use crate::topic::enveloped::EnvelopedTopic;
use crate::topic::message::{CompiledFile, ProtoFile};

fn incoming(line: &str) -> Incoming {
    parse_line(social(), line.as_bytes(), NOW).expect("a good line").expect("an event")
}

fn all_columns(topic: &'static Arc<EnvelopedTopic>, encoding: Encoding) -> EventDecoder {
    EventDecoder::new(topic, encoding, &(0..topic.columns.len()).collect::<Vec<_>>())
}

fn decode(decoder: &mut EventDecoder, records: &[Vec<u8>]) -> DecodedBatch {
    decoder.decode(records.iter().enumerate().map(|(at, bytes)| (Partition(1), Offset(at as u64), NOW, bytes.as_slice())))
}

fn fault(topic: &'static Arc<EnvelopedTopic>, encoding: Encoding, bytes: &[u8]) -> Option<(Reason, Option<String>)> {
    let mut decoded = decode(&mut all_columns(topic, encoding), &[bytes.to_vec()]);
    decoded.faults.pop().map(|bad| (bad.fault.reason, bad.fault.field))
}

/// An empty message of the social network, in its file.
fn message(file: &str, name: &str) -> DynamicMessage {
    let files = testkit::social::proto_files().into_iter();
    let files: Vec<ProtoFile> = files.map(|(name, text)| ProtoFile { name, text }).collect();
    let message = CompiledFile::compile(&files, file).and_then(|file| file.message(&format!("social.v1.{name}")));
    DynamicMessage::new(message.unwrap_or_else(|error| panic!("{error}")).descriptor)
}

fn text(text: &str) -> WireValue {
    WireValue::String(text.to_owned())
}

/// The fields of an envelope.
fn envelope(event: &mut DynamicMessage, event_type: &str, aggregate_id: i64, actor_id: i64) {
    event.set_field_by_name("event_id", text("018cc251-f402-7000-8002-000000000002"));
    event.set_field_by_name("event_type", text(event_type));
    event.set_field_by_name("schema_version", WireValue::I32(1));
    event.set_field_by_name("aggregate_id", WireValue::I64(aggregate_id));
    event.set_field_by_name("occurred_at", WireValue::I64(NOW));
    event.set_field_by_name("actor_id", WireValue::I64(actor_id));
}

/// A new post, its payload beside the envelope.
struct PostMessage {
    event: DynamicMessage,
    payload: DynamicMessage,
}

impl PostMessage {
    fn whole(&self) -> DynamicMessage {
        let mut event = self.event.clone();
        event.set_field_by_name("created", WireValue::Message(self.payload.clone()));
        event
    }

    fn encode_to_vec(&self) -> Vec<u8> {
        self.whole().encode_to_vec()
    }
}

fn created() -> PostMessage {
    let mut event = message("post.proto", "PostEvent");
    // Messages are only equal if they come from one compilation of the files.
    let files = event.descriptor().parent_pool().clone();
    let mut payload = DynamicMessage::new(files.get_message_by_name("social.v1.PostCreated").expect("a message"));
    envelope(&mut event, "post.created", 9, 4);
    payload.set_field_by_name("author_id", WireValue::I64(4));
    payload.set_field_by_name("hashtags", WireValue::List(vec![text("x"), text("y")]));
    payload.set_field_by_name("mentions", WireValue::List(vec![WireValue::I64(5), WireValue::I64(600)]));
    payload.set_field_by_name("visibility", text("public"));
    payload.set_field_by_name("reply_to", WireValue::I64(8));
    PostMessage { event, payload }
}

#[test]
fn both_encodings_hold_the_same_event() {
    for topic in enveloped_topics(social()) {
        let mut lines: Vec<String> = topic.events.iter().map(|event| sample_line(topic, event, |_| true)).collect();
        lines.extend(topic.events.iter().map(|event| sample_line(topic, event, |field| !field.nullable)));
        let records = |encoding| lines.iter().map(|line| incoming(line).encode(encoding)).collect::<Vec<_>>();
        let json = decode(&mut all_columns(topic, Encoding::Json), &records(Encoding::Json));
        let protobuf = decode(&mut all_columns(topic, Encoding::Protobuf), &records(Encoding::Protobuf));
        assert_eq!(json.faults, []);
        assert_eq!(json.batch, protobuf.batch, "{}", topic.topic);
        assert_eq!(json.batch.num_rows(), lines.len());
        assert_eq!(json.event_ids, protobuf.event_ids);
        assert_eq!(json.occurred_at, protobuf.occurred_at);
    }
}

#[test]
fn the_messages_of_another_library_are_read_and_written() {
    let posts = topic("social.post");
    let from_message = decode(&mut all_columns(posts, Encoding::Protobuf), &[created().encode_to_vec()]);
    assert_eq!(from_message.faults, []);
    let column = |name: &str| from_message.batch.column_by_name(name).expect("a column");
    assert_eq!(column("event_id").as_string::<i32>().value(0), "018cc251-f402-7000-8002-000000000002");
    assert_eq!(column("occurred_at").as_primitive::<TimestampMicrosecondType>().value(0), NOW);
    assert_eq!(column("created.text").as_string::<i32>().value(0), "", "the default of a text");
    assert_eq!(column("created.mentions").as_list::<i32>().value(0).as_primitive::<Int64Type>().values(), &[5, 600]);
    assert_eq!(column("created.media_ids").as_list::<i32>().value(0).len(), 0);
    assert!(column("created.video_id").is_null(0) && column("trace_parent").is_null(0) && column("updated.hashtags").is_null(0));

    let line = r#"{"topic":"social.post","event":{"event_id":"018cc251-f402-7000-8002-000000000002","event_type":"post.created","schema_version":1,"aggregate_id":"9","occurred_at":"2024-01-01T12:00:00Z","actor_id":"4","payload":{"author_id":"4","text":"","hashtags":["x","y"],"mentions":["5","600"],"visibility":"public","reply_to":"8"}}}"#;
    let bytes = incoming(line).encode(Encoding::Protobuf);
    let written = created().whole();
    let read = DynamicMessage::decode(written.descriptor(), bytes.as_slice()).expect("the other library reads it");
    // In its own bytes a default is not there, whoever has written it.
    assert_eq!(read.encode_to_vec(), written.encode_to_vec());
}

#[test]
fn floats_and_booleans_reach_their_columns() {
    let streams = topic("social.stream");
    let (_, recorded) = streams.event("stream.event_recorded").expect("an event");
    let record = incoming(&sample_line(streams, recorded, |_| true)).encode(Encoding::Protobuf);
    let decoded = decode(&mut all_columns(streams, Encoding::Protobuf), &[record]);
    let value = decoded.batch.column_by_name("event_recorded.value").expect("a column");
    assert_eq!(value.as_primitive::<Float64Type>().value(0).to_bits(), (-0.125_f64).to_bits());

    let conversations = topic("social.conversation");
    let (_, sent) = conversations.event("message.sent").expect("an event");
    let record = incoming(&sample_line(conversations, sent, |_| true)).encode(Encoding::Protobuf);
    let decoded = decode(&mut all_columns(conversations, Encoding::Protobuf), &[record]);
    assert!(decoded.batch.column_by_name("message_sent.encrypted").expect("a column").as_boolean().value(0));
    assert_eq!(decoded.batch.column_by_name("aggregate_id").expect("a column").as_string::<i32>().value(0), "3-41");
}

#[test]
fn only_the_wanted_columns_are_decoded_in_their_order() {
    let posts = topic("social.post");
    let at = |name: &str| posts.columns.iter().position(|column| column.name == name).expect("a column");
    let columns = [at("created.hashtags"), at("liked.user_id"), at("aggregate_id")];
    let records = [created().encode_to_vec(), created().encode_to_vec()];
    let all = decode(&mut all_columns(posts, Encoding::Protobuf), &records);
    let mut decoder = EventDecoder::new(posts, Encoding::Protobuf, &columns);
    let some = decode(&mut decoder, &records);
    assert_eq!(some.batch, all.batch.project(&columns).expect("a projection"));
    assert_eq!(some.batch.schema(), *decoder.schema());

    let none = decode(&mut EventDecoder::new(posts, Encoding::Protobuf, &[]), &records);
    assert_eq!((none.batch.num_columns(), none.batch.num_rows()), (0, 2));
}

#[test]
fn bad_records_are_told_apart_and_the_rest_flows_on() {
    let posts = topic("social.post");
    let records = [created().encode_to_vec(), vec![0xFF; DEAD_LETTER_BYTES_MAX + 5], created().encode_to_vec()];
    let mut decoder = all_columns(posts, Encoding::Protobuf);
    let decoded = decode(&mut decoder, &records);
    assert_eq!(decoded.places, [(Partition(1), Offset(0)), (Partition(1), Offset(2))]);
    assert_eq!(decoded.batch.num_rows(), 2);
    let [bad] = decoded.faults.as_slice() else { panic!("one bad record, not {}", decoded.faults.len()) };
    assert_eq!((bad.offset, bad.fault.reason), (Offset(1), Reason::NotProtobuf));
    assert_eq!((bad.bytes.len(), bad.length), (DEAD_LETTER_BYTES_MAX, DEAD_LETTER_BYTES_MAX as u64 + 5));
    assert_eq!(decode(&mut decoder, &records[..1]).batch.num_rows(), 1, "a decoder starts afresh with each batch");
}

#[test]
fn protobuf_is_held_to_the_same_rules_as_json() {
    let posts = topic("social.post");
    type Change = fn(&mut PostMessage);
    let cases: [(Change, Reason, &str); 17] = [
        (|post| post.event.clear_field_by_name("event_id"), Reason::MissingField, "event_id"),
        (|post| post.event.set_field_by_name("event_id", text("7")), Reason::BadId, "event_id"),
        (|post| post.event.clear_field_by_name("event_type"), Reason::MissingField, "event_type"),
        (|post| post.event.set_field_by_name("event_type", text("post.teleported")), Reason::UnknownEventType, "event_type"),
        (|post| post.event.set_field_by_name("event_type", text("message.sent")), Reason::UnknownEventType, "event_type"),
        (|post| post.event.set_field_by_name("event_type", text("post.liked")), Reason::WrongType, "payload"),
        (|post| post.event.set_field_by_name("schema_version", WireValue::I32(9)), Reason::UnknownSchemaVersion, "schema_version"),
        (|post| post.event.set_field_by_name("aggregate_id", WireValue::I64(-1)), Reason::BadId, "aggregate_id"),
        (|post| post.event.set_field_by_name("occurred_at", WireValue::I64(i64::MAX)), Reason::BadTime, "occurred_at"),
        (|post| post.event.set_field_by_name("occurred_at", WireValue::I64(i64::MIN)), Reason::BadTime, "occurred_at"),
        (
            |post| post.event.set_field_by_name("occurred_at", WireValue::I64(NOW + 25 * 3_600_000_000)),
            Reason::TimeInFuture,
            "occurred_at",
        ),
        (|post| post.event.clear_field_by_name("actor_id"), Reason::MissingField, "actor_id"),
        (|post| post.payload.clear_field_by_name("author_id"), Reason::MissingField, "payload.author_id"),
        (|post| post.payload.set_field_by_name("text", text("a\0b")), Reason::NulCharacter, "payload.text"),
        (
            |post| post.payload.set_field_by_name("hashtags", WireValue::List(vec![text("\0")])),
            Reason::NulCharacter,
            "payload.hashtags",
        ),
        (
            |post| post.payload.set_field_by_name("mentions", WireValue::List(vec![WireValue::I64(1), WireValue::I64(-1)])),
            Reason::BadId,
            "payload.mentions",
        ),
        (|post| post.payload.set_field_by_name("reply_to", WireValue::I64(-1)), Reason::BadId, "payload.reply_to"),
    ];
    for (change, reason, field) in cases {
        let mut post = created();
        change(&mut post);
        assert_eq!(fault(posts, Encoding::Protobuf, &post.encode_to_vec()), Some((reason, Some(field.to_owned()))));
    }
    let without_payload = created().event.encode_to_vec();
    let missing = Some((Reason::MissingField, Some("payload".to_owned())));
    assert_eq!(fault(posts, Encoding::Protobuf, &without_payload), missing);
    assert_eq!(fault(posts, Encoding::Protobuf, b"").map(|(reason, _)| reason), Some(Reason::MissingField));
    let large = Some((Reason::TooLarge, None));
    assert_eq!(fault(posts, Encoding::Protobuf, &vec![0; EVENT_BYTES_MAX + 1]), large);
    assert_eq!(fault(posts, Encoding::Json, b" "), Some((Reason::NotJson, None)));
}

#[test]
fn the_owner_of_a_follow_is_its_aggregate() {
    let followed = |follower_id| {
        let (mut event, mut payload) = (message("user.proto", "UserEvent"), message("user.proto", "UserFollowed"));
        envelope(&mut event, "user.followed", 7, 7);
        payload.set_field_by_name("follower_id", WireValue::I64(follower_id));
        payload.set_field_by_name("followee_id", WireValue::I64(9));
        event.set_field_by_name("followed", WireValue::Message(payload));
        event.encode_to_vec()
    };
    let users = topic("social.user");
    assert_eq!(fault(users, Encoding::Protobuf, &followed(7)), None);
    let mismatch = Some((Reason::KeyMismatch, Some("payload.follower_id".to_owned())));
    assert_eq!(fault(users, Encoding::Protobuf, &followed(8)), mismatch);
}

#[test]
fn wire_forms_that_protobuf_allows_are_read() {
    let posts = topic("social.post");
    let plain = decode(&mut all_columns(posts, Encoding::Protobuf), &[created().encode_to_vec()]);

    // Unknown fields of every wire type, and a scalar that comes twice: the last one counts.
    let mut bytes = vec![0x30, 0x63];
    bytes.extend(created().encode_to_vec());
    bytes.extend([0xF8, 0x06, 0x80, 0x01]);
    bytes.extend([0xF9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0xFA, 0x06, 2, 0xFF, 0xFF]);
    bytes.extend([0xFD, 0x06, 1, 2, 3, 4]);
    let decoded = decode(&mut all_columns(posts, Encoding::Protobuf), &[bytes]);
    assert_eq!(decoded.faults, []);
    assert_eq!(decoded.batch, plain.batch);

    // A list of numbers that is not packed.
    let PostMessage { event, mut payload } = created();
    payload.clear_field_by_name("mentions");
    let mut payload = payload.encode_to_vec();
    payload.extend([0x20, 5, 0x20, 0xD8, 0x04]);
    let mut bytes = event.encode_to_vec();
    bytes.extend([0x52, payload.len() as u8]);
    bytes.extend(payload);
    assert_eq!(decode(&mut all_columns(posts, Encoding::Protobuf), &[bytes]).batch, plain.batch);
}

#[test]
fn broken_wire_forms_are_refused() {
    let posts = topic("social.post");
    for bytes in [b"\x08".as_slice(), b"\x0A\x05abc", b"\x00\x01", b"\x0B", b"\x0F", b"\x09\x01", b"\x0D\x01", &[0xFF; 11]] {
        assert_eq!(fault(posts, Encoding::Protobuf, bytes), Some((Reason::NotProtobuf, None)), "{bytes:?}");
    }
    let mut bytes = created().encode_to_vec();
    let text = bytes.windows(6).position(|window| window == b"public").expect("the visibility");
    bytes[text] = 0xFF;
    let invalid = Some((Reason::InvalidUtf8, Some("payload.visibility".to_owned())));
    assert_eq!(fault(posts, Encoding::Protobuf, &bytes), invalid);
    for (bytes, field) in [(b"\x08\x01".as_slice(), "event_id"), (b"\x12\x0Cpost.created\x1A\x00", "schema_version")] {
        let mut event = bytes.to_vec();
        if field == "event_id" {
            event.extend(b"\x12\x0Cpost.created\x18\x01");
        }
        assert_eq!(fault(posts, Encoding::Protobuf, &event), Some((Reason::WrongType, Some(field.to_owned()))));
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random::new(11);
    for line in sample_lines(social()) {
        let event = incoming(&line);
        let schema = topic(event.topic.as_str());
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let mut decoder = all_columns(schema, encoding);
            let record = event.encode(encoding);
            let changed: Vec<Vec<u8>> = (0..500)
                .map(|_| {
                    let mut bytes = record.clone();
                    let at = random.below(bytes.len());
                    match random.below(3) {
                        0 => bytes[at] = random.next() as u8,
                        1 => bytes.truncate(at),
                        _ => bytes.insert(at, random.next() as u8),
                    }
                    bytes
                })
                .collect();
            let decoded = decode(&mut decoder, &changed);
            assert_eq!(decoded.batch.num_rows() + decoded.faults.len(), changed.len());
        }
    }
}

#[test]
fn a_record_that_is_an_object_is_read_in_a_topic_of_messages() {
    let posts = topic("social.post");
    let line = sample_line(posts, &posts.events[0], |_| true).replacen("\"payload\":{", "\"tenant\":7,\"payload\":{\"mood\":[1],", 1);
    let event = incoming(&line);
    let record = event.encode(Encoding::Protobuf);
    assert!(line.contains(std::str::from_utf8(&record).expect("JSON")), "the bytes are kept as they came");
    assert_eq!(event.encode(Encoding::Json), record);
    let plain = incoming(&sample_line(posts, &posts.events[0], |_| true)).encode(Encoding::Protobuf);
    assert_ne!(plain[0], b'{', "an event without such members is a message");
    let decoded = decode(&mut all_columns(posts, Encoding::Protobuf), &[record, plain.clone()]);
    assert_eq!((decoded.faults.len(), decoded.batch.num_rows()), (0, 2));
    assert_eq!(decoded.batch.slice(0, 1), decoded.batch.slice(1, 1), "both have the same columns");
    // A member that comes twice is one that would be lost.
    let twice = incoming(&line.replacen("\"tenant\":7,", "", 1).replacen("\"mood\":[1]", "\"author_id\":\"5\"", 1));
    assert_eq!(twice.encode(Encoding::Protobuf)[0], b'{');
    assert_eq!(fault(posts, Encoding::Protobuf, b"{").map(|(reason, _)| reason), Some(Reason::NotJson));
}
