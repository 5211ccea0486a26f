//! The beginning, continuation and end of subscriptions: refusals, deployments, silence, expired tokens, a server that stops.

use std::time::{SystemTime, UNIX_EPOCH};

use sinks::views::{CatalogueChange, Hydration};

use super::*;

const POSTS: &str = "/v1/views/posts/subscribe?author_id=eq.1&order=post_id";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn start() -> Server {
    Server::start(social(), config())
}

#[test]
fn what_is_wrong_with_a_request_is_said_at_once() {
    let server = start();
    let refused = |uri: &str, headers: &[(&str, &str)]| {
        let Err((status, body)) = Client::sse(server.address, uri, headers) else { panic!("{uri} was accepted") };
        let problem: Json = serde_json::from_str(&body).unwrap();
        (status, problem["type"].as_str().unwrap().trim_start_matches("urn:tidewater:problem:").to_owned())
    };
    let of = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(refused("/v1/views/nothing/subscribe", &[]), of(404, "unknown_view"));
    assert_eq!(refused("/v1/views/secrets/subscribe", &[]), of(404, "unknown_view"));
    assert_eq!(refused("/v1/views/following_feed/subscribe", &[]), of(401, "token_needed"));
    assert_eq!(refused("/v1/views/following_feed", &[("Accept", "text/event-stream")]), of(401, "token_needed"));
    assert_eq!(refused("/v1/views/posts/subscribe", &[("Authorization", "Bearer x")]), of(401, "bad_token"));
    for (query, kind) in [
        ("limit=0", "bad_parameter"),
        ("limit=1001", "bad_parameter"),
        ("key=nobody", "unknown_column"),
        ("key=post_id,post_id", "bad_parameter"),
        ("cursor=x", "unknown_column"),
        ("order=text", "bad_order"),
        ("post_id=like.1", "bad_operator"),
        ("after=x", "bad_position"),
    ] {
        assert_eq!(refused(&format!("/v1/views/posts/subscribe?{query}"), &[]), of(400, kind), "{query}");
    }
    server.views.set_hydration("posts", Some(Hydration { done: 1, total: 4, seconds_left: None }));
    assert_eq!(refused(POSTS, &[]), of(503, "view_hydrating"));
    assert_eq!(Client::web_socket(server.address, POSTS, &[]).err(), Some(503));
    assert_eq!(Client::web_socket(server.address, "/v1/views/following_feed/subscribe", &[]).err(), Some(401));
    let half_a_handshake = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    assert_eq!(refused("/v1/views/posts/subscribe", &half_a_handshake), of(400, "bad_upgrade"));
}

#[test]
fn only_so_many_subscriptions_are_open_at_a_time() {
    let server = Server::start(social(), limited(Limits { subscriptions_max: 2, ..Limits::default() }));
    let mut open = vec![server.sse(POSTS, &[]), Client::web_socket(server.address, POSTS, &[]).unwrap()];
    open.iter_mut().for_each(|client| drop(client.until("progress")));
    let Err((503, body)) = Client::sse(server.address, POSTS, &[]) else { panic!("a third was accepted") };
    assert!(body.contains("too_many_subscriptions") && body.contains("2 subscriptions are open already"), "{body}");
    assert_eq!(server.views.view("posts").unwrap().view.name, "posts");
    open.clear();
    // The server learns that a client is gone when it has something to say.
    for epoch in 2.. {
        publish(&server.views, epoch, &[]);
        if Client::sse(server.address, POSTS, &[]).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_subscription_that_has_nothing_to_say_shows_that_it_is_alive() {
    let limits = Limits { heartbeat_interval: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start(social(), limited(limits));
    let mut client = server.sse(POSTS, &[]);
    client.until("progress");
    client.heartbeat();
    client.heartbeat();
    // Positions are sent although nothing changes for this reader.
    publish(&server.views, 2, &[]);
    assert_eq!(client.until("progress").data["position"], "2a:2");
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

const OWN_FEED: &str = "/v1/views/following_feed/subscribe?user_id=eq.1&limit=2";

/// Checks that a subscription ends with a refused token, and for this reason.
fn ends_with_its_token(client: &mut Client, reason: &str) {
    let end = client.until("error");
    assert_eq!((&end.data["type"], &end.data["status"]), (&json!("urn:tidewater:problem:bad_token"), &json!(401)));
    assert!(end.data["detail"].as_str().unwrap().contains(reason), "{}", end.data);
    assert_eq!((end.id, client.next()), (None, None));
}

#[test]
fn a_token_that_expires_ends_the_subscription() {
    let rules = TokenRules { leeway: Duration::ZERO, ..TokenRules::default() };
    let server = Server::start(social(), ApiConfig { verifier: Some(verifier_with(rules)), ..config() });
    let token = sign(json!({ "sub": "1", "exp": now() + 4 }));
    for mut client in [
        server.sse(OWN_FEED, &[("Authorization", &bearer(&token))]),
        Client::web_socket(server.address, OWN_FEED, &[("Authorization", &bearer(&token))]).unwrap(),
    ] {
        client.until("progress");
        ends_with_its_token(&mut client, "expired");
    }
}

#[test]
fn a_token_within_its_leeway_opens_a_subscription_that_goes_on() {
    let server = start();
    let expired = sign(json!({ "sub": "1", "exp": now() - 5 }));
    let mut client = server.sse(OWN_FEED, &[("Authorization", &bearer(&expired))]);
    client.until("progress");
    publish(&server.views, 2, &[]);
    assert_eq!(client.until("progress").data["position"], "2a:2", "it ended although pages are still answered");
    let Err((401, body)) =
        Client::sse(server.address, OWN_FEED, &[("Authorization", &bearer(&sign(json!({ "sub": "1", "exp": now() - 61 }))))])
    else {
        panic!("a token behind its leeway was accepted")
    };
    assert!(body.contains("expired"), "{body}");
}

#[test]
fn a_key_that_is_withdrawn_ends_the_subscriptions_that_were_opened_with_it() {
    let verifier = verifier();
    let server = Server::start(social(), ApiConfig { verifier: Some(Arc::clone(&verifier)), ..config() });
    let mine = bearer(&token(1));
    let mut clients = [
        server.sse(OWN_FEED, &[("Authorization", &mine)]),
        Client::web_socket(server.address, OWN_FEED, &[("Authorization", &mine)]).unwrap(),
    ];
    let mut anonymous = server.sse(POSTS, &[]);
    for client in clients.iter_mut().chain([&mut anonymous]) {
        client.until("progress");
    }
    let key = |secret: &[u8]| token_keys(&[(None, TokenKey::Hs256 { secret: secret.to_vec() })]);
    assert_eq!(verifier.replace(key(SECRET)), (0, 0), "the same key is not another one");
    publish(&server.views, 2, &[]);
    clients.iter_mut().for_each(|client| assert_eq!(client.until("progress").data["position"], "2a:2"));
    assert_eq!(verifier.replace(key(b"another secret of at least 32 bytes")), (1, 1));
    clients.iter_mut().for_each(|client| ends_with_its_token(client, "no longer accepted"));
    publish(&server.views, 3, &[]);
    while anonymous.until("progress").data["position"] != "2a:3" {}
}

#[test]
fn a_server_that_stops_ends_subscriptions_first() {
    let mut server = start();
    let mut clients = [server.sse(POSTS, &[]), Client::web_socket(server.address, POSTS, &[]).unwrap()];
    clients.iter_mut().for_each(|client| drop(client.until("progress")));
    server.stop();
    clients.iter_mut().for_each(|client| assert_eq!(client.next(), None));
}

#[test]
fn a_server_that_stops_tells_web_sockets_that_it_goes_away() {
    let mut server = start();
    let mut client = Client::web_socket(server.address, POSTS, &[]).unwrap();
    client.until("progress");
    server.stop();
    let Client::WebSocket(mut socket) = client else { panic!("not a WebSocket") };
    let frame = loop {
        if let tungstenite::Message::Close(frame) = socket.read().unwrap() {
            break frame.expect("a reason");
        }
    };
    assert_eq!(u16::from(frame.code), 1001);
}

fn show_posts(server: &Server, epoch: u64, view: View, rows: &[Row]) {
    let served = server.views.stage(view).unwrap();
    for (id, layout) in &served.indexes {
        server.views.hydrate(*id, rows.iter().map(|row| (layout.store(row.as_bytes()), 1)).collect()).unwrap();
    }
    change(server, epoch, CatalogueChange { show: vec!["posts".into()], ..CatalogueChange::default() });
}

fn change(server: &Server, epoch: u64, catalogue: CatalogueChange) {
    publish_commit(&server.views, Commit { epoch: Epoch(epoch), catalogue: Some(catalogue), ..Commit::default() }, &[]);
}

fn post(id: i64, body: &str) -> Row {
    row(&social_views()[1].columns, &[Value::Int(id), Value::Int(1), text(body), text("public")])
}

#[test]
fn a_view_that_is_replaced_is_shown_on_from_the_beginning() {
    let server = start();
    let mut client = server.sse(POSTS, &[]);
    let first = client.until("progress").id.unwrap();
    show_posts(&server, 2, social_views().remove(1), &[post(10, "again")]);
    let reset = client.next().unwrap();
    assert_eq!((reset.name.as_str(), &reset.data["reason"]), ("reset", &json!("replaced_view")));
    assert_eq!(client.next().unwrap().data["row"]["text"], "again");
    assert_eq!(client.next().unwrap().data["position"], "2a:2");
    publish(&server.views, 3, &[("posts", vec![(post(11, "new"), 1)])]);
    assert_eq!(client.next().unwrap().data["row"]["post_id"], 11);
    let last = client.until("progress").id.unwrap();

    // An id from before it was replaced is no place in the rows of the new one; one from after is.
    let mut late = server.sse(POSTS, &[("Last-Event-ID", &first)]);
    assert_eq!(late.next().unwrap().data["reason"], "old_id");
    let mut late = server.sse(POSTS, &[("Last-Event-ID", &last)]);
    publish(&server.views, 4, &[("posts", vec![(post(11, "new"), -1)])]);
    assert_eq!(late.next().unwrap().name, "delete");
}

#[test]
fn a_view_that_becomes_another_one_or_goes_away_ends_the_subscription_with_the_reason() {
    let server = start();
    let end = |client: &mut Client| {
        let end = client.until("error");
        assert_eq!(client.next(), None);
        (end.data["type"].as_str().unwrap().to_owned(), end.data["detail"].as_str().unwrap().to_owned())
    };
    let mut client = server.sse(POSTS, &[]);
    client.until("progress");
    let mut readers_change = server.sse(POSTS, &[]);
    readers_change.until("progress");
    let columns = [("post_id", FieldKind::Int64), ("author_id", FieldKind::Int64)];
    let other = view("posts", &columns, &[("by_id", &["post_id"], None)], Access::Public);
    show_posts(&server, 2, other, &[]);
    let (kind, detail) = end(&mut client);
    assert!(
        kind.ends_with("view_replaced") && detail.contains("'posts'") && detail.contains("subscribe again"),
        "{kind} {detail}"
    );
    assert!(end(&mut readers_change).0.ends_with("view_replaced"));

    let mut client = server.sse(POSTS, &[]);
    client.until("progress");
    change(&server, 3, CatalogueChange { remove: vec!["posts".into()], ..CatalogueChange::default() });
    assert!(end(&mut client).0.ends_with("unknown_view"));
}

#[test]
fn readers_that_change_are_asked_again_and_the_others_go_on() {
    let server = start();
    let own = |view: &str| format!("/v1/views/{view}/subscribe?limit=3");
    let (mut feed, mut posts) =
        (server.sse(&own("following_feed"), &[("Authorization", &bearer(&token(1)))]), server.sse(POSTS, &[]));
    feed.until("progress");
    posts.until("progress");
    let access = vec![("following_feed".to_owned(), Access::Denied), ("posts".to_owned(), Access::Public)];
    change(&server, 2, CatalogueChange { access, ..CatalogueChange::default() });
    assert!(feed.until("error").data["type"].as_str().unwrap().ends_with("unknown_view"));
    publish(&server.views, 3, &[("posts", vec![(post(17, "new"), 1)])]);
    // The index serves three posts of an author, so the new one pushes one out.
    let mut changes = std::iter::from_fn(|| posts.next()).filter(|event| event.name != "progress");
    let mut change = || changes.next().map(|event| (event.name, event.data["row"]["post_id"].clone())).unwrap();
    assert_eq!([change(), change()], [("delete".to_owned(), json!(12)), ("upsert".to_owned(), json!(17))]);
}
