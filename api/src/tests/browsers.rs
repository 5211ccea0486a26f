//! Pages of other origins (CORS): which may read answers, of which status, with which headers; preflights; servers without keys.

use super::*;
use crate::http::peer::Peer;
use crate::{CorsOrigin, CorsSites};

const APP: &str = "https://app.example";
const STRANGER: &str = "https://stranger.example";

fn sites(origins: &[&str]) -> CorsSites {
    CorsSites::new(origins.iter().map(|text| text.parse::<CorsOrigin>().unwrap()))
}

fn open_to(origins: &[&str]) -> ApiConfig {
    ApiConfig { cors: sites(origins), ..config() }
}

async fn ask(api: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::of("192.0.2.1".parse().unwrap()));
    send(api, request).await
}

/// Headers of an answer that every page may read (Fetch standard, CORS-safelisted response-header name), or that are for browsers and caches
/// alone.
const NOT_TO_BE_EXPOSED: [&str; 8] = [
    "cache-control",
    "content-length",
    "content-type",
    "x-content-type-options",
    "x-accel-buffering",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "date",
];

/// The header as one list, in lower case.
fn listed(answer: &Answer, name: &str) -> Vec<String> {
    let values = answer.headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap().split(','));
    values.map(|item| item.trim().to_lowercase()).collect()
}

/// Checks that a page may read all of an answer, and that its browser sends no cookie for it.
fn check_readable(answer: &Answer, origin: &str, what: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{what}");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{what}");
    let exposed = listed(answer, "access-control-expose-headers");
    for name in answer.headers.keys().map(axum::http::HeaderName::as_str).filter(|name| !NOT_TO_BE_EXPOSED.contains(name)) {
        assert!(exposed.iter().any(|known| known == name), "{what}: no page can read {name}");
    }
}

/// Requests with answers of many kinds: method, address, status.
const ANSWERS: [(&str, &str, u16); 11] = [
    ("GET", "/v1/views/posts?limit=1", 200),
    ("GET", "/v1/views/posts?nothing=eq.1", 400),
    ("GET", "/v1/views/following_feed", 401),
    ("GET", "/v1/nowhere", 404),
    ("GET", "/healthz", 200),
    ("PATCH", "/v1/views/posts", 405),
    ("POST", "/v1/tickets", 401),
    ("POST", "/v1/deployments", 401),
    ("GET", "/v1/views/posts?after=2a:9&wait=0", 409),
    ("GET", "/rest/v1/posts?limit=1", 200),
    ("GET", "/rest/v1/nothing", 404),
];

#[tokio::test]
async fn pages_of_a_named_origin_read_every_answer_and_those_of_others_read_none() {
    let api = api_with(social(), open_to(&[APP, "http://localhost:5173"]));
    for (method, uri, status) in ANSWERS {
        let what = format!("{method} {uri}");
        for origin in [APP, "http://localhost:5173"] {
            let answer = ask(&api, method, uri, &[("Origin", origin), ("Prefer", "bigint=string")]).await;
            assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
            check_readable(&answer, origin, &what);
            assert!(listed(&answer, "vary").contains(&"origin".to_owned()), "{what}");
        }
        let foreign: [&[(&str, &str)]; 4] =
            [&[("Origin", STRANGER)], &[("Origin", "null")], &[("Origin", APP), ("Origin", STRANGER)], &[]];
        for headers in foreign {
            let answer = ask(&api, method, uri, headers).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{what} {headers:?}");
            // A cache must not hand this answer to a page that may read it, nor the other way round.
            assert!(listed(&answer, "vary").contains(&"origin".to_owned()), "{what} {headers:?}");
        }
    }
    let silent = ask(&super::api(), "GET", "/v1/views/posts", &[("Origin", APP)]).await;
    assert!(!silent.headers.keys().any(|name| name.as_str().starts_with("access-control")), "nobody is let in by default");
}

#[tokio::test]
async fn pages_are_told_of_limits_too() {
    let of = |limits: Limits| api_with(social(), ApiConfig { limits, ..open_to(&[APP]) });
    let api = of(Limits { client_requests_per_hour: 1, ..Limits::default() });
    ask(&api, "GET", "/v1/views/posts", &[("Origin", APP)]).await.rows();
    let refused = ask(&api, "GET", "/v1/views/posts", &[("Origin", APP)]).await;
    refused.problem(429, "too_many_requests", None);
    check_readable(&refused, APP, "429");
    let busy = ask(&of(Limits { requests_max: 0, ..Limits::default() }), "GET", "/v1/views/posts", &[("Origin", APP)]).await;
    busy.problem(503, "busy", None);
    check_readable(&busy, APP, "503");
}

#[tokio::test]
async fn every_origin_is_let_in_by_name_of_all_and_without_credentials() {
    let api = api_with(social(), open_to(&["*"]));
    for origin in [APP, STRANGER, "null"] {
        let answer = ask(&api, "GET", "/v1/views/posts", &[("Origin", origin)]).await;
        check_readable(&answer, "*", origin);
    }
    // A cache may keep what nobody's page has asked for, and hand it to one.
    for headers in [&[][..], &[("Origin", APP), ("Origin", STRANGER)]] {
        let answer = ask(&api, "GET", "/v1/views/posts", headers).await;
        check_readable(&answer, "*", "without a page");
        assert!(!listed(&answer, "vary").contains(&"origin".to_owned()));
    }
    let no_page = ask(&api, "OPTIONS", "/v1/views/posts", &[("Access-Control-Request-Method", "GET")]).await;
    assert!(!no_page.headers.contains_key("access-control-allow-methods"), "a preflight is of a page");
    let asked =
        [("Origin", STRANGER), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Private-Network", "true")];
    let preflight = ask(&api, "OPTIONS", "/v1/views/posts", &asked).await;
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert!(!preflight.headers.contains_key("access-control-allow-private-network"), "who reaches into a network is named");
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_counts_as_a_request() {
    let limits = Limits { client_requests_per_hour: 20, ..Limits::default() };
    let api = api_with(social(), ApiConfig { limits, ..open_to(&[APP]) });
    let wanted = [("Origin", APP), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization")];
    for uri in ["/v1/views/following_feed", "/v1/events", "/v1/tickets", "/v1/nowhere"] {
        let answer = ask(&api, "OPTIONS", uri, &wanted).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""), "{uri}");
        assert_eq!(answer.header("access-control-allow-origin"), APP);
        assert_eq!(listed(&answer, "access-control-allow-methods"), ["get", "head", "post", "put", "patch", "delete"]);
        let headers = listed(&answer, "access-control-allow-headers");
        for name in [
            "authorization",
            "content-type",
            "prefer",
            "range",
            "range-unit",
            "if-none-match",
            "accept-profile",
            "traceparent",
            "last-event-id",
            "x-client-info",
            "apikey",
        ] {
            assert!(headers.iter().any(|allowed| allowed == name), "{name}");
        }
        assert_eq!(answer.header("access-control-max-age"), "7200");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        assert!(!answer.headers.contains_key("access-control-allow-private-network"), "nobody has asked");
    }
    let private = [&wanted[..], &[("Access-Control-Request-Private-Network", "true")]].concat();
    let answer = ask(&api, "OPTIONS", "/v1/events", &private).await;
    assert_eq!(answer.header("access-control-allow-private-network"), "true");
    // What is no preflight of a page that is let in is answered as ever.
    for headers in [&[("Origin", STRANGER), wanted[1]][..], &[("Origin", APP)]] {
        let answer = ask(&api, "OPTIONS", "/v1/events", headers).await;
        assert_eq!((answer.status, answer.header("allow")), (StatusCode::NO_CONTENT, "POST,OPTIONS"), "{headers:?}");
        assert!(!answer.headers.contains_key("access-control-allow-methods"), "{headers:?}");
    }
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(ask(&api, "OPTIONS", "/v1/events", &wanted).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[19]), (204, 429), "{statuses:?}");
}

const UPGRADE: [(&str, &str); 3] = [("Host", "localhost:8080"), ("Upgrade", "websocket"), ("Connection", "Upgrade")];
const SOCKET: &str = "/v1/views/posts/subscribe";

#[tokio::test]
async fn a_page_that_was_named_may_do_at_a_server_without_keys_what_its_own_page_may() {
    let open = ApiConfig { ingest: Permission::Open, operator: Permission::Open, ..ApiConfig::default() };
    let api = api_with(social(), ApiConfig { cors: sites(&["http://localhost:5173"]), ..open });
    let from = |origin: &'static str| {
        [("Host", "localhost:8080"), ("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-site"), ("Origin", origin)]
    };
    let named = async |method: &str, path: &str| ask(&api, method, path, &from("http://localhost:5173")).await;
    let sent = named("POST", "/v1/events").await;
    sent.problem(400, "empty_body", Some("body"));
    check_readable(&sent, "http://localhost:5173", "an event");
    named("DELETE", "/v1/dead-letters/99").await.problem(404, "unknown_dead_letter", Some("id"));
    for origin in ["http://localhost:9999", STRANGER, "null"] {
        let refused = ask(&api, "POST", "/v1/events", &from(origin)).await;
        refused.problem(403, "foreign_page", Some("Origin"));
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{origin}");
        let upgrade = [&UPGRADE[..], &[("Origin", origin)]].concat();
        ask(&api, "GET", SOCKET, &upgrade).await.problem(403, "foreign_page", Some("Origin"));
    }
    // A form is no script, wherever it stands, and another name is no name of this machine.
    let form = [("Host", "localhost:8080"), ("Content-Type", "text/plain"), ("Origin", "http://localhost:5173")];
    ask(&api, "POST", "/v1/events", &form).await.problem(415, "unsupported_media_type", Some("Content-Type"));
    let rebound = [("Host", "rebound.example"), ("Origin", "http://localhost:5173")];
    ask(&api, "GET", "/v1/views/posts", &rebound).await.problem(421, "foreign_host", Some("Host"));
    // A request that is let through fails without a socket only.
    let upgrade = [&UPGRADE[..], &[("Origin", "http://localhost:5173")]].concat();
    ask(&api, "GET", SOCKET, &upgrade).await.problem(400, "bad_upgrade", Some("Upgrade"));
}

#[tokio::test]
async fn a_websocket_of_a_page_that_was_not_named_is_refused_where_some_were() {
    let statuses = async |origins: &[&str]| {
        let api = api_with(social(), open_to(origins));
        let mut statuses = Vec::new();
        for origin in [Some(APP), Some(STRANGER), Some("https://localhost:8080"), None] {
            let upgrade = UPGRADE.into_iter().chain(origin.map(|origin| ("Origin", origin))).collect::<Vec<_>>();
            statuses.push(ask(&api, "GET", SOCKET, &upgrade).await.status.as_u16());
        }
        statuses
    };
    // 400 is what a request gets without a socket that is let through.
    assert_eq!(statuses(&[APP]).await, [400, 403, 400, 400]);
    assert_eq!(statuses(&["*"]).await, [400, 400, 400, 400]);
    assert_eq!(statuses(&[]).await, [400, 400, 400, 400]);
}
