//! Conditions on dead letters: their reason, topic and time of arrival.
//!
//! A query string enters; [`LetterFilter`] leaves, which says of each letter whether it is wanted.

use schemas::dead_letter::{DeadLetter, Reason};
use schemas::time::parse_rfc3339;

use crate::http::query::error::QueryStringError;
use crate::http::query::string::QueryString;

/// Conditions that a letter has to meet, all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LetterFilter {
    reason: Option<Reason>,
    /// the topic that the event named, or the one whose record it is
    topic: Option<String>,
    /// the first time of arrival, microseconds since 1970
    since: Option<i64>,
    /// the first time of arrival that is too late
    until: Option<i64>,
}

impl LetterFilter {
    /// Reads `reason`, `topic`, `since` and `until`.
    pub(super) fn parse(query: &QueryString<'_>) -> Result<Self, QueryStringError> {
        let reason = query.one("reason")?.map(|name| Reason::named(name).ok_or_else(|| unknown_reason(name))).transpose()?;
        let topic = query.one("topic")?.map(ToOwned::to_owned);
        Ok(Self { reason, topic, since: time(query, "since")?, until: time(query, "until")? })
    }

    /// Returns true if a letter meets the conditions. One whose time of arrival is not known meets none of time.
    pub(super) fn matches(&self, letter: &DeadLetter) -> bool {
        let is_of = |topic: &String| letter.sent_to.as_ref() == Some(topic) || letter.topic == *topic;
        self.reason.is_none_or(|reason| letter.fault.reason == reason)
            && self.topic.as_ref().is_none_or(is_of)
            && self.since.is_none_or(|since| letter.arrived.is_some_and(|arrived| arrived >= since))
            && self.until.is_none_or(|until| letter.arrived.is_some_and(|arrived| arrived < until))
    }
}

fn unknown_reason(name: &str) -> QueryStringError {
    let expected = format!("one of {}", Reason::ALL.map(Reason::as_str).join(", "));
    QueryStringError::BadParameter { name: "reason", value: name.to_owned(), expected }
}

fn time(query: &QueryString<'_>, name: &'static str) -> Result<Option<i64>, QueryStringError> {
    let Some(text) = query.one(name)? else { return Ok(None) };
    let expected = || "a time such as 2026-01-31T08:00:00Z (a '+' of an offset is written %2B)".to_owned();
    let bad = || QueryStringError::BadParameter { name, value: text.to_owned(), expected: expected() };
    parse_rfc3339(text).map(Some).ok_or_else(bad)
}
