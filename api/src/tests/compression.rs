//! Compressed answers: which ones, by which encoding, and what stays as it is.

use std::io::Read as _;

use axum::body::Bytes;
use flate2::read::GzDecoder;

use super::*;

const POST: &str = "/v1/views/posts?post_id=eq.99";

/// An API with a post of this many bytes.
fn with_long_post(config: ApiConfig, bytes: usize) -> Router {
    let views = social();
    let columns = views.view("posts").unwrap().view.columns.clone();
    let long = row(&columns, &[Value::Int(99), Value::Int(1), text(&"long ".repeat(bytes / 5)), text("public")]);
    publish(&views, 2, &[("posts", vec![(long, 1)])]);
    api_with(views, config)
}

/// The headers and the bytes of an answer.
async fn ask(api: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Bytes) {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let (parts, body) = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    (parts.status, parts.headers, to_bytes(body, usize::MAX).await.unwrap())
}

fn encoding(headers: &HeaderMap) -> Option<&str> {
    headers.get("content-encoding").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_long_answer_for_everybody_is_compressed_as_the_client_would_have_it() {
    let api = with_long_post(config(), 5_000);
    let (_, plain_headers, plain) = ask(&api, "GET", POST, &[]).await;
    assert_eq!((encoding(&plain_headers), plain.len() > 5_000), (None, true));
    for (accepted, expected) in [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("gzip, deflate, br, zstd", "zstd")] {
        let (_, headers, bytes) = ask(&api, "GET", POST, &[("Accept-Encoding", accepted)]).await;
        assert_eq!(encoding(&headers), Some(expected), "{accepted}");
        assert!(bytes.len() * 10 < plain.len() && !headers.contains_key("content-length"), "{accepted}: {} bytes", bytes.len());
        assert_eq!(headers["etag"], plain_headers["etag"], "{accepted}");
        let mut read = Vec::new();
        match expected {
            "gzip" => drop(GzDecoder::new(&*bytes).read_to_end(&mut read).unwrap()),
            "zstd" => read = zstd::decode_all(&*bytes).unwrap(),
            _ => continue,
        }
        assert_eq!(read, plain, "{accepted}");
    }
    let (_, headers, bytes) = ask(&api, "GET", POST, &[("Accept-Encoding", "identity;q=0, deflate")]).await;
    assert_eq!((encoding(&headers), bytes), (None, plain), "there is no other form, and the answer is not lost");
    let (_, headers, _) = ask(&api, "GET", "/rest/v1/posts?post_id=eq.99", &[("Accept-Encoding", "gzip")]).await;
    assert!(encoding(&headers) == Some("gzip") && headers.contains_key("content-range"), "a range of rows: {headers:?}");
    let (_, headers, _) = ask(&api, "GET", "/v1/views/posts?post_id=eq.10", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(encoding(&headers), None, "a short one");
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again_whatever_its_encoding_was() {
    let api = with_long_post(config(), 5_000);
    let gzip = ("Accept-Encoding", "gzip");
    let (_, headers, _) = ask(&api, "GET", POST, &[gzip]).await;
    let tag = headers["etag"].to_str().unwrap();
    for known in [&[("If-None-Match", tag), gzip][..], &[("If-None-Match", tag)]] {
        let (status, again, bytes) = ask(&api, "GET", POST, known).await;
        assert_eq!((status, bytes.len(), encoding(&again)), (StatusCode::NOT_MODIFIED, 0, None), "{known:?}");
        assert_eq!(again["etag"], headers["etag"]);
        let varies = again.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("Accept-Encoding"));
        assert!(varies, "{again:?}");
    }
}

#[tokio::test]
async fn an_answer_to_somebody_is_compressed_only_where_the_operator_says_so() {
    let authorization = format!("Bearer {}", token(1));
    let headers = [("Authorization", &*authorization), ("Accept-Encoding", "gzip")];
    for (compresses_private, expected) in [(false, None), (true, Some("gzip"))] {
        let api = with_long_post(ApiConfig { compresses_private, ..config() }, 5_000);
        for uri in [POST, "/v1/views/following_feed?limit=50"] {
            let (status, answered, bytes) = ask(&api, "GET", uri, &headers).await;
            assert_eq!((status, encoding(&answered)), (StatusCode::OK, expected), "{uri}");
            assert!(!bytes.is_empty());
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_also_where_an_answer_is_compressed() {
    let api = with_long_post(config(), 5_000);
    for uri in [POST, "/", "/console/main.js", "/metrics", "/v1/views", "/v1/nowhere", "/v1/views/following_feed"] {
        for accepted in ["identity", "gzip"] {
            let accept = [("Accept-Encoding", accepted)];
            let (status, get, _) = ask(&api, "GET", uri, &accept).await;
            let (head_status, head, bytes) = ask(&api, "HEAD", uri, &accept).await;
            assert_eq!((head_status, bytes.len()), (status, 0), "{uri} {accepted}");
            let named = |headers: &HeaderMap| -> Vec<(String, String)> {
                let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
                // The metrics count the requests for them, so their length changes.
                let is_same = |name: &str| uri != "/metrics" || name != "content-length";
                let mut named: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
                named.retain(|(name, _)| is_same(name));
                named.sort();
                named
            };
            assert_eq!(named(&head), named(&get), "{uri} {accepted}");
        }
    }
}
