//! Derived topics and invalidations: who reads them, and where a reader goes on.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt as _;
use schemas::position::Position;
use sinks::invalidations::Invalidations;
use sinks::views::CatalogueChange;

use super::*;
use crate::http::limits::FOLLOWER_EVENT_KEYS;
use crate::{Derived, RecordPage, TopicRecord};

/// Topics of two records each, after ten that are gone.
struct TestTopics;

const EARLIEST: u64 = 10;
const END: u64 = 12;

impl Derived for TestTopics {
    fn view_of(&self, topic: &str) -> Option<String> {
        let views = [
            ("derived.posts", "posts"),
            ("derived.feed", "following_feed"),
            ("derived.secrets", "secrets"),
            ("derived.gaps", "posts"),
        ];
        views.iter().find(|(name, _)| *name == topic).map(|(_, view)| (*view).to_owned())
    }

    fn records(
        &self,
        topic: &str,
        from: Option<Offset>,
        limit: usize,
        _bytes_max: usize,
    ) -> BoxFuture<'_, Result<RecordPage, IngestError>> {
        let has_record = |offset: &u64| topic != "derived.gaps" || *offset < END - 1;
        let offsets = (from.map_or(EARLIEST, |from| from.0)..END).filter(has_record).take(limit);
        let record = |offset| TopicRecord {
            offset: Offset(offset),
            timestamp: 5,
            key: b"{\"id\":1}".to_vec(),
            value: br#"{"headers":{"op":"upsert"},"row":{"id":1}}"#.to_vec(),
        };
        let page = RecordPage { earliest: Offset(EARLIEST), end: Offset(END), records: offsets.map(record).collect() };
        Box::pin(std::future::ready(Ok(page)))
    }
}

fn operator() -> String {
    sign(json!({ "scope": "operator", "exp": FAR_FUTURE }))
}

fn with_topics() -> Router {
    api_with(social(), ApiConfig { derived: Some(Arc::new(TestTopics)), ..config() })
}

#[tokio::test]
async fn records_of_a_derived_topic_come_in_pages_that_a_reader_goes_on_from() {
    let api = with_topics();
    let page = get(&api, "/v1/topics/derived.posts/records?limit=1").await.json();
    let record = json!({
        "offset": 10, "timestamp": 5, "key": "{\"id\":1}", "value": { "headers": { "op": "upsert" }, "row": { "id": 1 } },
    });
    assert_eq!(
        page,
        json!({ "topic": "derived.posts", "partition": 0, "earliest": 10, "end": 12, "next": 11, "records": [record] })
    );
    let page = get(&api, "/v1/topics/derived.posts/records?offset=11&partition=0").await.json();
    assert_eq!((page["records"].as_array().unwrap().len(), &page["next"]), (1, &json!(12)));
    let page = get(&api, "/v1/topics/derived.posts/records?offset=12").await.json();
    assert_eq!((&page["records"], &page["next"]), (&json!([]), &json!(12)), "there it waits for more");
    let page = get(&api, "/v1/topics/derived.gaps/records?offset=11").await.json();
    assert_eq!((&page["records"], &page["next"]), (&json!([]), &json!(12)), "the last offset has no record");
    for (query, field) in [
        ("offset=9", "offset"),
        ("offset=13", "offset"),
        ("offset=-1", "offset"),
        ("limit=0", "limit"),
        ("partition=1", "partition"),
    ] {
        let answer = get(&api, &format!("/v1/topics/derived.posts/records?{query}")).await;
        answer.problem(400, "bad_parameter", Some(field));
    }
    get(&api, "/v1/topics/derived.posts/records?from=1").await.problem(400, "unknown_parameter", Some("from"));
}

#[tokio::test]
async fn a_derived_topic_is_for_operators_unless_everybody_may_read_its_view() {
    let api = with_topics();
    for topic in ["derived.feed", "derived.secrets", "social.post", "nothing"] {
        let path = format!("/v1/topics/{topic}/records");
        get(&api, &path).await.problem(401, "token_needed", Some("Authorization"));
        get_as(&api, &token(1), &path).await.problem(403, "missing_scope", Some("Authorization"));
    }
    for topic in ["derived.feed", "derived.secrets"] {
        assert_eq!(get_as(&api, &operator(), &format!("/v1/topics/{topic}/records")).await.status, StatusCode::OK);
    }
    for topic in ["social.post", "nothing"] {
        let answer = get_as(&api, &operator(), &format!("/v1/topics/{topic}/records")).await;
        answer.problem(404, "unknown_topic", Some("topic"));
    }
}

fn at(epoch: u64) -> Position {
    Position { timeline: Timeline(0x2a), epoch: Epoch(epoch) }
}

/// The beginning of a stream, as soon as it holds so many events.
async fn events(api: &Router, path: &str, last: Option<&str>, count: usize) -> String {
    let mut request = Request::get(path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut parts = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let part = tokio::time::timeout(Duration::from_secs(30), parts.next()).await.expect("an event").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&part).unwrap());
    }
    text
}

fn event(name: &str, position: &str, keys: Option<Json>) -> String {
    let mut data = json!({ "position": position });
    if let Some(keys) = keys {
        data["keys"] = keys;
    }
    format!("event: {name}\nid: {position}\ndata: {data}\n\n")
}

#[tokio::test]
async fn invalidations_go_on_behind_an_event_or_begin_with_everything() {
    let all = Arc::new(Invalidations::default());
    let feed = all.open("stale", "posts");
    let api = api_with(social(), ApiConfig { invalidations: Some(Arc::clone(&all)), ..config() });
    feed.epoch(at(5), vec!["a".into()]);
    feed.epoch(at(6), vec!["b".into(), "c\nd".into()]);
    let path = "/v1/invalidations/stale";
    assert_eq!(events(&api, path, None, 1).await, event("reset", "2a:6", None));
    let stale = |position: &str, keys| event("invalidate", position, Some(keys));
    let progress = event("progress", "2a:6", None);
    let both = stale("2a:5", json!(["a"])) + &stale("2a:6", json!(["b", "c\nd"])) + &progress;
    assert_eq!(events(&api, path, Some("2a:4"), 3).await, both);
    assert_eq!(
        events(&api, &format!("{path}?last_event_id=2a:5"), None, 2).await,
        stale("2a:6", json!(["b", "c\nd"])) + &progress
    );
    assert_eq!(events(&api, path, Some("1:5"), 1).await, event("reset", "2a:6", None), "another history");
    let follow = tokio::spawn({
        let api = api.clone();
        async move { events(&api, path, Some("2a:6"), 2).await }
    });
    tokio::task::yield_now().await;
    feed.epoch(at(7), vec!["e".into()]);
    all.announce();
    assert_eq!(follow.await.unwrap(), stale("2a:7", json!(["e"])) + &event("progress", "2a:7", None));
    let bad = Request::get(path).header("Last-Event-ID", "nothing").body(Body::empty()).unwrap();
    send(&api, bad).await.problem(400, "bad_position", Some("after"));
}

#[tokio::test]
async fn invalidations_are_for_operators_unless_everybody_may_read_their_view() {
    let all = Arc::new(Invalidations::default());
    all.open("own", "following_feed").epoch(at(5), vec!["a".into()]);
    let api = api_with(social(), ApiConfig { invalidations: Some(all), ..config() });
    for sink in ["own", "nothing"] {
        let path = format!("/v1/invalidations/{sink}");
        get(&api, &path).await.problem(401, "token_needed", Some("Authorization"));
        get_as(&api, &token(1), &path).await.problem(403, "missing_scope", Some("Authorization"));
    }
    get_as(&api, &operator(), "/v1/invalidations/nothing").await.problem(404, "unknown_sink", Some("sink"));
}

/// Opens the stream of the sink `stale` behind epoch 5.
async fn opened(api: &Router, token: Option<&str>) -> BodyDataStream {
    let request = Request::get("/v1/invalidations/stale?last_event_id=2a:5");
    let request = token.into_iter().fold(request, |request, token| request.header("Authorization", format!("Bearer {token}")));
    let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().into_data_stream()
}

/// The next events of a stream that come together; `None` at its end.
async fn next_events(stream: &mut BodyDataStream) -> Option<String> {
    let part = tokio::time::timeout(Duration::from_secs(30), stream.next()).await.expect("an event or the end");
    part.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap())
}

/// An API with a sink `stale` over a view, whose feed knows epoch 5.
fn with_feed(config: ApiConfig, view: &str) -> (Router, Arc<Views>, Arc<Invalidations>) {
    let (views, all) = (social(), Arc::new(Invalidations::default()));
    all.open("stale", view).epoch(at(5), vec!["a".into()]);
    let api = api_with(Arc::clone(&views), ApiConfig { invalidations: Some(Arc::clone(&all)), ..config });
    (api, views, all)
}

fn deny_posts(views: &Views) {
    let change = CatalogueChange { access: vec![("posts".into(), Access::Denied)], ..CatalogueChange::default() };
    publish_commit(views, Commit { epoch: Epoch(2), catalogue: Some(change), ..Commit::default() }, &[]);
}

#[tokio::test]
async fn a_stream_of_invalidations_ends_before_it_tells_of_a_view_that_was_closed() {
    let (api, views, all) = with_feed(config(), "posts");
    let (mut anonymous, mut operators) = (opened(&api, None).await, opened(&api, Some(&operator())).await);
    deny_posts(&views);
    all.feed("stale").unwrap().epoch(at(6), vec!["secret".into()]);
    all.announce();
    assert_eq!(next_events(&mut anonymous).await, None);
    let told = event("invalidate", "2a:6", Some(json!(["secret"]))) + &event("progress", "2a:6", None);
    assert_eq!(next_events(&mut operators).await, Some(told));
}

#[tokio::test]
async fn a_stream_of_invalidations_ends_when_its_sink_follows_a_private_view() {
    let (api, _views, all) = with_feed(config(), "posts");
    let mut anonymous = opened(&api, None).await;
    all.open("stale", "following_feed").epoch(at(6), vec!["secret".into()]);
    all.announce();
    assert_eq!(next_events(&mut anonymous).await, None);
}

#[tokio::test]
async fn a_stream_of_invalidations_ends_with_its_token() {
    let verifier = verifier_with(TokenRules { leeway: Duration::ZERO, ..TokenRules::default() });
    let config = ApiConfig { verifier: Some(Arc::clone(&verifier)), ..config() };
    let (api, _views, all) = with_feed(config, "following_feed");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut short = opened(&api, Some(&sign(json!({ "scope": "operator", "exp": now.as_secs() + 3 })))).await;
    assert_eq!(next_events(&mut short).await, None, "the token has expired");
    let mut long = opened(&api, Some(&operator())).await;
    verifier.replace(token_keys(&[(None, TokenKey::Hs256 { secret: b"another secret of at least 32 bytes".to_vec() })]));
    all.feed("stale").unwrap().epoch(at(6), vec!["secret".into()]);
    all.announce();
    assert_eq!(next_events(&mut long).await, None, "its key was withdrawn");
}

#[tokio::test]
async fn an_epoch_with_many_keys_has_several_events_and_its_progress_last() {
    let (api, views, all) = with_feed(config(), "posts");
    let keys: Vec<String> = (0..FOLLOWER_EVENT_KEYS * 2 + 1).map(|key| format!("{key:06}")).collect();
    all.feed("stale").unwrap().epoch(at(6), keys.clone());
    let (mut whole, mut cut) = (opened(&api, None).await, opened(&api, None).await);
    let part = |keys: &[String]| event("invalidate", "2a:6", Some(json!(keys)));
    let without_id = |event: String| event.replace("id: 2a:6\n", "");
    let parts: Vec<&[String]> = keys.chunks(FOLLOWER_EVENT_KEYS).collect();
    assert_eq!(next_events(&mut whole).await, Some(without_id(part(parts[0]))));
    assert_eq!(next_events(&mut whole).await, Some(without_id(part(parts[1]))));
    assert_eq!(next_events(&mut whole).await, Some(part(parts[2]) + &event("progress", "2a:6", None)));
    assert!(next_events(&mut cut).await.is_some());
    deny_posts(&views);
    assert_eq!(next_events(&mut cut).await, None, "it goes on although the view was closed");
}
