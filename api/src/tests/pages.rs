//! Pages: order, limits, cursors, projections, waiting.

use super::*;

fn ids(rows: &[Json], column: &str) -> Vec<i64> {
    rows.iter().map(|row| row[column].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_page_has_typed_rows_in_index_order_and_its_position() {
    let answer = get_as(&api(), &token(2), "/v1/views/following_feed?limit=2").await;
    let expected = concat!(
        r#"{"rows":[{"user_id":2,"created_at":"1970-01-01T00:00:49.000000Z","post_id":49,"text":"for 2: post 49"},"#,
        r#"{"user_id":2,"created_at":"1970-01-01T00:00:48.000000Z","post_id":48,"text":"for 2: post 48"}],"next":""#,
    );
    assert!(answer.text.starts_with(expected), "{}", answer.text);
    assert!(answer.text.ends_with(r#"","position":"2a:1"}"#), "{}", answer.text);
    assert_eq!(answer.header("tidewater-position"), "2a:1");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn pages_follow_each_other_forwards_and_backwards_until_the_end() {
    let api = api();
    for (order, first) in [("created_at.desc", 49), ("created_at.asc", 0)] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let uri = format!("/v1/views/following_feed?limit=7&order={order}{cursor}");
            let answer = get_as(&api, &token(1), &uri).await;
            seen.extend(ids(&answer.rows(), "post_id"));
            let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
            cursor = format!("&cursor={next}");
        }
        let mut expected: Vec<i64> = (0..FEED_ROWS).collect();
        if first != 0 {
            expected.reverse();
        }
        assert_eq!(seen, expected, "order={order}");
    }
}

#[tokio::test]
async fn a_last_page_that_is_full_says_that_nothing_follows() {
    let answer = get(&api(), "/v1/views/posts?post_id=in.(10,11)&limit=2").await;
    assert_eq!(ids(&answer.rows(), "post_id"), [10, 11]);
    assert_eq!(answer.json()["next"], Json::Null);
}

#[tokio::test]
async fn a_page_continues_after_its_row_whatever_came_or_went() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let first = get_as(&api, &token(1), "/v1/views/following_feed?limit=2").await;
    assert_eq!(ids(&first.rows(), "post_id"), [49, 48]);
    let columns = views.view("following_feed").unwrap().view.columns.clone();
    let of = |number: i64, body: &str| {
        row(&columns, &[Value::Int(1), Value::Timestamp(number * 1_000_000), Value::Int(number), text(body)])
    };
    let changes = vec![(of(48, "for 1: post 48"), -1), (of(47, "for 1: post 47"), -1), (of(60, "new"), 1)];
    publish(&views, 2, &[("following_feed", changes)]);
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    let second = get_as(&api, &token(1), &format!("/v1/views/following_feed?limit=2&cursor={cursor}")).await;
    assert_eq!(ids(&second.rows(), "post_id"), [46, 45]);
}

#[tokio::test]
async fn repeated_rows_are_served_as_often_as_they_are_there_across_pages() {
    let kinds = [("id", FieldKind::Int64)];
    let views = Views::new(ViewsDefinition {
        timeline: Timeline(1),
        views: vec![view("numbers", &kinds, &[("by_id", &["id"], None)], Access::Public)],
    });
    let columns = views.view("numbers").unwrap().view.columns.clone();
    let rows = (1..=3).map(|id| (row(&columns, &[Value::Int(id)]), id)).collect();
    publish(&views, 1, &[("numbers", rows)]);
    let api = api_with(views, config());
    for order in ["id", "id.desc"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = get(&api, &format!("/v1/views/numbers?limit=2&order={order}{cursor}")).await;
            seen.extend(ids(&answer.rows(), "id"));
            let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
            cursor = format!("&cursor={next}");
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 2, 3, 3, 3], "order={order}");
    }
}

#[tokio::test]
async fn the_limit_of_an_index_bounds_what_is_served_of_each_first_value() {
    let api = api();
    let answer = get(&api, "/v1/views/posts?author_id=eq.1").await;
    assert_eq!(ids(&answer.rows(), "post_id"), [14, 13, 12]);
    let answer = get(&api, "/v1/views/posts?author_id=eq.1&post_id=lt.13").await;
    assert_eq!(ids(&answer.rows(), "post_id"), [12]);
    let answer = get(&api, "/v1/views/posts?author_id=in.(2,1)&order=author_id.desc,post_id.asc").await;
    assert_eq!(ids(&answer.rows(), "post_id"), [22, 23, 24, 12, 13, 14]);
}

#[tokio::test]
async fn columns_can_be_chosen_and_conditions_beyond_the_index_are_tested() {
    let answer =
        get(&api(), "/v1/views/posts?select=text,post_id&author_id=eq.2&visibility=eq.public&post_id=gte.23&post_id=lte.23")
            .await;
    assert!(answer.text.starts_with(r#"{"rows":[{"text":"hello \"world\"","post_id":23}],"next":null"#), "{}", answer.text);
    let none = get(&api(), "/v1/views/posts?author_id=eq.2&visibility=eq.private").await;
    assert!(none.rows().is_empty());
    let star = get(&api(), "/v1/views/posts?select=*&post_id=eq.10").await;
    assert_eq!(star.rows()[0].as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn conditions_that_scan_too_many_rows_ask_for_an_index() {
    let kinds = [("id", FieldKind::Int64), ("even", FieldKind::Boolean)];
    let views = Views::new(ViewsDefinition {
        timeline: Timeline(1),
        views: vec![view("numbers", &kinds, &[("by_id", &["id"], None)], Access::Public)],
    });
    let columns = views.view("numbers").unwrap().view.columns.clone();
    let rows = (0..20_000).map(|id| (row(&columns, &[Value::Int(id), Value::Boolean(id < 5)]), 1)).collect();
    publish(&views, 1, &[("numbers", rows)]);
    let api = api_with(views, config());
    let answer = get(&api, "/v1/views/numbers?even=eq.false&id=lt.1").await;
    assert!(answer.rows().is_empty());
    let answer = get(&api, "/v1/views/numbers?even=eq.true&limit=6").await;
    assert!(answer.problem(400, "index_needed", None).contains("add an index"));
    assert_eq!(answer.json()["indexes"], json!(["by_id (id)"]));
    // A page that is full is answered, although what follows it is far away.
    let answer = get(&api, "/v1/views/numbers?even=eq.true&limit=5").await;
    assert_eq!(answer.rows().len(), 5);
    assert!(answer.json()["next"].is_string());
}

#[tokio::test]
async fn a_position_is_waited_for_until_it_is_visible() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    for reached in ["2a:1", "social.post:0:9"] {
        let answer = get(&api, &format!("/v1/views/posts?limit=1&after={reached}&wait=0")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    for ahead in ["2a:2", "social.post:0:10"] {
        let answer = get(&api, &format!("/v1/views/posts?limit=1&after={ahead}&wait=1")).await;
        answer.problem(409, "position_not_reached", Some("after"));
        assert_eq!(answer.json()["position"], "2a:1");
    }
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { get(&api, "/v1/views/posts?post_id=eq.99&after=social.post:0:10&wait=30000").await }
    });
    tokio::task::yield_now().await;
    let columns = views.view("posts").unwrap().view.columns.clone();
    let written = row(&columns, &[Value::Int(99), Value::Int(1), text("mine"), text("public")]);
    let consumed = [((Topic::new("social.post"), Partition(0)), Offset(11))].into();
    let commit = Commit { epoch: Epoch(2), wall_micros: 2, consumed, ..Commit::default() };
    publish_commit(&views, commit, &[("posts", vec![(written, 1)])]);
    assert_eq!(waiting.await.unwrap().rows()[0]["text"], "mine");
}
