//! The canonical text of a JSONB value, its order, and the operators that read and change it.

use std::borrow::Cow;

use super::*;
use crate::field::Value;

fn made(text: &str) -> String {
    canonical(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_text_has_one_canonical_form() {
    for (text, expected) in [
        (" { \"bb\" : 1 , \"a\":[ true,null ] , \"c\":{} } ", r#"{"a":[true,null],"c":{},"bb":1}"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#"{"é":1,"zz":2,"aaa":3}"#, r#"{"zz":2,"é":1,"aaa":3}"#),
        (r#""\u0041\/\b\f\u0001\u00e9\"\\""#, r#""A/\b\f\u0001é\"\\""#),
        ("1.0", "1.0"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("1e2", "100"),
        ("1.50e1", "15.0"),
        ("0.05E+1", "0.5"),
        ("-12e-3", "-0.012"),
        ("0e-3", "0.000"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
    ] {
        assert_eq!(made(text), expected, "{text}");
        assert_eq!(made(expected), expected, "the form of {text} is not its own");
    }
}

#[test]
fn what_can_be_no_jsonb_is_refused_with_the_reason() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(made(&deep(JSONB_DEPTH_MAX)).len(), 2 * JSONB_DEPTH_MAX);
    assert_eq!(canonical(&deep(JSONB_DEPTH_MAX + 1)), Err(JsonbError::TooDeep));
    assert_eq!(canonical(&deep(1_000)), Err(JsonbError::TooDeep));
    assert_eq!(canonical(r#"["\u0000"]"#), Err(JsonbError::NulCharacter));
    assert_eq!(canonical(r#"{"\u0000":1}"#), Err(JsonbError::NulCharacter));
    assert_eq!(canonical("1e1001"), Err(JsonbError::TooManyDigits));
    assert_eq!(canonical("[1e99999999999999999999]"), Err(JsonbError::TooManyDigits));
    for text in ["", "{", "[1,]", "01", "nul", "'a'", "1 2", "{\"a\"}", "NaN", r#""\ud800""#] {
        assert!(matches!(canonical(text), Err(JsonbError::Syntax(_))), "{text}");
    }
}

#[test]
fn many_numbers_with_exponents_do_not_fill_the_memory() {
    let text = format!("[{}1]", "1e900,".repeat(JSONB_BYTES_MAX / 900 + 1));
    assert_eq!(canonical(&text), Err(JsonbError::TooLarge));
}

#[test]
fn postgresql_prints_blanks_behind_commas_and_colons_outside_of_texts() {
    assert_eq!(shown(r#"{"a":[1,"b,c:\"d,"],"e":"\\","f":{}}"#), r#"{"a": [1, "b,c:\"d,"], "e": "\\", "f": {}}"#);
}

#[test]
fn ways_lead_to_members_and_elements_or_nowhere() {
    let value = r#"{"a":{"b":[1,"x",null]},"c":"y"}"#;
    assert_eq!(member(value, "a").and_then(|value| member(value, "b")), Some(r#"[1,"x",null]"#));
    let list = r#"[1,"x",null]"#;
    let at = [0, 2, 3, -1, -3, -4].map(|place| element(list, place));
    assert_eq!(at, [Some("1"), Some("null"), None, Some("null"), Some("1"), None]);
    assert_eq!((element(value, 0), member(list, "0"), step(list, &PathKey::Text("1".into()))), (None, None, Some("\"x\"")));
    assert_eq!((step(value, &PathKey::Place(0)), step(list, &PathKey::Text("x".into()))), (None, None));
    assert_eq!(elements(list), Some(vec!["1", "\"x\"", "null"]));
    assert_eq!((elements("{}"), names("[]"), elements("[]")), (None, None, Some(Vec::new())));
    assert_eq!(names(value), Some(vec!["a".into(), "c".into()]));
    let text = |value: &str| scalar_text(value).map(Cow::into_owned);
    assert_eq!(text(r#""a\n""#).as_deref(), Some("a\n"));
    assert_eq!((text("null"), text("1.50").as_deref(), text("[1,2]").as_deref()), (None, Some("1.50"), Some("[1, 2]")));
    assert!(has_name(value, "a") && has_name(list, "x") && has_name("\"x\"", "x"));
    assert!(!has_name(value, "y") && !has_name(list, "1") && !has_name("1", "1"));
}

#[test]
fn values_are_ordered_by_kind_then_by_size_then_by_content() {
    let ascending = [
        "[]",
        "null",
        r#""a""#,
        r#""b""#,
        "-1",
        "0.5",
        "9007199254740993",
        "9007199254740993.5",
        "1e300",
        "false",
        "true",
        "[1]",
        "[2]",
        "[1,1]",
        "[1,[]]",
        "{}",
        r#"{"b":1}"#,
        r#"{"b":2}"#,
        r#"{"a":0,"b":0}"#,
    ];
    let values = ascending.map(|text| Jsonb::parse(text).unwrap());
    for (left, place) in values.iter().zip(0..) {
        for (right, other) in values.iter().zip(0..) {
            assert_eq!(compare(left, right), Ord::cmp(&place, &other), "{left:?} {right:?}");
        }
    }
    assert!(compare(&Jsonb::read("1.0"), &Jsonb::read("1.00")).is_eq());
    assert_eq!(comparable(r#"{"a":[1.0,1.50,"1.0"]}"#), r#"{"a":[1,1.5,"1.0"]}"#);
}

#[test]
fn values_are_counted_with_those_within_them() {
    assert_eq!(["1", "[1,[2]]", r#"{"a":{"b":[]}}"#].map(|text| Jsonb::read(text).values_within()), [1, 4, 3]);
}

#[test]
fn containment_looks_at_members_and_elements() {
    for (outer, inner, expected) in [
        (r#"{"a":[1,2,{"b":3}]}"#, r#"{"a":[{"b":3.0},1]}"#, true),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
        (r#"{"a":[1,2]}"#, r#"{"a":1}"#, false),
        ("[1,[2]]", "[2]", false),
        (r#"["x","y"]"#, r#""x""#, true),
        (r#""x""#, r#"["x"]"#, false),
        (r#"[{"a":1}]"#, r#"{"a":1}"#, false),
        ("[]", "[]", true),
    ] {
        assert_eq!(contains(&Jsonb::read(outer), &Jsonb::read(inner)), expected, "{outer} {inner}");
    }
}

#[test]
fn values_are_joined_and_changed_as_by_postgresql() {
    let text = |value: Result<Jsonb<'_>, JsonbError>| value.and_then(|value| value.canonical()).map_err(|error| error.to_string());
    let read = Jsonb::read;
    assert_eq!(text(Ok(concat(read(r#"{"a":1,"b":2}"#), read(r#"{"b":3}"#)))).unwrap(), r#"{"a":1,"b":3}"#);
    assert_eq!(text(Ok(concat(read("1"), read(r#"[2,{"a":1}]"#)))).unwrap(), r#"[1,2,{"a":1}]"#);
    assert_eq!(text(delete_name(read(r#"["a","b",1]"#), "a")).unwrap(), r#"["b",1]"#);
    assert_eq!(text(delete_element(read("[1,2,3]"), -1)).unwrap(), "[1,2]");
    assert_eq!(text(delete_element(read("[1]"), 5)).unwrap(), "[1]");
    assert!(text(delete_element(read("{}"), 0)).is_err() && text(delete_name(read("1"), "a")).is_err());
    assert_eq!(text(delete_path(read(r#"{"a":[1,{"b":2}]}"#), &[Some("a"), Some("1"), Some("b")])).unwrap(), r#"{"a":[1,{}]}"#);
    let set = |value: &'static str, path: &[&str], creates| {
        let path: Vec<Option<&str>> = path.iter().map(|key| Some(*key)).collect();
        text(set_path(read(value), &path, read("9"), creates))
    };
    assert_eq!(text(delete_path(read(r#"{"a":1}"#), &[Some("b"), None])).unwrap(), r#"{"a":1}"#);
    assert!(text(delete_path(read(r#"{"b":1}"#), &[Some("b"), None])).is_err());
    assert_eq!(set(r#"{"a":[1,2]}"#, &["a", "-1"], true).unwrap(), r#"{"a":[1,9]}"#);
    assert_eq!(set(r#"{"a":[1,2]}"#, &["a", "7"], true).unwrap(), r#"{"a":[1,2,9]}"#);
    assert_eq!(set(r#"{"a":[1,2]}"#, &["a", "-7"], true).unwrap(), r#"{"a":[9,1,2]}"#);
    assert_eq!(set(r#"{"a":1}"#, &["b"], false).unwrap(), r#"{"a":1}"#);
    assert_eq!(set(r#"{"a":1}"#, &["b", "c"], true).unwrap(), r#"{"a":1}"#);
    assert_eq!(set(r#"{"b":1}"#, &["a"], true).unwrap(), r#"{"a":9,"b":1}"#);
    assert!(set("[1]", &["x"], true).is_err() && set("1", &["x"], true).is_err());
    assert_eq!(text(Ok(strip_nulls(read(r#"{"a":null,"b":[null,{"c":null}]}"#)))).unwrap(), r#"{"b":[null,{}]}"#);
}

#[test]
fn values_of_sql_become_json() {
    let json = |value: Value<'_>| Jsonb::of_value(&value).and_then(|value| value.canonical()).unwrap();
    assert_eq!(json(Value::List(vec![Value::Int(1), Value::Null])), "[1,null]");
    assert_eq!((json(Value::Float(1e20)), json(Value::Float(-1.5e-7))), ("100000000000000000000".into(), "-0.00000015".into()));
    assert_eq!((json(Value::Float(f64::NAN)), json(Value::Float(123.45))), ("\"NaN\"".into(), "123.45".into()));
    assert_eq!(json(Value::Decimal(-150, 2)), "-1.50");
    assert_eq!(json(Value::Timestamp(1_500_000)), "\"1970-01-01T00:00:01.5+00:00\"");
    assert_eq!((json(Value::LocalTimestamp(0)), json(Value::Date(-1))), ("\"1970-01-01T00:00:00\"".into(), "\"1969-12-31\"".into()));
    assert_eq!(json(Value::Date(-800_000)), "\"0222-09-04 BC\"");
    assert_eq!(json(Value::Timestamp(-800_000 * 86_400_000_000)), "\"0222-09-04T00:00:00+00:00 BC\"");
    assert_eq!(json(Value::Bytes(vec![0, 255].into())), r#""\\x00ff""#);
    assert_eq!(json(Value::Json(r#"{"a":1}"#.into())), r#"{"a":1}"#);
}
