//! Trace ids of requests: the one that a client or a proxy has given in `traceparent`, as W3C's Trace Context defines it.
//!
//! Headers enter, the id leaves, and a span in which everything that is logged carries it. A header that is not exactly as defined gives no id:
//! what is logged holds nothing else that a stranger has written.

use std::fmt;

use axum::http::HeaderMap;
use tracing::Span;

/// Header of a trace.
const TRACEPARENT: &str = "traceparent";
/// Bytes of the header in version 00; later versions may append to them.
const TRACEPARENT_BYTES: usize = 55;

/// The id of a trace: 32 lower case hexadecimal digits that are not all zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(String);

impl TraceId {
    /// Returns the id of a request's trace.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(only), None) => Self::parse(only.as_bytes()),
            _ => None,
        }
    }

    /// Reads `version-trace-parent-flags`.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (known, later) = bytes.split_at_checked(TRACEPARENT_BYTES)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let [version, trace, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let is_whole = parts.next().is_none() && [version, trace, parent, flags].map(<[u8]>::len) == [2, 32, 16, 2];
        let is_hexadecimal = [version, trace, parent, flags].iter().all(|part| part.iter().all(is_digit));
        let is_later = version != b"00" && version != b"ff" && later.first() == Some(&b'-');
        let is_known = version != b"ff" && later.is_empty();
        let has_ids = [trace, parent].iter().all(|id| id.iter().any(|digit| *digit != b'0'));
        let text = || trace.iter().map(|digit| char::from(*digit)).collect();
        (is_whole && is_hexadecimal && (is_known || is_later) && has_ids).then(|| Self(text()))
    }

    /// A span of a request with this id. It is one of errors, so that no filter of levels leaves it out.
    pub(crate) fn span(&self) -> Span {
        tracing::error_span!("request", trace_id = %self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_digit(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        TraceId::of(&headers).map(|id| id.to_string())
    }

    #[test]
    fn only_a_header_that_is_exactly_as_defined_gives_an_id() {
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        assert_eq!(of(&[&good]).as_deref(), Some(TRACE));
        assert_eq!(of(&[&format!("cc-{TRACE}-b7ad6b7169203331-01-what-comes-later")]).as_deref(), Some(TRACE));
        assert_eq!(of(&[&format!("cc-{TRACE}-b7ad6b7169203331-01")]).as_deref(), Some(TRACE));
        let zeros = "0".repeat(32);
        let bad = [
            String::new(),
            good.to_uppercase(),
            good.replace("00-", "ff-"),
            good.replace('c', "g"),
            good.replace(TRACE, &zeros),
            good.replace("b7ad6b7169203331", "0000000000000000"),
            format!("{good}-more"),
            format!("{good} "),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}b-7ad6b7169203331-01"),
            format!("cc-{TRACE}-b7ad6b7169203331-01more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01-more"),
        ];
        for value in &bad {
            assert_eq!(of(&[value]), None, "{value:?}");
        }
        assert_eq!(of(&[&good, &good]), None, "two of them");
        assert_eq!(of(&[]), None);
    }
}
