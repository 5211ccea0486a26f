//! Problems of deployments.

use axum::http::StatusCode;
use serde_json::json;

use super::answer::{Problem, ToProblem};
use crate::host::deployments::DeployRefusal;
use crate::http::error::deployment::DeploymentError;

impl ToProblem for DeploymentError {
    fn to_problem(&self) -> Problem {
        use DeployRefusal as R;
        use DeploymentError as E;
        let of = |status, slug| Problem::new(status, slug, self);
        match self {
            E::BadRequest { .. } => of(StatusCode::BAD_REQUEST, "bad_deployment"),
            E::NotOffered => of(StatusCode::NOT_FOUND, "no_deployments"),
            E::Refused(R::Invalid { diagnostics, errors, .. }) => of(StatusCode::UNPROCESSABLE_ENTITY, "invalid_topology")
                .member("diagnostics", diagnostics.clone())
                .member("errors", json!(errors)),
            E::Refused(R::NotFound { .. }) => of(StatusCode::NOT_FOUND, "nothing_to_deploy"),
            E::Refused(R::Conflict { .. }) => of(StatusCode::CONFLICT, "deployment_conflict"),
            E::Refused(R::WiderAccess { access, .. }) => of(StatusCode::CONFLICT, "wider_access").member("access", json!(access)),
            E::Refused(R::Storage { .. }) => of(StatusCode::SERVICE_UNAVAILABLE, "deployment_failed"),
        }
    }
}
