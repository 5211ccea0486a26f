//! `after=<position>` and `wait=<milliseconds>`: reading one's own writes.

use std::time::Duration;

use schemas::position::Token;

use super::error::QueryStringError;
use super::string::{QueryString, number_within};
use crate::read::limits::{AFTER_WAIT_MILLIS, AFTER_WAIT_MILLIS_MAX};

/// A position that must be visible, and the longest wait for it.
pub(crate) struct After {
    /// the position
    pub(crate) token: Token,
    /// the longest wait
    pub(crate) wait: Duration,
}

/// Reads both; `None` when no position is named.
pub(crate) fn after(query: &QueryString<'_>) -> Result<Option<After>, QueryStringError> {
    after_of(query.one("after")?, query.one("wait")?)
}

/// Reads the texts of both; `None` when no position is named.
pub(crate) fn after_of(position: Option<&str>, wait: Option<&str>) -> Result<Option<After>, QueryStringError> {
    let millis = number_within("wait", wait, AFTER_WAIT_MILLIS, (0, AFTER_WAIT_MILLIS_MAX))?;
    let Some(text) = position else { return Ok(None) };
    Ok(Some(After { token: text.parse()?, wait: Duration::from_millis(millis as u64) }))
}
