//! Columns of JSONB: embedded in answers, compared and ordered as PostgreSQL does, and read without losing a digit.

use super::*;

const DOCS: [&str; 6] = [
    r#"{"a":{"b":[1,2]},"n":5.0,"s":"x"}"#,
    "[]",
    r#"{"n":12345678901234567890123.5}"#,
    r#""te,xt""#,
    "null",
    r#"{"a":1}"#,
];

/// A view with a JSONB column; row 6 has none.
fn docs_api() -> Router {
    let kinds = [("id", FieldKind::Int64), ("doc", FieldKind::Json), ("docs", FieldKind::List(Box::new(FieldKind::Json)))];
    let docs = view("docs", &kinds, &[("by_id", &["id"], None), ("by_doc", &["doc", "id"], None)], Access::Public);
    let columns = docs.columns.clone();
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2b), views: vec![docs] });
    let json = |text: &'static str| Value::Json(text.into());
    let values = DOCS.iter().map(|doc| json(doc)).chain([Value::Null]);
    let rows = values.zip(0..).map(|(doc, id)| {
        let docs = Value::List(vec![doc.clone(), Value::Null]);
        (row(&columns, &[Value::Int(id), doc, docs]), 1)
    });
    publish(&views, 1, &[("docs", rows.collect())]);
    api_with(views, config())
}

#[tokio::test]
async fn a_value_is_json_within_json_and_its_text_in_csv() {
    let api = docs_api();
    let page = get(&api, "/v1/views/docs?order=id&limit=10").await;
    let rows: Vec<&str> = page.text.matches("\"doc\":").collect();
    assert_eq!(rows.len(), 7);
    for doc in DOCS {
        assert!(page.text.contains(&format!("\"doc\":{doc},\"docs\":[{doc},null]")), "{doc}: {}", page.text);
    }
    let rest = get(&api, "/rest/v1/docs?select=id,doc&order=id").await;
    for doc in DOCS {
        assert!(rest.text.contains(&format!("\"doc\":{doc}")), "{doc}: {}", rest.text);
    }
    let csv = get_with(&api, "/rest/v1/docs?select=id,doc&order=id", &[("accept", "text/csv")]).await;
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines[1], r#"0,"{""a"": {""b"": [1, 2]}, ""n"": 5.0, ""s"": ""x""}""#);
    assert_eq!((lines[4], lines[5], lines[7]), ("3,\"te,xt\"", "4,null", "6,"));
}

#[tokio::test]
async fn values_and_their_places_are_compared_as_jsonb() {
    let api = docs_api();
    for (filter, expected) in [
        ("doc=eq.[]", &[1][..]),
        ("doc=eq.{\"a\":1.0}", &[5]),
        ("doc=in.(null,[])", &[1, 4]),
        ("doc=cs.{\"a\":{}}", &[0]),
        ("doc=is.null", &[6]),
        ("doc=neq.null", &[0, 1, 2, 3, 5]),
        ("doc->n=eq.5", &[0]),
        ("doc->n=eq.12345678901234567890123.50", &[2]),
        ("doc->n=gt.12345678901234567890123.4", &[2]),
        ("doc->>n=eq.12345678901234567890123.5", &[2]),
        ("doc->a->b->>-1=eq.2", &[0]),
        ("doc->a->>b=eq.[1, 2]", &[0]),
    ] {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().replacen("%3D", "=", 1);
        let uri = format!("/rest/v1/docs?select=id&order=id&{encoded}");
        assert_eq!(array_ids(&get(&api, &uri).await), expected, "{filter}");
    }
    error(&get(&api, "/rest/v1/docs?doc=eq.%7B").await, 400, "22P02");
    error(&get(&api, "/rest/v1/docs?doc=like.a*").await, 400, "42883");
}

#[tokio::test]
async fn values_are_ordered_as_jsonb_whatever_an_index_keeps() {
    let api = docs_api();
    assert_eq!(array_ids(&get(&api, "/rest/v1/docs?select=id&order=doc").await), [1, 4, 3, 5, 2, 0, 6]);
    assert_eq!(array_ids(&get(&api, "/rest/v1/docs?select=id&order=doc.desc.nullslast,id").await), [0, 2, 5, 3, 4, 1, 6]);
}

#[tokio::test]
async fn values_are_cast_from_jsonb() {
    let api = docs_api();
    let selected = get(&api, "/rest/v1/docs?select=doc-%3En::numeric,t:doc::text&id=eq.2").await;
    assert_eq!(selected.json()[0], json!({ "n": "12345678901234567890123.5", "t": r#"{"n": 12345678901234567890123.5}"# }));
}

#[tokio::test]
async fn an_answer_may_have_any_json_there() {
    let document = get(&docs_api(), "/openapi.json").await.json();
    assert_eq!(document["components"]["schemas"]["Jsonb"]["type"], Json::Null, "{document}");
    assert!(document.to_string().contains("#/components/schemas/Jsonb"));
}
