//! Encodings of request bodies, and the bytes that they stand for.
//!
//! The bytes of a body enter; what they expand to leaves, or an error as soon as that is more than a limit: a small body may stand for
//! gigabytes.

use std::io::{self, Read};

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;

use super::error::body::BodyError;

/// Power of two of the most bytes that a decoder of zstd looks back, which it keeps in memory (RFC 8878 asks for this much).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// An encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    /// the bytes themselves
    Identity,
    /// RFC 1952, of one member or several
    Gzip,
    /// RFC 8878
    Zstd,
}

/// Encodings of events.
pub(crate) const EVENT_ENCODINGS: &[ContentEncoding] = &[ContentEncoding::Gzip, ContentEncoding::Zstd, ContentEncoding::Identity];
/// Encodings of everything else.
pub(crate) const PLAIN_ENCODINGS: &[ContentEncoding] = &[ContentEncoding::Identity];

impl ContentEncoding {
    /// The encoding that the headers name, if it is one of `accepted`. A body that was encoded twice is not.
    pub(crate) fn of(headers: &HeaderMap, accepted: &'static [Self]) -> Result<Self, BodyError> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(first) = values.next() else { return Ok(Self::Identity) };
        let text = String::from_utf8_lossy(first.as_bytes());
        let named = match text.trim().to_ascii_lowercase().as_str() {
            "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        };
        let is_only = values.next().is_none();
        let is_read = |encoding: &Self| is_only && accepted.contains(encoding);
        named.filter(is_read).ok_or_else(|| BodyError::UnsupportedEncoding { found: found(headers), accepted: names(accepted) })
    }

    /// The bytes that `sent` stands for, at most `bytes_max` of them.
    pub(crate) fn expand(self, sent: &[u8], bytes_max: usize) -> Result<Bytes, BodyError> {
        let broken = |error: io::Error| BodyError::Broken { detail: format!("it is not {}: {error}", self.name()) };
        match self {
            Self::Identity => Ok(Bytes::copy_from_slice(sent)),
            Self::Gzip => read_up_to(MultiGzDecoder::new(sent), bytes_max, broken),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(sent).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
                read_up_to(decoder, bytes_max, broken)
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The encodings as they were sent, for errors.
fn found(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ")
}

/// The names of encodings as `Accept-Encoding` lists them.
fn names(encodings: &[ContentEncoding]) -> String {
    encodings.iter().map(|encoding| encoding.name()).collect::<Vec<_>>().join(", ")
}

fn read_up_to(decoder: impl Read, bytes_max: usize, broken: impl Fn(io::Error) -> BodyError) -> Result<Bytes, BodyError> {
    let mut expanded = Vec::new();
    // One byte more than there may be shows that there are more.
    decoder.take(bytes_max as u64 + 1).read_to_end(&mut expanded).map_err(broken)?;
    if expanded.len() > bytes_max {
        return Err(BodyError::TooLarge { bytes_max });
    }
    Ok(expanded.into())
}
