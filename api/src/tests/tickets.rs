//! Streams of browsers, which send no header of a page's with them: tickets, and tokens among the subprotocols of a WebSocket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use sinks::invalidations::Invalidations;

use super::subscriptions::client::{Client, Server};
use super::*;
use crate::http::peer::Peer;

const FEED: &str = "/v1/views/following_feed/subscribe?limit=3";
/// The handshake of RFC 6455.
const HANDSHAKE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn ticket_request(token: Option<&str>, body: &str) -> Request<Body> {
    let request = Request::post("/v1/tickets").header("Content-Type", "application/json");
    let request = token.into_iter().fold(request, |request, token| request.header("Authorization", bearer(token)));
    request.body(body.to_owned().into()).unwrap()
}

/// A ticket of a server on a socket.
fn ticket(server: &Server, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!("POST /v1/tickets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
    write!(stream, "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str::<Json>(body).unwrap()["ticket"].as_str().unwrap().to_owned()
}

/// Checks that the rows of a stream are those of a user.
fn has_rows_of(client: &mut Client, user: i64) {
    assert_eq!(client.until("upsert").data["row"]["user_id"], user);
    client.until("progress");
}

/// The type and the words of a refusal.
fn refusal(server: &Server, uri: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let Err((status, body)) = Client::sse(server.address, uri, headers) else { panic!("{uri} was accepted") };
    let problem: Json = serde_json::from_str(&body).unwrap();
    let word = |name: &str| problem[name].as_str().unwrap().trim_start_matches("urn:tidewater:problem:").to_owned();
    (status, word("type"), word("detail"))
}

#[tokio::test]
async fn a_ticket_is_given_out_for_a_token_and_kept_by_no_cache() {
    let api = api();
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
    let answer = send(&api, ticket_request(Some(&token(1)), "")).await;
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let ticket = answer.json();
    assert_eq!(ticket.as_object().unwrap().len(), 2, "{ticket}");
    assert_eq!(ticket["ticket"].as_str().unwrap().len(), 43);
    let expires_at = schemas::time::parse_timestamp(ticket["expires_at"].as_str().unwrap()).unwrap();
    assert!(expires_at >= begun + 30_000_000, "{ticket}");
    let next = send(&api, ticket_request(Some(&token(1)), "{}")).await.json();
    assert_ne!(next["ticket"], ticket["ticket"]);
    // No ticket outlives its token.
    let rules = TokenRules { leeway: Duration::ZERO, ..TokenRules::default() };
    let strict = api_with(social(), ApiConfig { verifier: Some(verifier_with(rules)), ..config() });
    let exp = begun / 1_000_000 + 10;
    let short = send(&strict, ticket_request(Some(&sign(json!({ "sub": "1", "exp": exp }))), "")).await.json();
    let expires_at = schemas::time::parse_timestamp(short["expires_at"].as_str().unwrap()).unwrap();
    // The two clocks that are read for it differ by what passes in between.
    assert!(expires_at < (exp + 5) * 1_000_000, "{short}");

    send(&api, ticket_request(None, "")).await.problem(401, "token_needed", Some("Authorization"));
    send(&api, ticket_request(Some("x.y.z"), "")).await.problem(401, "bad_token", Some("Authorization"));
    for body in ["[]", "[null]", "{\"view\":1}", "{\"views\":\"posts\"}", "x"] {
        send(&api, ticket_request(Some(&token(1)), body)).await.problem(400, "bad_ticket_request", Some("body"));
    }
    for view in ["secrets", "nothing"] {
        let body = json!({ "view": view }).to_string();
        assert_eq!(send(&api, ticket_request(Some(&token(1)), &body)).await.status, StatusCode::NOT_FOUND, "{view}");
    }
    let long = format!("{{\"view\":\"{}\"}}", "x".repeat(5_000));
    send(&api, ticket_request(Some(&token(1)), &long)).await.problem(413, "body_too_large", Some("body"));
}

#[tokio::test]
async fn a_client_has_so_many_tickets_that_wait() {
    let api = api();
    for _ in 0..crate::http::limits::TICKETS_PER_CLIENT {
        assert_eq!(send(&api, ticket_request(Some(&token(1)), "")).await.status, StatusCode::OK);
    }
    let refused = send(&api, ticket_request(Some(&token(1)), "")).await;
    refused.problem(429, "too_many_tickets", None);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(send(&api, ticket_request(Some(&token(2)), "")).await.status, StatusCode::OK, "another client");
}

#[tokio::test]
async fn a_ticket_from_where_too_many_requests_came_is_looked_at_by_nobody_and_not_used_up() {
    let api = api_with(social(), limited(Limits { client_requests_per_hour: 3, ..Limits::default() }));
    let given = send(&api, ticket_request(Some(&token(1)), "")).await.json();
    let good = given["ticket"].as_str().unwrap();
    let follow = async |peer: &str, ticket: &str| {
        let mut request = Request::get(format!("{FEED}&ticket={ticket}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::of(peer.parse().unwrap()));
        api.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(follow("192.0.2.1", "guessed").await, 401);
    }
    for ticket in ["guessed", good] {
        assert_eq!(follow("192.0.2.1", ticket).await, 429, "{ticket}");
    }
    assert_eq!(follow("192.0.2.2", good).await, 200);
}

#[test]
fn a_ticket_opens_one_stream_of_whoever_it_was_given_to() {
    let server = Server::start(social(), config());
    let one = ticket(&server, &token(1), "");
    let uri = format!("{FEED}&ticket={one}");
    has_rows_of(&mut server.sse(&uri, &[]), 1);
    let (status, kind, detail) = refusal(&server, &uri, &[]);
    assert_eq!((status, kind.as_str()), (401, "bad_ticket"));
    assert!(detail.contains("used already") && detail.contains("/v1/tickets") && !detail.contains(&one), "{detail}");
    assert_eq!(Client::web_socket(server.address, &uri, &[]).err(), Some(401));

    let two = ticket(&server, &token(2), "{\"view\":\"following_feed\"}");
    has_rows_of(&mut Client::web_socket(server.address, &format!("{FEED}&ticket={two}"), &[]).unwrap(), 2);
    let three = ticket(&server, &token(3), "");
    let page = format!("/v1/views/following_feed?limit=3&ticket={three}");
    has_rows_of(&mut server.sse(&page, &[("Accept", "text/event-stream")]), 3);

    // It goes on behind an event that a stream with another ticket has sent.
    let id = server.sse(&format!("{FEED}&ticket={}", ticket(&server, &token(1), "")), &[]).until("progress").id.unwrap();
    let mut again = server.sse(&format!("{FEED}&ticket={}&last_event_id={id}", ticket(&server, &token(1), "")), &[]);
    publish(&server.views, 2, &[]);
    let event = again.next().unwrap();
    assert_eq!((event.name.as_str(), &event.data["position"]), ("progress", &json!("2a:2")));
}

#[test]
fn a_ticket_is_for_its_view_and_for_streams_alone() {
    let server = Server::start(social(), config());
    let bound = ticket(&server, &token(1), "{\"view\":\"posts\"}");
    let (status, kind, detail) = refusal(&server, &format!("{FEED}&ticket={bound}"), &[]);
    assert!((status, kind.as_str()) == (401, "bad_ticket") && detail.contains("another view"), "{kind}: {detail}");
    let (_, _, detail) = refusal(&server, &format!("/v1/views/posts/subscribe?ticket={bound}"), &[]);
    assert!(detail.contains("used already"), "a ticket that was tried is gone: {detail}");

    let free = ticket(&server, &token(1), "");
    for uri in [
        format!("/v1/views/following_feed?ticket={free}"),
        format!("/v1/views/following_feed/why?user_id=eq.1&ticket={free}"),
        format!("/v1/status?ticket={free}"),
        format!("/v1/dead-letters?ticket={free}"),
        format!("/v1/topics/derived.posts/records?ticket={free}"),
    ] {
        let (status, kind, _) = refusal(&server, &uri, &[]);
        assert!((401, "token_needed") == (status, kind.as_str()) || status == 404, "{uri}: {status} {kind}");
    }
    assert_eq!(refusal(&server, &format!("/v1/views/posts?ticket={free}"), &[]).0, 400);
    // Two that ask at once are nobody, and nothing of it uses the ticket up.
    let uri = format!("{FEED}&ticket={free}");
    let (status, kind, _) = refusal(&server, &uri, &[("Authorization", &bearer(&token(2)))]);
    assert_eq!((status, kind.as_str()), (401, "bad_token"));
    let (status, kind, _) = refusal(&server, &format!("{uri}&ticket={free}"), &[]);
    assert_eq!((status, kind.as_str()), (400, "repeated_parameter"));
    has_rows_of(&mut server.sse(&uri, &[]), 1);
}

#[tokio::test]
async fn what_opens_no_stream_uses_no_ticket_up() {
    let api = api();
    let given = send(&api, ticket_request(Some(&token(1)), "")).await.json()["ticket"].as_str().unwrap().to_owned();
    let uri = format!("{FEED}&ticket={given}");
    for method in ["OPTIONS", "HEAD", "POST"] {
        let request = Request::builder().method(method).uri(&uri).body(Body::empty()).unwrap();
        send(&api, request).await;
    }
    let open = api.clone().oneshot(Request::get(&uri).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
    assert_eq!(open.headers()["cache-control"], "no-store");
    let again = get(&api, &uri).await;
    again.problem(401, "bad_ticket", Some("ticket"));
    assert_eq!((again.header("www-authenticate"), again.header("cache-control")), ("Bearer", "private, no-store"));
    for guess in ["", "x", "A".repeat(43).as_str(), "A".repeat(4_000).as_str()] {
        get(&api, &format!("{FEED}&ticket={guess}")).await.problem(401, "bad_ticket", Some("ticket"));
    }
    // Whoever has a ticket for a public view is known too, so a bad one is refused there as well.
    get(&api, "/v1/views/posts/subscribe?ticket=x").await.problem(401, "bad_ticket", Some("ticket"));
    get(&api, "/v1/views/posts/subscribe?ticket=x&ticket=y").await.problem(400, "repeated_parameter", Some("ticket"));
}

#[tokio::test]
async fn a_ticket_follows_invalidations_too() {
    let all = Arc::new(Invalidations::default());
    let position = schemas::position::Position { timeline: Timeline(0x2a), epoch: Epoch(5) };
    all.open("own", "following_feed").epoch(position, vec!["a".into()]);
    let api = api_with(social(), ApiConfig { invalidations: Some(all), ..config() });
    let operator = sign(json!({ "sub": "9", "scope": "operator", "exp": FAR_FUTURE }));
    let path = "/v1/invalidations/own";
    for (token, body, status) in [(token(1), "", 403), (operator.clone(), "{\"view\":\"posts\"}", 401), (operator, "", 200)] {
        let given = send(&api, ticket_request(Some(&token), body)).await.json()["ticket"].as_str().unwrap().to_owned();
        let request = Request::get(format!("{path}?ticket={given}")).body(Body::empty()).unwrap();
        assert_eq!(api.clone().oneshot(request).await.unwrap().status().as_u16(), status, "{body}");
    }
    get(&api, path).await.problem(401, "token_needed", Some("Authorization"));
}

#[test]
fn a_stream_of_a_ticket_ends_with_its_token_and_a_ticket_with_its_key() {
    let rules = TokenRules { leeway: Duration::ZERO, ..TokenRules::default() };
    let verifier = verifier_with(rules);
    let server = Server::start(social(), ApiConfig { verifier: Some(Arc::clone(&verifier)), ..config() });
    let exp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 4;
    let short = ticket(&server, &sign(json!({ "sub": "1", "exp": exp })), "");
    let mut client = server.sse(&format!("{FEED}&ticket={short}"), &[]);
    client.until("progress");
    let end = client.until("error");
    assert!(end.data["detail"].as_str().unwrap().contains("expired"), "{}", end.data);
    assert_eq!(client.next(), None);

    let given = ticket(&server, &token(1), "");
    verifier.replace(token_keys(&[(None, TokenKey::Hs256 { secret: b"another secret of at least 32 bytes".to_vec() })]));
    let (status, kind, detail) = refusal(&server, &format!("{FEED}&ticket={given}"), &[]);
    assert!((status, kind.as_str()) == (401, "bad_token") && detail.contains("no longer accepted"), "{detail}");
}

/// The head of the answer to a handshake that offers these subprotocols.
fn handshake(address: SocketAddr, uri: &str, offered: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let offered = if offered.is_empty() { String::new() } else { format!("Sec-WebSocket-Protocol: {offered}\r\n") };
    write!(stream, "GET {uri} HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}{offered}\r\n").unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

#[test]
fn a_websocket_may_have_its_token_among_the_subprotocols_and_no_answer_repeats_it() {
    let server = Server::start(social(), config());
    let token = token(1);
    let offered = format!("tidewater.v1, bearer.{token}");
    has_rows_of(&mut Client::web_socket(server.address, FEED, &[("Sec-WebSocket-Protocol", &offered)]).unwrap(), 1);
    let head = handshake(server.address, FEED, &format!("bearer.{token}, other, tidewater.v1"));
    assert!(head.starts_with("http/1.1 101") && head.contains("\r\nsec-websocket-protocol: tidewater.v1\r\n"), "{head}");
    assert!(!head.contains("bearer") && !head.contains(&token.to_lowercase()), "{head}");
    let status = |uri: &str, offered: &str| handshake(server.address, uri, offered)[9..12].to_owned();
    for (offered, expected) in [
        (format!("tidewater.v1, bearer.{token}x"), "401"),
        ("tidewater.v1, bearer.".to_owned(), "401"),
        ("tidewater.v1".to_owned(), "401"),
        (format!("bearer.{token}"), "400"),
        (format!("tidewater.v2, bearer.{token}"), "400"),
        (format!("tidewater.v1, bearer.{token}, bearer.{token}"), "401"),
        (format!("tidewater.v1, BEARER.{token}"), "401"),
    ] {
        assert_eq!(status(FEED, &offered), expected, "{}", &offered[..20.min(offered.len())]);
    }
    let given = ticket(&server, &token, "");
    assert_eq!(status(&format!("{FEED}&ticket={given}"), &offered), "401", "two credentials");
    assert_eq!(status("/v1/views/posts/subscribe", ""), "101", "public rows need nothing");
    assert_eq!(status("/v1/views/posts/subscribe", "other"), "101");
    // It counts for a WebSocket alone.
    let (status, kind, _) = refusal(&server, FEED, &[("Sec-WebSocket-Protocol", &offered)]);
    assert_eq!((status, kind.as_str()), (401, "token_needed"));
}
