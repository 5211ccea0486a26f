//! `tidewater run` as clients know it: events in by HTTP, views out, and clear words for whoever asks for something else.

use serde_json::{Value, json};

use crate::answers::{Answers, assert_same, parse_rows};
use crate::lines::{followed, posted, registered, world};
use crate::oracle::Oracle;
use crate::process::{Server, operator, shell, token};

fn start() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    (data, server)
}

fn text(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

#[test]
fn what_was_written_is_read_at_the_position_of_the_answer() {
    let (_data, server) = start();
    let operator = operator();
    server.ingest(&[registered(1, 7), registered(2, 8), followed(3, 7, 8)].map(|line| line.to_string()));
    for number in 10..60 {
        let answer = server.try_post(&text(&[posted(number, number, 8, "news")]), Some(&operator)).unwrap();
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(1)), "{}", answer.text);
        let after = answer.position.clone().expect("a position in the header");
        assert_eq!(answer.json()["position"], after);
        let feed = server.get(&format!("/v1/views/following_feed?user_id=eq.7&limit=1&after={after}"), Some(&token(7, "")));
        assert_eq!(feed.rows()[0]["post_id"], number, "the feed at {after}");
        let seen = feed.position.clone().expect("a position in the header");
        assert_eq!(feed.json()["position"], seen);
        assert_eq!(server.get(&format!("/v1/views/user_feed?user_id=eq.8&after={seen}"), None).rows().len() as u64, number - 9);
    }
}

#[test]
fn every_line_of_a_request_has_an_answer() {
    let (_data, server) = start();
    let operator = operator();
    let first = text(&[registered(1, 1)]);
    let position = server.try_post(&first, Some(&operator)).unwrap().json()["results"][0]["position"].clone();
    let mut lines = text(&[registered(1, 1), registered(2, 2), registered(2, 2)]);
    lines.extend(b"\nnonsense\n");
    let answer = server.try_post(&lines, Some(&operator)).unwrap();
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    let statuses: Vec<&str> = answer["results"].as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["duplicate", "accepted", "duplicate", "empty", "rejected"]);
    assert_eq!(answer["results"][0]["position"], position, "a duplicate is where the first one is");
    assert_eq!(answer["results"][2]["position"], answer["results"][1]["position"]);
    assert_eq!(answer["results"][4]["reason"], "not_json");
    assert_eq!((&answer["accepted"], &answer["duplicate"], &answer["rejected"]), (&json!(1), &json!(2), &json!(1)));

    let alone = server.try_post(b"{}", Some(&operator)).unwrap();
    assert_eq!((alone.status, alone.content_type.as_str()), (422, "application/problem+json"));
    assert_eq!((&alone.json()["reason"], &alone.json()["field"]), (&json!("missing_field"), &json!("topic")));
    let refused = server.try_post(&first, None).unwrap();
    assert_eq!((refused.status, &refused.json()["field"]), (401, &json!("Authorization")));
    assert_eq!(server.try_post(&first, Some(&token(1, ""))).unwrap().status, 403);
}

#[test]
fn readers_see_the_rows_that_policies_give_them() {
    let (_data, server) = start();
    let lines =
        [registered(1, 1), registered(2, 2), registered(3, 3), followed(4, 1, 3), followed(5, 2, 3), posted(6, 60, 3, "hello")];
    server.ingest(&lines.map(|line| line.to_string()));
    let feed = "/v1/views/following_feed";
    assert_eq!(server.get(feed, None).status, 401);
    assert_eq!(server.get(feed, Some("not.a.token")).status, 401);
    for user in [1, 2] {
        let rows = server.get(feed, Some(&token(user, ""))).rows();
        assert_eq!(rows.iter().map(|row| &row["user_id"]).collect::<Vec<_>>(), [&json!(user)], "the feed of user {user} alone");
    }
    let of_another = server.get(&format!("{feed}?user_id=eq.2"), Some(&token(1, "")));
    assert_eq!(of_another.rows(), [], "rows of another are not there");
    assert_eq!(server.get(&format!("{feed}?user_id=in.(1,2)"), Some(&token(1, ""))).rows().len(), 1);
    assert_eq!(server.get("/v1/views/profiles", None).rows().len(), 3, "a public view needs no token");
    assert_eq!(server.get("/v1/views/users", Some(&operator())).status, 404, "a table without a grant is not there");
    assert_eq!(server.get("/v1/dead-letters", Some(&token(1, ""))).status, 403);
}

#[test]
fn pages_of_any_size_make_up_the_whole_feed() {
    let (_data, server) = start();
    let lines = world(5, 40, 300);
    server.ingest(&lines);
    let oracle = Oracle::of(lines.iter().map(String::as_str)).state();
    let feeds = Answers { views: &server.client }.ranked("following_feed", &["user_id", "post_id", "author_id"], 600, |_| true);
    assert_same("following_feed", parse_rows(oracle.view_following_feed(600, |_| true)), feeds);

    let token = token(1, "");
    let feed = "/v1/views/following_feed";
    let whole = server.get(&format!("{feed}?limit=1000"), Some(&token)).rows();
    assert!(whole.len() > 20, "the feed has {} rows", whole.len());
    for limit in [1, 7, whole.len() - 1, whole.len()] {
        assert_eq!(server.pages(feed, limit, Some(&token)), whole, "pages of {limit}");
    }
    let reversed = server.pages(&format!("{feed}?order=created_at.asc,post_id.asc"), 7, Some(&token));
    assert_eq!(reversed, whole.iter().rev().cloned().collect::<Vec<_>>());
    let middle = whole[10]["created_at"].as_str().unwrap();
    let older = server.pages(&format!("{feed}?created_at=lt.{middle}"), 7, Some(&token));
    assert_eq!(older, whole.iter().filter(|row| row["created_at"].as_str().unwrap() < middle).cloned().collect::<Vec<_>>());
    let posts = server.get(&format!("{feed}?select=post_id&limit=1"), Some(&token)).rows();
    assert_eq!(posts[0].keys().collect::<Vec<_>>(), ["post_id"]);
}

#[test]
fn wrong_requests_are_problems_that_name_the_field() {
    let (_data, server) = start();
    server.ingest(&[posted(1, 1, 1, "one").to_string(), posted(2, 2, 1, "two").to_string()]);
    let cursor = server.get("/v1/views/posts?limit=1", None).json()["next"].as_str().unwrap().to_owned();
    let wrong_cursor = format!("/v1/views/user_feed?cursor={cursor}");
    let cases = [
        ("/v1/views/post?limit=1", 404, "unknown_view", "view"),
        ("/v1/views/posts?autor_id=eq.1", 400, "unknown_column", "autor_id"),
        ("/v1/views/posts?post_id=1", 400, "bad_operator", "post_id"),
        ("/v1/views/posts?post_id=eq.one", 400, "bad_value", "post_id"),
        ("/v1/views/posts?order=text", 400, "bad_order", "order"),
        ("/v1/views/posts?order=nothing.desc", 400, "unknown_column", "nothing"),
        ("/v1/views/posts?limit=0", 400, "bad_parameter", "limit"),
        ("/v1/views/posts?limit=1000000", 400, "bad_parameter", "limit"),
        ("/v1/views/posts?limit=1&limit=2", 400, "repeated_parameter", "limit"),
        ("/v1/views/posts?cursor=zz", 400, "bad_cursor", "cursor"),
        (&wrong_cursor, 400, "bad_cursor", "cursor"),
        ("/v1/views/posts?after=then", 400, "bad_position", "after"),
        ("/v1/views/posts?after=social.post:9999:0", 400, "unknown_partition", "after"),
        ("/v1/views/posts?after=0:1", 409, "other_timeline", "after"),
        ("/v1/views/posts?wait=0&after=social.post:0:999999", 409, "position_not_reached", "after"),
    ];
    for (path, status, problem, field) in cases {
        let answer = server.get(path, None);
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (status, "application/problem+json"),
            "{path}: {}",
            answer.text
        );
        let json = answer.json();
        assert_eq!(json["type"], format!("urn:tidewater:problem:{problem}"), "{path}");
        assert_eq!((&json["field"], &json["status"]), (&json!(field), &json!(status)), "{path}");
        assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}");
    }
    assert_eq!(server.get("/v1/views/post", None).json()["suggestion"], "posts");
    assert_eq!(server.get("/v1/nowhere", None).status, 404);
    let unasked = server.try_post(b"", Some(&operator())).unwrap();
    assert_eq!((unasked.status, &unasked.json()["field"]), (400, &json!("body")));
}

#[test]
fn operators_are_told_what_there_is_and_how_it_goes() {
    let (_data, mut server) = start();
    server.ingest(&[posted(1, 1, 1, "one").to_string(), posted(2, 2, 1, "two").to_string()]);
    let topics = server.get("/v1/topics", Some(&operator())).json();
    let topic = topics["topics"].as_array().unwrap().iter().find(|topic| topic["name"] == "social.post").unwrap().clone();
    assert_eq!(topic["message"], "social.v1.PostEvent");
    let records: u64 = topic["partitions"].as_array().unwrap().iter().map(|partition| partition["next"].as_u64().unwrap()).sum();
    assert_eq!(records, 2);

    let names = |token: Option<&str>| -> Vec<(String, Value)> {
        let views = server.get("/v1/views", token).json();
        views["views"]
            .as_array()
            .unwrap()
            .iter()
            .map(|view| (view["name"].as_str().unwrap().to_owned(), view["rows"].clone()))
            .collect()
    };
    let public = names(None);
    assert!(public.contains(&("posts".to_owned(), json!(2))), "{public:?}");
    assert!(!public.iter().any(|(name, _)| name == "following_feed"), "whoever has no token has no feed");
    assert!(names(Some(&token(1, ""))).contains(&("following_feed".to_owned(), Value::Null)));

    assert_eq!(server.get("/healthz", None).text, "ok\n");
    assert_eq!(server.get("/readyz", None).json()["ready"], true);
    let metrics = server.get("/metrics", None);
    assert!(metrics.content_type.starts_with("text/plain; version=0.0.4"), "{}", metrics.content_type);
    for line in [
        "tidewater_events_ingested_total 2",
        "tidewater_events_processed_total 2",
        "tidewater_lag_records 0.0",
        "tidewater_row_errors 0.0",
        "tidewater_dead_letters_total 0",
        "tidewater_view_rows{view=\"posts\",index=\"posts_post_id\"} 2.0",
    ] {
        assert!(metrics.text.lines().any(|found| found == line), "no '{line}' in {}", metrics.text);
    }
    assert_eq!(server.process.terminate().code(), Some(0), "a server that is asked to stop has not failed");
}

#[test]
fn a_hangup_does_not_end_the_process() {
    let (_data, mut server) = start();
    server.process.signal("HUP");
    server.ingest(&[posted(1, 1, 1, "after the hangup").to_string()]);
    assert_eq!(server.process.ended(), None);
    assert_eq!(server.process.terminate().code(), Some(0));
}

#[test]
fn a_name_is_listened_on_at_every_address_that_it_has() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--listen", "localhost:0"]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    for name in ["localhost", "127.0.0.1"] {
        assert_eq!(shell(&format!("curl -sS http://{name}:{port}/healthz")), "ok\n");
    }
    let unknown =
        crate::process::tidewater(&["run", "--topologies", "t", "--data", "d", "--listen", "no..such:80"]).output().unwrap();
    let complaint = String::from_utf8(unknown.stderr).unwrap();
    assert!(unknown.status.code() == Some(2) && complaint.contains("'no..such:80' has no address"), "{complaint}");
}

#[test]
fn a_page_has_as_many_bytes_as_the_command_line_says() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--page-bytes-max", "1024"]);
    let posts: Vec<String> = (1..=20).map(|number| posted(number, number, 1, &"long ".repeat(20)).to_string()).collect();
    server.ingest(&posts);
    let page = server.get("/v1/views/posts?limit=20", None);
    assert!(page.rows().len() < 20 && page.json()["next"].is_string(), "{}", page.text);
}

#[test]
fn curl_writes_and_reads() {
    let (_data, server) = start();
    let (url, token) = (server.url(""), operator());
    let sent = shell(&format!(
        "curl -sS -i -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{}' {url}/v1/events",
        posted(1, 1, 1, "from curl")
    ));
    assert!(sent.starts_with("HTTP/1.1 200 OK"), "{sent}");
    let position =
        sent.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("tidewater-position: ").map(str::to_owned)).unwrap();
    let read = shell(&format!("curl -sS '{url}/v1/views/posts?post_id=eq.1&select=text&after={position}'"));
    assert_eq!(serde_json::from_str::<Value>(&read).unwrap()["rows"], json!([{ "text": "from curl" }]));
    let wrong = shell(&format!("curl -sS -o /dev/null -w '%{{http_code}} %{{content_type}}' '{url}/v1/views/posts?limit=-1'"));
    assert_eq!(wrong, "400 application/problem+json");
}
