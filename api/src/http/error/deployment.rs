//! Reasons why a deployment does not begin.

use crate::host::deployments::DeployRefusal;

/// Reason why a deployment does not begin.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum DeploymentError {
    #[error(
        "the request is not a deployment: {detail}; send {{\"action\":\"deploy\",\"files\":[...]}}, or the action 'rollback', 'replay' or 'drop'"
    )]
    BadRequest { detail: String },
    #[error("this process runs one topology only")]
    NotOffered,
    #[error("{}", words(.0))]
    Refused(DeployRefusal),
}

fn words(refusal: &DeployRefusal) -> &str {
    match refusal {
        DeployRefusal::Invalid { text, .. } => text,
        DeployRefusal::NotFound { detail }
        | DeployRefusal::Conflict { detail }
        | DeployRefusal::WiderAccess { detail, .. }
        | DeployRefusal::Storage { detail } => detail,
    }
}
