//! The graph of relations: all of it for operators, and for everybody else only those that they may read.

use schemas::lineage::{LineageColumn, LineageEdge, LineageKind, LineageNode};

use super::*;

/// Events that fold into a table that nobody is served, and the views of [`social_views`] above it, with an index each; one of them also
/// has a full-text index and a sink of its name.
pub(super) fn lineage() -> Lineage {
    let mut lineage = Lineage::default();
    let mut add = |id: &str, kind: LineageKind, from: &[&str]| {
        let name = id.rsplit('/').next().unwrap().to_owned();
        let columns = vec![LineageColumn { name: "id".into(), sql_type: "BIGINT".into(), descending: false }];
        lineage.nodes.push(LineageNode { id: id.into(), name, kind, columns });
        lineage.edges.extend(from.iter().map(|from| LineageEdge { from: (*from).into(), to: id.into() }));
    };
    add("post_events", LineageKind::Source { topic: "social.post".into() }, &[]);
    add("all_posts", LineageKind::Table { key: vec!["post_id".into()] }, &["post_events"]);
    for name in ["following_feed", "messages", "posts", "secrets"] {
        add(name, LineageKind::View { materialized: true }, &["all_posts"]);
        add(&format!("{name}/by_id"), LineageKind::Index { of: name.into(), limit: None }, &[name]);
    }
    add("posts/words", LineageKind::Search { of: "posts".into() }, &["posts"]);
    add("sink/posts", LineageKind::Sink { target: "topic 'derived.posts'".into() }, &["posts"]);
    lineage
}

fn operator() -> String {
    sign(json!({ "scope": "operator", "exp": FAR_FUTURE }))
}

fn ids(answer: &Json) -> Vec<&str> {
    answer["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect()
}

fn node<'a>(answer: &'a Json, id: &str) -> &'a Json {
    answer["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap()
}

#[tokio::test]
async fn operators_see_all_of_it() {
    let answer = get_as(&api(), &operator(), "/v1/topology").await;
    assert_eq!(answer.header("tidewater-position"), "2a:1");
    let answer = answer.json();
    assert_eq!((&answer["complete"], ids(&answer).len()), (&json!(true), 12));
    assert_eq!(answer["edges"][0], json!({ "from": "post_events", "to": "all_posts" }));
    let columns = json!([{ "name": "id", "type": "BIGINT", "descending": false }]);
    assert_eq!(
        *node(&answer, "post_events"),
        json!({
            "id": "post_events", "name": "post_events", "kind": "source", "topic": "social.post", "columns": columns, "access": null,
            "readable": false, "rows": null, "row_changes": null,
        })
    );
    let secrets = node(&answer, "secrets");
    assert_eq!((&secrets["access"], &secrets["readable"], &secrets["rows"]), (&json!("denied"), &json!(false), &json!(1)));
    let index = node(&answer, "posts/by_id");
    assert_eq!(
        (&index["kind"], &index["of"], &index["limit"], &index["rows"]),
        (&json!("index"), &json!("posts"), &Json::Null, &Json::Null)
    );
    let words = node(&answer, "posts/words");
    assert_eq!(
        (&words["kind"], &words["access"], &words["readable"], &words["rows"]),
        (&json!("search"), &json!("public"), &json!(true), &Json::Null)
    );
    let sink = node(&answer, "sink/posts");
    assert_eq!(
        (&sink["kind"], &sink["target"], &sink["readable"]),
        (&json!("sink"), &json!("topic 'derived.posts'"), &json!(false))
    );
}

#[tokio::test]
async fn readers_see_what_they_may_read_and_no_way_to_anything_else() {
    let api = api();
    let public = get(&api, "/v1/topology").await.json();
    assert_eq!((&public["complete"], ids(&public)), (&json!(false), vec!["posts", "posts/by_id", "posts/words"]));
    let from_posts = |to: &str| json!({ "from": "posts", "to": to });
    assert_eq!(public["edges"], json!([from_posts("posts/by_id"), from_posts("posts/words")]));
    assert_eq!((&node(&public, "posts")["rows"], &node(&public, "posts")["readable"]), (&json!(15), &json!(true)));
    let own = get_as(&api, &token(1), "/v1/topology").await.json();
    assert_eq!((&own["complete"], ids(&own).len()), (&json!(false), 7));
    let feed = node(&own, "following_feed");
    assert_eq!((&feed["access"], &feed["rows"], &feed["row_changes"]), (&json!("policy"), &Json::Null, &Json::Null));
    let text = own.to_string();
    assert!(!text.contains("secrets") && !text.contains("all_posts") && !text.contains("post_events"), "{text}");
}

#[tokio::test]
async fn a_bad_token_is_refused_rather_than_taken_for_none() {
    get_as(&api(), "nonsense", "/v1/topology").await.problem(401, "bad_token", Some("Authorization"));
    get(&api(), "/v1/topology?limit=1").await.problem(400, "unknown_parameter", Some("limit"));
}

#[tokio::test]
async fn changes_of_rows_are_counted() {
    let views = social();
    let columns = views.view("posts").unwrap().view.columns.clone();
    let post = row(&columns, &[Value::Int(10), Value::Int(1), text("hello \"world\""), text("public")]);
    let api = api_with(Arc::clone(&views), config());
    let before = node(&get(&api, "/v1/topology").await.json(), "posts")["row_changes"].as_u64().unwrap();
    publish(&views, 2, &[("posts", vec![(post, -1)])]);
    let answer = get(&api, "/v1/topology").await.json();
    let posts = node(&answer, "posts");
    assert_eq!((&posts["row_changes"], &posts["rows"]), (&json!(before + 1), &json!(14)));
    let status = get_as(&api, &operator(), "/v1/status").await.json();
    let posts = status["views"].as_array().unwrap().iter().find(|view| view["name"] == "posts").unwrap();
    assert_eq!((&posts["row_changes"], &posts["rows"], &status["dead_letters"]), (&json!(before + 1), &json!(14), &json!(3)));
}
