//! Abuse of requests: bodies without a token, bodies that expand, pages of other sites, and the headers that every answer has.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use futures_util::stream;

use super::*;

/// A body without an end that counts its pieces as they are taken.
fn endless(taken: &Arc<AtomicUsize>) -> Body {
    let taken = Arc::clone(taken);
    Body::from_stream(stream::repeat_with(move || {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Bytes::from_static(b"{\"a\":1}\n"))
    }))
}

#[tokio::test]
async fn no_body_is_read_before_its_sender_is_known() {
    let api = api_with(social(), ApiConfig { verifier: Some(verifier()), ..ApiConfig::default() });
    for path in ["/v1/events", "/v1/topics/social.post", "/v1/deployments", "/v1/deployments/plan"] {
        let taken = Arc::new(AtomicUsize::new(0));
        let request = |token: Option<&str>| {
            let request = Request::post(path).header("Content-Type", "application/json");
            let request =
                token.into_iter().fold(request, |request, token| request.header("Authorization", format!("Bearer {token}")));
            request.body(endless(&taken)).unwrap()
        };
        send(&api, request(None)).await.problem(401, "token_needed", Some("Authorization"));
        send(&api, request(Some("x.y.z"))).await.problem(401, "bad_token", Some("Authorization"));
        send(&api, request(Some(&token(1)))).await.problem(403, "missing_scope", Some("Authorization"));
        assert_eq!(taken.load(Ordering::Relaxed), 0, "{path} reads what a stranger sends");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

async fn post_encoded(api: &Router, path: &str, encodings: &[&str], body: Vec<u8>) -> Answer {
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    let request =
        Request::post(path).header("Content-Type", "application/json").header("Authorization", format!("Bearer {operator}"));
    let request = encodings.iter().fold(request, |request, encoding| request.header("Content-Encoding", *encoding));
    send(api, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn events_may_be_compressed_and_are_limited_as_they_are_expanded() {
    const BYTES_MAX: usize = 100_000;
    let api = api_with(social(), limited(Limits { events_body_bytes_max: BYTES_MAX, ..Limits::default() }));
    let events = async |encodings: &[&str], body: Vec<u8>| post_encoded(&api, "/v1/events", encodings, body).await;
    let lines = b"{}\n{}\n";
    let read: [(&[&str], Vec<u8>); 6] = [
        (&["identity"], lines.to_vec()),
        (&["gzip"], gzip(lines)),
        (&["X-GZip"], gzip(lines)),
        (&["gzip"], [gzip(b"{}\n"), gzip(b"{}\n")].concat()),
        (&["zstd"], zstd_of(lines)),
        (&["zstd"], [zstd_of(b"{}\n"), zstd_of(b"{}\n")].concat()),
    ];
    for (encodings, body) in read {
        assert_eq!(events(encodings, body).await.json()["accepted"], 2, "{encodings:?}");
    }
    let fits = "x".repeat(BYTES_MAX);
    for (encoding, whole, bomb) in [
        ("gzip", gzip(fits.as_bytes()), gzip(&vec![b'x'; 1 << 26])),
        ("zstd", zstd_of(fits.as_bytes()), zstd_of(&vec![b'x'; 1 << 26])),
    ] {
        assert_eq!(events(&[encoding], whole).await.json()["accepted"], 1, "{encoding}");
        assert!(encoding == "gzip" || bomb.len() < BYTES_MAX, "{} bytes", bomb.len());
        events(&[encoding], bomb[..bomb.len().min(BYTES_MAX)].to_vec()).await.problem(413, "body_too_large", Some("body"));
        let one_more =
            if encoding == "gzip" { gzip(format!("{fits}x").as_bytes()) } else { zstd_of(format!("{fits}x").as_bytes()) };
        events(&[encoding], one_more).await.problem(413, "body_too_large", Some("body"));
        for broken in [&b"no such thing"[..], &gzip(lines)[..10], &zstd_of(lines)[..6]] {
            events(&[encoding], broken.to_vec()).await.problem(400, "broken_body", Some("body"));
        }
    }
    // A frame that asks its decoder for gigabytes of memory.
    let mut greedy = zstd::Encoder::new(Vec::new(), 1).unwrap();
    greedy.window_log(27).unwrap();
    greedy.write_all(&vec![b'x'; 1 << 20]).unwrap();
    events(&["zstd"], greedy.finish().unwrap()).await.problem(400, "broken_body", Some("body"));
}

#[tokio::test]
async fn an_encoding_that_is_not_read_is_said_with_those_that_are() {
    let api = api();
    let refused: [&[&str]; 5] = [&["br"], &["deflate"], &["gzip, gzip"], &["gzip", "zstd"], &[""]];
    for encodings in refused {
        let answer = post_encoded(&api, "/v1/events", encodings, gzip(b"{}")).await;
        answer.problem(415, "unsupported_encoding", Some("Content-Encoding"));
        assert_eq!(answer.header("accept-encoding"), "gzip, zstd, identity", "{encodings:?}");
    }
}

/// A server without keys, as on the machine of a developer.
fn keyless() -> Router {
    api_with(social(), ApiConfig { ingest: Permission::Open, operator: Permission::Open, ..ApiConfig::default() })
}

async fn ask(api: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(api, request.body("{}".into()).unwrap()).await
}

#[tokio::test]
async fn a_server_without_keys_answers_to_names_of_this_machine_alone() {
    let api = keyless();
    for path in ["/v1/views/posts", "/v1/dead-letters", "/metrics", "/", "/nowhere"] {
        for host in ["evil.example", "localhost.evil.example:8080", "10.0.0.1:8080"] {
            ask(&api, "GET", path, &[("Host", host)]).await.problem(421, "foreign_host", Some("Host"));
        }
        get(&api, path).await.problem(421, "foreign_host", Some("Host"));
        ask(&api, "GET", path, &[("Host", "localhost"), ("Host", "localhost")]).await.problem(421, "foreign_host", Some("Host"));
    }
    let absolute = "http://evil.example/v1/views/posts";
    ask(&api, "GET", absolute, &[("Host", "localhost")]).await.problem(421, "foreign_host", Some("Host"));
    for host in ["localhost:8080", "127.0.0.1:1", "[::1]:8080"] {
        assert_eq!(ask(&api, "GET", "/v1/views/posts", &[("Host", host)]).await.status, StatusCode::OK, "{host}");
    }
    // Where tokens tell who asks, any name will do.
    assert_eq!(ask(&super::api(), "GET", "/v1/views/posts", &[("Host", "anything.example")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_another_site_writes_nothing_to_a_server_without_keys() {
    let api = keyless();
    const HOST: (&str, &str) = ("Host", "localhost:8080");
    const KIND: (&str, &str) = ("Content-Type", "application/json");
    for path in ["/v1/events", "/v1/dead-letters/1/retry", "/v1/deployments", "/v1/nowhere"] {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=application/json"),
        ] {
            let headers: Vec<_> = [HOST].into_iter().chain(kind.map(|kind| ("Content-Type", kind))).collect();
            ask(&api, "POST", path, &headers).await.problem(415, "unsupported_media_type", Some("Content-Type"));
        }
        for (name, value) in [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Origin", "http://localhost:9999"),
            ("Origin", "https://localhost:8080"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            ask(&api, "POST", path, &[HOST, KIND, (name, value)]).await.problem(403, "foreign_page", Some("Origin"));
        }
    }
    let ours = [HOST, KIND, ("Origin", "http://localhost:8080"), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(ask(&api, "POST", "/v1/events", &ours).await.json()["accepted"], 1);
    let typed = [HOST, ("Content-Type", "application/x-ndjson"), ("Sec-Fetch-Site", "none")];
    assert_eq!(ask(&api, "POST", "/v1/events", &typed).await.json()["accepted"], 1);
    let upgrade = [HOST, ("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let foreign = [&upgrade[..], &[("Origin", "http://evil.example")]].concat();
    let path = "/v1/views/posts/subscribe";
    ask(&api, "GET", path, &foreign).await.problem(403, "foreign_page", Some("Origin"));
    // A request that is let through fails without a socket only.
    let ours = [&upgrade[..], &[("Origin", "http://localhost:8080")]].concat();
    ask(&api, "GET", path, &ours).await.problem(400, "bad_upgrade", Some("Upgrade"));
}

#[tokio::test]
async fn a_cloud_event_comes_to_a_server_without_keys_with_a_header_that_no_form_has() {
    let api = keyless();
    let mut headers = vec![("Host", "localhost:8080"), ("Content-Type", "text/plain")];
    ask(&api, "POST", "/v1/topics/orders", &headers).await.problem(415, "unsupported_media_type", Some("Content-Type"));
    headers.extend([("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/shop"), ("ce-type", "order.placed")]);
    assert_eq!(ask(&api, "POST", "/v1/topics/orders", &headers).await.json()["accepted"], 1);
    headers.push(("Origin", "http://evil.example"));
    ask(&api, "POST", "/v1/topics/orders", &headers).await.problem(403, "foreign_page", Some("Origin"));
}

#[tokio::test]
async fn over_tls_the_page_of_a_server_without_keys_has_another_address() {
    let api = keyless();
    for (origin, status) in [("https://localhost:8080", 200), ("http://localhost:8080", 403)] {
        let request = Request::post("/v1/events").header("Host", "localhost:8080").header("Content-Type", "application/json");
        let request = request.header("Origin", origin).extension(crate::http::peer::OverTls);
        assert_eq!(send(&api, request.body(Body::from("{}")).unwrap()).await.status.as_u16(), status, "{origin}");
    }
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_kept_and_that_its_type_is_what_it_is() {
    let api = api();
    let own = "/v1/views/following_feed";
    for (path, status) in
        [("/v1/views/posts", 200), ("/v1/nothing", 404), (own, 401), ("/metrics", 200), ("/", 200), ("/console/main.js", 200)]
    {
        let answer = get(&api, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let vary: Vec<&str> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.contains(&"Authorization, Accept, Accept-Encoding, Prefer"), "{path}: {vary:?}");
        assert_eq!(answer.headers.get_all("x-content-type-options").iter().count(), 1, "{path}");
    }
    let kept = |answer: &Answer| answer.headers.get("cache-control").map(|value| value.to_str().unwrap().to_owned());
    let private = Some("private, no-store".to_owned());
    assert_eq!(kept(&get_as(&api, &token(1), own).await), private);
    assert_eq!(kept(&get_as(&api, &token(1), "/v1/views/posts").await), private);
    assert_eq!(kept(&get(&api, own).await), private, "a refusal for want of a token");
    assert_eq!(kept(&get_as(&api, &token(1), "/v1/status").await), private, "a refusal for want of a right");
    assert_eq!(kept(&get_as(&api, "x.y.z", "/v1/views/posts").await), private, "a bad token");
    assert_eq!(kept(&get(&api, "/v1/views/posts").await), None, "an answer to everybody");
    assert_eq!(kept(&get_as(&api, &token(1), "/").await).as_deref(), Some("no-cache"), "the page says so itself");
}
