//! Forms of an answer that a client asks for: whole numbers as texts, only when something has changed, without a body, the methods there are.

use super::subscriptions::client::{Client, Server};
use super::*;

async fn with_headers(api: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(api, request.body(Body::empty()).unwrap()).await
}

const PAGE: &str = "/v1/views/posts?post_id=eq.10&select=post_id,text";
const AS_TEXT: (&str, &str) = ("Prefer", "bigint=string");

#[tokio::test]
async fn whole_numbers_of_64_bits_are_texts_for_whoever_prefers_it() {
    let api = api();
    let usual = get(&api, PAGE).await;
    assert_eq!(usual.rows()[0]["post_id"], 10);
    assert!(!usual.headers.contains_key("preference-applied"));
    let text = with_headers(&api, "GET", PAGE, &[AS_TEXT]).await;
    assert_eq!(text.rows()[0], json!({ "post_id": "10", "text": "hello \"world\"" }));
    assert_eq!((text.header("preference-applied"), text.header("vary")), ("bigint=string", "prefer"));
    assert_ne!(text.header("etag"), usual.header("etag"), "another form is another answer");
    let server = api_with(social(), ApiConfig { bigint: crate::BigintForm::Text, ..config() });
    assert_eq!(get(&server, PAGE).await.rows()[0]["post_id"], "10");
    assert_eq!(with_headers(&server, "GET", PAGE, &[("Prefer", "bigint=number")]).await.rows()[0]["post_id"], 10);
}

#[test]
fn whole_numbers_of_64_bits_are_texts_in_streams_too() {
    let server = Server::start(social(), config());
    let uri = "/v1/views/posts/subscribe?author_id=eq.1&order=post_id&select=post_id&key=post_id";
    let first_row = |client: &mut Client| client.until("upsert").data["row"].clone();
    assert_eq!(first_row(&mut server.sse(uri, &[])), json!({ "post_id": 12 }));
    let mut stream = server.sse(uri, &[AS_TEXT]);
    assert_eq!(first_row(&mut stream), json!({ "post_id": "12" }));
    let mut socket = Client::web_socket(server.address, uri, &[AS_TEXT]).unwrap();
    assert_eq!(first_row(&mut socket), json!({ "post_id": "12" }));
    let columns = social_views()[1].columns.clone();
    let gone = row(&columns, &[Value::Int(14), Value::Int(1), text("hello \"world\""), text("public")]);
    publish(&server.views, 2, &[("posts", vec![(gone, -1)])]);
    assert_eq!(stream.until("delete").data, json!({ "key": { "post_id": "14" } }));
    // An id of one form is no place in an answer of the other.
    let id = stream.until("progress").id.unwrap();
    let mut other = server.sse(uri, &[("Last-Event-ID", &id)]);
    assert_eq!(other.next().unwrap().data["reason"], "unknown_id");
}

#[test]
fn a_stream_without_headers_asks_for_texts_among_its_parameters() {
    let server = Server::start(social(), ApiConfig { bigint: crate::BigintForm::Text, ..config() });
    let uri = "/v1/views/posts/subscribe?author_id=eq.1&order=post_id&select=post_id&bigint=";
    let first_row = |client: &mut Client| client.until("upsert").data["row"].clone();
    for (form, expected) in [("number", json!({ "post_id": 12 })), ("string", json!({ "post_id": "12" }))] {
        let uri = format!("{uri}{form}");
        // The parameter counts before the header.
        assert_eq!(first_row(&mut server.sse(&uri, &[AS_TEXT])), expected, "{form}");
        assert_eq!(first_row(&mut Client::web_socket(server.address, &uri, &[]).unwrap()), expected, "{form}");
    }
    for form in ["text", ""] {
        let uri = format!("{uri}{form}");
        let Err((status, body)) = Client::sse(server.address, &uri, &[]) else { panic!("'{form}' was accepted") };
        assert!(status == 400 && body.contains("bad_parameter") && body.contains("string or number"), "{body}");
        assert_eq!(Client::web_socket(server.address, &uri, &[]).err(), Some(400));
    }
}

#[tokio::test]
async fn an_answer_whose_rows_are_the_same_is_not_sent_again() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let first = get(&api, PAGE).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = async |tag: &str| with_headers(&api, "GET", PAGE, &[("If-None-Match", tag)]).await;
    let unchanged = again(&tag).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!((unchanged.header("etag"), unchanged.header("tidewater-position")), (tag.as_str(), "2a:1"));
    assert_eq!(again("\"x\"").await.status, StatusCode::OK);

    // An epoch that changes other views changes nothing here, and the position goes on.
    let feed = views.view("following_feed").unwrap().view.columns.clone();
    let other = row(&feed, &[Value::Int(1), Value::Timestamp(1), Value::Int(77), text("x")]);
    publish(&views, 2, &[("following_feed", vec![(other, 1)])]);
    let unchanged = again(&tag).await;
    assert_eq!((unchanged.status, unchanged.header("tidewater-position")), (StatusCode::NOT_MODIFIED, "2a:2"));
    let posts = views.view("posts").unwrap().view.columns.clone();
    let post = row(&posts, &[Value::Int(99), Value::Int(9), text("new"), text("public")]);
    publish(&views, 3, &[("posts", vec![(post, 1)])]);
    let changed = again(&tag).await;
    assert_eq!((changed.status, changed.rows().len()), (StatusCode::OK, 1));
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn a_tag_is_that_of_one_query_and_reader() {
    let api = api();
    let feed = "/v1/views/following_feed?limit=2";
    let tag = async |user: i64, uri: &str| get_as(&api, &token(user), uri).await.header("etag").to_owned();
    let mine = tag(1, feed).await;
    assert_eq!(mine, tag(1, feed).await);
    for (user, uri) in
        [(2, feed), (1, "/v1/views/following_feed?limit=3"), (1, "/v1/views/following_feed?limit=2&select=post_id")]
    {
        let other = tag(user, uri).await;
        assert_ne!(other, mine, "{user} {uri}");
        let headers = [("Authorization", &*format!("Bearer {}", token(user))), ("If-None-Match", &*mine)];
        assert_eq!(with_headers(&api, "GET", uri, &headers).await.status, StatusCode::OK, "{user} {uri}");
    }
    // Who may not read learns nothing from a tag.
    with_headers(&api, "GET", feed, &[("If-None-Match", "*")]).await.problem(401, "token_needed", Some("Authorization"));
}

#[tokio::test]
async fn a_change_of_rows_that_a_reader_may_not_see_changes_no_tag() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let (feed, bearer) = ("/v1/views/following_feed?limit=100", format!("Bearer {}", token(1)));
    let first = get_as(&api, &token(1), feed).await;
    let tag = first.header("etag").to_owned();
    let again = async || with_headers(&api, "GET", feed, &[("Authorization", &bearer), ("If-None-Match", &tag)]).await;
    let columns = views.view("following_feed").unwrap().view.columns.clone();
    let post_of = |user| row(&columns, &[Value::Int(user), Value::Timestamp(99_000_000), Value::Int(99), text("new")]);
    publish(&views, 2, &[("following_feed", vec![(post_of(2), 1)])]);
    let hidden = again().await;
    assert_eq!((hidden.status, hidden.text.as_str(), hidden.header("etag")), (StatusCode::NOT_MODIFIED, "", tag.as_str()));
    assert_eq!(hidden.header("tidewater-position"), "2a:2");
    assert_eq!(get_as(&api, &token(1), feed).await.header("etag"), tag, "also without a condition");
    publish(&views, 3, &[("following_feed", vec![(post_of(1), 1)])]);
    let changed = again().await;
    assert_eq!((changed.status, changed.rows().len()), (StatusCode::OK, first.rows().len() + 1));
    assert_ne!(changed.header("etag"), tag);
    publish(&views, 4, &[("following_feed", vec![(post_of(1), -1)])]);
    assert_eq!(again().await.status, StatusCode::NOT_MODIFIED, "the rows are as they were");
}

#[test]
fn a_view_that_is_replaced_has_another_tag() {
    let views = social();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = api_with(Arc::clone(&views), config());
    let tag = || runtime.block_on(get(&api, PAGE)).header("etag").to_owned();
    let before = tag();
    let served = views.stage(social_views().remove(1)).unwrap();
    for (id, _) in &served.indexes {
        views.hydrate(*id, Vec::new()).unwrap();
    }
    let catalogue = sinks::views::CatalogueChange { show: vec!["posts".into()], ..Default::default() };
    publish_commit(&views, Commit { epoch: Epoch(2), catalogue: Some(catalogue), ..Commit::default() }, &[]);
    assert_ne!(tag(), before);
}

#[tokio::test]
async fn head_is_a_get_without_its_body_and_options_names_the_methods() {
    let api = api();
    for uri in [PAGE, "/v1/views", "/healthz", "/readyz", "/metrics", "/v1/topology", "/"] {
        let (get, head) = (get(&api, uri).await, with_headers(&api, "HEAD", uri, &[]).await);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{uri}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{uri}");
        assert!(uri == "/metrics" || head.header("content-length") == get.text.len().to_string(), "{uri}");
    }
    for (uri, allowed) in
        [(PAGE, "GET,HEAD,OPTIONS"), ("/v1/events", "POST,OPTIONS"), ("/v1/deployments", "GET,HEAD,POST,OPTIONS")]
    {
        let answer = with_headers(&api, "OPTIONS", uri, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (StatusCode::NO_CONTENT, allowed), "{uri}");
        let answer = with_headers(&api, "PATCH", uri, &[]).await;
        answer.problem(405, "method_not_allowed", None);
        assert_eq!(answer.header("allow"), allowed, "{uri}");
    }
    with_headers(&api, "OPTIONS", "/v1/nowhere", &[]).await.problem(404, "unknown_path", None);
}
