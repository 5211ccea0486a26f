//! Reading one's own writes: `after=<position>` is answered once that position is visible.
//!
//! Positions that become visible enter through a watch channel; nothing polls.

use std::time::Duration;

use schemas::position::{Position, Token};
use sinks::search::SearchReader;
use sinks::views::WaitError;

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::read::limits::{AFTER_WAIT_MILLIS, AFTER_WAIT_MILLIS_MAX};

/// Waits for what `after` names, at most as long as `wait` says.
pub(crate) async fn until_visible(state: &ApiState, query: &Query<'_>) -> Result<(), ApiError> {
    let millis = query.number("wait", AFTER_WAIT_MILLIS, 0, AFTER_WAIT_MILLIS_MAX)?;
    let Some(text) = query.one("after")? else { return Ok(()) };
    let token: Token = text.parse()?;
    if state.views().reached(&token)? {
        return Ok(());
    }
    let waited = tokio::time::timeout(Duration::from_millis(millis as u64), reached(state, &token)).await;
    waited.unwrap_or_else(|_| Err(WaitError::Timeout { token, position: state.views().position() }.into()))
}

/// Waits until a full-text index shows what `after` names, as long as is left of `wait`.
pub(crate) async fn until_searchable(state: &ApiState, query: &Query<'_>, reader: &SearchReader) -> Result<(), ApiError> {
    until_visible(state, query).await?;
    let Some(text) = query.one("after")? else { return Ok(()) };
    let millis = query.number("wait", AFTER_WAIT_MILLIS, 0, AFTER_WAIT_MILLIS_MAX)?;
    let shown = state.views().position();
    let mut indexed = state.indexed();
    let shows_it = async {
        while !reader.ask_for(shown.epoch) {
            if indexed.changed().await.is_err() {
                return Err(ApiError::Stopping);
            }
        }
        Ok(())
    };
    let waited = tokio::time::timeout(Duration::from_millis(millis as u64), shows_it).await;
    waited.unwrap_or_else(|_| {
        let position = Position { epoch: reader.epoch().unwrap_or_default(), ..shown };
        Err(WaitError::Timeout { token: text.parse()?, position }.into())
    })
}

async fn reached(state: &ApiState, token: &Token) -> Result<(), ApiError> {
    let mut published = state.published();
    // Every publish after the receiver was made is announced, so none is missed between the look and the wait.
    while !state.views().reached(token)? {
        if published.changed().await.is_err() {
            return Err(ApiError::Stopping);
        }
    }
    Ok(())
}
