//! Views that are not whole yet, and views that change while they are read.

use sinks::views::{CatalogueChange, Hydration};

use super::*;

const HALF: Hydration = Hydration { done: 1, total: 4, seconds_left: Some(7) };

fn filling(seconds_left: Option<u64>) -> Option<Hydration> {
    Some(Hydration { seconds_left, ..HALF })
}

fn show(name: &str) -> Option<CatalogueChange> {
    Some(CatalogueChange { show: vec![name.to_owned()], ..CatalogueChange::default() })
}

/// Posts of other columns, so rows are laid out otherwise.
fn changed_posts() -> View {
    let columns = [("text", FieldKind::Text), ("post_id", FieldKind::Int64)];
    view("posts", &columns, &[("by_id", &["post_id"], None)], Access::Public)
}

/// Fills a staged view with rows in its own form.
fn stage(views: &Views, view: View, rows: &[Row]) {
    let served = views.stage(view).unwrap();
    for (id, layout) in &served.indexes {
        views.hydrate(*id, rows.iter().map(|row| (layout.store(row.as_bytes()), 1)).collect()).unwrap();
    }
}

fn stage_changed_posts(views: &Views) {
    let view = changed_posts();
    let rows = [10, 99].map(|id| row(&view.columns, &[text("changed"), Value::Int(id)]));
    stage(views, view, &rows);
}

fn show_posts(views: &Views, epoch: u64) {
    publish_commit(views, Commit { epoch: Epoch(epoch), catalogue: show("posts"), ..Commit::default() }, &[]);
}

#[tokio::test]
async fn a_view_that_is_not_whole_says_when_to_come_back_and_others_are_served() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    views.set_hydration_of_all(Some(HALF));
    let answer = get(&api, "/v1/views/posts?limit=1").await;
    assert!(answer.problem(503, "view_hydrating", Some("view")).contains("'posts' is still being filled, 1 of 4 rows"));
    assert_eq!(answer.json()["progress"], json!({ "ratio": 0.25, "done": 1, "total": 4 }));
    assert_eq!(answer.header("retry-after"), "7");
    for (seconds, retry_after) in [(None, "5"), (Some(0), "1"), (Some(3_600), "60")] {
        views.set_hydration("posts", filling(seconds));
        assert_eq!(get(&api, "/v1/views/posts").await.header("retry-after"), retry_after);
    }
    get(&api, "/v1/views/posts?post_id=x").await.problem(400, "bad_operator", Some("post_id"));
    get(&api, "/v1/views/following_feed").await.problem(401, "token_needed", Some("Authorization"));
    get(&api, "/v1/views/secrets").await.problem(404, "unknown_view", Some("view"));

    let posts = &get(&api, "/v1/views").await.json()["views"][0];
    assert_eq!((&posts["state"], &posts["progress"]["done"], &posts["rows"]), (&json!("hydrating"), &json!(1), &Json::Null));
    let ready = get(&api, "/readyz").await;
    assert!(ready.problem(503, "views_hydrating", None).contains("'following_feed', 'messages', 'posts', 'secrets'"));
    assert_eq!(ready.json()["views"][0], json!({ "name": "following_feed", "progress": answer.json()["progress"] }));
    assert_eq!(ready.header("retry-after"), "60");

    views.set_hydration("posts", None);
    assert_eq!(get(&api, "/v1/views/posts?limit=1").await.rows().len(), 1);
    get_as(&api, &token(1), "/v1/views/messages").await.problem(503, "view_hydrating", Some("view"));
    assert_eq!(get(&api, "/v1/views").await.json()["views"][0]["state"], "ready");
    views.set_hydration_of_all(None);
    assert_eq!(get(&api, "/readyz").await.json()["ready"], true);
}

#[tokio::test]
async fn who_waits_for_a_position_is_answered_when_the_view_is_whole() {
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: social_views() });
    let api = api_with(Arc::clone(&views), config());
    views.set_hydration_of_all(Some(HALF));
    let uri = "/v1/views/posts?limit=1&after=2a:41&wait=";
    let answer = get(&api, &format!("{uri}0")).await;
    answer.problem(503, "view_hydrating", Some("view"));
    assert_eq!(answer.header("retry-after"), "7");
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { get(&api, &format!("{uri}30000")).await }
    });
    tokio::task::yield_now().await;
    // As a restart does: the first epoch is that of the checkpoint, and names all that was read until then.
    let consumed = [((Topic::new("social.post"), Partition(0)), Offset(10))].into();
    let columns = views.view("posts").unwrap().view.columns.clone();
    let kept = row(&columns, &[Value::Int(1), Value::Int(1), text("kept"), text("public")]);
    publish_commit(&views, Commit { epoch: Epoch(41), consumed, ..Commit::default() }, &[("posts", vec![(kept, 1)])]);
    views.set_hydration_of_all(None);
    let answer = waiting.await.unwrap();
    assert_eq!((answer.rows()[0]["text"].as_str(), answer.header("tidewater-position")), (Some("kept"), "2a:41"));
    for reached in ["2a:0", "2a:40", "social.post:0:9"] {
        assert_eq!(get(&api, &format!("/v1/views/posts?after={reached}&wait=0")).await.status, StatusCode::OK);
    }
    for ahead in ["2a:42", "social.post:0:10"] {
        let answer = get(&api, &format!("/v1/views/posts?after={ahead}&wait=0")).await;
        assert!(answer.problem(409, "position_not_reached", Some("after")).contains("try again"));
    }
    let other = get(&api, "/v1/views/posts?after=2b:40&wait=0").await;
    let detail = other.problem(409, "other_timeline", Some("after"));
    assert!(detail.contains("timeline 2a") && detail.contains("read without a position to get a current one"), "{detail}");
}

#[tokio::test]
async fn a_view_that_is_deployed_is_answered_once_it_is_whole() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let of = |name: &str, access| view(name, &[("id", FieldKind::Int64)], &[("by_id", &["id"], None)], access);
    let rows = [row(&of("likes", Access::Public).columns, &[Value::Int(5)])];
    stage(&views, of("likes", Access::Public), &rows);
    stage(&views, of("hidden", Access::Denied), &rows);
    stage(&views, of("mine", Access::Policies(vec![])), &rows);
    views.set_staged_hydration("likes", HALF);
    let answer = get(&api, "/v1/views/likes").await;
    answer.problem(503, "view_hydrating", Some("view"));
    assert_eq!(answer.json()["progress"]["ratio"], 0.25);
    get(&api, "/v1/views/hidden").await.problem(404, "unknown_view", Some("view"));
    get(&api, "/v1/views/mine").await.problem(401, "token_needed", Some("Authorization"));
    let listed = get(&api, "/v1/views").await.json();
    let states: Vec<_> = listed["views"].as_array().unwrap().iter().map(|view| (&view["name"], &view["state"])).collect();
    assert_eq!(states, [(&json!("posts"), &json!("ready")), (&json!("likes"), &json!("deploying"))]);
    let ready = get(&api, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["deploying"][1]["name"]), (StatusCode::OK, &json!("likes")));

    publish_commit(&views, Commit { epoch: Epoch(2), catalogue: show("likes"), ..Commit::default() }, &[]);
    assert_eq!(get(&api, "/v1/views/likes").await.rows(), [json!({ "id": 5 })]);
    let removed = CatalogueChange { remove: vec!["likes".into()], ..CatalogueChange::default() };
    publish_commit(&views, Commit { epoch: Epoch(3), catalogue: Some(removed), ..Commit::default() }, &[]);
    get(&api, "/v1/views/likes").await.problem(404, "unknown_view", Some("view"));
}

#[tokio::test]
async fn a_request_that_waits_while_its_view_is_replaced_is_answered_by_the_new_one() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    stage_changed_posts(&views);
    assert_eq!(get(&api, "/v1/views/posts?post_id=eq.10").await.rows()[0]["text"], "hello \"world\"");
    let wait = |uri: &'static str| {
        let api = api.clone();
        tokio::spawn(async move { get(&api, uri).await })
    };
    let answered = wait("/v1/views/posts?post_id=in.(10,99)&after=2a:2&wait=30000");
    let refused = wait("/v1/views/posts?author_id=eq.1&after=2a:2&wait=30000");
    tokio::task::yield_now().await;
    show_posts(&views, 2);
    let rows = [json!({ "text": "changed", "post_id": 10 }), json!({ "text": "changed", "post_id": 99 })];
    assert_eq!(answered.await.unwrap().rows(), rows);
    refused.await.unwrap().problem(400, "unknown_column", Some("author_id"));
}

#[tokio::test]
async fn a_cursor_is_good_while_its_rows_are_laid_out_as_they_were() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let uri = "/v1/views/posts?limit=2&order=post_id";
    let cursor = get(&api, uri).await.json()["next"].as_str().unwrap().to_owned();
    let next = format!("{uri}&cursor={cursor}");
    let expected = get(&api, &next).await.rows();
    assert_eq!(expected[0]["post_id"], 12);

    // The same columns and order, and one index less: the rows of the index that was read are laid out as before.
    let old = views.view("posts").unwrap().view.clone();
    let rows: Vec<Row> =
        (10..20).map(|id| row(&old.columns, &[Value::Int(id), Value::Int(1), text("again"), text("public")])).collect();
    stage(&views, View { indexes: old.indexes[..1].to_vec(), ..old }, &rows);
    show_posts(&views, 2);
    let answer = get(&api, &next).await.rows();
    assert_eq!((&answer[0]["post_id"], &answer[0]["text"]), (&json!(12), &json!("again")));

    stage_changed_posts(&views);
    show_posts(&views, 3);
    let detail = get(&api, &next).await.problem(409, "outdated_cursor", Some("cursor"));
    assert!(detail.contains("earlier definition of 'posts'") && detail.contains("start again without a cursor"), "{detail}");
    assert_eq!(get(&api, uri).await.rows().len(), 2);
    let other = format!("/v1/views/posts?cursor={}", get(&api, "/v1/views/posts?limit=1").await.json()["next"].as_str().unwrap());
    get(&api, &format!("{other}&text=gt.a")).await.problem(400, "bad_cursor", Some("cursor"));
}

#[tokio::test]
async fn readers_of_a_view_change_at_once() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let access = vec![("posts".to_owned(), Access::Denied)];
    let change = CatalogueChange { access, ..CatalogueChange::default() };
    publish_commit(&views, Commit { epoch: Epoch(2), catalogue: Some(change), ..Commit::default() }, &[]);
    get(&api, "/v1/views/posts").await.problem(404, "unknown_view", Some("view"));
}

/// The operator's view of all of this.
#[tokio::test]
async fn the_status_is_for_operators_and_says_what_has_halted() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    views.set_hydration("secrets", Some(HALF));
    stage_changed_posts(&views);
    get(&api, "/v1/status").await.problem(401, "token_needed", Some("Authorization"));
    get_as(&api, &token(1), "/v1/status").await.problem(403, "missing_scope", Some("Authorization"));
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    get_as(&api, &operator, "/v1/status?a=1").await.problem(400, "unknown_parameter", Some("a"));
    let answer = get_as(&api, &operator, "/v1/status").await;
    assert_eq!((answer.status, answer.header("tidewater-position")), (StatusCode::OK, "2a:1"));
    let half = json!({ "ratio": 0.25, "done": 1, "total": 4 });
    let none = json!({ "ratio": 0.0, "done": 0, "total": 0 });
    let served = |name: &str, state: &str, rows: u64, progress: &Json| json!({ "name": name, "state": state, "progress": progress, "rows": rows, "row_changes": rows });
    let ready = |name: &str, rows: u64| served(name, "ready", rows, &Json::Null);
    assert_eq!(
        answer.json(),
        json!({
            "timeline": "2a", "epoch": 1, "incarnation": 3, "readiness": "ready", "position": "2a:1",
            "checkpoint": { "epoch": 0, "age_epochs": 1 },
            "partitions": [{ "topic": "social.post", "partition": 0, "visible": 10, "end": 14, "lag": 3 }],
            "views": [
                ready("following_feed", 150), ready("messages", 9), ready("posts", 15), served("secrets", "hydrating", 1, &half),
                { "name": "posts", "state": "deploying", "progress": none },
            ],
            "halted": [{
                "source": "likes", "reason": "topic 'social.like' was created again",
                "action": "restore the topic, or start with an empty data directory",
            }],
            "sinks": [{
                "name": "posts_out", "view": "posts", "target": "topic 'derived.posts'", "state": "halted", "epoch": 0, "lag_epochs": 1,
                "waiting_changes": 0, "rebuilt": 0, "commits": 0, "errors": 0, "reason": "it was written by another",
            }],
            "dead_letters": 3, "disk": null, "stalled": null, "clock_held_seconds": 0.0,
            "lag": { "records": 4, "bytes": 900, "seconds": 1.5 },
            "lag_max": { "records": 100, "bytes": 10_000, "seconds": 5.0 },
        })
    );
}
