//! Shapes: what a reader folds is what the view has, readers at one place share an address, and its answer does not change.

mod followed;
mod reader;

use sinks::views::{CatalogueChange, HistoryLimits};
use testkit::random::Random;

use super::*;
use crate::{CorsOrigin, CorsSites};
use reader::{ShapeReader, Thing, ThingWorld, thing, things, views_of};

/// A question, the rows that it gives, and their number.
type AskedThings = (&'static str, fn(&Thing) -> bool, Option<usize>);

/// Questions whose rows `key` tells apart, and that are followed in different ways.
const KEYED: [AskedThings; 5] = [
    ("table=things&key=id", |_| true, None),
    ("table=public.things&key=id&replica=full", |_| true, None),
    ("table=things&key=id&where=name+=+'ann'", |thing| thing.1 == "ann", None),
    (
        "table=things&key=id&where=(%22name%22+=+$1)+AND+id+=+$2&params[1]=bob&params[2]=7",
        |thing| thing.1 == "bob" && thing.0 == 7,
        None,
    ),
    ("table=things&key=id&where=rank=2", |thing| thing.2 == 2, Some(3)),
];
/// Questions whose rows are told apart by all columns, and are counted.
const COUNTED: [AskedThings; 3] = [
    ("table=things", |_| true, None),
    ("table=things&where=name='ann'&replica=full", |thing| thing.1 == "ann", None),
    ("table=things&where=rank=1", |thing| thing.2 == 1, Some(3)),
];

/// Publishes random epochs; each reader looks after a random number of them. Returns how often readers began again.
async fn follow(asked: &[AskedThings], repeats: bool, limits: HistoryLimits, seed: u64) -> usize {
    let views = views_of(things());
    views.set_history_limits(limits);
    let api = api_with(Arc::clone(&views), config());
    let mut world = ThingWorld::new(seed, repeats);
    let mut random = Random::new(seed + 1);
    let mut readers: Vec<ShapeReader> = asked.iter().map(|(question, ..)| ShapeReader::new(question)).collect();
    for epoch in 1..=300 {
        publish(&views, epoch, &[("things", world.changes())]);
        for (reader, (question, admits, limit)) in readers.iter_mut().zip(asked) {
            if random.chance(40) {
                reader.catch_up(&api).await;
                assert_eq!(reader.sorted(), world.expected(*admits, *limit), "{question} at epoch {epoch}, seed {seed}");
            }
        }
    }
    readers.iter().map(|reader| reader.refetches).sum()
}

#[tokio::test]
async fn a_reader_folds_the_rows_of_the_view_whatever_happens_to_them() {
    assert_eq!(follow(&KEYED, false, HistoryLimits::default(), 5).await, 0, "nobody has to begin again");
    assert_eq!(follow(&COUNTED, true, HistoryLimits::default(), 6).await, 0, "nobody has to begin again");
}

#[tokio::test]
async fn a_reader_that_missed_more_than_is_remembered_begins_again_and_has_the_rows_again() {
    let limits = HistoryLimits { epochs: 3, ..HistoryLimits::default() };
    assert!(follow(&KEYED, false, limits, 7).await > 20);
    assert!(follow(&COUNTED, true, limits, 8).await > 10);
}

/// Views with some things at epoch 1, and their API.
fn three_things() -> (Arc<Views>, Router) {
    let views = views_of(things());
    let rows = [(1, "ann"), (2, "bob"), (3, "cid")].map(|(id, name)| (thing(&(id, name.to_owned(), 0)), 1));
    publish(&views, 1, &[("things", rows.to_vec())]);
    let api = api_with(Arc::clone(&views), config());
    (views, api)
}

#[tokio::test]
async fn readers_who_began_at_different_times_come_to_the_same_address_with_the_same_answer() {
    let (views, api) = three_things();
    let mut early = ShapeReader::new("table=things&key=id");
    early.catch_up(&api).await;
    assert_eq!(early.offset, "1_2147483647");
    publish(&views, 2, &[("things", vec![(thing(&(4, "dan".into(), 0)), 1)])]);
    let mut late = ShapeReader::new("table=things&key=id");
    late.catch_up(&api).await;
    early.catch_up(&api).await;
    assert_eq!((&early.handle, early.rows.len()), (&late.handle, late.rows.len()));
    publish(&views, 3, &[("things", vec![(thing(&(1, "ann".into(), 0)), -1), (thing(&(1, "ann".into(), 5)), 1)])]);
    publish(&views, 4, &[("things", Vec::new())]);
    for reader in [&mut early, &mut late] {
        reader.catch_up(&api).await;
    }
    assert_eq!((early.uri(""), early.offset.as_str()), (late.uri(""), "3_0"));
    let [first, second] = [get(&api, &early.uri("")).await, get(&api, &late.uri("")).await];
    assert_eq!((&first.text, first.header("electric-offset")), (&second.text, "3_0"));
    let began = get(&api, "/v1/shape?table=things&key=id&offset=-1").await;
    let schema = json!({ "id": { "type": "int8", "pk_index": 0 }, "name": { "type": "text" }, "rank": { "type": "int8" } });
    assert_eq!(serde_json::from_str::<Json>(began.header("electric-schema")).unwrap(), schema);
    let update = get(&api, &format!("/v1/shape?table=things&key=id&offset=2_0&handle={}", began.header("electric-handle"))).await;
    let headers = json!({ "operation": "update", "relation": ["public", "things"], "lsn": "3", "op_position": 0, "txids": [3], "last": true });
    let message = json!({ "key": "\"public\".\"things\"/\"1\"", "value": { "id": "1", "rank": "5" }, "headers": headers });
    let up_to_date = json!({ "headers": { "control": "up-to-date", "global_last_seen_lsn": "4" } });
    assert_eq!(update.json(), json!([message, up_to_date]));
}

#[tokio::test]
async fn many_rows_are_read_in_parts_of_one_epoch_although_others_are_published_meanwhile() {
    const ROWS: i64 = 3_000;
    let views = views_of(things());
    let long = |id: i64, sign: char| (id, sign.to_string().repeat(1_000), 0);
    publish(&views, 1, &[("things", (0..ROWS).map(|id| (thing(&long(id, 'a')), 1)).collect())]);
    let api = api_with(Arc::clone(&views), config());
    let mut reader = ShapeReader::new("table=things&key=id");
    let mut parts = Vec::new();
    for epoch in 2.. {
        let (uri, answer) = (reader.uri(""), get(&api, &reader.uri("")).await);
        let is_up_to_date = reader.take(&answer);
        if is_up_to_date {
            assert_eq!(answer.header("cache-control"), "public, max-age=5");
            break;
        }
        let time = if parts.is_empty() { "public, max-age=5" } else { "public, max-age=3600" };
        assert_eq!(answer.header("cache-control"), time);
        parts.push((uri, answer.text));
        let changed = ROWS - epoch as i64;
        publish(&views, epoch, &[("things", vec![(thing(&long(changed, 'a')), -1), (thing(&long(changed, 'b')), 1)])]);
    }
    assert!(parts.len() >= 3 && reader.refetches == 0, "{} parts", parts.len());
    // The first address is that of all beginnings, also of those at later epochs.
    for (uri, text) in &parts[1..] {
        assert_eq!(get(&api, uri).await.text, *text, "{uri} has another answer");
    }
    let changed = reader.rows.values().filter(|row| row["name"].as_str().unwrap().starts_with('b')).count();
    assert_eq!((reader.rows.len(), changed), (ROWS as usize, parts.len()));
}

#[tokio::test]
async fn a_reader_that_is_behind_what_is_remembered_gets_another_handle_and_the_others_stay() {
    let (views, api) = three_things();
    let mut behind = ShapeReader::new("table=things&key=id");
    behind.catch_up(&api).await;
    let mut current = ShapeReader::new("table=things&key=id");
    let first = behind.handle.clone();
    for epoch in 2..30 {
        let rows = vec![(thing(&(epoch as i64 + 10, "x".repeat(150_000), 0)), 1)];
        publish(&views, epoch, &[("things", rows)]);
        current.catch_up(&api).await;
    }
    assert_eq!((&current.handle, current.refetches), (&first, 0));
    behind.catch_up(&api).await;
    assert_eq!((behind.refetches, behind.sorted()), (1, current.sorted()));
    assert!(behind.handle != first && behind.expired == first, "{:?}", behind.handle);
    // Both follow the same log from here on, and one that is behind again goes back to the first handle.
    let mut again = ShapeReader::new("table=things&key=id");
    again.expired = behind.handle.clone();
    again.catch_up(&api).await;
    assert_eq!((&again.handle, again.refetches), (&first, 0));
}

#[tokio::test]
async fn too_many_changes_and_another_view_make_another_log() {
    let (views, api) = three_things();
    let mut reader = ShapeReader::new("table=things&key=id");
    reader.catch_up(&api).await;
    let many = (10..11_000).map(|id| (thing(&(id, "new".into(), 0)), 1)).collect();
    publish(&views, 2, &[("things", many)]);
    reader.catch_up(&api).await;
    assert_eq!((reader.refetches, reader.rows.len()), (1, 10_993));
    let columns = [("id", FieldKind::Int64), ("title", FieldKind::Text)];
    let other = view("things", &columns, &[("by_id", &["id"], None)], Access::Public);
    let rows = [row(&other.columns, &[Value::Int(7), text("other")])];
    let served = views.stage(other).unwrap();
    for (id, layout) in &served.indexes {
        views.hydrate(*id, rows.iter().map(|row| (layout.store(row.as_bytes()), 1)).collect()).unwrap();
    }
    let live = tokio::spawn({
        let (api, uri) = (api.clone(), reader.uri("&live=true&cursor="));
        async move { get(&api, &uri).await }
    });
    tokio::task::yield_now().await;
    let catalogue = Some(CatalogueChange { show: vec!["things".to_owned()], ..CatalogueChange::default() });
    publish_commit(&views, Commit { epoch: Epoch(3), catalogue, ..Commit::default() }, &[]);
    assert!(!reader.take(&live.await.unwrap()), "what was replaced is not up to date");
    reader.catch_up(&api).await;
    assert_eq!((reader.refetches, reader.sorted()), (2, vec![json!({ "id": "7", "title": "other" }).to_string()]));
}

/// The log that a handle names.
fn log_of(handle: &Option<String>) -> String {
    handle.as_deref().and_then(|handle| handle.rsplit_once('-')).expect("a handle ends with its turn").0.to_owned()
}

#[tokio::test]
async fn another_log_begins_where_nobody_asked_for_so_long_that_the_new_messages_are_too_many() {
    let (views, api) = three_things();
    let mut reader = ShapeReader::new("table=things&key=id");
    reader.catch_up(&api).await;
    let first = log_of(&reader.handle);
    for epoch in 2..30 {
        publish(&views, epoch, &[("things", vec![(thing(&(epoch as i64 + 10, "x".repeat(150_000), 0)), 1)])]);
    }
    reader.catch_up(&api).await;
    assert_eq!((reader.refetches, reader.rows.len()), (1, 31));
    assert_ne!(log_of(&reader.handle), first, "4 MiB of messages were written for a log of 2 MiB");
}

#[tokio::test]
async fn another_log_begins_where_rows_without_a_key_would_be_looked_up_for_too_long() {
    let (views, api) = three_things();
    let mut readers = [ShapeReader::new("table=things"), ShapeReader::new("table=things&key=id")];
    for reader in &mut readers {
        reader.catch_up(&api).await;
    }
    let first = readers.each_ref().map(|reader| log_of(&reader.handle));
    for epoch in 2..302 {
        let rows = (0..10).map(|number| (thing(&(epoch as i64 * 10 + number, "x".into(), 0)), 1)).collect();
        publish(&views, epoch, &[("things", rows)]);
    }
    for reader in &mut readers {
        reader.catch_up(&api).await;
        assert_eq!(reader.rows.len(), 3_003);
    }
    assert_ne!(log_of(&readers[0].handle), first[0], "3,000 rows were looked up through up to 300 epochs each");
    assert_eq!(log_of(&readers[1].handle), first[1], "a key needs no lookup");
}

/// Things of which the one with the greatest id of each rank is served, and their API.
fn best_things(ranks: i64) -> (Arc<Views>, Router) {
    let mut best = things();
    best.indexes.retain(|index| index.name == "by_rank");
    best.indexes.iter_mut().for_each(|index| index.limit = Some(1));
    let views = views_of(best);
    publish(&views, 1, &[("things", (0..ranks).map(|rank| (thing(&(1_000_000, "best".into(), rank)), 1)).collect())]);
    let api = api_with(Arc::clone(&views), config());
    (views, api)
}

#[tokio::test]
async fn another_log_begins_where_changes_that_nobody_gets_would_take_too_long() {
    // So many ranks, each with another thing in each of so many epochs.
    for (ranks, epochs) in [(10_001, 1), (100, 100)] {
        let (views, api) = best_things(ranks);
        let mut reader = ShapeReader::new("table=things&key=rank");
        reader.catch_up(&api).await;
        let first = log_of(&reader.handle);
        for epoch in 2..2 + epochs {
            let rows = (0..ranks).map(|rank| (thing(&(epoch as i64, "worse".into(), rank)), 1)).collect();
            publish(&views, epoch, &[("things", rows)]);
        }
        reader.catch_up(&api).await;
        assert_eq!(reader.rows.len() as i64, ranks);
        assert_ne!(log_of(&reader.handle), first, "{ranks} ranks, {epochs} epochs");
    }
}

#[tokio::test]
async fn another_log_begins_when_the_readers_of_a_view_change_and_it_tells_nothing_of_the_time_before() {
    let (views, api) = three_things();
    let mut reader = ShapeReader::new("table=things&key=id");
    reader.catch_up(&api).await;
    let own = Policy::ColumnIsClaim { column: 0, claim: "sub".into() };
    let publish_to = |epoch, access, diff| {
        let catalogue = Some(CatalogueChange { access: vec![("things".to_owned(), access)], ..CatalogueChange::default() });
        let rows = vec![(thing(&(99, "secret".into(), 0)), diff)];
        publish_commit(&views, Commit { epoch: Epoch(epoch), catalogue, ..Commit::default() }, &[("things", rows)]);
    };
    // The row is there while the view is private, and at no other time.
    publish_to(2, Access::Policies(vec![own]), 1);
    get(&api, &reader.uri("")).await.problem(403, "not_public", Some("table"));
    get(&api, &reader.uri("&live=true&cursor=")).await.problem(403, "not_public", Some("table"));
    publish_to(3, Access::Public, -1);
    let answer = get(&api, &reader.uri("")).await;
    assert_eq!((answer.status, answer.text.contains("secret")), (StatusCode::CONFLICT, false), "{}", answer.text);
    assert!(!reader.take(&answer));
    reader.catch_up(&api).await;
    publish(&views, 4, &[("things", vec![(thing(&(4, "dan".into(), 0)), 1)])]);
    reader.catch_up(&api).await;
    assert_eq!((reader.refetches, reader.rows.len()), (1, 4));
}

#[tokio::test]
async fn a_key_that_several_rows_have_is_refused_by_name() {
    let (views, api) = three_things();
    let mut reader = ShapeReader::new("table=things&key=name");
    reader.catch_up(&api).await;
    let twice = [4, 5].map(|id| (thing(&(id, "dan".into(), 0)), 1));
    publish(&views, 2, &[("things", twice.to_vec())]);
    let refused = get(&api, &reader.uri("")).await.problem(400, "key_not_unique", Some("key"));
    assert!(refused.contains("'key' names name"), "{refused}");
    // A row that is there twice has no key but a number.
    publish(&views, 3, &[("things", vec![(thing(&(1, "ann".into(), 0)), 1)])]);
    let refused = get(&api, "/v1/shape?table=things&key=id,rank&offset=-1").await.problem(400, "key_not_unique", Some("key"));
    assert!(refused.contains("'key' names id, rank"), "{refused}");
    let mut counted = ShapeReader::new("table=things");
    counted.catch_up(&api).await;
    assert_eq!(counted.rows.len(), 6);
}

#[tokio::test]
async fn a_live_request_is_answered_by_a_change_and_at_last_without_one() {
    let (views, _) = three_things();
    // Half of the time that a request may take is waited.
    let limits = Limits { request_timeout: Duration::from_secs(4), ..Limits::default() };
    let api = api_with(Arc::clone(&views), limited(limits));
    let mut reader = ShapeReader::new("table=things&key=id");
    reader.catch_up(&api).await;
    let live = tokio::spawn({
        let (api, uri) = (api.clone(), reader.uri("&live=true&cursor="));
        async move { get(&api, &uri).await }
    });
    tokio::task::yield_now().await;
    publish(&views, 2, &[("things", vec![(thing(&(3, "cid".into(), 0)), -1)])]);
    let answer = live.await.unwrap();
    let cursor: u64 = answer.header("electric-cursor").parse().unwrap();
    assert!(reader.take(&answer) && reader.rows.len() == 2 && !answer.headers.contains_key("electric-schema"));
    let answer = get(&api, &reader.uri(&format!("&live=true&cursor={cursor}"))).await;
    assert!(answer.header("electric-cursor").parse::<u64>().unwrap() > cursor, "a cache would answer with what it has");
    assert_eq!((answer.header("electric-offset"), answer.header("cache-control")), ("2_0", "public, max-age=5"));
    assert_eq!(answer.json(), json!([{ "headers": { "control": "up-to-date", "global_last_seen_lsn": "2" } }]));
    let now = get(&api, "/v1/shape?table=things&key=id&offset=now").await;
    assert_eq!((now.header("electric-offset"), now.json().as_array().unwrap().len()), ("2_2147483647", 1));
}

#[tokio::test]
async fn what_is_not_public_or_no_index_serves_is_refused() {
    let api = api();
    let of = |more: &str| format!("/v1/shape?offset=-1&{more}");
    let refused = get(&api, &of("table=following_feed")).await;
    assert!(refused.problem(403, "not_public", Some("table")).contains("/v1/views/following_feed/subscribe"));
    assert_eq!(refused.header("cache-control"), "private, no-store");
    let with_token = get_as(&api, &token(1), &of("table=following_feed")).await;
    with_token.problem(403, "not_public", Some("table"));
    get(&api, &of("table=secrets")).await.problem(404, "unknown_view", Some("view"));
    get(&api, &of("table=posts&where=text='x'")).await.problem(400, "index_needed", Some("where"));
    get(&api, &of("table=posts&where=post_id%3E1")).await.problem(400, "bad_condition", Some("where"));
    get(&api, &of("table=posts&where=post=1")).await.problem(400, "unknown_column", Some("post"));
    get(&api, &of("table=posts&where=post_id='x'")).await.problem(400, "bad_expression", None);
    get(&api, &of("table=posts&columns=post_id,text")).await.problem(400, "key_not_selected", Some("columns"));
    get(&api, &of("table=posts&live_sse=true")).await.problem(400, "unknown_parameter", Some("live_sse"));
    let chosen = get(&api, &of("table=posts&columns=%22text%22,%22post_id%22&key=post_id&where=post_id=10")).await;
    assert_eq!(chosen.json()[0]["value"], json!({ "post_id": "10", "text": "hello \"world\"" }));
    assert_eq!(chosen.header("cache-control"), "public, max-age=5");
}

#[tokio::test]
async fn an_answer_to_a_token_is_kept_by_no_cache_and_a_live_request_takes_a_place() {
    let api = api_with(social(), limited(Limits { client_waits: 0, ..Limits::default() }));
    let uri = "/v1/shape?offset=-1&table=posts";
    let known = get_as(&api, &token(1), uri).await;
    assert_eq!((known.status, known.header("cache-control")), (StatusCode::OK, "private, no-store"));
    assert_eq!(get_as(&api, "nonsense", uri).await.status, StatusCode::UNAUTHORIZED);
    let live = format!("/v1/shape?table=posts&live=true&offset=1_0&handle={}", known.header("electric-handle"));
    get_as(&api, &token(1), &live).await.problem(429, "too_many_waits", Some("live"));
    let head = send(&api, Request::head(uri).body(Body::empty()).unwrap()).await;
    assert_eq!(
        (head.status, head.text.as_str(), head.header("electric-handle")),
        (StatusCode::OK, "", known.header("electric-handle"))
    );
}

#[tokio::test]
async fn a_page_of_another_origin_reads_the_headers_that_a_client_needs() {
    let api = api_with(social(), ApiConfig { cors: CorsSites::new([CorsOrigin::Any]), ..config() });
    let request = Request::get("/v1/shape?offset=-1&table=posts").header("Origin", "https://app.example");
    let answer = send(&api, request.body(Body::empty()).unwrap()).await;
    let exposed = answer.header("access-control-expose-headers");
    for name in ["electric-handle", "electric-offset", "electric-schema", "electric-cursor", "electric-up-to-date"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
}
