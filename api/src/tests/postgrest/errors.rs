//! Refusals: each says with its code what is not served, and what to do instead.

use super::*;

#[tokio::test]
async fn what_can_not_be_evaluated_is_an_error_with_the_code_of_postgresql() {
    let api = things_api();
    for (query, code) in [
        ("id=eq.x", "22P02"),
        ("id=eq.1.5", "22P02"),
        ("id=eq.9223372036854775808", "22003"),
        ("at=gt.soon", "22007"),
        ("active=eq.maybe", "22P02"),
        ("tags=cs.a", "22P02"),
        ("doc-%3Ea=eq.x", "22P02"),
        ("nothing=eq.1", "42703"),
        ("select=nothing", "42703"),
        ("order=nothing", "42703"),
        ("id=like.1*", "42883"),
        ("name=cs.{a}", "42883"),
        ("id=sl.(1,2)", "42883"),
        ("id=is.true", "42804"),
        ("name=match.(", "2201B"),
        ("select=name::int&id=eq.1", "22P02"),
        ("select=id::date", "42846"),
        ("select=id::money", "42704"),
        ("select=id,id", "42701"),
        ("select=a:id,b:id,c:id,d:id,e:id,f:id,g:id,h:id,i:id", "54011"),
    ] {
        error(&get(&api, &format!("/rest/v1/things?{query}")).await, 400, code);
    }
    let misspelt = error(&get(&api, "/rest/v1/things?nme=eq.x").await, 400, "42703");
    assert_eq!((&misspelt["hint"], &misspelt["field"]), (&json!("Perhaps you meant 'name'"), &json!("nme")));
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let api = things_api();
    for (query, status, code) in [
        ("id=1", 400, "PGRST100"),
        ("id=eqq.1", 400, "PGRST100"),
        ("name=fts.word", 400, "PGRST100"),
        ("name=plfts(english).word", 400, "PGRST100"),
        ("id=is.nothing", 400, "PGRST100"),
        ("id=in.1", 400, "PGRST100"),
        ("id=in(any).{1}", 400, "PGRST100"),
        ("or=(id.eq.1", 400, "PGRST100"),
        ("or=id.eq.1", 400, "PGRST100"),
        ("select=id,", 400, "PGRST100"),
        ("order=", 400, "PGRST100"),
        ("order=id.up", 400, "PGRST100"),
        ("limit=many", 400, "PGRST100"),
        ("limit=1&limit=2", 400, "PGRST100"),
        ("columns=id", 400, "PGRST100"),
        ("id=eq.%ff", 400, "PGRST100"),
        ("limit=-1", 416, "PGRST103"),
        ("select=id,authors(name)", 400, "PGRST200"),
        ("select=...authors(name)", 400, "PGRST200"),
        ("select=a:authors!inner(name)", 400, "PGRST200"),
        ("authors.name=eq.x", 400, "PGRST108"),
        ("order=authors(name)", 400, "PGRST108"),
        ("select=count()", 400, "PGRST123"),
        ("select=id.sum()", 400, "PGRST123"),
        ("select=total:score.avg()", 400, "PGRST123"),
    ] {
        error(&get(&api, &format!("/rest/v1/things?{query}")).await, status, code);
    }
    for (name, value, status, code) in [
        ("Accept", "application/geo+json", 406, "PGRST107"),
        ("Accept", "application/vnd.pgrst.plan+json", 406, "PGRST107"),
        ("Accept-Profile", "other", 406, "PGRST106"),
        ("Range", "5-2", 416, "PGRST103"),
        ("Prefer", "handling=strict, max-affected=1", 400, "PGRST122"),
    ] {
        error(&get_with(&api, "/rest/v1/things", &[(name, value)]).await, status, code);
    }
    assert!(get_with(&api, "/rest/v1/things", &[("Accept-Profile", "public")]).await.status.is_success());
    error(&get(&api, "/rest/v1/thngs").await, 404, "PGRST205");
    error(&get(&api, "/rest/v1/rpc/anything").await, 404, "PGRST202");
    error(&get_with(&api, "/rest/v1/things", &[("Authorization", "Bearer x")]).await, 401, "PGRST301");
    error(&get_with(&api, "/v1/views/things?id=eq.x", &[("Accept", "text/csv")]).await, 400, "22P02");
}

#[tokio::test]
async fn views_are_not_written_to() {
    let api = things_api();
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri("/rest/v1/things?id=eq.1").body(Body::from("{}")).unwrap();
        let refused = send(&api, request).await;
        assert!(error(&refused, 405, "PGRST117")["hint"].as_str().unwrap().contains("/v1/events"));
        assert_eq!(refused.header("allow"), "GET,HEAD,OPTIONS");
    }
    let options = Request::options("/rest/v1/things").body(Body::empty()).unwrap();
    assert_eq!(send(&api, options).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn too_many_patterns_and_too_large_ones_are_refused() {
    let api = things_api();
    let many = vec!["a"; 33].join(",");
    error(&get(&api, &format!("/rest/v1/things?name=match(any).{{{many}}}")).await, 400, "54000");
    error(&get(&api, "/rest/v1/things?name=match.(a{1000}){1000}").await, 400, "2201B");
    // Each is small enough, but not all of them together.
    let some = vec!["%22(abc|def|ghi){30}%22"; 31].join(",");
    error(&get(&api, &format!("/rest/v1/things?name=match(any).{{{some}}}")).await, 400, "54000");
}

#[tokio::test]
async fn lists_of_any_part_of_a_request_have_a_limit() {
    let api = things_api();
    let numbers = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let tests = |count: usize| (0..count).map(|number| format!("id.eq.{number}")).collect::<Vec<_>>().join(",");
    let places = |count: usize| (0..count).map(|number| format!("doc-%3Ea{number}")).collect::<Vec<_>>().join(",");
    for (allowed, refused) in [
        (format!("id=eq(any).{{{}}}", numbers(100)), format!("id=eq(any).{{{}}}", numbers(101))),
        (format!("or=({})", tests(100)), format!("or=({})", tests(101))),
        (format!("score=in.({})", numbers(1_000)), format!("score=in.({})", numbers(1_001))),
        (format!("or=(id.eq.1,score.in.({}))", numbers(999)), format!("id=gt.0&score=in.({})&id=in.(1)", numbers(1_000))),
        (format!("order={}", places(32)), format!("order={}", places(33))),
    ] {
        let answer = get(&api, &format!("/rest/v1/things?{allowed}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let problem = error(&get(&api, &format!("/rest/v1/things?{refused}")).await, 400, "54000");
        assert_eq!(problem["type"], "urn:tidewater:problem:too_many_conditions");
    }
    // It is refused while it is read, not when all columns are there so many times.
    let all = vec!["*"; 2_000].join(",");
    error(&get(&api, &format!("/rest/v1/things?select={all}")).await, 400, "54011");
}

#[tokio::test]
async fn an_index_with_a_limit_counts_what_it_serves_where_no_other_one_is_there() {
    let kinds = [("id", FieldKind::Int64), ("owner", FieldKind::Int64)];
    let latest: (&str, &[&str], Option<usize>) = ("latest", &["owner", "-id"], Some(2));
    let of = |indexes: &[(&str, &[&str], Option<usize>)]| {
        let notes = view("notes", &kinds, indexes, Access::Public);
        let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![notes] });
        let columns = views.view("notes").unwrap().view.columns.clone();
        let values = |id: i64| [Value::Int(id), Value::Int(1)];
        publish(&views, 1, &[("notes", (0..5).map(|id| (row(&columns, &values(id)), 1)).collect())]);
        api_with(views, config())
    };
    let (both, limited) = (of(&[latest, ("by_id", &["id"], None)]), of(&[latest]));
    let uri = "/rest/v1/notes?owner=eq.1&select=id&limit=1";
    assert_eq!(get_with(&both, uri, &[("Prefer", "count=exact")]).await.header("content-range"), "0-0/5");
    assert_eq!(get_with(&limited, uri, &[("Prefer", "count=exact")]).await.header("content-range"), "0-0/2");
    for api in [&both, &limited] {
        let guessed = get_with(api, uri, &[("Prefer", "count=estimated")]).await;
        assert_eq!((guessed.status, guessed.header("content-range")), (StatusCode::OK, "0-0/*"), "{}", guessed.text);
        assert!(guessed.headers.get("preference-applied").is_none());
    }
}

/// 20,000 rows of which the first five are even.
fn numbers() -> Router {
    let kinds = [("id", FieldKind::Int64), ("even", FieldKind::Boolean), ("other", FieldKind::Int64)];
    let indexes: [(&str, &[&str], Option<usize>); 2] = [("by_id", &["id"], None), ("by_even", &["even", "id"], None)];
    let views =
        Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![view("numbers", &kinds, &indexes, Access::Public)] });
    let columns = views.view("numbers").unwrap().view.columns.clone();
    let values = |id: i64| [Value::Int(id), Value::Boolean(id < 5), Value::Int(-id)];
    publish(&views, 1, &[("numbers", (0..20_000).map(|id| (row(&columns, &values(id)), 1)).collect())]);
    api_with(views, config())
}

#[tokio::test]
async fn work_beyond_the_limit_names_the_index_to_create() {
    let api = numbers();
    for (query, hint) in [
        ("order=other", "CREATE INDEX ON numbers (other)"),
        ("other=eq.-19999", "CREATE INDEX ON numbers (other)"),
        ("even=is.false&order=other.desc", "CREATE INDEX ON numbers (even, other DESC)"),
        ("other=lt.-19990&even=eq.false", "CREATE INDEX ON numbers (even, other)"),
    ] {
        let refused = error(&get(&api, &format!("/rest/v1/numbers?{query}")).await, 400, "54000");
        assert_eq!(refused["hint"], hint, "{query}");
        assert_eq!(refused["type"], "urn:tidewater:problem:index_needed");
    }
    let far = error(&get(&api, "/rest/v1/numbers?order=id&offset=15000").await, 400, "54000");
    assert!(far["hint"].as_str().unwrap().contains("cursor"), "{far}");
    // Conditions that an index ensures bound the work, whatever the order.
    assert_eq!(array_ids(&get(&api, "/rest/v1/numbers?even=eq.true&order=other&select=id").await), [4, 3, 2, 1, 0]);
    assert_eq!(array_ids(&get(&api, "/rest/v1/numbers?id=gt.19990&other=lt.-19997&order=id.desc&limit=1").await), [19_999]);
}

#[tokio::test]
async fn counts_beyond_the_limit_are_known_guessed_or_refused() {
    let api = numbers();
    let count = |query: &'static str, prefer: &'static str| {
        let api = api.clone();
        async move { get_with(&api, &format!("/rest/v1/numbers?limit=1&{query}"), &[("Prefer", prefer)]).await }
    };
    assert_eq!(count("order=id", "count=exact").await.header("content-range"), "0-0/20000");
    assert_eq!(count("even=eq.true", "count=exact").await.header("content-range"), "0-0/5");
    error(&count("id=gte.0&other=lte.0", "count=exact").await, 400, "54000");
    // What can be read without a count can be read with a guess.
    for order in ["order=other", "even=eq.true&order=other", "id=lt.9000&order=other", "order=id"] {
        let plain = get(&api, &format!("/rest/v1/numbers?limit=1&{order}")).await;
        let guessed = get_with(&api, &format!("/rest/v1/numbers?limit=1&{order}"), &[("Prefer", "count=estimated")]).await;
        assert_eq!(plain.status.is_success(), guessed.status.is_success(), "{order}: {}", guessed.text);
    }
    let guessed = count("other=lte.0&order=id", "count=planned").await;
    assert_eq!((guessed.status.as_u16(), guessed.header("content-range")), (206, "0-0/19998"));
}

#[tokio::test]
async fn long_rows_are_work_for_each_pattern_and_each_place_that_reads_them() {
    let kinds = [("id", FieldKind::Int64), ("doc", FieldKind::Text)];
    let views = Views::new(ViewsDefinition {
        timeline: Timeline(1),
        views: vec![view("docs", &kinds, &[("by_id", &["id"], None)], Access::Public)],
    });
    let columns = views.view("docs").unwrap().view.columns.clone();
    let doc = format!("{{\"n\":1,\"text\":\"{}\"}}", "x".repeat(1 << 20));
    publish(&views, 1, &[("docs", (0..8).map(|id| (row(&columns, &[Value::Int(id), text(&doc)]), 1)).collect())]);
    let api = api_with(views, config());
    for query in ["select=id&doc=like.*n*", "select=id&order=doc-%3En,id", "select=id,doc-%3En"] {
        assert_eq!(array_ids(&get(&api, &format!("/rest/v1/docs?id=lt.2&{query}")).await), [0, 1], "{query}");
        error(&get(&api, &format!("/rest/v1/docs?{query}")).await, 400, "54000");
    }
    // Larger patterns and lists in JSON are more work for the same rows.
    for query in ["doc=match.(abc%7Cdef%7Cghi)%7B30%7D", "doc-%3En=cs.[1,1,1,1,1,1,1,1,1]"] {
        error(&get(&api, &format!("/rest/v1/docs?select=id&id=lt.2&{query}")).await, 400, "54000");
    }
    assert_eq!(array_ids(&get(&api, "/rest/v1/docs?select=id&id=lt.2&doc-%3En=cs.1").await), [0, 1]);
    // What is neither matched nor looked into is read once.
    assert_eq!(get(&api, "/rest/v1/docs?select=id&id=neq.9").await.json().as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn keys_that_are_sorted_are_work_of_the_size_that_they_have_in_memory() {
    let kinds = [("id", FieldKind::Int64), ("doc", FieldKind::Text)];
    let docs = view("docs", &kinds, &[("by_id", &["id"], None)], Access::Public);
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![docs] });
    let columns = views.view("docs").unwrap().view.columns.clone();
    let doc = format!("{{\"l\":[{}0]}}", "1,".repeat(100_000));
    publish(&views, 1, &[("docs", (0..8).map(|id| (row(&columns, &[Value::Int(id), text(&doc)]), 1)).collect())]);
    let api = api_with(views, config());
    // Each list is 200 kB of text, and about 3 MB in memory.
    assert_eq!(array_ids(&get(&api, "/rest/v1/docs?select=id&id=lt.2&order=doc-%3El,id").await), [0, 1]);
    error(&get(&api, "/rest/v1/docs?select=id&order=doc-%3El,id").await, 400, "54000");
}
