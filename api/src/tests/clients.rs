//! Limits of each client: by subject or by peer, over time, and in what is open and what waits.

use futures_util::stream;

use crate::http::peer::Peer;
use crate::{RateLimit, RatePeriod, ViewLimit};

use super::*;

/// An API with these limits whose tokens are known.
fn limited_api(limits: Limits) -> Router {
    api_with(social(), limited(limits))
}

/// A request from an address, with a token or without.
fn request(peer: &str, token: Option<&str>, uri: &str) -> Request<Body> {
    let request =
        token.into_iter().fold(Request::get(uri), |request, token| request.header("Authorization", format!("Bearer {token}")));
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::of(peer.parse().unwrap()));
    request
}

const POSTS: &str = "/v1/views/posts?limit=1";
const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

/// Requests that are answered, until one is refused.
async fn answered(api: &Router, peer: &str, token: Option<&str>, uri: &str) -> (usize, Answer) {
    for number in 0.. {
        let answer = send(api, request(peer, token, uri)).await;
        if answer.status != StatusCode::OK {
            return (number, answer);
        }
    }
    unreachable!("a limit has an end")
}

#[tokio::test]
async fn requests_of_a_client_are_limited_and_those_of_others_are_not() {
    let api = limited_api(Limits { client_requests_per_second: 2, ..Limits::default() });
    let (number, refused) = answered(&api, HERE, None, POSTS).await;
    // Two seconds' worth may be made at once.
    assert!(number >= 4, "{number} requests");
    assert!(refused.problem(429, "too_many_requests", None).contains("2 requests a second"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(send(&api, request(THERE, None, POSTS)).await.status, StatusCode::OK, "another address");
    assert_eq!(
        send(&api, request(HERE, Some(&token(1)), POSTS)).await.status,
        StatusCode::OK,
        "somebody from there with a token"
    );
    for path in ["/healthz", "/metrics", "/readyz", "/"] {
        assert_eq!(send(&api, request(HERE, None, path)).await.status, StatusCode::OK, "{path} under load");
    }
}

#[tokio::test]
async fn a_client_that_takes_no_answer_gets_no_further_one_until_it_does() {
    let api = limited_api(Limits { client_answer_bytes: 1, ..Limits::default() });
    let untaken = api.clone().oneshot(request(HERE, None, "/openapi.json")).await.unwrap();
    assert_eq!(untaken.status(), StatusCode::OK, "one has room, whatever its length");
    let refused = send(&api, request(HERE, None, POSTS)).await;
    assert!(refused.problem(429, "too_many_answers", None).contains("--client-answer-bytes"));
    assert_eq!(refused.header("retry-after"), "1");
    let mut event = request(HERE, None, "/v1/events");
    *event.method_mut() = axum::http::Method::POST;
    send(&api, event).await.problem(429, "too_many_answers", None);
    assert_eq!(send(&api, request(HERE, None, "/healthz")).await.status, StatusCode::OK);
    assert_eq!(send(&api, request(THERE, None, POSTS)).await.status, StatusCode::OK, "another client");
    drop(untaken);
    assert_eq!(send(&api, request(HERE, None, POSTS)).await.status, StatusCode::OK);

    let api = limited_api(Limits { answer_bytes_max: 1, ..Limits::default() });
    let _untaken = api.clone().oneshot(request(HERE, None, "/openapi.json")).await.unwrap();
    let refused = send(&api, request(THERE, None, POSTS)).await;
    refused.problem(503, "too_many_answers", None);
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn an_hour_and_a_view_have_limits_of_their_own() {
    let api = limited_api(Limits { client_requests_per_hour: 3, ..Limits::default() });
    let (number, refused) = answered(&api, HERE, None, POSTS).await;
    assert!(number == 3 && refused.problem(429, "too_many_requests", None).contains("3 requests an hour"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 1);
    // A subject is one client from wherever it asks.
    assert_eq!(answered(&api, HERE, Some(&token(2)), POSTS).await.0, 3);
    send(&api, request(THERE, Some(&token(2)), POSTS)).await.problem(429, "too_many_requests", None);
    assert_eq!(send(&api, request(THERE, Some(&token(3)), POSTS)).await.status, StatusCode::OK);

    let limit = RateLimit { requests: 2, period: RatePeriod::Hour };
    let api = limited_api(Limits { view_limits: vec![ViewLimit { view: "posts".into(), limit }], ..Limits::default() });
    let (number, refused) = answered(&api, HERE, None, POSTS).await;
    assert!(number == 2 && refused.problem(429, "too_many_requests", Some("view")).contains("the view 'posts'"));
    for uri in ["/v1/views/po%73ts", "/v1/views/posts/subscribe"] {
        send(&api, request(HERE, None, uri)).await.problem(429, "too_many_requests", Some("view"));
    }
    assert_eq!(send(&api, request(HERE, Some(&token(1)), "/v1/views/following_feed")).await.status, StatusCode::OK);
    assert_eq!(send(&api, request(THERE, None, POSTS)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_has_so_many_streams_and_gets_a_place_back_when_one_ends() {
    let api = limited_api(Limits { client_streams: 1, ..Limits::default() });
    let uri = "/v1/views/posts/subscribe";
    let open = api.clone().oneshot(request(HERE, None, uri)).await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
    let refused = send(&api, request(HERE, None, uri)).await;
    assert!(refused.problem(429, "too_many_streams", None).contains("--client-streams"));
    for other in [request(THERE, None, uri), request(HERE, Some(&token(1)), uri)] {
        assert_eq!(api.clone().oneshot(other).await.unwrap().status(), StatusCode::OK);
    }
    drop(open);
    assert_eq!(api.clone().oneshot(request(HERE, None, uri)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_has_so_many_requests_that_wait() {
    let api = limited_api(Limits { client_waits: 1, ..Limits::default() });
    let uri = "/v1/views/posts?after=2a:9&wait=30000";
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { send(&api, request(HERE, None, uri)).await }
    });
    tokio::task::yield_now().await;
    for uri in [uri, "/v1/views/posts/subscribe?after=2a:9"] {
        let refused = send(&api, request(HERE, None, uri)).await;
        assert!(refused.problem(429, "too_many_waits", Some("after")).contains("--client-waits"), "{uri}");
    }
    assert_eq!(send(&api, request(HERE, None, POSTS)).await.status, StatusCode::OK, "who does not wait needs no place");
    send(&api, request(THERE, None, "/v1/views/posts?after=2a:9&wait=0")).await.problem(
        409,
        "position_not_reached",
        Some("after"),
    );
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    send(&api, request(HERE, None, "/v1/views/posts?after=2a:9&wait=0")).await.problem(
        409,
        "position_not_reached",
        Some("after"),
    );
}

#[tokio::test]
async fn producers_and_readers_do_not_take_each_others_places() {
    let limits = Limits { requests_max: 1, producer_requests_max: 1, ..Limits::default() };
    let api = limited_api(limits);
    let events = |body: &'static str| send_owned(api.clone(), Request::post("/v1/events").body(body.into()).unwrap());
    let reading = tokio::spawn(send_owned(api.clone(), request(HERE, None, "/v1/views/posts?after=2a:9&wait=30000")));
    tokio::task::yield_now().await;
    send(&api, request(HERE, None, POSTS)).await.problem(503, "busy", None);
    assert_eq!(events("{}").await.json()["accepted"], 1, "readers keep producers out");
    reading.abort();
    let producing = tokio::spawn(events("slow"));
    tokio::task::yield_now().await;
    events("{}").await.problem(503, "busy", None);
    let of_a_topic = Request::post("/v1/topics/social.post").body("{}".into()).unwrap();
    send(&api, of_a_topic).await.problem(503, "busy", None);
    assert!(reading.await.unwrap_err().is_cancelled());
    assert_eq!(send(&api, request(HERE, None, POSTS)).await.status, StatusCode::OK, "producers keep readers out");
    producing.abort();
}

async fn send_owned(api: Router, request: Request<Body>) -> Answer {
    send(&api, request).await
}

#[tokio::test]
async fn bad_tokens_are_not_looked_at_for_ever() {
    let api = limited_api(Limits { client_bad_tokens_per_second: 1, ..Limits::default() });
    let forged = forged();
    // Each is verified, or refused as one too many; on a slow machine there may be room for another one meanwhile.
    let refused = loop {
        let answer = send(&api, request(HERE, Some(&forged), POSTS)).await;
        if answer.status != StatusCode::UNAUTHORIZED {
            break answer;
        }
        answer.problem(401, "bad_token", Some("Authorization"));
    };
    refused.problem(429, "too_many_bad_tokens", Some("Authorization"));
    let is_good_refused = async || {
        send(&api, request(HERE, Some(&forged), POSTS)).await;
        send(&api, request(HERE, Some(&token(1)), POSTS)).await.status == StatusCode::TOO_MANY_REQUESTS
    };
    let mut tries = 0;
    while !is_good_refused().await {
        tries += 1;
        assert!(tries < 100, "good tokens are verified although too many bad ones came");
    }
    assert_eq!(send(&api, request(HERE, None, POSTS)).await.status, StatusCode::OK, "who sends no token costs no look at one");
    assert_eq!(send(&api, request(THERE, Some(&token(1)), POSTS)).await.status, StatusCode::OK);
}

/// A token with the signature of another one.
fn forged() -> String {
    let (token, other) = (token(1), token(2));
    let signature = other.rsplit_once('.').unwrap().1;
    format!("{}.{signature}", token.rsplit_once('.').unwrap().0)
}

#[tokio::test]
async fn only_tokens_with_a_wrong_signature_are_counted_as_bad() {
    let api = limited_api(Limits { client_bad_tokens_per_second: 1, ..Limits::default() });
    let expired = sign(json!({ "sub": "1", "exp": 1 }));
    let unsigned = token(1).rsplit_once('.').unwrap().0.to_owned();
    for bad in [expired.as_str(), unsigned.as_str(), "x", "", "e30.e30.e30"] {
        for _ in 0..9 {
            send(&api, request(HERE, Some(bad), POSTS)).await.problem(401, "bad_token", Some("Authorization"));
        }
    }
    assert_eq!(send(&api, request(HERE, Some(&token(1)), POSTS)).await.status, StatusCode::OK);
    let unlimited = limited_api(Limits { client_bad_tokens_per_second: 0, ..Limits::default() });
    for _ in 0..9 {
        send(&unlimited, request(HERE, Some(&forged()), POSTS)).await.problem(401, "bad_token", Some("Authorization"));
    }
}

#[tokio::test]
async fn a_client_has_so_many_requests_with_events_and_takes_its_place_before_the_body_is_read() {
    let api = limited_api(Limits { client_producer_requests: 1, ..Limits::default() });
    let send_to = |path: &str, peer: &str, body: Body| {
        let mut request = Request::post(path).body(body).unwrap();
        request.extensions_mut().insert(Peer::of(peer.parse().unwrap()));
        request
    };
    let events = |peer: &str, body: Body| send_to("/v1/events", peer, body);
    let never = Body::from_stream(stream::pending::<Result<String, std::io::Error>>());
    let sending = tokio::spawn(send_owned(api.clone(), events(HERE, never)));
    tokio::task::yield_now().await;
    let refused = send(&api, events(HERE, "{}".into())).await;
    assert!(refused.problem(429, "too_many_producer_requests", None).contains("--client-producer-requests"));
    assert_eq!(refused.header("retry-after"), "1");
    let of_a_topic = send(&api, send_to("/v1/topics/social.post", HERE, "{}".into())).await;
    of_a_topic.problem(429, "too_many_producer_requests", None);
    assert_eq!(send(&api, events(THERE, "{}".into())).await.json()["accepted"], 1, "another client");
    assert_eq!(send(&api, request(HERE, None, POSTS)).await.status, StatusCode::OK, "a reader from there");
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    assert_eq!(send(&api, events(HERE, "{}".into())).await.json()["accepted"], 1, "its place is free again");
}

#[tokio::test]
async fn without_keys_requests_are_not_counted_but_other_limits_hold() {
    let limits = Limits { client_requests_per_second: 1, client_requests_per_hour: 1, ..Limits::default() };
    let api = api_with(social(), ApiConfig { limits, ..ApiConfig::default() });
    for _ in 0..9 {
        let mut request = request(HERE, None, POSTS);
        request.headers_mut().insert("Host", "localhost".parse().unwrap());
        assert_eq!(send(&api, request).await.status, StatusCode::OK);
    }
    let limit = RateLimit { requests: 1, period: RatePeriod::Hour };
    let limits = Limits { view_limits: vec![ViewLimit { view: "posts".into(), limit }], ..Limits::default() };
    let api = api_with(social(), ApiConfig { limits, ..ApiConfig::default() });
    let local = |uri: &str| {
        let mut request = request(HERE, None, uri);
        request.headers_mut().insert("Host", "localhost".parse().unwrap());
        request
    };
    assert_eq!(send(&api, local(POSTS)).await.status, StatusCode::OK);
    send(&api, local(POSTS)).await.problem(429, "too_many_requests", Some("view"));
    let limits = Limits { client_streams: 0, client_waits: 0, ..Limits::default() };
    let api = api_with(social(), ApiConfig { limits, ..ApiConfig::default() });
    send(&api, local("/v1/views/posts/subscribe")).await.problem(429, "too_many_streams", None);
    send(&api, local("/v1/views/posts?after=2a:9&wait=0")).await.problem(429, "too_many_waits", Some("after"));
}
