//! Readers: policies come before everything that a request may ask, and limits hold as for every endpoint.

use super::*;
use crate::{RateLimit, RatePeriod, ViewLimit};

async fn get_with_token(api: &Router, user: i64, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let authorization = format!("Bearer {}", token(user));
    get_with(api, uri, &[headers, &[("Authorization", authorization.as_str())]].concat()).await
}

#[tokio::test]
async fn rows_of_others_are_neither_shown_nor_counted_nor_compared_nor_cast() {
    let api = api();
    let exact = [("Prefer", "count=exact")];
    let own = get_with_token(&api, 1, "/rest/v1/following_feed?select=user_id&limit=1", &exact).await;
    assert_eq!((own.text.as_str(), own.header("content-range")), (r#"[{"user_id":1}]"#, "0-0/50"));
    for filter in ["user_id=eq.2", "user_id=neq.1", "not.or=(user_id.eq.1)", "text=like.for 2*", "or=(user_id.eq.2,user_id.eq.3)"]
    {
        let uri = format!("/rest/v1/following_feed?{}", filter.replace(' ', "%20"));
        let others = get_with_token(&api, 1, &uri, &exact).await;
        assert_eq!((others.text.as_str(), others.header("content-range")), ("[]", "*/0"), "{filter}");
    }
    let sorted = get_with_token(&api, 2, "/rest/v1/messages?select=message_id&order=body.desc", &exact).await;
    let ids: Vec<i64> = sorted.json().as_array().unwrap().iter().map(|row| row["message_id"].as_i64().unwrap()).collect();
    assert_eq!((ids, sorted.header("content-range")), (vec![32, 23, 22, 21, 12], "0-4/5"));
    // The rows of user 9 are none, so none of them can fail to be cast.
    let cast = get_with_token(&api, 9, "/rest/v1/messages?select=body::int", &[]).await;
    assert_eq!(cast.text, "[]");
    error(&get_with_token(&api, 1, "/rest/v1/messages?select=body::int", &[]).await, 400, "22P02");
    // A guess would say something of the rows of others; the exact number is small.
    let guessed = get_with_token(&api, 1, "/rest/v1/messages?body=like.*&limit=1", &[("Prefer", "count=planned")]).await;
    assert_eq!(guessed.header("content-range"), "0-0/5");
}

/// Ten short documents of user 1, and as many rows of user 2 between them as asked for, each with a document of so many bytes.
fn documents(hidden: i64, bytes: usize) -> Router {
    let kinds = [("id", FieldKind::Int64), ("owner", FieldKind::Int64), ("doc", FieldKind::Text)];
    let access = Access::Policies(vec![Policy::ColumnIsClaim { column: 1, claim: "sub".into() }]);
    let docs = view("docs", &kinds, &[("by_id", &["id"], None)], access);
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![docs] });
    let columns = views.view("docs").unwrap().view.columns.clone();
    let long = format!("{{\"n\":0,\"text\":\"{}\"}}", "x".repeat(bytes));
    let own = (0..10).map(|id| row(&columns, &[Value::Int(id * 100), Value::Int(1), text(&format!("{{\"n\":{id}}}"))]));
    let others = (0..hidden).map(|id| row(&columns, &[Value::Int(id * 100 + 50), Value::Int(2), text(&long)]));
    publish(&views, 1, &[("docs", own.chain(others).map(|row| (row, 1)).collect())]);
    api_with(views, config())
}

#[tokio::test]
async fn the_length_of_rows_of_others_is_no_work_and_changes_no_answer() {
    let (alone, among_others) = (documents(0, 0), documents(9, 2 << 20));
    for query in ["doc=like.*n*&order=id", "order=doc-%3En.desc,id", "select=id,doc-%3En&order=id", "doc-%3En=gt.3&order=id"] {
        for prefer in ["count=exact", "count=planned"] {
            let read = async |api: &Router| {
                let uri = format!("/rest/v1/docs?{query}");
                let answer = get_with_token(api, 1, &uri, &[("Prefer", prefer)]).await;
                (answer.status, answer.header("content-range").to_owned(), answer.text)
            };
            let expected = read(&alone).await;
            assert_eq!(expected.0, StatusCode::OK, "{query}: {}", expected.2);
            assert_eq!(read(&among_others).await, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn a_change_of_rows_that_a_reader_may_not_see_changes_no_tag() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let (uri, exact) = ("/rest/v1/following_feed?select=post_id&limit=100", ("Prefer", "count=exact"));
    let tag = get_with_token(&api, 1, uri, &[exact]).await.header("etag").to_owned();
    let again = async || get_with_token(&api, 1, uri, &[exact, ("If-None-Match", tag.as_str())]).await;
    let columns = views.view("following_feed").unwrap().view.columns.clone();
    let post_of = |user| row(&columns, &[Value::Int(user), Value::Timestamp(99_000_000), Value::Int(99), text("new")]);
    publish(&views, 2, &[("following_feed", vec![(post_of(2), 1)])]);
    let hidden = again().await;
    assert_eq!((hidden.status, hidden.text.as_str(), hidden.header("etag")), (StatusCode::NOT_MODIFIED, "", tag.as_str()));
    publish(&views, 3, &[("following_feed", vec![(post_of(1), 1)])]);
    let changed = again().await;
    assert_eq!((changed.status, changed.header("content-range")), (StatusCode::OK, "0-50/51"));
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn a_count_of_rows_that_others_see_too_is_not_guessed() {
    let own = Policy::ColumnIsClaim { column: 1, claim: "sub".into() };
    let shared = Policy::ColumnIs { column: 2, json: "true".into() };
    let kinds = [("id", FieldKind::Int64), ("owner", FieldKind::Int64), ("shared", FieldKind::Boolean)];
    let notes = view("notes", &kinds, &[("by_id", &["id"], None)], Access::Policies(vec![own, shared]));
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![notes] });
    let columns = views.view("notes").unwrap().view.columns.clone();
    let values = |id: i64| [Value::Int(id), Value::Int(id % 2), Value::Boolean(false)];
    publish(&views, 1, &[("notes", (0..20_000).map(|id| (row(&columns, &values(id)), 1)).collect())]);
    let api = api_with(views, config());
    let counted = |prefer: &'static str| {
        let api = api.clone();
        async move { get_with_token(&api, 1, "/rest/v1/notes?order=id&limit=1", &[("Prefer", prefer)]).await }
    };
    let guessed = counted("count=estimated").await;
    assert_eq!(guessed.header("content-range"), "0-0/*");
    assert!(guessed.headers.get("preference-applied").is_none());
    error(&counted("count=exact").await, 400, "54000");
}

#[tokio::test]
async fn readers_are_known_as_everywhere() {
    let api = api();
    let anonymous = get(&api, "/rest/v1/following_feed").await;
    error(&anonymous, 401, "PGRST302");
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    error(&get_with_token(&api, 1, "/rest/v1/secrets", &[]).await, 404, "PGRST205");
    let page = get_with_token(&api, 1, "/rest/v1/following_feed?limit=2", &[]).await;
    let uri = format!("/rest/v1/following_feed?cursor={}", page.header("tidewater-cursor"));
    assert!(get_with_token(&api, 1, &uri, &[]).await.status.is_success());
    error(&get_with_token(&api, 2, &uri, &[]).await, 400, "bad_cursor");
    let (_, of_page) = uri.split_once('?').unwrap();
    let crossed = get_as(&api, &token(1), &format!("/v1/views/following_feed?{of_page}")).await;
    crossed.problem(400, "bad_cursor", Some("cursor"));
}

#[tokio::test]
async fn limits_of_a_view_and_of_a_client_hold_under_both_addresses() {
    let limit = RateLimit { requests: 2, period: RatePeriod::Hour };
    let view_limits = vec![ViewLimit { view: "following_feed".into(), limit }];
    let api = api_with(social(), limited(Limits { view_limits, ..Limits::default() }));
    let uri = "/rest/v1/following_feed?limit=1";
    assert!(get_with_token(&api, 1, uri, &[]).await.status.is_success());
    assert!(get_as(&api, &token(1), "/v1/views/following_feed?limit=1").await.status.is_success());
    error(&get_with_token(&api, 1, uri, &[]).await, 429, "too_many_requests");

    let api = api_with(social(), limited(Limits { client_requests_per_hour: 1, ..Limits::default() }));
    assert!(get_with_token(&api, 1, uri, &[]).await.status.is_success());
    let refused = get_with_token(&api, 1, uri, &[]).await;
    error(&refused, 429, "too_many_requests");
    assert!(!refused.header("retry-after").is_empty());
}
