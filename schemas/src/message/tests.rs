//! Messages of a file: every kind of field there and back, what is missing, and what does not fit.

use super::*;
use crate::topic::message::{MessageError, ProtoFile};

const NOW: i64 = 1_704_110_400_000_000;

const ORDERS: &str = r#"
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "money.proto";
message Order {
  int64 id = 1;
  string customer = 2;
  optional int32 discount = 3;
  uint64 cents = 4;
  repeated string tags = 5;
  Status status = 6;
  google.protobuf.Timestamp placed_at = 7;
  bytes proof = 8;
  double weight = 9;
  bool gift = 10;
  repeated sint64 lines = 11;
  Money total = 12;
  map<string, string> notes = 13;
  uint32 version = 14;
  enum Status { OPEN = 0; PAID = 1; }
}
"#;
const MONEY: &str = r#"syntax = "proto3"; package shop.v1; message Money { int64 units = 1; }"#;

fn files(orders: &str) -> Vec<ProtoFile> {
    let file = |name: &str, text: &str| ProtoFile { name: name.to_owned(), text: text.to_owned() };
    vec![file("orders.proto", orders), file("money.proto", MONEY)]
}

fn message() -> DeclaredMessage {
    DeclaredMessage::compile(&files(ORDERS), "orders.proto", "shop.v1.Order").unwrap_or_else(|error| panic!("{error}"))
}

fn topic() -> DeclaredTopic {
    let message = message();
    DeclaredTopic::new("orders", message.columns(), None, Vec::new()).of_message(message)
}

fn read(bytes: &[u8]) -> Result<Vec<Value<'static>>, (Reason, Option<String>)> {
    let (topic, mut event) = (topic(), Event::default());
    let read = read_event(&topic, &message(), bytes, NOW, &mut event);
    read.map(|()| event.into_owned().fields).map_err(|fault| (fault.reason, fault.field))
}

fn column(topic: &DeclaredTopic, name: &str) -> usize {
    topic.columns().iter().position(|column| column.name == name).unwrap_or_else(|| panic!("a column '{name}'"))
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

#[test]
fn fields_are_columns_but_for_maps() {
    let names: Vec<String> = topic().columns().iter().map(|column| column.name.clone()).collect();
    let expected = "id customer discount cents tags status placed_at proof weight gift lines total.units version";
    assert_eq!(names.join(" "), expected);
    let nullable: Vec<String> =
        topic().columns().iter().filter(|column| column.nullable).map(|column| column.name.clone()).collect();
    assert_eq!(nullable, ["discount", "placed_at", "total.units"]);
}

#[test]
fn every_kind_of_field_is_written_and_read() {
    let json = r#"{"id":"-9223372036854775808","customer":"caf\u00e9","discount":-5,"cents":"18446744073709551615","tags":["a","b"],
        "status":"PAID","placed_at":"2024-01-01T11:59:59.999999Z","proof":"\\x00ff","weight":0.5,"gift":true,"lines":[1,-2],
        "version":4294967295,"not_in_the_message":1}"#;
    let (topic, message, mut event) = (topic(), message(), Event::default());
    crate::json::columns::read_event(&topic, json.as_bytes(), NOW, &mut event).unwrap_or_else(|fault| panic!("{fault}"));
    let bytes = write_event(&message, &event.fields).unwrap_or_else(|fault| panic!("{fault}"));
    let fields = read(&bytes).unwrap_or_else(|fault| panic!("{fault:?}"));
    assert_eq!(fields, event.into_owned().fields);
    let of = |name: &str| fields[column(&topic, name)].clone();
    assert_eq!((of("id"), of("cents")), (Value::Int(i64::MIN), Value::Decimal(u64::MAX.into(), 0)));
    assert_eq!((of("status"), of("customer"), of("placed_at")), (text("PAID"), text("café"), Value::Timestamp(NOW - 1)));
    let again: serde_json::Value =
        serde_json::from_slice(&write_json(&message, &fields)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((&again["status"], &again["proof"]), (&"PAID".into(), &"\\x00ff".into()));
}

#[test]
fn what_a_message_does_not_have_is_its_default_or_null() {
    let (topic, fields) = (topic(), read(b"").unwrap_or_else(|fault| panic!("{fault:?}")));
    let of = |name: &str| fields[column(&topic, name)].clone();
    assert_eq!((of("id"), of("customer"), of("status")), (Value::Int(0), text(""), text("OPEN")));
    assert_eq!((of("discount"), of("placed_at"), of("tags")), (Value::Null, Value::Null, Value::List(Vec::new())));
    let mut event = Event::default();
    crate::json::columns::read_event(&topic, b"{}", NOW, &mut event).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(event.into_owned().fields, fields, "JSON without a member says the same");
}

#[test]
fn bytes_and_values_that_do_not_fit_are_told() {
    assert_eq!(read(&[0xFF]), Err((Reason::NotProtobuf, None)));
    let mut wrong = DynamicMessage::new(message().descriptor);
    wrong.set_field_by_name("customer", WireValue::String("a\0".to_owned()));
    assert_eq!(read(&wrong.encode_to_vec()), Err((Reason::NulCharacter, Some("customer".to_owned()))));
    let mut unknown = DynamicMessage::new(message().descriptor);
    unknown.set_field_by_name("status", WireValue::EnumNumber(7));
    let (topic, fields) = (topic(), read(&unknown.encode_to_vec()).unwrap_or_else(|fault| panic!("{fault:?}")));
    assert_eq!(fields[column(&topic, "status")], text("7"), "a value that this version does not name is its number");
    for (json, field) in [(r#"{"status":"LOST"}"#, "status"), (r#"{"cents":-1}"#, "cents"), (r#"{"version":-1}"#, "version")] {
        let mut event = Event::default();
        crate::json::columns::read_event(&topic, json.as_bytes(), NOW, &mut event).unwrap_or_else(|fault| panic!("{fault}"));
        let fault = write_event(&message(), &event.fields).expect_err(json);
        assert_eq!((fault.reason, fault.field.as_deref()), (Reason::WrongType, Some(field)));
    }
}

/// A message of one field `v`, beside an enumeration whose only name has 64 characters.
fn message_of_one(field: &str) -> DeclaredMessage {
    let long = "N".repeat(64);
    let text = format!("syntax = 'proto3'; message M {{ {field} v = 1; enum Long {{ {long} = 0; }} }}");
    let files = [ProtoFile { name: "m.proto".to_owned(), text }];
    DeclaredMessage::compile(&files, "m.proto", "M").unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a message with that value in its field.
fn read_one(message: &DeclaredMessage, value: WireValue) -> Result<Value<'static>, (Reason, Option<String>)> {
    let mut written = DynamicMessage::new(message.descriptor.clone());
    written.set_field_by_name("v", value);
    let topic = DeclaredTopic::new("t", message.columns(), None, Vec::new()).of_message(message.clone());
    let mut event = Event::default();
    let read = read_event(&topic, message, &written.encode_to_vec(), NOW, &mut event);
    read.map(|()| event.into_owned().fields.remove(0)).map_err(|fault| (fault.reason, fault.field))
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    let refused = || (Reason::WrongType, Some("v".to_owned()));
    for (field, value) in [
        ("float", WireValue::F32(f32::NAN)),
        ("float", WireValue::F32(f32::INFINITY)),
        ("double", WireValue::F64(f64::NAN)),
        ("optional double", WireValue::F64(f64::NEG_INFINITY)),
        ("repeated double", WireValue::List(vec![WireValue::F64(0.5), WireValue::F64(f64::NAN)])),
    ] {
        assert_eq!(read_one(&message_of_one(field), value), Err(refused()), "{field}");
    }
    let float = message_of_one("float");
    assert_eq!(read_one(&float, WireValue::F32(0.1)), Ok(Value::Float(0.1_f32.into())));
    for (number, fits) in [(3.4e38, true), (1e39, false), (-1e300, false)] {
        let written = write_event(&float, &[Value::Float(number)]).map(drop).map_err(|fault| (fault.reason, fault.field));
        assert_eq!(written, if fits { Ok(()) } else { Err(refused()) }, "{number}");
    }
}

#[test]
fn the_names_of_an_events_values_are_limited_together() {
    let message = message_of_one("repeated Long");
    let items = |number: usize| WireValue::List(vec![WireValue::EnumNumber(0); number]);
    let most = EVENT_BYTES_MAX / 64;
    assert!(matches!(read_one(&message, items(most)), Ok(Value::List(names)) if names.len() == most));
    assert_eq!(read_one(&message, items(most + 1)), Err((Reason::TooLarge, Some("v".to_owned()))));
}

#[test]
fn files_that_can_not_be_compiled_and_messages_that_are_not_there_are_told() {
    let compile = |text: &str, location: &str, message: &str| DeclaredMessage::compile(&files(text), location, message);
    assert!(matches!(compile("syntax = 'proto3'; message {", "orders.proto", "M"), Err(MessageError::NotCompiled { .. })));
    let import = "syntax = 'proto3'; import 'elsewhere.proto'; message M { int64 a = 1; }";
    assert!(matches!(compile(import, "orders.proto", "M"), Err(MessageError::NotCompiled { .. })));
    let Err(MessageError::Unknown { known, .. }) = compile(ORDERS, "orders.proto", "shop.v1.Ordr") else {
        panic!("it is unknown")
    };
    assert!(known.contains(&"shop.v1.Order".to_owned()) && known.contains(&"shop.v1.Money".to_owned()), "{known:?}");
    let empty = "syntax = 'proto3'; message M { repeated N n = 1; map<string, N> m = 2; M self = 3; } message N { int64 a = 1; }";
    assert!(matches!(compile(empty, "orders.proto", "M"), Err(MessageError::NoColumns { .. })));
    assert_eq!(message(), message(), "a message is compiled alike each time");
}

#[test]
fn the_fields_of_messages_inside_are_columns_by_the_path_to_them() {
    let content = "syntax = 'proto3'; message M { int64 id = 1; N n = 2; M again = 3; repeated N more = 4; }
        message N { string a = 1; P p = 2; optional bool b = 3; } message P { int64 c = 1; N up = 2; }";
    let files = [ProtoFile { name: "m.proto".to_owned(), text: content.to_owned() }];
    let message = DeclaredMessage::compile(&files, "m.proto", "M").unwrap_or_else(|error| panic!("{error}"));
    let topic = DeclaredTopic::new("t", message.columns(), None, Vec::new()).of_message(message.clone());
    let names: Vec<&str> = topic.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "n.a", "n.p.c", "n.b"], "a message inside of itself has no columns");
    let through = |json: &str| {
        let (mut sent, mut stored) = (Event::default(), Event::default());
        crate::json::columns::read_event(&topic, json.as_bytes(), NOW, &mut sent).unwrap_or_else(|fault| panic!("{fault}"));
        let bytes = write_event(&message, &sent.fields).unwrap_or_else(|fault| panic!("{fault}"));
        read_event(&topic, &message, &bytes, NOW, &mut stored).unwrap_or_else(|fault| panic!("{fault}"));
        let fields = stored.into_owned().fields;
        let json = write_json(&message, &fields);
        (fields, String::from_utf8(json).unwrap_or_else(|error| panic!("{error}")))
    };
    let (fields, json) = through(r#"{"id":1,"n":{"p":{"c":5},"b":true}}"#);
    assert_eq!(fields, [Value::Int(1), text(""), Value::Int(5), Value::Boolean(true)]);
    assert_eq!(json, r#"{"id":1,"n":{"a":"","p":{"c":5},"b":true}}"#);
    // A message that is missing has no fields, and one that is there has their defaults.
    assert_eq!(through("{}"), (vec![Value::Int(0), Value::Null, Value::Null, Value::Null], r#"{"id":0}"#.to_owned()));
    let (fields, json) = through(r#"{"n":{"p":{"c":0}}}"#);
    assert_eq!(fields, [Value::Int(0), text(""), Value::Int(0), Value::Null]);
    assert_eq!(json, r#"{"id":0,"n":{"a":"","p":{"c":0}}}"#);
}

#[test]
fn a_message_with_too_many_fields_inside_is_told() {
    let fields = |of: usize| (1..=9).map(|number| format!("M{of} f{number} = {number};")).collect::<String>();
    let messages: String = (0..8).map(|of| format!("message M{of} {{ {} }}", fields(of + 1))).collect();
    let text = format!("syntax = 'proto3'; {messages} message M8 {{ int64 a = 1; }}");
    let files = [ProtoFile { name: "m.proto".to_owned(), text }];
    let compiled = DeclaredMessage::compile(&files, "m.proto", "M0");
    assert!(matches!(compiled, Err(MessageError::TooManyFields { .. })), "{compiled:?}");
}
