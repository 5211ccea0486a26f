//! The decoder in both encodings, against each other and against the generated messages.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use prost::Message;
use testkit::random::Random;

use super::*;
use crate::catalogue::catalogue;
use crate::dead_letter::Reason;
use crate::event::{EVENT_BYTES_MAX, Incoming, parse_line};
use crate::social::v1;
use crate::testing::{NOW, sample_line, sample_lines};
use crate::topic::enveloped::EnvelopedTopic;

fn topic(name: &str) -> &'static Arc<EnvelopedTopic> {
    catalogue().topic(name).expect("a topic")
}

fn incoming(line: &str) -> Incoming {
    parse_line(catalogue().set(), line.as_bytes(), NOW).expect("a good line").expect("an event")
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

fn created() -> v1::PostEvent {
    v1::PostEvent {
        event_id: "018cc251-f402-7000-8002-000000000002".into(),
        event_type: "post.created".into(),
        schema_version: 1,
        aggregate_id: 9,
        occurred_at: NOW,
        actor_id: 4,
        trace_parent: None,
        payload: Some(v1::post_event::Payload::Created(v1::PostCreated {
            author_id: 4,
            text: String::new(),
            hashtags: vec!["x".into(), "y".into()],
            mentions: vec![5, 600],
            media_ids: Vec::new(),
            video_id: None,
            visibility: "public".into(),
            reply_to: Some(8),
        })),
    }
}

#[test]
fn both_encodings_hold_the_same_event() {
    for topic in catalogue().topics() {
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
fn the_generated_messages_are_read_and_written() {
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
    assert_eq!(v1::PostEvent::decode(bytes.as_slice()), Ok(created()));
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
    type Change = fn(&mut v1::PostEvent, &mut v1::PostCreated);
    let cases: [(Change, Reason, &str); 17] = [
        (|event, _| event.event_id.clear(), Reason::MissingField, "event_id"),
        (|event, _| event.event_id = "7".into(), Reason::BadId, "event_id"),
        (|event, _| event.event_type.clear(), Reason::MissingField, "event_type"),
        (|event, _| event.event_type = "post.teleported".into(), Reason::UnknownEventType, "event_type"),
        (|event, _| event.event_type = "message.sent".into(), Reason::WrongTopic, "event_type"),
        (|event, _| event.event_type = "post.liked".into(), Reason::WrongType, "payload"),
        (|event, _| event.schema_version = 999, Reason::UnknownSchemaVersion, "schema_version"),
        (|event, _| event.aggregate_id = -1, Reason::BadId, "aggregate_id"),
        (|event, _| event.occurred_at = i64::MAX, Reason::BadTime, "occurred_at"),
        (|event, _| event.occurred_at = i64::MIN, Reason::BadTime, "occurred_at"),
        (|event, _| event.occurred_at = NOW + 25 * 3_600_000_000, Reason::TimeInFuture, "occurred_at"),
        (|event, _| event.actor_id = 0, Reason::MissingField, "actor_id"),
        (|_, created| created.author_id = 0, Reason::MissingField, "payload.author_id"),
        (|_, created| created.text = "a\0b".into(), Reason::NulCharacter, "payload.text"),
        (|_, created| created.hashtags = vec!["\0".into()], Reason::NulCharacter, "payload.hashtags"),
        (|_, created| created.mentions = vec![1, -1], Reason::BadId, "payload.mentions"),
        (|_, created| created.reply_to = Some(-1), Reason::BadId, "payload.reply_to"),
    ];
    for (change, reason, field) in cases {
        let mut event = created();
        let Some(v1::post_event::Payload::Created(mut payload)) = event.payload.take() else { panic!("a post") };
        change(&mut event, &mut payload);
        event.payload = Some(v1::post_event::Payload::Created(payload));
        assert_eq!(fault(posts, Encoding::Protobuf, &event.encode_to_vec()), Some((reason, Some(field.to_owned()))));
    }
    let without_payload = v1::PostEvent { payload: None, ..created() };
    let missing = Some((Reason::MissingField, Some("payload".to_owned())));
    assert_eq!(fault(posts, Encoding::Protobuf, &without_payload.encode_to_vec()), missing);
    assert_eq!(fault(posts, Encoding::Protobuf, b"").map(|(reason, _)| reason), Some(Reason::MissingField));
    let large = Some((Reason::TooLarge, None));
    assert_eq!(fault(posts, Encoding::Protobuf, &vec![0; EVENT_BYTES_MAX + 1]), large);
    assert_eq!(fault(posts, Encoding::Json, b" "), Some((Reason::NotJson, None)));
}

#[test]
fn the_owner_of_a_follow_is_its_aggregate() {
    let followed = |follower_id| v1::UserEvent {
        event_id: "018cc251-f402-7000-8002-000000000002".into(),
        event_type: "user.followed".into(),
        schema_version: 1,
        aggregate_id: 7,
        occurred_at: NOW,
        actor_id: 7,
        trace_parent: None,
        payload: Some(v1::user_event::Payload::Followed(v1::UserFollowed { follower_id, followee_id: 9 })),
    };
    let users = topic("social.user");
    assert_eq!(fault(users, Encoding::Protobuf, &followed(7).encode_to_vec()), None);
    let mismatch = Some((Reason::KeyMismatch, Some("payload.follower_id".to_owned())));
    assert_eq!(fault(users, Encoding::Protobuf, &followed(8).encode_to_vec()), mismatch);
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
    let Some(v1::post_event::Payload::Created(mut payload)) = created().payload else { panic!("a post") };
    payload.mentions.clear();
    let mut payload = payload.encode_to_vec();
    payload.extend([0x20, 5, 0x20, 0xD8, 0x04]);
    let mut bytes = v1::PostEvent { payload: None, ..created() }.encode_to_vec();
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
    for line in sample_lines() {
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
