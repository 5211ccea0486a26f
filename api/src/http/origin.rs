//! Requests that a page of another site may have sent, refused where no token tells who asks.
//!
//! A server without keys answers everybody on its machine, and every browser there asks for every page that is open in it. A name that a
//! stranger has pointed to this machine is no name of it, so such a page reads nothing. Writes need a media type that no form can send,
//! and the browser's word that the page is one of ours.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, header};

use super::body::{CLOUD_EVENT, CLOUD_EVENTS_BATCH, JSON, JSON_LINES, SPEC_VERSION_HEADER, media_type, sent_media_type};
use super::cors::{CorsGrant, CorsSites};
use super::error::body::BodyError;
use super::error::origin::OriginError;
use super::peer::OverTls;
use super::problem::answer::Problem;

/// Header in which browsers say how the page that asks is related to the server.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests for another host, and those with an effect that a page of another site may have sent. A page of an origin that the
/// operator has named is no stranger's: it may do what the server's own page may.
pub(crate) fn check_origin(request: &Request, grant: &CorsGrant) -> Result<(), Problem> {
    let headers = request.headers();
    let host = host(headers);
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let is_ours = host.is_some_and(is_loopback) && authority.is_none_or(is_loopback);
    let Some(host) = host.filter(|_| is_ours) else {
        return Err(OriginError::ForeignHost { host: authority.or(host).unwrap_or("").to_owned() }.into());
    };
    let scheme = if request.extensions().get::<OverTls>().is_some() { "https" } else { "http" };
    if headers.contains_key(header::UPGRADE) && !grant.is_named() {
        check_page(headers, scheme, host)?;
    }
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    if !grant.is_named() {
        check_page(headers, scheme, host)?;
        check_site(headers)?;
    }
    // No page sends a DELETE to another site without asking first, and it has no body.
    if *request.method() == Method::DELETE {
        return Ok(());
    }
    if !may_be_sent(headers) {
        return Err(BodyError::UnsupportedMediaType { found: sent_media_type(headers) }.into());
    }
    Ok(())
}

/// Returns true for a write that no page sends to another site without asking first: a form has no such media type, and no such header.
fn may_be_sent(headers: &HeaderMap) -> bool {
    let one_text = [JSON, CLOUD_EVENT, CLOUD_EVENTS_BATCH];
    let is_known = |kind: String| one_text.iter().chain(&JSON_LINES).any(|known| *known == kind);
    headers.contains_key(SPEC_VERSION_HEADER) || media_type(headers).is_some_and(is_known)
}

/// Refuses WebSockets of pages that may not read answers, where it was said which may: browsers open one to any server, and leave it to that.
pub(crate) fn check_socket(request: &Request, sites: &CorsSites, grant: &CorsGrant) -> Result<(), OriginError> {
    let headers = request.headers();
    if sites.is_empty() || grant.is_allowed() || !headers.contains_key(header::UPGRADE) {
        return Ok(());
    }
    let host = host(headers).unwrap_or("");
    // A proxy may have taken off TLS, so the scheme of the server's own page is not known here.
    let is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
    let is_foreign = |origin: &&axum::http::HeaderValue| !origin.to_str().is_ok_and(is_ours);
    match headers.get_all(header::ORIGIN).iter().find(is_foreign) {
        Some(origin) => Err(OriginError::ForeignSocket { page: String::from_utf8_lossy(origin.as_bytes()).into_owned() }),
        None => Ok(()),
    }
}

/// The one host that a request names.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Returns true if a host, with a port or without, is this machine by a name that nobody else can give.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let is_here = address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
            return is_here && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let is_here = name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    is_here && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// Refuses pages that are not from this server.
fn check_page(headers: &HeaderMap, scheme: &str, host: &str) -> Result<(), OriginError> {
    let ours = format!("{scheme}://{host}");
    let is_foreign = |origin: &&axum::http::HeaderValue| !origin.as_bytes().eq_ignore_ascii_case(ours.as_bytes());
    match headers.get_all(header::ORIGIN).iter().find(is_foreign) {
        Some(origin) => Err(OriginError::ForeignPage { page: String::from_utf8_lossy(origin.as_bytes()).into_owned() }),
        None => Ok(()),
    }
}

/// Refuses what the browser says is from another site, or from another port of this machine.
fn check_site(headers: &HeaderMap) -> Result<(), OriginError> {
    let is_foreign = |site: &&axum::http::HeaderValue| !matches!(site.as_bytes(), b"none" | b"same-origin");
    match headers.get_all(SEC_FETCH_SITE).iter().find(is_foreign) {
        Some(site) => Err(OriginError::ForeignPage { page: String::from_utf8_lossy(site.as_bytes()).into_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_can_give_are_this_machine() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9:1", "[::1]", "[::1]:8080"] {
            assert!(is_loopback(host), "{host}");
        }
        let foreign = [
            "",
            "example.com",
            "localhost.example.com",
            "localhost:",
            "localhost:x",
            "127.0.0.1.example.com",
            "127.1",
            "0.0.0.0:80",
            "[::2]",
            "[::1]x",
            "[::1]:",
            "::1",
            "10.0.0.1",
            "user@localhost",
            "[::ffff:10.0.0.1]",
            "localhost:80:80",
        ];
        for host in foreign {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
