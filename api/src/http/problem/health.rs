//! Problems of a process that is not current, and the progress of views as JSON.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use sinks::views::Hydration;

use super::answer::{Problem, ToProblem};
use crate::http::error::health::HealthError;
use crate::read::error::seconds_left;

impl ToProblem for HealthError {
    fn to_problem(&self) -> Problem {
        use HealthError as E;
        let of = |slug| Problem::new(StatusCode::SERVICE_UNAVAILABLE, slug, self);
        match self {
            E::NotReady { views } => {
                let problem = of("views_hydrating").member("views", views.iter().map(describe_hydrating).collect::<Value>());
                let retry_after = views.iter().map(|(_, hydration)| Duration::from_secs(seconds_left(hydration))).max();
                match retry_after {
                    Some(after) => problem.retry_after(after).expected(),
                    None => problem.expected(),
                }
            }
            E::CatchingUp { records_done, records_total } => of("catching_up")
                .member("records_done", json!(records_done))
                .member("records_total", json!(records_total))
                .retry_soon()
                .expected(),
            E::Halted { .. } => of("source_halted"),
            E::Stalled { .. } => of("stalled").retry_soon(),
            E::Metrics { .. } => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics_failed", self),
        }
    }
}

/// `{"ratio":0.25,"done":1,"total":4}`.
pub(crate) fn progress(hydration: &Hydration) -> Value {
    json!({ "ratio": hydration.ratio(), "done": hydration.done, "total": hydration.total })
}

/// A view that is being filled.
pub(crate) fn describe_hydrating((name, hydration): &(String, Hydration)) -> Value {
    json!({ "name": name, "progress": progress(hydration) })
}
