//! Problems of tokens and permissions.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::token::TokenError;

impl ToProblem for TokenError {
    fn to_problem(&self) -> Problem {
        use TokenError as E;
        let of = |status, slug| Problem::new(status, slug, self).field("Authorization");
        match self {
            E::Needed { .. } => of(StatusCode::UNAUTHORIZED, "token_needed").challenge("Bearer"),
            E::Bad { .. } | E::WrongSignature => {
                of(StatusCode::UNAUTHORIZED, "bad_token").challenge("Bearer error=\"invalid_token\"")
            }
            E::BadTicket { .. } => of(StatusCode::UNAUTHORIZED, "bad_ticket").field("ticket").challenge("Bearer"),
            E::MissingClaim { .. } => of(StatusCode::FORBIDDEN, "missing_claim"),
            E::MissingScope { .. } => of(StatusCode::FORBIDDEN, "missing_scope").challenge("Bearer error=\"insufficient_scope\""),
        }
    }
}
