//! Outcomes of lines as JSON, and the position that covers them.

use std::collections::BTreeMap;

use schemas::position::{LogPosition, Offset, Partition, Token, Topic};
use serde_json::{Value, json};

use crate::host::ingest::LineOutcome;

/// The least that covers every line: the last offset in each partition, as `after` takes it.
pub(in crate::http::endpoints) fn position(outcomes: &[LineOutcome]) -> Option<String> {
    let mut last: BTreeMap<(Topic, Partition), Offset> = BTreeMap::new();
    for outcome in outcomes {
        if let LineOutcome::Accepted(position) | LineOutcome::Duplicate(Some(position)) = outcome {
            let offset = last.entry((position.topic.clone(), position.partition)).or_insert(position.offset);
            *offset = position.offset.max(*offset);
        }
    }
    let records = last.into_iter().map(|((topic, partition), offset)| LogPosition { topic, partition, offset });
    let token = Token::Records(records.collect());
    Some(token.to_string()).filter(|text| !text.is_empty())
}

/// Describes the outcome of one line.
pub(in crate::http::endpoints) fn describe(outcome: &LineOutcome) -> Value {
    match outcome {
        LineOutcome::Accepted(position) => json!({ "status": "accepted", "position": position.to_string() }),
        LineOutcome::Duplicate(position) => {
            json!({ "status": "duplicate", "position": position.as_ref().map(ToString::to_string) })
        }
        LineOutcome::Rejected(fault) => json!({
            "status": "rejected",
            "reason": fault.reason.as_str(),
            "field": fault.field,
            "detail": fault.detail,
        }),
        LineOutcome::Forbidden(forbidden) => json!({
            "status": "forbidden",
            "reason": forbidden.reason(),
            "field": forbidden.field(),
            "detail": forbidden.to_string(),
        }),
        LineOutcome::Empty => json!({ "status": "empty" }),
        LineOutcome::Refused(refusal) => {
            json!({ "status": "refused", "reason": refusal.reason(), "detail": refusal.to_string() })
        }
    }
}
