//! Compressed answers: zstd, Brotli or gzip, as the client would have it.
//!
//! An answer is compressed when it is long enough, its length is known, and it is for everybody: the length of a compressed answer depends on
//! its contents, so one to somebody is compressed only where the operator says so (docs/SECURITY.md). Streams of events never are. Tags of
//! answers are weak, so they stay as they are.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, map_request, map_response};
use axum::response::Response;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use super::event_text::EVENT_STREAM;
use super::limits::COMPRESSED_BYTES_MIN;

/// Encodings of answers, the best one first.
const ENCODINGS: [&str; 3] = ["zstd", "br", "gzip"];
const IDENTITY: &str = "identity";
/// Stands for every encoding that is not named.
const ANY_ENCODING: &str = "*";

/// The range of rows of an answer. A range of rows is no range of bytes, so it may be compressed.
#[derive(Clone)]
struct RowRange(HeaderValue);

/// Compresses the answers of a router; with `private` also those that are for somebody.
pub(crate) fn compressed(router: Router, private: bool) -> Router {
    let is_compressed = move |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| is_compressed(headers, private);
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_compressed);
    let router = router.layer(map_response(put_range_aside)).layer(layer);
    router.layer(map_response(put_range_back)).layer(map_request(choose_encoding)).layer(from_fn(take_body_from_head))
}

/// Returns true if an answer with these headers may be compressed.
fn is_compressed(headers: &HeaderMap, private: bool) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_long =
        text(header::CONTENT_LENGTH).and_then(|bytes| bytes.parse().ok()).is_some_and(|bytes: u64| bytes >= COMPRESSED_BYTES_MIN);
    let is_stream = text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with(EVENT_STREAM));
    let mut directives =
        headers.get_all(header::CACHE_CONTROL).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_private = directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"private"));
    is_long && !is_stream && (private || !is_private)
}

/// A compressed answer without a body has one again: the end of the compressed data.
async fn take_body_from_head(request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Leaves in a request the one encoding that its answer may have.
async fn choose_encoding(mut request: Request) -> Request {
    let chosen = chosen_encoding(request.headers());
    let headers = request.headers_mut();
    headers.remove(header::ACCEPT_ENCODING);
    if let Some(encoding) = chosen {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    }
    request
}

/// The encoding that a client likes best (RFC 9110, 12.5.3), if it likes one at least as much as none. A client that takes no answer that is
/// not encoded gets one all the same: what it has asked for may be done already.
fn chosen_encoding(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<(&str, f32)> = values.flat_map(|value| value.split(',')).filter_map(weighted).collect();
    let named = |name: &str| accepted.iter().find(|(accepted, _)| accepted.eq_ignore_ascii_case(name)).map(|(_, weight)| *weight);
    let weight = |name: &str| named(name).or_else(|| named(ANY_ENCODING)).filter(|weight| *weight > 0.0);
    // Of equal ones `max_by` returns the last, so the best comes last.
    let best = ENCODINGS.iter().rev().filter_map(|name| Some((*name, weight(name)?))).max_by(|a, b| a.1.total_cmp(&b.1));
    let (name, best) = best?;
    named(IDENTITY).is_none_or(|identity| identity <= best).then_some(name)
}

/// An item of a list with its weight; `None` when that is not a number from 0 to 1.
fn weighted(item: &str) -> Option<(&str, f32)> {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = match parameters.trim() {
        "" => 1.0,
        parameter => parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?.trim().parse().ok()?,
    };
    (0.0..=1.0).contains(&weight).then(|| (name.trim(), weight))
}

/// A layer that compresses takes every range for one of bytes.
async fn put_range_aside(mut response: Response) -> Response {
    if let Some(range) = response.headers_mut().remove(header::CONTENT_RANGE) {
        response.extensions_mut().insert(RowRange(range));
    }
    response
}

async fn put_range_back(mut response: Response) -> Response {
    if let Some(RowRange(range)) = response.extensions_mut().remove() {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_encoding_that_the_client_likes_most_is_chosen() {
        for (accepted, chosen) in [
            ("", None),
            ("gzip", Some("gzip")),
            ("gzip, deflate, br", Some("br")),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("GZIP;q=0.8, br;q=0.2", Some("gzip")),
            ("br;q=0, *", Some("zstd")),
            ("*;q=0", None),
            ("zstd;q=0, *;q=0.1", Some("br")),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some("gzip")),
            ("identity;q=0", None),
            ("deflate", None),
            ("gzip;q=2, br;level=1", None),
            ("gzip ; q=1", Some("gzip")),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(chosen_encoding(&headers), chosen, "{accepted}");
        }
    }

    #[test]
    fn long_answers_for_everybody_are_compressed() {
        let of = |length: &'static str, kept: &'static str, kind: &'static str, private| {
            let headers = [(header::CONTENT_LENGTH, length), (header::CACHE_CONTROL, kept), (header::CONTENT_TYPE, kind)];
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            is_compressed(&HeaderMap::from_iter(headers), private)
        };
        assert!(of("860", "public, max-age=5", "application/json", false));
        assert!(!of("859", "public, max-age=5", "application/json", false));
        assert!(!of("860", "max-age=5,Private", "application/json", false));
        assert!(of("860", "private, no-store", "application/json", true));
        assert!(!of("860", "no-store", "text/event-stream", true));
        assert!(!is_compressed(&HeaderMap::new(), true), "an answer without an end");
    }
}
