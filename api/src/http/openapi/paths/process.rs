//! The process: its state, its health, its metrics, and what it computes from what.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, answer, positioned};
use super::super::schema::{described, list, nullable, number, object, one_of, position, text, truth, whole};
use super::views::progress;

pub(crate) static STATUS: DescribedPath = DescribedPath::new("/v1/status", || vec![status()]);
pub(crate) static TOPOLOGY: DescribedPath = DescribedPath::new("/v1/topology", || vec![topology()]);
pub(crate) static HEALTHZ: DescribedPath = DescribedPath::new("/healthz", || vec![healthz()]);
pub(crate) static READYZ: DescribedPath = DescribedPath::new("/readyz", || vec![readyz()]);
pub(crate) static METRICS: DescribedPath = DescribedPath::new("/metrics", || vec![metrics()]);

const TAG: &str = "process";

fn status() -> DescribedOperation {
    let epoch = object(&[("epoch", whole()), ("age_epochs", whole())]);
    let partition = object(&[
        ("topic", text()),
        ("partition", whole()),
        ("visible", whole()),
        ("end", nullable(whole())),
        ("lag", nullable(whole())),
    ]);
    let view = object(&[("name", text()), ("state", text()), ("progress", progress()), ("rows?", nullable(whole()))]);
    let lag = || object(&[("records", whole()), ("bytes", whole()), ("seconds", number())]);
    let halted = object(&[("source", text()), ("reason", text()), ("action", text())]);
    let disk = object(&[("free_bytes", whole()), ("reserve_bytes", whole()), ("full", truth())]);
    let described = object(&[
        ("timeline", text()),
        ("epoch", whole()),
        ("incarnation", whole()),
        ("readiness", one_of(&["ready", "catching_up", "stalled", "halted"])),
        ("checkpoint", nullable(epoch)),
        ("partitions", list(partition)),
        ("views", list(view)),
        ("dead_letters", described(whole(), "Those on the list: not the ones that were sent again or discarded.")),
        ("halted", list(halted)),
        ("stalled", nullable(text())),
        ("sinks", list(sink())),
        ("clock_held_seconds", number()),
        ("lag", lag()),
        ("lag_max", lag()),
        ("disk", nullable(disk)),
        ("position", position()),
    ]);
    DescribedOperation::get("read_status", TAG, "Where the process is, partition by partition and view by view")
        .to(Audience::Operators)
        .answers(200, positioned("The status.", described))
        .problems(&[400])
}

fn sink() -> Value {
    object(&[
        ("name", text()),
        ("view", text()),
        ("target", text()),
        ("state", text()),
        ("epoch", nullable(whole())),
        ("lag_epochs", whole()),
        ("commits", whole()),
        ("errors", whole()),
        ("reason", nullable(text())),
    ])
}

fn topology() -> DescribedOperation {
    let column = object(&[("name", text()), ("type", text()), ("descending", truth())]);
    let node = object(&[
        ("id", text()),
        ("name", text()),
        ("kind", one_of(&["source", "table", "view", "index", "search", "sink"])),
        ("columns", list(column)),
        ("access", nullable(one_of(&["denied", "public", "policy"]))),
        ("readable", truth()),
        ("rows", nullable(whole())),
        ("row_changes", nullable(whole())),
    ]);
    let edge = object(&[("from", text()), ("to", text())]);
    let graph = object(&[("complete", truth()), ("nodes", list(node)), ("edges", list(edge)), ("position", position())]);
    DescribedOperation::get("read_topology", "topology", "What is computed from what")
        .to(Audience::Readers)
        .words("Operators see everything; whoever is none sees what `GET /v1/views` lists.")
        .answers(200, positioned("Nodes and edges.", graph))
        .problems(&[400])
}

fn healthz() -> DescribedOperation {
    DescribedOperation::get("healthz", TAG, "That the process serves, and no more")
        .unlimited()
        .answers(200, answer("It does.", &[("text/plain", text())]))
}

fn readyz() -> DescribedOperation {
    let deploying = object(&[("name", text()), ("progress", progress())]);
    let ready =
        object(&[("ready", truth()), ("takes_events", truth()), ("position", position()), ("deploying?", list(deploying))]);
    DescribedOperation::get("readyz", TAG, "That all views are whole and have caught up with the log")
        .unlimited()
        .answers(200, positioned("They are; until then 503 has the progress.", ready))
}

fn metrics() -> DescribedOperation {
    let mut metrics = answer("The metrics.", &[("text/plain", text()), ("application/openmetrics-text", text())]);
    metrics["headers"] = json!({ "Vary": { "schema": { "type": "string" } } });
    DescribedOperation::get("read_metrics", TAG, "What Prometheus scrapes")
        .unlimited()
        .answers(200, metrics)
        .problems(&[429, 500])
}
