//! PostgREST's conventions: each row of the table of calls in `docs/API.md`, and random filters against plain ones.

mod answers;
mod errors;
mod filters;
mod jsonb;
mod oracle;
mod page;
mod readers;

use super::*;

/// A view with a column of each family of kinds; row 3 is NULL but for its id.
pub(super) fn things() -> Arc<Views> {
    let kinds = [
        ("id", FieldKind::Int64),
        ("name", FieldKind::Text),
        ("score", FieldKind::Decimal { scale: 2 }),
        ("tags", FieldKind::List(Box::new(FieldKind::Text))),
        ("doc", FieldKind::Text),
        ("active", FieldKind::Boolean),
        ("at", FieldKind::Timestamp),
    ];
    let indexes: [(&str, &[&str], Option<usize>); 2] = [("by_id", &["id"], None), ("by_score", &["-score", "id"], None)];
    let things = view("things", &kinds, &indexes, Access::Public);
    let columns = things.columns.clone();
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: vec![things] });
    let list = |items: &[Option<&'static str>]| {
        Value::List(items.iter().map(|item| item.map_or(Value::Null, |item| Value::Text(item.into()))).collect())
    };
    let day = |day: i64| Value::Timestamp((19_722 + day) * 86_400_000_000);
    let rows = [
        [
            Value::Int(1),
            text("Ada"),
            Value::Decimal(150, 2),
            list(&[Some("a"), Some("b")]),
            text(r#"{"a":{"b":[1,2]},"n":5,"s":"x"}"#),
            Value::Boolean(true),
            day(1),
        ],
        [Value::Int(2), text("bob"), Value::Decimal(-25, 2), list(&[]), text("[]"), Value::Boolean(false), day(2)],
        [Value::Int(3), Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
        [
            Value::Int(4),
            text("a,b"),
            Value::Decimal(1000, 2),
            list(&[Some("b"), None]),
            text("no JSON"),
            Value::Boolean(true),
            day(3),
        ],
        [
            Value::Int(5),
            text("100%"),
            Value::Decimal(200, 2),
            list(&[Some("c d")]),
            text(r#"{"n":7,"s":"y"}"#),
            Value::Boolean(false),
            day(4),
        ],
    ];
    let rows = rows.iter().map(|values| (row(&columns, values), 1)).collect();
    publish(&views, 1, &[("things", rows)]);
    views
}

pub(super) fn things_api() -> Router {
    api_with(things(), config())
}

/// A GET with these headers.
pub(super) async fn get_with(api: &Router, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
    send(api, request.body(Body::empty()).unwrap()).await
}

/// The ids of the rows of an answer, which is an array.
pub(super) fn array_ids(answer: &Answer) -> Vec<i64> {
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.json().as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// Checks an error in both of its forms, and returns it.
pub(super) fn error(answer: &Answer, status: u16, code: &str) -> Json {
    let json = answer.json();
    assert_eq!(answer.status.as_u16(), status, "{json}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("proxy-status"), format!("PostgREST; error={code}"));
    assert_eq!(json["code"], code, "{json}");
    assert_eq!(json["message"], json["detail"], "{json}");
    assert_eq!(json["status"], status);
    for member in ["details", "hint"] {
        assert!(json.get(member).is_some_and(|value| value.is_null() || value.is_string()), "{member}: {json}");
    }
    json
}
