//! `GET /v1/status`: where the process is, partition by partition and view by view, and what has halted.
//!
//! For operators: it names views and topics that readers may not know of.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::position::{Offset, Partition, Topic};
use serde_json::{Value, json};
use sinks::views::ViewReader;

use crate::host::health::{DiskSpace, HaltedSource, HostStatus, PartitionEnd, Readiness, SinkStatus};
use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::problem::health::progress;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// The status.
pub(crate) async fn status(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("reading the status", claims.as_ref())?;
    QueryString::parse(uri.query())?.only(&[])?;
    let HostStatus { incarnation, checkpoint, ends, halted, stalled, sinks, clock_held, lag, lag_limits, disk } =
        state.health().status();
    // The offsets before the position: what is reported as visible is so at the position.
    let visible = state.views().consumed();
    let position = state.views().position();
    let age = |epoch: u64| position.epoch.0.saturating_sub(epoch);
    let partitions = visible.iter().map(|(key, visible)| describe_partition(key, *visible, ends.get(key)));
    let answer = json!({
        "timeline": format!("{:x}", position.timeline.0),
        "epoch": position.epoch.0,
        "incarnation": incarnation,
        "readiness": readiness_name(&state.health().readiness()),
        "checkpoint": checkpoint.map(|epoch| json!({ "epoch": epoch.0, "age_epochs": age(epoch.0) })),
        "partitions": partitions.collect::<Vec<_>>(),
        "views": describe_views(state.views()),
        "dead_letters": dead_letters(state.views()),
        "halted": halted.iter().map(describe_halted).collect::<Vec<_>>(),
        "stalled": stalled,
        "sinks": sinks.iter().map(describe_sink).collect::<Vec<_>>(),
        "clock_held_seconds": clock_held.as_secs_f64(),
        "lag": { "records": lag.records, "bytes": lag.bytes, "seconds": Duration::from_micros(lag.micros).as_secs_f64() },
        "lag_max": { "records": lag_limits.records, "bytes": lag_limits.bytes, "seconds": lag_limits.time.as_secs_f64() },
        "disk": disk.map(describe_disk),
        "position": position.to_string(),
    });
    Ok(json_response(answer.to_string(), Some(&position.to_string())))
}

/// Returns the number of dead letters that are on the list.
fn dead_letters(views: &dyn ViewReader) -> u64 {
    let snapshot = views.snapshot();
    snapshot.dead_letter_count().saturating_sub(snapshot.retried_count() + snapshot.discarded_count())
}

fn readiness_name(readiness: &Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "ready",
        Readiness::CatchingUp { .. } => "catching_up",
        Readiness::Stalled { .. } => "stalled",
        Readiness::Halted { .. } => "halted",
    }
}

/// A partition; its end and its lag are null while the log can't be asked.
fn describe_partition((topic, partition): &(Topic, Partition), visible: Offset, end: Option<&PartitionEnd>) -> Value {
    // An epoch may have become visible since they were counted: there are no more of them than offsets.
    let lag = end.map(|end| end.records_behind.min(end.offset.0.saturating_sub(visible.0)));
    let end = end.map(|end| end.offset.0);
    json!({ "topic": topic.as_str(), "partition": partition.0, "visible": visible.0, "end": end, "lag": lag })
}

/// Views that are served, then those that are staged.
fn describe_views(views: &dyn ViewReader) -> Vec<Value> {
    let staged = views.staged_hydrations();
    let snapshot = views.snapshot();
    let served = snapshot.views().map(|served| {
        let hydration = views.hydration(&served.view.name);
        let state = if hydration.is_some() { "hydrating" } else { "ready" };
        let index = served.indexes.first().map(|(index, _)| *index);
        json!({
            "name": served.view.name,
            "state": state,
            "progress": hydration.as_ref().map(progress),
            "rows": index.map(|index| snapshot.rows(index)),
            "row_changes": index.map(|index| snapshot.row_changes(index)),
        })
    });
    let staged =
        staged.iter().map(|(name, hydration)| json!({ "name": name, "state": "deploying", "progress": progress(hydration) }));
    served.chain(staged).collect()
}

fn describe_sink(sink: &SinkStatus) -> Value {
    json!({
        "name": sink.name,
        "view": sink.view,
        "target": sink.target,
        "state": sink.state,
        "epoch": sink.epoch.map(|epoch| epoch.0),
        "lag_epochs": sink.lag_epochs,
        "waiting_changes": sink.waiting_changes,
        "rebuilt": sink.rebuilt,
        "commits": sink.commits,
        "errors": sink.errors,
        "reason": sink.reason,
    })
}

fn describe_disk(DiskSpace { free_bytes, reserve_bytes, is_full }: DiskSpace) -> Value {
    json!({ "free_bytes": free_bytes, "reserve_bytes": reserve_bytes, "full": is_full })
}

fn describe_halted(halted: &HaltedSource) -> Value {
    let HaltedSource { source, reason, action } = halted;
    json!({ "source": source, "reason": reason, "action": action })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_of_a_partition_counts_records_and_is_null_while_the_log_cannot_be_asked() {
        let key = (Topic::new("t"), Partition(0));
        let lag = |visible, end: Option<(u64, u64)>| {
            let end = end.map(|(offset, records_behind)| PartitionEnd { offset: Offset(offset), records_behind });
            let partition = describe_partition(&key, Offset(visible), end.as_ref());
            (partition["end"].clone(), partition["lag"].clone())
        };
        assert_eq!(lag(10, Some((14, 3))), (json!(14), json!(3)));
        assert_eq!(lag(10, Some((14, 0))), (json!(14), json!(0)), "the last offsets have no record");
        assert_eq!(lag(13, Some((14, 3))), (json!(14), json!(1)), "two became visible since");
        assert_eq!(lag(10, None), (Value::Null, Value::Null));
    }
}
