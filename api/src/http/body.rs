//! Bodies of requests: their media type, and their bytes up to a limit.
//!
//! Nothing is read before it is asked for: an endpoint first looks at the token, then calls [`read_body`].

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;

use super::encoding::ContentEncoding;
use super::error::body::BodyError;
use super::limits::EXPANSIONS_AT_ONCE;
use crate::blocking::BlockingWork;

/// Media type of one JSON object.
pub(crate) const JSON: &str = "application/json";
/// Media types of one JSON object per line.
pub(crate) const JSON_LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// Begin of the media types of CloudEvents.
pub(crate) const CLOUD_EVENTS: &str = "application/cloudevents";
/// Media type of one CloudEvent.
pub(crate) const CLOUD_EVENT: &str = "application/cloudevents+json";
/// Media type of several CloudEvents.
pub(crate) const CLOUD_EVENTS_BATCH: &str = "application/cloudevents-batch+json";
/// Header of a request whose headers are the attributes of a CloudEvent.
pub(crate) const SPEC_VERSION_HEADER: &str = "ce-specversion";

/// Expands bodies: that takes time which other requests need.
static EXPANSIONS: LazyLock<BlockingWork> = LazyLock::new(|| BlockingWork::new(EXPANSIONS_AT_ONCE));

/// The media type of a body without its parameters, in lower case; `None` when there is no header.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(text.split_once(';').map_or(text.as_ref(), |(kind, _)| kind).trim().to_ascii_lowercase())
}

/// The header as it was sent, for errors.
pub(crate) fn sent_media_type(headers: &HeaderMap) -> String {
    headers.get(header::CONTENT_TYPE).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The length of a body as it is sent, where the headers say it.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body whose encoding is one of `accepted`, of at most `bytes_max` bytes as it was sent and as it is expanded.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    accepted: &'static [ContentEncoding],
    bytes_max: usize,
) -> Result<Bytes, BodyError> {
    let encoding = ContentEncoding::of(headers, accepted)?;
    if declared_length(headers).is_some_and(|length| length > bytes_max as u64) {
        return Err(BodyError::TooLarge { bytes_max });
    }
    let sent = collect(body, bytes_max).await?;
    if encoding == ContentEncoding::Identity {
        return Ok(sent);
    }
    let expanded = EXPANSIONS.run(move || encoding.expand(&sent, bytes_max)).await;
    expanded.unwrap_or_else(|error| Err(BodyError::Broken { detail: error.to_string() }))
}

/// Reads a body of at most `bytes_max` bytes and keeps nothing of it: a sender that sends all of it before it reads gets its answer.
pub(crate) async fn discard_body(body: Body, bytes_max: usize) {
    let (mut chunks, mut left) = (body.into_data_stream(), bytes_max);
    while let Some(Ok(chunk)) = chunks.next().await
        && chunk.len() <= left
    {
        left -= chunk.len();
    }
}

async fn collect(body: Body, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut chunks = body.into_data_stream();
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| BodyError::Broken { detail: error.to_string() })?;
        if chunk.len() > bytes_max - bytes.len() {
            return Err(BodyError::TooLarge { bytes_max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}
