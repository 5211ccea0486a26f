//! Problems of query strings.

use axum::http::StatusCode;

use super::answer::{Problem, ToProblem};
use crate::http::query::error::QueryStringError;

impl ToProblem for QueryStringError {
    fn to_problem(&self) -> Problem {
        use QueryStringError as E;
        let of = |slug| Problem::new(StatusCode::BAD_REQUEST, slug, self);
        match self {
            E::UnknownParameter { name, suggestion, .. } => of("unknown_parameter").field(name).suggestion(suggestion.as_deref()),
            E::BadOperator { column, .. } => of("bad_operator").field(column),
            E::BadParameter { name, .. } => of("bad_parameter").field(name),
            E::RepeatedParameter { name } => of("repeated_parameter").field(name),
            E::TooManyParameters { .. } => of("too_many_parameters"),
            E::BadEncoding { .. } => of("bad_encoding"),
            E::BadPosition(_) => of("bad_position").field("after"),
            E::Read(error) => error.to_problem(),
            E::Search(error) => error.to_problem(),
        }
    }
}
