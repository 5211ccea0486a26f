//! Everything that can be wrong with a request is a problem that names what.

use super::*;

#[tokio::test]
async fn faults_of_a_query_name_the_parameter() {
    let api = api();
    let cases = [
        ("auther_id=eq.1", "unknown_column", Some("auther_id"), "did you mean 'author_id'"),
        ("limt=3", "unknown_column", Some("limt"), "did you mean 'limit'"),
        ("post_id=like.1", "bad_operator", Some("post_id"), "in.(a,b)"),
        ("post_id=1", "bad_operator", Some("post_id"), "post_id=eq.<value>"),
        ("post_id=eq.abc", "bad_value", Some("post_id"), "BIGINT"),
        ("post_id=eq.9223372036854775808", "bad_value", Some("post_id"), "64 bits"),
        ("post_id=in.1,2", "bad_value", Some("post_id"), "a list such as"),
        ("limit=0", "bad_parameter", Some("limit"), "from 1 to 1000"),
        ("limit=1001", "bad_parameter", Some("limit"), "from 1 to 1000"),
        ("limit=-1", "bad_parameter", Some("limit"), "whole number"),
        ("limit=1&limit=2", "repeated_parameter", Some("limit"), "more than once"),
        ("wait=30001", "bad_parameter", Some("wait"), "from 0 to 30000"),
        ("order=text", "bad_order", Some("order"), "reverse"),
        ("order=post_id.down", "bad_parameter", Some("order"), "created_at.desc"),
        ("order=nothing", "unknown_column", Some("nothing"), "posts"),
        ("order=author_id.desc,post_id.desc", "bad_order", Some("order"), "author_id.desc,post_id.desc"),
        ("select=post_id,nothing", "unknown_column", Some("nothing"), "posts"),
        ("select=text,text", "bad_parameter", Some("select"), "at most once"),
        ("select=", "unknown_column", Some(""), "posts"),
        ("cursor=abc", "bad_cursor", Some("cursor"), "damaged"),
        ("cursor=%00", "bad_cursor", Some("cursor"), "damaged"),
        ("after=abc", "bad_position", Some("after"), "Tidewater-Position"),
        ("after=social.like:0:1", "unknown_partition", Some("after"), "social.like"),
        ("text=eq.%ff", "bad_encoding", None, "percent-encode"),
        ("text=eq.%f", "bad_encoding", None, "percent-encode"),
    ];
    for (query, kind, field, detail) in cases {
        let answer = get(&api, &format!("/v1/views/posts?{query}")).await;
        let found = answer.problem(400, kind, field);
        assert!(found.contains(detail), "{query}: {found}");
    }
    let timeline = get(&api, "/v1/views/posts?after=2b:1").await;
    assert!(timeline.problem(409, "other_timeline", Some("after")).contains("timeline"));
    let order = get(&api, "/v1/views/posts?order=text").await;
    assert_eq!(order.json()["indexes"], json!(["by_id (post_id)", "by_author (author_id, post_id DESC)"]));
}

#[tokio::test]
async fn too_many_keys_or_parameters_are_refused() {
    let list: Vec<String> = (0..1_001).map(|id| id.to_string()).collect();
    let answer = get(&api(), &format!("/v1/views/posts?post_id=in.({})", list.join(","))).await;
    answer.problem(400, "too_many_keys", Some("post_id"));
    let many = "post_id=gt.0&".repeat(101);
    get(&api(), &format!("/v1/views/posts?{many}")).await.problem(400, "too_many_parameters", None);
}

#[tokio::test]
async fn paths_methods_and_parameters_that_are_not_there() {
    let api = api();
    for path in ["/v1", "/v2/views", "/v1/views/posts/1"] {
        get(&api, path).await.problem(404, "unknown_path", None);
    }
    let answer = send(&api, Request::delete("/v1/views/posts").body(Body::empty()).unwrap()).await;
    answer.problem(405, "method_not_allowed", None);
    assert_eq!(answer.header("allow"), "GET,HEAD,OPTIONS");
    for path in ["/v1/views", "/v1/topics"] {
        get(&api, &format!("{path}?a=1")).await.problem(400, "unknown_parameter", Some("a"));
    }
    get(&api, "/v1/views/%ff").await.problem(400, "bad_encoding", None);
    get(&api, "/v1/views/%00").await.problem(404, "unknown_view", Some("view"));
}

#[tokio::test]
async fn addresses_and_headers_have_limits() {
    let api = api();
    let answer = get(&api, &format!("/v1/views/posts?text=eq.{}", "x".repeat(8 * 1024))).await;
    assert!(answer.problem(414, "uri_too_long", None).contains("8192"));
    let request = Request::get("/v1/views/posts").header("X-Long", "x".repeat(17 * 1024));
    let answer = send(&api, request.body(Body::empty()).unwrap()).await;
    assert!(answer.problem(431, "headers_too_large", None).contains("16384"));
}

/// Whatever a query holds, it is answered or refused: no panic, no server error.
#[tokio::test]
async fn nonsense_is_answered() {
    let api = api();
    let words = [
        "post_id",
        "text",
        "limit",
        "order",
        "cursor",
        "after",
        "select",
        "wait",
        "=",
        "&",
        ".",
        "eq.",
        "in.(",
        ")",
        ",",
        "\"",
        "%22",
        "%",
        "%C3",
        "1",
        "-1",
        "99999999999999999999",
        "is.null",
        "gt.",
        "lte.",
        "2a:1",
        "social.post:0:1",
        "desc",
        "NaN",
        "\\",
        "(",
        "+",
        "%00",
    ];
    let mut random = testkit::random::Random::new(1);
    for _ in 0..3_000 {
        let mut query = String::new();
        for _ in 0..12 {
            query.push_str(words[random.below(words.len())]);
        }
        let query = query.replace(['"', '\\'], "%5C").replace("wait=", "wait=0&x=");
        let answer = get(&api, &format!("/v1/views/posts?{query}&wait=0")).await;
        assert!(answer.status.as_u16() < 500, "{query}: {}", answer.text);
    }
}
