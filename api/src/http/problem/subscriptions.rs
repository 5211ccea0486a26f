//! Problems of subscriptions.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::token::TokenError;
use crate::subscriptions::error::SubscriptionError;

impl ToProblem for SubscriptionError {
    fn to_problem(&self) -> Problem {
        use SubscriptionError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::Read(error) => error.to_problem(),
            E::TooMany { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "too_many_subscriptions").retry_soon(),
            E::ReplacedView { .. } => of(StatusCode::CONFLICT, "view_replaced").field("view"),
            E::SlowReader => of(StatusCode::REQUEST_TIMEOUT, "slow_reader"),
            E::ClaimsExpired => TokenError::expired().into(),
            E::KeyWithdrawn => TokenError::key_withdrawn().into(),
        }
    }
}
