//! Problems of reading rows.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use sinks::views::WaitError;

use super::answer::{Problem, ToProblem};
use super::health::progress;
use crate::http::token::TokenError;
use crate::read::error::{ReadError, seconds_left};

impl ToProblem for ReadError {
    fn to_problem(&self) -> Problem {
        use ReadError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::UnknownView { suggestion, .. } => {
                of(StatusCode::NOT_FOUND, "unknown_view").field("view").suggestion(suggestion.as_deref())
            }
            E::Anonymous { view } => TokenError::Needed { what: format!("the view '{view}'") }.into(),
            E::UnknownColumn { column, suggestion, .. } => {
                of(StatusCode::BAD_REQUEST, "unknown_column").field(column).suggestion(suggestion.as_deref())
            }
            E::BadValue { column, .. } => of(StatusCode::BAD_REQUEST, "bad_value").field(column),
            E::BadOrder { indexes, .. } => {
                of(StatusCode::BAD_REQUEST, "bad_order").field("order").member("indexes", json!(indexes))
            }
            E::TooManyRanges { column } => of(StatusCode::BAD_REQUEST, "too_many_keys").field(column),
            E::ScanLimit { indexes, .. } => of(StatusCode::BAD_REQUEST, "index_needed").member("indexes", json!(indexes)),
            E::WorkLimit { advice, .. } => of(StatusCode::BAD_REQUEST, "index_needed").member("hint", advice.clone()),
            E::Expression(error) => of(StatusCode::BAD_REQUEST, "bad_expression").member("code", error.sql_state()),
            E::BadCursor { .. } => of(StatusCode::BAD_REQUEST, "bad_cursor").field("cursor"),
            E::OutdatedCursor { .. } | E::UnknownCursor { .. } => of(StatusCode::CONFLICT, "outdated_cursor").field("cursor"),
            E::Hydrating { hydration, .. } => of(StatusCode::SERVICE_UNAVAILABLE, "view_hydrating")
                .field("view")
                .member("progress", progress(hydration))
                .retry_after(Duration::from_secs(seconds_left(hydration)))
                .expected(),
            E::Wait(error) => wait(error),
            E::Stopping => of(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            E::Failed { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "read_failed").retry_soon(),
        }
    }
}

fn wait(error: &WaitError) -> Problem {
    let of = |status, slug| Problem::new(status, slug, error).field("after");
    match error {
        WaitError::UnknownPartition { .. } => of(StatusCode::BAD_REQUEST, "unknown_partition"),
        WaitError::OtherTimeline { .. } => of(StatusCode::CONFLICT, "other_timeline"),
        WaitError::Timeout { position, .. } => {
            of(StatusCode::CONFLICT, "position_not_reached").member("position", position.to_string())
        }
    }
}
