//! Problems as answers: `application/problem+json` of RFC 9457.
//!
//! Owns [`Problem`]: status, headers and a JSON object with `type`, `title`, `status`, `detail` and, where one is to blame, `field`. `type`
//! is a stable name that programs may compare.

use std::fmt::Display;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::limits::RETRY_AFTER;

/// Prefix of every `type`.
const TYPE_PREFIX: &str = "urn:tidewater:problem:";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A typed error that HTTP knows how to answer.
pub(crate) trait ToProblem {
    /// The error as a problem.
    fn to_problem(&self) -> Problem;
}

impl<E: ToProblem> From<E> for Problem {
    fn from(error: E) -> Self {
        error.to_problem()
    }
}

/// A request that is not answered as asked, and why.
#[derive(Debug)]
pub(crate) struct Problem(Box<ProblemParts>);

#[derive(Debug)]
struct ProblemParts {
    status: StatusCode,
    /// the name that ends the type
    slug: &'static str,
    /// the problem as JSON
    body: Value,
    challenge: Option<&'static str>,
    retry_after: Option<Duration>,
    /// encodings of a body that would have been read
    accept_encoding: Option<HeaderValue>,
    /// number of the rows of which none was asked for, as `Content-Range` has it
    content_range: Option<HeaderValue>,
    /// true if it is no fault of the server, whatever the status
    is_expected: bool,
}

impl Problem {
    /// A problem with the message of an error.
    pub(crate) fn new(status: StatusCode, slug: &'static str, detail: &impl Display) -> Self {
        let body = json!({
            "type": format!("{TYPE_PREFIX}{slug}"),
            "title": slug.replace('_', " "),
            "status": status.as_u16(),
            "detail": detail.to_string(),
        });
        let (challenge, retry_after, accept_encoding, content_range, is_expected) = (None, None, None, None, false);
        Self(Box::new(ProblemParts { status, slug, body, challenge, retry_after, accept_encoding, content_range, is_expected }))
    }

    /// Names the part of the request that is to blame.
    pub(crate) fn field(self, field: &str) -> Self {
        self.member("field", field)
    }

    /// Adds a member for programs.
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.body[name] = value.into();
        self
    }

    /// Says what the client may do instead.
    pub(crate) fn hint(self, hint: &str) -> Self {
        self.member("hint", hint)
    }

    /// The name that ends the type.
    pub(crate) fn slug(&self) -> &'static str {
        self.0.slug
    }

    /// A member, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.body.get(name)
    }

    /// Adds the name that was meant, perhaps.
    pub(crate) fn suggestion(self, suggestion: Option<&str>) -> Self {
        match suggestion {
            Some(name) => self.member("suggestion", name),
            None => self,
        }
    }

    /// Adds the members that every answer to a request about lines has.
    pub(crate) fn lines(self, reason: &str, answer: &Value) -> Self {
        let mut problem = self.member("reason", reason);
        if let (Value::Object(body), Value::Object(answer)) = (&mut problem.0.body, answer) {
            body.extend(answer.clone());
        }
        problem
    }

    /// Says how the client may make itself known.
    pub(crate) fn challenge(mut self, challenge: &'static str) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// Names the encodings of a body that would have been read.
    pub(crate) fn accept_encoding(mut self, encodings: &str) -> Self {
        self.0.accept_encoding = HeaderValue::from_str(encodings).ok();
        self
    }

    /// Says of how many rows none was asked for, if that is known.
    pub(crate) fn content_range(mut self, total: Option<u64>) -> Self {
        self.0.content_range = total.and_then(|total| HeaderValue::from_str(&format!("*/{total}")).ok());
        self
    }

    /// Says when the client may come back.
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Says that the client may come back in a moment.
    pub(crate) fn retry_soon(self) -> Self {
        self.retry_after(RETRY_AFTER)
    }

    /// Marks what is not whole yet: that is no fault, and whoever waits for it asks again and again.
    pub(crate) fn expected(mut self) -> Self {
        self.0.is_expected = true;
        self
    }

    /// The problem as JSON.
    pub(crate) fn into_json(self) -> Value {
        self.0.body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let ProblemParts { status, slug, body, challenge, retry_after, accept_encoding, content_range, is_expected } = *self.0;
        if status.is_server_error() && !is_expected {
            tracing::warn!(problem = slug, detail = %body["detail"].as_str().unwrap_or(slug), "a request could not be answered");
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(retry_after) = retry_after {
            headers.insert(header::RETRY_AFTER, retry_after_value(retry_after));
        }
        if let Some(encodings) = accept_encoding {
            headers.insert(header::ACCEPT_ENCODING, encodings);
        }
        if let Some(range) = content_range {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// Whole seconds, at least one.
pub(crate) fn retry_after_value(after: Duration) -> HeaderValue {
    HeaderValue::from(after.as_secs().max(1))
}
