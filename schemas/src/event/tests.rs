//! Lines of ingest: what is accepted, and the reason of everything that is not.

use arrow_schema::{DataType, TimeUnit};
use testkit::random::Random;

use super::*;
use crate::decoder::EventDecoder;
use crate::position::{Offset, Partition};
use crate::testing::{NOW, enveloped_topics, sample_line, sample_lines, social};
use crate::topic::column::DeclaredColumn;
use crate::topic::enveloped::EventFieldKind;
use crate::topic::message::{DeclaredMessage, ProtoFile};

/// Outcome of reading a line: an event, or the reason and the field for which it was rejected.
type Verdict = Result<bool, (Reason, Option<String>)>;

fn reason(line: &[u8]) -> Verdict {
    match parse_line(social(), line, NOW) {
        Ok(incoming) => Ok(incoming.is_some()),
        Err(rejected) => Err((rejected.fault.reason, rejected.fault.field)),
    }
}

fn rejected(reason: Reason, field: &str) -> Verdict {
    Err((reason, (!field.is_empty()).then(|| field.to_owned())))
}

fn post_line(event: &str, aggregate_id: &str, payload: &str) -> String {
    line_with("social.post", event, "1", aggregate_id, "\"2024-01-01T12:00:00.000001Z\"", payload)
}

fn line_with(topic: &str, event: &str, version: &str, aggregate_id: &str, occurred_at: &str, payload: &str) -> String {
    format!(
        r#"{{"topic":"{topic}","event":{{"event_id":"018cc4e7-6c00-7000-8004-000000000005","event_type":"{event}","schema_version":{version},"aggregate_id":{aggregate_id},"occurred_at":{occurred_at},"actor_id":"1","payload":{payload}}}}}"#
    )
}

const POST: &str = r#"{"author_id":"1","text":"a post","hashtags":["x"],"mentions":[],"media_ids":[],"video_id":null,"visibility":"public","reply_to":null}"#;

fn post(from: &str, to: &str) -> Vec<u8> {
    let line = post_line("post.created", "\"9\"", POST);
    assert!(line.contains(from), "{from}");
    line.replacen(from, to, 1).into_bytes()
}

fn user(event: &str, aggregate_id: &str, payload: &str) -> Vec<u8> {
    line_with("social.user", event, "1", &format!("\"{aggregate_id}\""), "\"2024-01-01T12:00:00Z\"", payload).into_bytes()
}

/// The verdict on each kind of bad line, in the order of the published list.
fn poison() -> Vec<(Vec<u8>, Verdict)> {
    let good = post("a post", "a post");
    let registered = r#"{"username":"u","email":"u@example.invalid","display_name":"U","bio":""}"#;
    let at = |time: &str| post("\"2024-01-01T12:00:00.000001Z\"", time);
    let invalid_utf8 = {
        let mut line = good.clone();
        let place = line.windows(6).position(|window| window == b"a post").expect("the text is there");
        line[place..place + 4].copy_from_slice(&[0xFF, 0xFE, 0xC3, b'(']);
        line
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    vec![
        (b"this is not json".to_vec(), rejected(Reason::NotJson, "")),
        (good[..120].to_vec(), rejected(Reason::NotJson, "")),
        (Vec::new(), Ok(false)),
        (b"[1,2,3]".to_vec(), rejected(Reason::NotAnObject, "")),
        (post(r#""event_id":"018cc4e7-6c00-7000-8004-000000000005","#, ""), rejected(Reason::MissingField, "event_id")),
        (post("post.created", "post.teleported"), rejected(Reason::UnknownEventType, "event_type")),
        (post("\"schema_version\":1", "\"schema_version\":\"one\""), rejected(Reason::WrongType, "schema_version")),
        (post(POST, "\"hello\""), rejected(Reason::WrongType, "payload")),
        (post("\"a post\"", "42"), rejected(Reason::WrongType, "payload.text")),
        (post("[\"x\"]", "\"x\""), rejected(Reason::WrongType, "payload.hashtags")),
        (post("\"author_id\":\"1\"", "\"author_id\":null"), rejected(Reason::NullInRequired, "payload.author_id")),
        (user("user.followed", "1", r#"{"follower_id":"1"}"#), rejected(Reason::MissingField, "payload.followee_id")),
        (post("a post", &"long text ".repeat(210_000)), rejected(Reason::TooLarge, "")),
        (post("\"reply_to\":null", &format!("\"extra\":{deep}")), rejected(Reason::TooDeep, "payload.extra")),
        (invalid_utf8, rejected(Reason::InvalidUtf8, "payload.text")),
        (post("a post", "lone \\ud800 end"), rejected(Reason::InvalidUtf8, "payload.text")),
        (post("a post", "zero \\u0000 end"), rejected(Reason::NulCharacter, "payload.text")),
        (at("\"9999-12-31T23:59:59.999999Z\""), rejected(Reason::TimeInFuture, "occurred_at")),
        (at("\"1970-01-01T00:00:00.000000Z\""), Ok(true)),
        (at("\"yesterday\""), rejected(Reason::BadTime, "occurred_at")),
        (at("\"2024-02-30T12:00:00.000000Z\""), rejected(Reason::BadTime, "occurred_at")),
        (post("social.post", "social.nonsense"), rejected(Reason::UnknownTopic, "topic")),
        (
            post_line("message.sent", "\"1-2\"", r#"{"message_id":"9","sender_id":"1","body":"wrong place","encrypted":false}"#)
                .into(),
            rejected(Reason::WrongTopic, "event_type"),
        ),
        (user("user.followed", "5", r#"{"follower_id":"5","followee_id":"5"}"#), Ok(true)),
        (post_line("post.liked", "\"900025\"", r#"{"user_id":"3"}"#).into(), Ok(true)),
        (post_line("post.deleted", "\"900026\"", "{}").into(), Ok(true)),
        (user("user.followed", "-5", r#"{"follower_id":"-5","followee_id":"1"}"#), rejected(Reason::BadId, "aggregate_id")),
        (
            user("user.followed", "1", r#"{"follower_id":"1","followee_id":"99999999999999999999999"}"#),
            rejected(Reason::BadId, "payload.followee_id"),
        ),
        (
            user("user.followed", "7", r#"{"follower_id":"8","followee_id":"9"}"#),
            rejected(Reason::KeyMismatch, "payload.follower_id"),
        ),
        (post("\"schema_version\":1", "\"schema_version\":999"), rejected(Reason::UnknownSchemaVersion, "schema_version")),
        (good.clone(), Ok(true)),
        (user("user.registered", "902", &registered.replacen('}', ",\"favourite_colour\":\"green\"}", 1)), Ok(true)),
        (user("user.registered", "903", registered), Ok(true)),
    ]
}

#[test]
fn every_poisoned_line_is_rejected_for_its_reason() {
    for (number, (line, expected)) in poison().into_iter().enumerate() {
        assert_eq!(reason(&line), expected, "line {}", number + 1);
    }
}

#[test]
fn the_envelope_is_strict() {
    let id = "018cc4e7-6c00-7000-8004-000000000005";
    for (from, to, why, field) in [
        ("\"topic\":\"social.post\",", "", Reason::MissingField, "topic"),
        ("\"topic\":\"social.post\"", "\"topic\":null", Reason::NullInRequired, "topic"),
        ("\"topic\":\"social.post\"", "\"topic\":7", Reason::WrongType, "topic"),
        ("\"event\":", "\"events\":", Reason::MissingField, "event"),
        (id, "018cc4e7", Reason::BadId, "event_id"),
        (id, "018cc4e7-6c00-7000-8004-00000000000g", Reason::BadId, "event_id"),
        ("\"event_type\":\"post.created\"", "\"event_type\":[]", Reason::WrongType, "event_type"),
        ("\"schema_version\":1,", "", Reason::MissingField, "schema_version"),
        ("\"schema_version\":1", "\"schema_version\":1.0", Reason::WrongType, "schema_version"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\"\"", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\"9.5\"", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\"+9\"", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\" 9\"", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\"\u{664}\"", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":9223372036854775808", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":-1", Reason::BadId, "aggregate_id"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":true", Reason::WrongType, "aggregate_id"),
        ("\"2024-01-01T12:00:00.000001Z\"", "1704110400", Reason::WrongType, "occurred_at"),
        ("\"actor_id\":\"1\",", "", Reason::MissingField, "actor_id"),
        ("\"actor_id\":\"1\"", "\"actor_id\":\"1\",\"trace_parent\":1", Reason::WrongType, "trace_parent"),
        ("\"payload\":", "\"load\":", Reason::MissingField, "payload"),
        ("[\"x\"]", "[\"x\",null]", Reason::NullInRequired, "payload.hashtags"),
        ("[\"x\"]", "[\"x\",1]", Reason::WrongType, "payload.hashtags"),
        ("\"mentions\":[]", "\"mentions\":[\"1\",\"-2\"]", Reason::BadId, "payload.mentions"),
    ] {
        assert_eq!(reason(&post(from, to)), rejected(why, field), "{to}");
    }
    assert_eq!(reason(&post(POST, "null")), rejected(Reason::NullInRequired, "payload"));
    assert_eq!(reason(b"{\"topic\":\"social.post\",\"event\":[]}"), rejected(Reason::WrongType, "event"));
    assert_eq!(reason(b"{} {}"), rejected(Reason::NotJson, ""));
}

#[test]
fn what_is_allowed_is_accepted() {
    for (from, to) in [
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":9223372036854775807"),
        ("\"aggregate_id\":\"9\"", "\"aggregate_id\":\"0\""),
        ("\"actor_id\":\"1\"", "\"actor_id\":1,\"trace_parent\":null"),
        ("\"actor_id\":\"1\"", "\"actor_id\":\"1\",\"unknown\":{\"a\":[\"\\u0000\"]}"),
        (",\"video_id\":null", ""),
        ("\"video_id\":null", "\"video_id\":\"12\""),
        ("\"hashtags\":[\"x\"],", ""),
        ("\"2024-01-01T12:00:00.000001Z\"", "\"2024-01-02T12:00:00Z\""),
        ("\"topic\"", " \"note\" : [ ] , \"topic\""),
    ] {
        assert_eq!(reason(&post(from, to)), Ok(true), "{to}");
    }
    assert_eq!(reason(b" \r"), Ok(false));
    let a_day_ahead = post("2024-01-01T12:00:00.000001Z", "2024-01-02T12:00:00.000001Z");
    assert_eq!(reason(&a_day_ahead), rejected(Reason::TimeInFuture, "occurred_at"));
}

#[test]
fn a_line_at_the_limit_is_accepted_and_one_byte_more_is_not() {
    let fill = EVENT_BYTES_MAX - post("a post", "").len();
    assert_eq!(reason(&post("a post", &"x".repeat(fill))), Ok(true));
    assert_eq!(reason(&post("a post", &"x".repeat(fill + 1))), rejected(Reason::TooLarge, ""));
}

#[test]
fn a_rejected_line_names_its_topic_when_it_can_be_read() {
    let sent_to = |line: &[u8]| parse_line(social(), line, NOW).expect_err("a bad line").sent_to;
    assert_eq!(sent_to(&post("social.post", "social.nonsense")).as_deref(), Some("social.nonsense"));
    assert_eq!(sent_to(&post("a post", &"x".repeat(EVENT_BYTES_MAX))).as_deref(), Some("social.post"));
    assert_eq!(sent_to(&post("a post", "")[..100]).as_deref(), Some("social.post"));
    assert_eq!(sent_to(b"nonsense"), None);
    let longest = "t".repeat(TOPIC_NAME_LENGTH_MAX);
    assert_eq!(sent_to(&post("social.post", &longest)), Some(longest), "permissions are compared with the whole name");
    let longer = sent_to(&post("social.post", &"t".repeat(1000))).expect("a topic");
    assert!(!Topic::is_name(&longer) && longer.len() < TOPIC_NAME_LENGTH_MAX + 10, "{longer}");
}

#[test]
fn a_rejected_line_names_its_actor_when_that_can_be_read() {
    let actor = |line: &[u8]| parse_line(social(), line, NOW).expect_err("a bad line").actor_id;
    assert_eq!(actor(&post("post.created", "post.nonsense")), Some(1));
    assert_eq!(actor(&post("social.post", "social.nonsense")), Some(1), "whatever the topic");
    assert_eq!(actor(&post("a post", "\\ud800")), Some(1), "although the text ends within the event");
    assert_eq!(actor(&post("a post", &"x".repeat(EVENT_BYTES_MAX))), Some(1), "of a line that is too long");
    let line = post("a post", "");
    assert_eq!(actor(&line[..line.len() - 2]), Some(1), "of a line that does not end");
    for other in ["\"-1\"", "null", "\"x\"", "{}"] {
        assert_eq!(actor(&post("\"actor_id\":\"1\"", &format!("\"actor_id\":{other}"))), None, "{other}");
    }
    let twice = post("\"actor_id\":\"1\"", "\"actor_id\":\"1\",\"actor_id\":\"2\",\"event_type\":0");
    assert_eq!(actor(&twice), Some(2), "the last one counts");
    assert_eq!(actor(b"{\"event\":7}"), None);
    assert_eq!(actor(b"nonsense"), None);
}

#[test]
fn an_incoming_event_carries_what_the_log_needs() {
    let incoming = parse_line(social(), &user("user.followed", "007", r#"{"follower_id":7,"followee_id":"8"}"#), NOW);
    let incoming = incoming.expect("a good line").expect("an event");
    assert_eq!(incoming.topic, Topic::new("social.user"));
    assert_eq!(incoming.key, b"7", "one key per aggregate, however it was written");
    assert_eq!(incoming.event.event_id().map(|id| id.to_string()).as_deref(), Some("018cc4e7-6c00-7000-8004-000000000005"));
    assert_eq!(incoming.event.occurred_at(), 1_704_110_400_000_000);
    assert_eq!(incoming.event.event_type(), Some("user.followed"));
}

#[test]
fn a_message_with_the_envelope_may_come_in_base64_and_is_kept_with_fields_that_nobody_knows() {
    let read = |event: &str| parse_line(social(), format!(r#"{{"topic":"social.post","event":"{event}"}}"#).as_bytes(), NOW);
    let object = parse_line(social(), &post("a post", "a post"), NOW).expect("a good line").expect("an event");
    let mut bytes = object.encode(Encoding::Protobuf);
    // Field 111, which the message does not have.
    bytes.extend([0xF8, 0x06, 0x01]);
    let incoming = read(&STANDARD.encode(&bytes)).expect("a good line").expect("an event");
    assert_eq!(incoming.encode(Encoding::Protobuf), bytes);
    assert_eq!((&incoming.key, incoming.encode(Encoding::Json)), (&object.key, object.encode(Encoding::Json)));
    assert_eq!(incoming.event.actor_id(), Some(1));
    for (event, reason) in [("?", Reason::WrongType), ("/w==", Reason::NotProtobuf), ("", Reason::MissingField)] {
        assert_eq!(read(event).expect_err("no event").fault.reason, reason, "{event}");
    }
}

#[test]
fn an_event_type_of_another_topic_is_told_with_its_topic() {
    let line = post("post.created", "message.sent");
    let fault = parse_line(social(), &line, NOW).expect_err("a wrong topic").fault;
    assert_eq!((fault.reason, fault.detail.contains("it belongs to 'social.conversation'")), (Reason::WrongTopic, true), "{fault}");
    let posts = social().get("social.post").expect("a topic").clone();
    let alone: TopicSet = [posts].into_iter().collect();
    assert_eq!(parse_line(&alone, &line, NOW).expect_err("a wrong type").fault.reason, Reason::UnknownEventType);
}

#[test]
fn every_event_type_needs_each_of_its_required_fields() {
    for topic in enveloped_topics(social()) {
        for event in &topic.events {
            assert_eq!(reason(sample_line(topic, event, |_| true).as_bytes()), Ok(true), "{}", event.event_type);
            for field in &event.fields {
                let list = matches!(field.kind, EventFieldKind::Ids | EventFieldKind::Texts);
                let expected = if field.nullable || list { Ok(true) } else { rejected(Reason::MissingField, &field.path) };
                let line = sample_line(topic, event, |other| other != field);
                assert_eq!(reason(line.as_bytes()), expected, "{} without {}", event.event_type, field.name);
            }
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let lines = sample_lines(social());
    let mut random = Random::new(7);
    let signs = b"{}[]\",:\\u0-.eE1tn \x80\xC3\0";
    for round in 0..40_000 {
        let mut line = lines[round % lines.len()].clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(line.len());
            match random.below(4) {
                0 => line[at] = signs[random.below(signs.len())],
                1 => line.truncate(at.max(1)),
                2 => line.insert(at, signs[random.below(signs.len())]),
                _ => drop(line.remove(at.min(line.len() - 2))),
            }
            line.push(b' ');
        }
        if let Ok(Some(incoming)) = parse_line(social(), &line, NOW) {
            let object = String::from_utf8(incoming.encode(Encoding::Json)).expect("UTF-8");
            let line = format!("{{\"topic\":\"{}\",\"event\":{object}}}", incoming.topic);
            let again = parse_line(social(), line.as_bytes(), NOW);
            let again = again.expect("what was accepted once is accepted again").expect("an event");
            assert_eq!(again.encode(Encoding::Protobuf), incoming.encode(Encoding::Protobuf));
        }
    }
}

#[test]
fn event_ids_survive_their_text_form() {
    let text = "018cc4e7-6c00-7fAB-8004-0000000000ff";
    assert_eq!(EventId::parse(text.as_bytes()).map(|id| id.to_string()), Some(text.to_lowercase()));
    for text in
        ["", "018cc4e76c0070008004000000000005", "018cc4e7-6c00-7000-8004-0000000000055", "018cc4e7+6c00-7000-8004-000000000005"]
    {
        assert_eq!(EventId::parse(text.as_bytes()), None, "{text}");
    }
}

/// The published data, where they are at hand: `TIDEWATER_DATA` names the folder.
#[test]
fn the_published_data_are_read_as_described() {
    let Some(folder) = testkit::data::folder() else {
        eprintln!("TIDEWATER_DATA is not set: the published data are not read");
        return;
    };
    let small = std::fs::read(folder.join("social/small.jsonl")).expect("small.jsonl");
    let accepted = small.split(|byte| *byte == b'\n').filter(|line| reason(line) == Ok(true)).count();
    assert_eq!(accepted, 2_152);
    let poisoned = std::fs::read(folder.join("social/poison.jsonl")).expect("poison.jsonl");
    let expected = poison();
    let lines: Vec<&[u8]> = poisoned.strip_suffix(b"\n").expect("a last line").split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), expected.len());
    for (number, (line, (_, expected))) in lines.iter().zip(&expected).enumerate() {
        assert_eq!(&reason(line), expected, "line {}", number + 1);
    }
}

/// A topic with a column of every kind, and one of a message.
fn declared_topics() -> TopicSet {
    let types = [
        DataType::Int16,
        DataType::Int64,
        DataType::Float64,
        DataType::Boolean,
        DataType::Utf8,
        DataType::Binary,
        DataType::Date32,
        DataType::Decimal128(12, 2),
        DataType::Decimal256(crate::numeric::WIDE_DIGITS, crate::numeric::WIDE_SCALE),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        DataType::new_list(DataType::Decimal128(6, 1), true),
        DataType::new_list(DataType::Utf8, true),
        DataType::LargeUtf8,
    ];
    let column = |(place, data_type): (usize, DataType)| {
        DeclaredColumn::plain(&format!("c{place}"), data_type, place > 0)
    };
    let columns = types.into_iter().enumerate().map(column).collect();
    let proto = "syntax = 'proto3'; message M { int32 a = 1; string b = 2; repeated double c = 3; bytes d = 4; }";
    let files = [ProtoFile { name: "m.proto".to_owned(), text: proto.to_owned() }];
    let message = DeclaredMessage::compile(&files, "m.proto", "M").expect("a message");
    let messages = DeclaredTopic::new("messages", message.columns(), None, vec![0]).of_message(message);
    let topics = [DeclaredTopic::new("objects", columns, None, vec![1, 4]), messages];
    topics.into_iter().map(|topic| TopicSchema::Declared(Arc::new(topic))).collect()
}

/// A topic `m` of messages with these fields, which are told apart by the first.
fn message_topic(fields: &str) -> TopicSet {
    let files = [ProtoFile { name: "m.proto".to_owned(), text: format!("syntax = 'proto3'; message M {{ {fields} }}") }];
    let message = DeclaredMessage::compile(&files, "m.proto", "M").expect("a message");
    let topic = DeclaredTopic::new("m", message.columns(), None, vec![0]).of_message(message);
    [TopicSchema::Declared(Arc::new(topic))].into_iter().collect()
}

#[test]
fn an_object_has_the_identity_of_the_message_that_is_written() {
    let topics = message_topic("float a = 1;");
    let read = |event: &str| parse_line(&topics, format!(r#"{{"topic":"m","event":{event}}}"#).as_bytes(), NOW);
    let incoming = |event: &str| read(event).expect("a good line").expect("an event");
    let object = incoming(r#"{"a":0.1}"#);
    let record = object.encode(Encoding::Protobuf);
    let schema = topics.get("m").expect("a topic");
    let place = (Partition(0), Offset(0), NOW, record.as_slice());
    let ids = EventDecoder::new(schema, Encoding::Protobuf, &[0]).decode([place]).event_ids.expect("identities");
    assert_eq!(object.key, ids[0].0, "the partition is the one in which the event is looked for");
    assert_eq!(incoming(&format!("\"{}\"", STANDARD.encode(&record))).key, object.key, "the same event in base64");
    assert_eq!(incoming(r#"{"a":0.10000000149011612}"#).key, object.key, "the number as a float holds it");
    let fault = read(r#"{"a":1e39}"#).expect_err("no float").fault;
    assert_eq!((fault.reason, fault.field.as_deref()), (Reason::WrongType, Some("a")));
}

#[test]
fn an_object_whose_message_is_too_long_is_refused() {
    let topics = message_topic("int64 id = 1; repeated int64 a = 2;");
    let verdict = |items: usize| {
        let line = format!(r#"{{"topic":"m","event":{{"id":1,"a":[{}-1]}}}}"#, "-1,".repeat(items - 1));
        assert!(line.len() < EVENT_BYTES_MAX / 2);
        parse_line(&topics, line.as_bytes(), NOW).map(|incoming| incoming.is_some()).map_err(|rejected| rejected.fault.reason)
    };
    // A negative number has ten bytes in a message.
    assert_eq!(verdict(EVENT_BYTES_MAX / 10 - 2), Ok(true));
    assert_eq!(verdict(EVENT_BYTES_MAX / 10 + 1), Err(Reason::TooLarge));
}

#[test]
fn no_bytes_of_declared_events_make_it_panic_and_what_is_taken_is_read_again() {
    let topics = declared_topics();
    let object = r#"{"topic":"objects","event":{"c0":-7,"c1":"12","c2":1e3,"c3":true,"c4":"t\u00e9","c5":"\\x00ff","c6":"2024-02-29","c7":"12.50","c8":0.001,"c9":"2024-01-01 00:00:00","c10":"2024-01-01T00:00:00Z","c11":[1.5,null],"c12":["a"],"c13":{"a" : [1, 2]}}}"#;
    let message = r#"{"topic":"messages","event":"CAESAWIaCAAAAAAAAPA/IgEA"}"#;
    let fields = r#"{"topic":"messages","event":{"a":1,"b":"x","c":[0.5],"d":"\\x00"}}"#;
    let lines = [object, message, fields];
    for line in lines {
        assert!(parse_line(&topics, line.as_bytes(), NOW).is_ok_and(|incoming| incoming.is_some()), "{line}");
    }
    let mut random = Random::new(11);
    let signs = b"{}[]\",:\\u0-.eE1tn \x80\xC3\0+/A=";
    let mut taken = 0;
    for round in 0..60_000 {
        let mut line = lines[round % lines.len()].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(line.len());
            match random.below(3) {
                0 => line[at] = signs[random.below(signs.len())],
                1 => line.insert(at, signs[random.below(signs.len())]),
                _ => drop(line.remove(at.min(line.len() - 2))),
            }
        }
        let Ok(Some(incoming)) = parse_line(&topics, &line, NOW) else { continue };
        taken += 1;
        let schema = topics.get(incoming.topic.as_str()).expect("a topic");
        let encoding = if schema.message().is_some() { Encoding::Protobuf } else { Encoding::Json };
        let record = incoming.encode(encoding);
        let columns: Vec<usize> = (0..schema.columns().len()).collect();
        let place = (Partition(0), Offset(0), NOW, record.as_slice());
        let decoded = EventDecoder::new(schema, encoding, &columns).decode([place]);
        assert_eq!((decoded.batch.num_rows(), decoded.faults), (1, Vec::new()), "{}", String::from_utf8_lossy(&line));
    }
    assert!(taken > 1_000, "only {taken} changed lines were taken");
}
