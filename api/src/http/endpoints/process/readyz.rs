//! `GET /readyz`: whether all views are whole and have caught up with the log; 503 with the progress until then.
//!
//! `takes_events` is false while the disk is full: readers are served all the same, so that is no reason to send them elsewhere.
//!
//! Views that a deployment is filling are listed and do not make the process unready: those that they replace are served meanwhile.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::host::health::Readiness;
use crate::http::answer::json_response;
use crate::http::error::health::HealthError;
use crate::http::problem::answer::Problem;
use crate::http::problem::health::describe_hydrating;
use crate::http::state::ApiState;

/// 200 once the views are current.
pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<Response, Problem> {
    let readiness = state.health().readiness();
    if let Readiness::Halted { reason } = readiness {
        return Err(HealthError::Halted { reason }.into());
    }
    if let Readiness::Stalled { reason } = readiness {
        return Err(HealthError::Stalled { reason }.into());
    }
    let views = state.views().hydrating();
    if !views.is_empty() {
        return Err(HealthError::NotReady { views }.into());
    }
    if let Readiness::CatchingUp { records_done, records_total } = readiness {
        return Err(HealthError::CatchingUp { records_done, records_total }.into());
    }
    let position = state.views().position().to_string();
    let takes_events = !state.health().figures().disk.is_some_and(|disk| disk.is_full);
    let mut answer = json!({ "ready": true, "takes_events": takes_events, "position": position });
    let staged = state.views().staged_hydrations();
    if !staged.is_empty() {
        answer["deploying"] = staged.iter().map(describe_hydrating).collect();
    }
    Ok(json_response(answer.to_string(), Some(&position)))
}
