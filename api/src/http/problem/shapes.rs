//! Problems of shapes.

use axum::http::StatusCode;
use serde_json::json;

use super::answer::{Problem, ToProblem};
use crate::http::query::shape::AskedShapeError;
use crate::shapes::error::ShapeError;

impl ToProblem for ShapeError {
    fn to_problem(&self) -> Problem {
        use ShapeError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::Subscription(error) => error.to_problem(),
            E::NotPublic { .. } => of(StatusCode::FORBIDDEN, "not_public").field("table"),
            E::BadCondition { .. } => of(StatusCode::BAD_REQUEST, "bad_condition").field("where"),
            E::NoIndex { indexes, .. } => {
                of(StatusCode::BAD_REQUEST, "index_needed").field("where").member("indexes", json!(indexes))
            }
            E::BadWord { name, .. } => of(StatusCode::BAD_REQUEST, "bad_parameter").field(name),
            E::KeyNotSelected { .. } => of(StatusCode::BAD_REQUEST, "key_not_selected").field("columns"),
            E::KeyNotUnique { .. } => of(StatusCode::BAD_REQUEST, "key_not_unique").field("key"),
            E::TooManyOfClient => of(StatusCode::TOO_MANY_REQUESTS, "too_many_client_shapes").retry_soon(),
            E::Starting => of(StatusCode::SERVICE_UNAVAILABLE, "starting").retry_soon().expected(),
            E::TooManyShapes => of(StatusCode::SERVICE_UNAVAILABLE, "too_many_shapes").retry_soon(),
        }
    }
}

impl ToProblem for AskedShapeError {
    fn to_problem(&self) -> Problem {
        match self {
            Self::Query(error) => error.to_problem(),
            Self::Shape(error) => error.to_problem(),
        }
    }
}
