//! Forms of answers, columns, ranges, counts, cursors and headers.

use super::*;

#[tokio::test]
async fn the_body_is_an_array_and_the_headers_say_the_rest() {
    let api = things_api();
    let answer = get(&api, "/rest/v1/things?select=id&order=id&limit=2").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.text, r#"[{"id":1},{"id":2}]"#);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-range"), "0-1/*");
    assert_eq!(answer.header("tidewater-position"), "2a:1");
    let cursor = answer.header("tidewater-cursor").to_owned();
    let next = get(&api, &format!("/rest/v1/things?select=id&order=id&limit=2&cursor={cursor}")).await;
    assert_eq!(array_ids(&next), [3, 4]);
    let next = get_with(&api, "/rest/v1/things?select=id&order=id", &[("Tidewater-Cursor", &cursor)]).await;
    assert_eq!(array_ids(&next), [3, 4, 5]);
    assert!(next.headers.get("tidewater-cursor").is_none());
    error(&get(&api, &format!("/rest/v1/things?order=id.desc&cursor={cursor}")).await, 400, "bad_cursor");
    error(&get(&api, &format!("/rest/v1/things?id=gt.0&order=id&cursor={cursor}")).await, 400, "bad_cursor");
    error(&get(&api, &format!("/rest/v1/things?order=id&offset=1&cursor={cursor}")).await, 400, "PGRST100");
    error(&get(&api, &format!("/rest/v1/things?order=name&cursor={cursor}")).await, 400, "bad_cursor");
    let counted = get_with(&api, &format!("/rest/v1/things?order=id&cursor={cursor}"), &[("Prefer", "count=exact")]).await;
    error(&counted, 400, "PGRST100");
}

#[tokio::test]
async fn columns_are_chosen_renamed_cast_and_looked_into() {
    let api = things_api();
    for (select, expected) in [
        ("id", r#"[{"id":1}]"#),
        ("number:id,name", r#"[{"number":1,"name":"Ada"}]"#),
        ("id::text", r#"[{"id":"1"}]"#),
        ("s:score::int,score::float8", r#"[{"s":2,"score":1.5}]"#),
        ("at::text,day:at::date", r#"[{"at":"2024-01-01 00:00:00+00","day":"2024-01-01"}]"#),
        ("list:tags::text,first:tags-%3E0,tags-%3E%3E1", r#"[{"list":"{a,b}","first":"a","tags":"b"}]"#),
        ("doc-%3Ea-%3Eb", r#"[{"b":[1,2]}]"#),
        ("doc-%3Ea-%3Eb-%3E1", r#"[{"b":2}]"#),
        ("doc-%3E%3En,m:doc-%3En::int", r#"[{"n":"5","m":5}]"#),
        ("doc-%3Enothing", r#"[{"nothing":null}]"#),
        ("%22id%22", r#"[{"id":1}]"#),
        ("", "[{}]"),
    ] {
        let answer = get(&api, &format!("/rest/v1/things?id=eq.1&select={select}")).await;
        assert_eq!(answer.text, expected, "{select}");
    }
    let all = get(&api, "/rest/v1/things?id=eq.1&select=*,again:id").await;
    assert_eq!(all.json()[0].as_object().unwrap().len(), 8);
    let big = get_with(&api, "/rest/v1/things?id=eq.1&select=id", &[("Prefer", "bigint=string")]).await;
    assert_eq!(big.text, r#"[{"id":"1"}]"#);
    assert_eq!(big.header("preference-applied"), "bigint=string");
}

#[tokio::test]
async fn one_object_is_one_row_and_no_other_number_of_rows() {
    let api = things_api();
    let object = [("Accept", "application/vnd.pgrst.object+json")];
    let answer = get_with(&api, "/rest/v1/things?id=eq.2&select=id,name", &object).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, r#"{"id":2,"name":"bob"}"#));
    assert_eq!(answer.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    for (filter, rows) in [("id=eq.9", "0"), ("id=lt.4", "3")] {
        let refused = error(&get_with(&api, &format!("/rest/v1/things?{filter}"), &object).await, 406, "PGRST116");
        assert_eq!(refused["details"], format!("The result contains {rows} rows"));
    }
    let first = get_with(&api, "/rest/v1/things?select=id&order=id.desc&limit=1", &object).await;
    assert_eq!(first.text, r#"{"id":5}"#);
    let stripped = [("Accept", "application/vnd.pgrst.array+json;nulls=stripped")];
    assert_eq!(get_with(&api, "/rest/v1/things?id=eq.3", &stripped).await.text, r#"[{"id":3}]"#);
}

#[tokio::test]
async fn rows_are_csv_or_lines_where_a_client_would_rather_have_them() {
    let api = things_api();
    for path in ["/rest/v1/things", "/v1/views/things"] {
        let uri = format!("{path}?select=id,name,tags,n:doc-%3En&order=id");
        let csv = get_with(&api, &uri, &[("Accept", "text/csv")]).await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        let expected = "id,name,tags,n\n1,Ada,\"[\"\"a\"\",\"\"b\"\"]\",5\n2,bob,[],\n3,,,\n4,\"a,b\",\"[\"\"b\"\",null]\",\n5,100%,\"[\"\"c d\"\"]\",7\n";
        assert_eq!(csv.text, expected);
        let lines =
            get_with(&api, &format!("{path}?select=id&order=id.desc&limit=2"), &[("Accept", "application/x-ndjson")]).await;
        assert_eq!(lines.text, "{\"id\":5}\n{\"id\":4}\n");
    }
    let envelope = get(&api, "/v1/views/things?limit=1").await;
    assert!(envelope.text.starts_with("{\"rows\":["), "{}", envelope.text);
}

#[tokio::test]
async fn parts_of_the_rows_are_described_and_counted() {
    let api = things_api();
    let counted = |kind: &'static str| [("Prefer", kind)];
    for (uri, headers, status, range, ids) in [
        ("order=id&offset=1&limit=2", &counted("count=exact")[..], 206, "1-2/5", &[2, 3][..]),
        ("order=id", &counted("count=exact")[..], 200, "0-4/5", &[1, 2, 3, 4, 5]),
        ("order=id&id=gt.2&limit=1", &counted("count=exact")[..], 206, "0-0/3", &[3]),
        ("order=name&limit=1", &counted("count=planned")[..], 206, "0-0/5", &[5]),
        ("order=id&id=gt.9", &counted("count=estimated")[..], 200, "*/0", &[]),
        ("order=id&limit=0", &[][..], 200, "*/*", &[]),
        ("order=id", &[("Range", "3-9")][..], 200, "3-4/*", &[4, 5]),
        ("order=id", &[("Range", "0-1"), ("Range-Unit", "items"), ("Prefer", "count=exact")][..], 206, "0-1/5", &[1, 2]),
        ("order=id&offset=5", &counted("count=exact")[..], 206, "*/5", &[]),
        ("order=name.desc&offset=3&limit=5", &[][..], 200, "3-4/*", &[1, 5]),
    ] {
        let answer = get_with(&api, &format!("/rest/v1/things?select=id&{uri}"), headers).await;
        assert_eq!(answer.status.as_u16(), status, "{uri}: {}", answer.text);
        assert_eq!(answer.header("content-range"), range, "{uri}");
        assert_eq!(array_ids(&answer), ids, "{uri}");
        let applied = headers.iter().find(|(name, _)| *name == "Prefer").map(|(_, value)| *value);
        assert_eq!(answer.headers.get("preference-applied").map(|value| value.to_str().unwrap()), applied, "{uri}");
    }
    let beyond = get_with(&api, "/rest/v1/things?order=id&offset=9", &counted("count=exact")).await;
    let refused = error(&beyond, 416, "PGRST103");
    assert_eq!(refused["details"], "An offset of 9 was requested, but there are only 5 rows");
    assert_eq!(beyond.header("content-range"), "*/5");
    assert!(get_with(&api, "/rest/v1/things?limit=-1", &[]).await.headers.get("content-range").is_none());
    let request = Request::head("/rest/v1/things?id=lt.3").header("Prefer", "count=exact").body(Body::empty()).unwrap();
    let head = send(&api, request).await;
    assert_eq!((head.header("content-range"), head.text.as_str()), ("0-1/2", ""));
}

#[tokio::test]
async fn a_page_that_has_many_bytes_ends_early_and_says_so() {
    let api = api_with(things(), limited(Limits { page_bytes_max: 30, ..Limits::default() }));
    let answer = get(&api, "/rest/v1/things?select=id&order=id").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-range")), (206, "0-2/*"));
    let cursor = answer.header("tidewater-cursor").to_owned();
    let next = get(&api, &format!("/rest/v1/things?select=id&order=id&cursor={cursor}")).await;
    assert_eq!(array_ids(&next), [4, 5]);
    let sorted = get(&api, "/rest/v1/things?select=id&order=name").await;
    assert_eq!((sorted.status.as_u16(), sorted.header("content-range")), (206, "0-2/*"));
}

#[tokio::test]
async fn repeats_of_a_row_are_rows() {
    let views = Views::new(ViewsDefinition {
        timeline: Timeline(1),
        views: vec![view("numbers", &[("id", FieldKind::Int64)], &[("by_id", &["id"], None)], Access::Public)],
    });
    let columns = views.view("numbers").unwrap().view.columns.clone();
    publish(&views, 1, &[("numbers", vec![(row(&columns, &[Value::Int(1)]), 3), (row(&columns, &[Value::Int(2)]), 2)])]);
    let api = api_with(views, config());
    for order in ["id", "id.asc.nullsfirst"] {
        let answer =
            get_with(&api, &format!("/rest/v1/numbers?order={order}&offset=1&limit=3"), &[("Prefer", "count=exact")]).await;
        assert_eq!(array_ids(&answer), [1, 1, 2], "{order}");
        assert_eq!(answer.header("content-range"), "1-3/5");
    }
    let first = get(&api, "/rest/v1/numbers?order=id&limit=2").await;
    let cursor = first.header("tidewater-cursor").to_owned();
    assert_eq!(array_ids(&get(&api, &format!("/rest/v1/numbers?order=id&cursor={cursor}")).await), [1, 2, 2]);
}

#[tokio::test]
async fn an_answer_that_a_client_has_is_not_sent_again() {
    let views = things();
    let api = api_with(Arc::clone(&views), config());
    let uri = "/rest/v1/things?select=id&order=id";
    let tag = get(&api, uri).await.header("etag").to_owned();
    let again = get_with(&api, uri, &[("If-None-Match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    for headers in [[("Accept", "text/csv")], [("Range", "0-1")], [("Prefer", "count=exact")], [("Prefer", "bigint=string")]] {
        let headers = [&headers[..], &[("If-None-Match", tag.as_str())]].concat();
        assert!(get_with(&api, uri, &headers).await.status.is_success(), "{headers:?}");
    }
    let columns = views.view("things").unwrap().view.columns.clone();
    let nulls = std::iter::repeat_n(Value::Null, columns.len() - 1);
    let values: Vec<_> = [Value::Int(6)].into_iter().chain(nulls).collect();
    publish(&views, 2, &[("things", vec![(row(&columns, &values), 1)])]);
    assert_eq!(array_ids(&get_with(&api, uri, &[("If-None-Match", &tag)]).await), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_schema_that_is_asked_for_is_one_of_the_headers_an_answer_depends_on() {
    let answer = get(&things_api(), "/rest/v1/things").await;
    let mut vary = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    assert!(vary.any(|names| names.contains("accept-profile")), "{answer:?}");
}

#[tokio::test]
async fn a_request_that_waits_for_a_position_keeps_nothing_that_was_made_of_it() {
    let views = things();
    let api = api_with(Arc::clone(&views), config());
    // What is wrong is said before the wait.
    error(&get(&api, "/rest/v1/things?name=match.(&after=2a:2&wait=30000").await, 400, "2201B");
    let served = views.view("things").unwrap();
    let holders = Arc::strong_count(&served);
    let mut waiting = std::pin::pin!(get(&api, "/rest/v1/things?name=match.^A&select=id&after=2a:2&wait=30000"));
    let others = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("it did not wait: {}", answer.text),
        () = others => {}
    }
    assert_eq!(Arc::strong_count(&served), holders, "a request that waits keeps its plan, with its patterns");
    publish(&views, 2, &[("things", Vec::new())]);
    assert_eq!(array_ids(&waiting.await), [1]);
}

#[tokio::test]
async fn a_position_is_waited_for_by_parameter_or_header() {
    let api = things_api();
    assert_eq!(array_ids(&get(&api, "/rest/v1/things?id=eq.1&after=2a:1").await), [1]);
    for (uri, headers) in [
        ("/rest/v1/things?after=2a:2&wait=0", &[][..]),
        ("/rest/v1/things", &[("Tidewater-After", "2a:2"), ("Tidewater-Wait", "0")]),
    ] {
        let late = get_with(&api, uri, headers).await;
        assert_eq!(error(&late, 409, "position_not_reached")["position"], "2a:1");
    }
}

#[tokio::test]
async fn a_column_named_like_a_parameter_is_a_column() {
    let kinds = [("id", FieldKind::Int64), ("after", FieldKind::Int64)];
    let views = Views::new(ViewsDefinition {
        timeline: Timeline(0x2a),
        views: vec![view("steps", &kinds, &[("by_id", &["id"], None)], Access::Public)],
    });
    let columns = views.view("steps").unwrap().view.columns.clone();
    let rows = (1..=3).map(|id| (row(&columns, &[Value::Int(id), Value::Int(10 - id)]), 1)).collect();
    publish(&views, 1, &[("steps", rows)]);
    let answer = get_with(&api_with(views, config()), "/rest/v1/steps?after=gt.7", &[("Tidewater-After", "2a:1")]).await;
    assert_eq!(array_ids(&answer), [1, 2]);
}
