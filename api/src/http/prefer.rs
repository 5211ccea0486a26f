//! `Prefer` (RFC 7240): what a client would rather have, as far as it can be had.
//!
//! The headers of a request enter; a preference leaves, which says in the answer that it was applied. What is not known here is passed over,
//! as the header demands: an answer without `Preference-Applied` is the usual one.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use super::query::error::QueryStringError;
use super::query::string::QueryString;
use crate::read::projection::BigintForm;

/// Name of the preference, and of the parameter that says the same.
pub(crate) const BIGINT: &str = "bigint";
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The form of BIGINT in an answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BigintPreference {
    /// the form
    pub(crate) form: BigintForm,
    /// true if the client has sent the preference
    is_asked: bool,
}

impl BigintPreference {
    /// Returns the form that a request asks for by `Prefer: bigint=string` or `bigint=number`, else the form of the server.
    pub(crate) fn of(headers: &HeaderMap, usual: BigintForm) -> Self {
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut preferences = values.flat_map(|value| value.split(',')).filter_map(named);
        let asked = preferences.find(|(name, _)| name.eq_ignore_ascii_case(BIGINT)).and_then(|(_, value)| match value {
            "string" => Some(BigintForm::Text),
            "number" => Some(BigintForm::Number),
            _ => None,
        });
        Self { form: asked.unwrap_or(usual), is_asked: asked.is_some() }
    }

    /// The same for a request of a client that may send no header: `bigint=string` or `bigint=number` among its parameters counts before it.
    pub(crate) fn of_stream(headers: &HeaderMap, query: &QueryString<'_>, usual: BigintForm) -> Result<Self, QueryStringError> {
        let form = match query.one(BIGINT)? {
            None => return Ok(Self::of(headers, usual)),
            Some("string") => BigintForm::Text,
            Some("number") => BigintForm::Number,
            Some(other) => {
                let expected = "string or number".to_owned();
                return Err(QueryStringError::BadParameter { name: BIGINT, value: other.to_owned(), expected });
            }
        };
        Ok(Self { form, is_asked: false })
    }

    /// Says in an answer what was applied, and that another request may get another one.
    pub(crate) fn note(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("prefer"));
        if self.is_asked {
            let applied = match self.form {
                BigintForm::Text => "bigint=string",
                BigintForm::Number => "bigint=number",
            };
            headers.append(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
        }
    }
}

/// Name and value of a preference, without its parameters.
fn named(preference: &str) -> Option<(&str, &str)> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_preference_that_is_known_holds() {
        let of = |values: &[&'static str]| {
            let headers = values.iter().map(|value| (PREFER, HeaderValue::from_static(value))).collect();
            let found = BigintPreference::of(&headers, BigintForm::Number);
            (found.form, found.is_asked)
        };
        for values in [
            &["bigint=string"][..],
            &["count=exact, BigInt = \"string\"; x=1"],
            &["respond-async", "bigint=string,bigint=number"],
        ] {
            assert_eq!(of(values), (BigintForm::Text, true), "{values:?}");
        }
        assert_eq!(of(&["bigint=number"]), (BigintForm::Number, true));
        for values in [&[][..], &["bigint"], &["bigint=text"], &["notbigint=string"], &["x=\"bigint\""]] {
            assert_eq!(of(values), (BigintForm::Number, false), "{values:?}");
        }
    }
}
