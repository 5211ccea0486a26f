//! `GET /readyz`: whether the views have caught up with the log; 503 with the progress until then.

use axum::extract::State;
use axum::response::Response;

use super::json_response;
use crate::error::ApiError;
use crate::host::Readiness;
use crate::state::ApiState;

/// 200 once the views are current.
pub(crate) async fn readyz(State(state): State<ApiState>) -> Result<Response, ApiError> {
    match state.health().readiness() {
        Readiness::Ready => {
            let position = state.views().position().to_string();
            Ok(json_response(format!("{{\"ready\":true,\"position\":\"{position}\"}}"), Some(&position)))
        }
        Readiness::CatchingUp { records_done, records_total } => Err(ApiError::CatchingUp { records_done, records_total }),
        Readiness::Stopped { detail } => Err(ApiError::Stopped { detail }),
    }
}
