//! Cross-origin resource sharing: the sites whose pages may read answers (the CORS protocol of the Fetch standard).
//!
//! Origins enter as an operator names them; headers of answers leave, and the answers to preflights, by which a browser asks before it sends.
//! Cookies mean nothing here, so credentials are never allowed: a page sends its token itself. A preflight carries no token; it passes the
//! limits of its client as every request does, which is why it is answered behind them and not by a layer of its own.

use std::collections::BTreeSet;
use std::str::FromStr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::limits::PREFLIGHT_TIME;

/// Names of all origins, on the command line and in an answer.
const ANY: &str = "*";
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static(ANY);
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
/// Methods that a page may send. Nothing answers `PUT` and `PATCH` but a refusal, which a page can read.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Headers that a page may send. `apikey` and `X-Client-Info` are sent by clients of PostgREST, and mean nothing here.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, content-encoding, accept, accept-profile, content-profile, prefer, range, range-unit, if-none-match, \
     last-event-id, cache-control, tidewater-cursor, tidewater-after, tidewater-wait, traceparent, tracestate, x-client-info, apikey",
);
/// Headers of answers that a page may read beside those that the standard lets it read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "tidewater-position, tidewater-cursor, etag, content-range, range-unit, content-location, location, content-encoding, retry-after, \
     preference-applied, accept-encoding, www-authenticate, proxy-status, allow, vary, electric-handle, electric-offset, electric-schema, \
     electric-cursor, electric-up-to-date",
);
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// An origin whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// every origin
    Any,
    /// one origin, as browsers write it
    Named(String),
}

/// A text that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not an origin: write scheme, host and port, such as https://app.example or http://localhost:5173, or '*' for all"
)]
pub struct BadCorsOrigin {
    /// the text
    text: String,
}

/// Sites whose pages may read answers; none by default.
#[derive(Clone, Debug, Default)]
pub struct CorsSites {
    named: BTreeSet<String>,
    is_any: bool,
}

/// Decision about the page that has sent a request.
pub(crate) struct CorsGrant {
    /// the origins that may read the answer, as the header says it
    allowed: Option<HeaderValue>,
    /// true if there is a page, and it may read the answer
    is_allowed: bool,
    /// true if the page is of an origin that was named
    is_named: bool,
    /// true if an answer to another page has other headers
    varies: bool,
}

impl FromStr for CorsOrigin {
    type Err = BadCorsOrigin;

    fn from_str(text: &str) -> Result<Self, BadCorsOrigin> {
        if text == ANY {
            return Ok(Self::Any);
        }
        origin(text).map(Self::Named).ok_or_else(|| BadCorsOrigin { text: text.to_owned() })
    }
}

/// The form in which browsers send an origin: in lower case, without the port that the scheme has anyway.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_authority = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !is_scheme(scheme) || !is_authority(rest) {
        return None;
    }
    let authority: Authority = rest.parse().ok()?;
    let host = authority.host();
    let port = match rest.strip_prefix(host)? {
        "" => None,
        port => Some(port.strip_prefix(':')?.parse::<u16>().ok()?),
    };
    let port = port.filter(|port| !matches!((scheme, *port), ("http", 80) | ("https", 443)));
    let is_host = !host.is_empty() && !host.starts_with('.');
    is_host.then(|| format!("{scheme}://{host}{}", port.map_or_else(String::new, |port| format!(":{port}"))))
}

impl CorsSites {
    /// The sites of these origins.
    pub fn new(origins: impl IntoIterator<Item = CorsOrigin>) -> Self {
        let mut sites = Self::default();
        for origin in origins {
            match origin {
                CorsOrigin::Any => sites.is_any = true,
                CorsOrigin::Named(name) => {
                    sites.named.insert(name);
                }
            }
        }
        sites
    }

    /// Returns true if pages of every origin may read answers.
    pub fn is_any(&self) -> bool {
        self.is_any
    }

    /// Returns true if no origin is named and not every one may read answers either.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.is_any
    }

    /// Decides about the page that has sent a request with these headers.
    pub(crate) fn grant(&self, headers: &HeaderMap) -> CorsGrant {
        let origin = one_origin(headers);
        let named = origin.filter(|origin| origin.to_str().is_ok_and(|text| self.named.contains(text)));
        // Said to whoever asks: a cache may keep an answer that no page has asked for, and hand it to one.
        let any = self.is_any.then_some(ANY_ORIGIN);
        let is_allowed = named.is_some() || (self.is_any && origin.is_some());
        CorsGrant { allowed: named.cloned().or(any), is_allowed, is_named: named.is_some(), varies: !self.named.is_empty() }
    }
}

/// The origin of the page that sends a request; `None` where there is no page, or where the request says two.
fn one_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next()?;
    origins.next().is_none().then_some(origin)
}

impl CorsGrant {
    /// Returns true if the page may read answers.
    pub(crate) fn is_allowed(&self) -> bool {
        self.is_allowed
    }

    /// Returns true if the page is of an origin that the operator has named.
    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }

    /// Adds to the headers of an answer, whatever its status, what lets the page read it.
    pub(crate) fn note(&self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, VARY_ORIGIN);
        }
        if let Some(allowed) = &self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }

    /// The answer to a preflight, if the request is one of a page that is let in. Every other `OPTIONS` is answered by its path.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let is_preflight = *request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight || !self.is_allowed() {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_TIME.as_secs()));
        // A page of the open network that reaches for a server of this one has to be named: '*' does not let it in.
        if self.is_named && headers.contains_key(REQUEST_PRIVATE_NETWORK) {
            answer.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for (text, sent) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("https://app.example:80", "https://app.example:80"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(text.parse::<CorsOrigin>(), Ok(CorsOrigin::Named(sent.to_owned())), "{text}");
        }
        assert_eq!("*".parse::<CorsOrigin>(), Ok(CorsOrigin::Any));
        let bad = [
            "",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/path",
            "https://*.example",
            "https://user@app.example",
            "https://app.example?x",
            "https://app.example:",
            "https://app.example:99999",
            "https://größe.example",
            "https://.example",
            "://app.example",
            "https://a b",
        ];
        for text in bad {
            let refused = text.parse::<CorsOrigin>().unwrap_err().to_string();
            assert!(refused.contains(&format!("'{text}'")), "{refused}");
        }
    }

    #[test]
    fn a_page_is_let_in_by_its_own_origin_alone() {
        let grant = |origins: &[&str], sent: &[&'static str]| {
            let sites = CorsSites::new(origins.iter().map(|text| text.parse().unwrap()));
            let headers = sent.iter().map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))).collect();
            let grant = sites.grant(&headers);
            assert!(!grant.is_named || grant.is_allowed);
            (grant.allowed.map(|value| value.to_str().unwrap().to_owned()), grant.is_named, grant.varies)
        };
        let app = "https://app.example";
        assert_eq!(grant(&[app], &[app]), (Some(app.to_owned()), true, true));
        let foreign = ["https://app.example.evil.example", "http://app.example", "https://app.example:8443", "null", "*"];
        for other in foreign {
            assert_eq!(grant(&[app], &[other]), (None, false, true), "{other}");
        }
        assert_eq!(grant(&[app], &[app, app]), (None, false, true), "a browser sends one origin");
        assert_eq!(grant(&[app], &[]), (None, false, true));
        assert_eq!(grant(&["*"], &["https://other.example"]), (Some("*".to_owned()), false, false));
        assert_eq!(grant(&["*"], &[]), (Some("*".to_owned()), false, false), "a cache may hand the answer to a page");
        assert_eq!(grant(&["*", app], &[]), (Some("*".to_owned()), false, true));
        assert_eq!(grant(&["*", app], &[app]), (Some(app.to_owned()), true, true));
        assert_eq!(grant(&[], &[app]), (None, false, false));
    }
}
