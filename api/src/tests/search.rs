//! Searches over HTTP: hits, their readers, and refused queries.

use schemas::field::Value;
use schemas::serving::SearchIndex;
use sinks::search::{Definition as SearchDefinition, Place, SearchWriter};

use super::*;

/// The social views with an index over posts and one over messages, and who keeps them.
struct SearchWorld {
    api: Router,
    views: Arc<Views>,
    posts: SearchWriter,
    _messages: SearchWriter,
}

fn definition(views: &Views, name: &str, view: &str, searched: usize, included: &[usize], guarded: &[usize]) -> SearchDefinition {
    let served = views.view(view).unwrap();
    let index = SearchIndex {
        name: name.to_owned(),
        view: view.to_owned(),
        searched: vec![searched],
        included: included.to_vec(),
        guarded: guarded.to_vec(),
        key: vec![0],
        stemmer: None,
        prefix_letters: 2,
        suggested: None,
        popularity: None,
    };
    SearchDefinition { index, columns: served.view.columns.clone() }
}

fn rows_of(views: &Views, view: &str) -> Vec<(Row, i64)> {
    let served = views.view(view).unwrap();
    let snapshot = views.snapshot();
    let everything = sinks::views::Range { lower: std::ops::Bound::Unbounded, upper: std::ops::Bound::Unbounded, reverse: false };
    // The columns of these views begin with those of their first index, none of which descends.
    snapshot.scan(served.indexes[0].0, everything).map(|(row, count)| (Row::from_bytes(row), count)).collect()
}

fn world() -> SearchWorld {
    let views = social();
    let config = config();
    let open = |definition: SearchDefinition| {
        let view = definition.index.view.clone();
        let (mut writer, reader, _) = SearchWriter::open(definition, Place::Memory).unwrap();
        config.search.insert(reader);
        writer.replace(Epoch(1), "", &rows_of(&views, &view)).unwrap();
        writer
    };
    let posts = open(definition(&views, "post_search", "posts", 2, &[0, 1], &[]));
    let messages = open(definition(&views, "message_search", "messages", 3, &[1, 2], &[1, 2]));
    SearchWorld { api: api_with(Arc::clone(&views), config), views, posts, _messages: messages }
}

fn bodies(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let json = answer.json();
    let hits = json["hits"].as_array().unwrap();
    assert_eq!(json["total"], hits.len());
    hits.iter().map(|hit| hit["row"]["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn hits_are_shown_with_what_matched_and_counted() {
    let world = world();
    let answer = get(
        &world.api,
        "/v1/search/post_search?q=world&order=post_id.desc&limit=2&highlight=text&facets=author_id&author_id=gte.2",
    )
    .await;
    assert_eq!(answer.header("tidewater-position"), "2a:1");
    let row = |id: i64| {
        let row = json!({ "text": "hello \"world\"", "post_id": id, "author_id": 3 });
        json!({ "row": row, "highlights": { "text": "hello &quot;<mark>world</mark>&quot;" } })
    };
    let counts = json!([{ "value": 2, "count": 5 }, { "value": 3, "count": 5 }]);
    assert_eq!(
        answer.json(),
        json!({ "hits": [row(34), row(33)], "total": 10, "next_offset": 2, "facets": { "author_id": counts }, "position": "2a:1" })
    );
    let answer = get(&world.api, "/v1/search/post_search?q=hello&select=post_id&offset=14").await;
    assert_eq!(answer.json()["hits"], json!([{ "row": { "post_id": 34 }, "highlights": {} }]));
    assert_eq!(answer.json()["next_offset"], Json::Null);
}

#[tokio::test]
async fn fault_44_a_policy_hides_rows_from_hits_counts_and_suggestions() {
    let world = world();
    let search = async |token: &str, uri: &str| get_as(&world.api, token, uri).await;
    let one = token(1);
    let mine = bodies(&search(&one, "/v1/search/message_search?q=from&order=sender").await);
    assert_eq!(mine, ["from 1 to 1", "from 1 to 2", "from 1 to 3", "from 2 to 1", "from 3 to 1"]);
    assert_eq!(bodies(&search(&one, "/v1/search/message_search?q=from&sender=eq.2").await), ["from 2 to 1"]);
    assert_eq!(bodies(&search(&one, "/v1/search/message_search?q=%22from+2+to+3%22").await), Vec::<String>::new());
    assert_eq!(bodies(&search(&one, "/v1/search/message_search?sender=eq.2&receiver=eq.3").await), Vec::<String>::new());
    let facets = search(&one, "/v1/search/message_search?q=from&facets=sender").await.json()["facets"].clone();
    let counts = json!([{ "value": 1, "count": 3 }, { "value": 2, "count": 1 }, { "value": 3, "count": 1 }]);
    assert_eq!(facets, json!({ "sender": counts }));
    let suggestions = search(&one, "/v1/search/message_search/suggest?prefix=fr").await.json()["suggestions"].clone();
    assert_eq!(suggestions, json!([{ "text": "from", "popularity": 5 }]));
    let auditor = sign(json!({ "role": "auditor", "exp": FAR_FUTURE }));
    assert_eq!(bodies(&search(&auditor, "/v1/search/message_search?q=from").await).len(), 9);
    let nobody = sign(json!({ "exp": FAR_FUTURE }));
    assert_eq!(bodies(&search(&nobody, "/v1/search/message_search?q=from").await), Vec::<String>::new());
    get(&world.api, "/v1/search/message_search?q=from").await.problem(401, "token_needed", Some("Authorization"));
    get(&world.api, "/v1/search/message_search/suggest?prefix=fr").await.problem(401, "token_needed", Some("Authorization"));
}

#[tokio::test]
async fn indexes_of_views_that_are_denied_are_unknown() {
    let views = social();
    let config = config();
    let mut hidden = definition(&views, "secret_search", "posts", 2, &[], &[]);
    hidden.index.view = "secrets".to_owned();
    let (_writer, reader, _) = SearchWriter::open(hidden, Place::Memory).unwrap();
    config.search.insert(reader);
    let api = api_with(views, config);
    let denied = get(&api, "/v1/search/secret_search?q=a").await.problem(404, "unknown_index", Some("index"));
    let absent = get(&api, "/v1/search/secret_searcx?q=a").await.problem(404, "unknown_index", Some("index"));
    assert_eq!(denied.replace("secret_search", "secret_searcx"), absent);
    assert_eq!(get(&api, "/v1/search").await.json(), json!({ "indexes": [] }));
}

#[tokio::test]
async fn fault_41_what_is_wrong_is_said_with_the_part_that_is_to_blame() {
    let world = world();
    for (uri, kind, field, detail) in [
        ("post_search?q=(a", "bad_query", "q", "the query can't be read at '(a': expected a ')' that closes it"),
        ("post_search?q=-a", "bad_query", "q", "'-a' only says what is not wanted: add a word that is"),
        (
            "post_search?q=hello+w*",
            "query_too_costly",
            "q",
            "the prefix 'w*' is too short: write at least 2 letters before the '*'",
        ),
        (
            "post_search?txt=eq.1",
            "unknown_column",
            "txt",
            "'txt' is neither a column of 'post_search' nor a parameter; did you mean 'text'?",
        ),
        (
            "post_search?visibility=eq.public",
            "unknown_column",
            "visibility",
            "'visibility' is neither a column of 'post_search' nor a parameter",
        ),
        (
            "post_search?text=eq.a",
            "column_not_included",
            "text",
            "'text' is not included in the full-text index 'post_search', so a condition can't use it: use one of post_id, author_id",
        ),
        (
            "post_search?order=text",
            "column_not_included",
            "text",
            "'text' is not included in the full-text index 'post_search', so order can't use it: use one of post_id, author_id",
        ),
        (
            "post_search?highlight=author_id",
            "column_not_included",
            "author_id",
            "'author_id' is not included in the full-text index 'post_search', so highlight can't use it: use one of text",
        ),
        (
            "post_search?order=post_id.up",
            "bad_parameter",
            "order",
            "'post_id.up' is not accepted for 'order': expected relevance, or one column such as created_at.desc",
        ),
        (
            "post_search?limit=1000000000",
            "bad_parameter",
            "limit",
            "'1000000000' is not accepted for 'limit': expected a whole number from 1 to 100",
        ),
        (
            "post_search?offset=10001",
            "bad_parameter",
            "offset",
            "'10001' is not accepted for 'offset': expected a whole number from 0 to 10000",
        ),
        (
            "post_search?facets=author_id,author_id",
            "bad_parameter",
            "facets",
            "'author_id,author_id' is not accepted for 'facets': expected each column at most once",
        ),
        (
            "post_search/suggest?limit=2",
            "query_too_costly",
            "prefix",
            "the prefix '' is too short: write at least 1 letters before the '*'",
        ),
    ] {
        let answer = get(&world.api, &format!("/v1/search/{uri}")).await;
        assert_eq!(answer.problem(400, kind, Some(field)), detail, "{uri}");
    }
    let meant = get(&world.api, "/v1/search/posts_search?q=a").await;
    assert_eq!(meant.json()["suggestion"], "post_search");
    meant.problem(404, "unknown_index", Some("index"));
    let many = format!("/v1/search/post_search?q={}", "a+OR+".repeat(70));
    get(&world.api, &many).await.problem(400, "query_too_costly", Some("q"));
    for odd in ["%00", "%22%22", "..%2F..%2Fetc", "a%0d%0aSet-Cookie:+x", "*:*", "text:(a+OR+b)"] {
        let answer = get(&world.api, &format!("/v1/search/post_search?q={odd}")).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{odd}: {}", answer.text);
    }
    get(&world.api, "/v1/search/..%2Fposts?q=a").await.problem(404, "unknown_index", Some("index"));
}

#[tokio::test]
async fn a_reader_finds_what_it_has_written_at_once() {
    let mut world = world();
    let columns = world.views.view("posts").unwrap().view.columns.clone();
    let new = row(&columns, &[Value::Int(99), Value::Int(1), text("brand new"), text("public")]);
    let reader = world.api.clone();
    let waiting = tokio::spawn(async move { get(&reader, "/v1/search/post_search?q=brand&after=2a:2&wait=30000").await });
    publish(&world.views, 2, &[("posts", vec![(new.clone(), 1)])]);
    world.posts.apply(Epoch(2), "", &[(new, 1)]).unwrap();
    let answer = waiting.await.unwrap();
    assert_eq!((answer.json()["total"].clone(), answer.header("tidewater-position")), (json!(1), "2a:2"));
    publish(&world.views, 3, &[]);
    let late = get(&world.api, "/v1/search/post_search?q=brand&after=2a:3&wait=1").await;
    late.problem(409, "position_not_reached", Some("after"));
    assert_eq!(late.json()["position"], "2a:2", "the index says how far it is itself");
}

#[tokio::test]
async fn an_index_that_is_not_whole_says_when_to_come_back() {
    let views = social();
    let config = config();
    let (mut writer, reader, _) =
        SearchWriter::open(definition(&views, "post_search", "posts", 2, &[0], &[]), Place::Memory).unwrap();
    config.search.insert(reader);
    let api = api_with(Arc::clone(&views), config);
    for uri in ["/v1/search/post_search?q=hello", "/v1/search/post_search/suggest?prefix=he"] {
        let answer = get(&api, uri).await;
        answer.problem(503, "index_building", Some("index"));
        assert_eq!(answer.header("retry-after"), "5");
    }
    writer.replace(Epoch(1), "", &rows_of(&views, "posts")).unwrap();
    assert_eq!(get(&api, "/v1/search/post_search?q=hello").await.json()["total"], 15);
    views.set_hydration("posts", Some(sinks::views::Hydration { done: 1, total: 4, seconds_left: Some(9) }));
    let answer = get(&api, "/v1/search/post_search?q=hello").await;
    answer.problem(503, "view_hydrating", Some("view"));
    assert_eq!(answer.header("retry-after"), "9");
}

#[tokio::test]
async fn a_policy_that_is_newer_than_the_index_lets_nothing_through() {
    let world = world();
    let by_visibility = Access::Policies(vec![Policy::ColumnIs { column: 3, json: "\"public\"".into() }]);
    let change = sinks::views::CatalogueChange { access: vec![("posts".into(), by_visibility)], ..Default::default() };
    world.views.publish(Commit { epoch: Epoch(2), catalogue: Some(change), ..Commit::default() }).unwrap();
    let answer = get_as(&world.api, &token(1), "/v1/search/post_search?q=hello").await;
    assert_eq!(answer.json()["total"], 0, "the index does not have the column that is compared");
    let listed = get_as(&world.api, &token(1), "/v1/search").await.json();
    assert_eq!(listed["indexes"][1]["name"], "post_search");
    assert_eq!(
        listed["indexes"][1]["columns"][1],
        json!({ "name": "post_id", "type": "BIGINT", "searched": false, "included": true })
    );
}

#[tokio::test]
async fn the_openapi_document_has_the_indexes_that_its_reader_may_search() {
    let world = world();
    let stranger = get(&world.api, "/openapi.json").await.json();
    let reader = get_as(&world.api, &token(1), "/openapi.json").await.json();
    assert!(!stranger.to_string().contains("message_search"), "a stranger reads of an index of messages");
    let names = |document: &Json, path: &str| -> Vec<String> {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        parameters.iter().filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
    };
    let of_search = ["q", "post_id", "author_id", "select", "order", "limit", "offset", "highlight", "facets"];
    assert_eq!(names(&stranger, "/v1/search/post_search"), of_search);
    assert_eq!(names(&stranger, "/v1/search/post_search/suggest"), ["prefix", "limit", "post_id", "author_id"]);
    let orders = &stranger["paths"]["/v1/search/post_search"]["get"]["parameters"][4]["schema"]["enum"];
    assert_eq!(*orders, json!(["relevance", "post_id", "post_id.desc", "author_id", "author_id.desc"]));
    for order in orders.as_array().unwrap() {
        let answer = get(&world.api, &format!("/v1/search/post_search?q=world&order={}", order.as_str().unwrap())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert_eq!(reader["paths"]["/v1/search/message_search"]["get"]["security"], json!([{ "bearer": [] }]));
    let hit = &reader["components"]["schemas"]["Hit.message_search"]["properties"];
    assert_eq!(hit.as_object().unwrap().keys().collect::<Vec<_>>(), ["body", "receiver", "sender"]);
}
