//! Metrics of the process that the API runs in: events, lag, epochs, views, sinks, checkpoints, the log and its disk.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use sinks::views::{IndexId, Snapshot, ViewReader};

use super::encode::{counter, counters, gauge, gauges};
use crate::host::health::{CheckpointFigures, Figures, Health, Measurements, Readiness, SinkStatus};

const MICROS_PER_SECOND: f64 = 1e6;

/// Values that are measured elsewhere.
pub(super) struct HostMetrics {
    pub(super) views: Arc<dyn ViewReader>,
    pub(super) health: Arc<dyn Health>,
}

impl fmt::Debug for HostMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostMetrics")
    }
}

impl Collector for HostMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Figures { events_ingested, events_processed, lines_refused, lag, lag_limits, epoch_micros, disk } =
            self.health.figures();
        let ready = self.health.readiness() == Readiness::Ready;
        let seconds = |micros: u64| micros as f64 / MICROS_PER_SECOND;
        counter(&mut encoder, "events_ingested", "Events appended to the log since the start", events_ingested)?;
        counter(&mut encoder, "events_processed", "Records taken into the views since the start", events_processed)?;
        gauge(&mut encoder, "ready", "Whether the views have caught up with the log", f64::from(u8::from(ready)))?;
        counter(&mut encoder, "ingest_lines_refused", "Lines refused for now, to be sent again", lines_refused)?;
        gauge(&mut encoder, "lag_records", "Records in the log that no view shows yet", lag.records as f64)?;
        gauge(&mut encoder, "lag_bytes", "About how many bytes they have", lag.bytes as f64)?;
        gauge(&mut encoder, "lag_seconds", "Age of the oldest of them", seconds(lag.micros))?;
        gauge(&mut encoder, "ingest_lag_records_max", "Records from which on events are refused", lag_limits.records as f64)?;
        gauge(&mut encoder, "ingest_lag_bytes_max", "Bytes from which on events are refused", lag_limits.bytes as f64)?;
        let age_max = lag_limits.time.as_secs_f64();
        gauge(&mut encoder, "ingest_lag_seconds_max", "Age of the oldest from which on events are refused", age_max)?;
        gauge(&mut encoder, "epoch_duration_seconds", "How long the last epoch took", seconds(epoch_micros))?;
        if let Some(disk) = disk {
            let full = f64::from(u8::from(disk.is_full));
            gauge(&mut encoder, "disk_free_bytes", "Bytes that are free on the disk of the log", disk.free_bytes as f64)?;
            gauge(&mut encoder, "disk_reserve_bytes", "Bytes that stay free while events are taken", disk.reserve_bytes as f64)?;
            gauge(&mut encoder, "disk_full", "Whether events are refused for lack of space", full)?;
        }
        let Measurements { sinks, checkpoint, topic_bytes } = self.health.measurements();
        encode_checkpoints(&mut encoder, &checkpoint)?;
        encode_sinks(&mut encoder, &sinks)?;
        let topics = topic_bytes.iter().map(|(topic, bytes)| (topic.as_str(), *bytes as f64));
        gauges(&mut encoder, "log_topic_bytes", "About how many bytes the records of a topic have", "topic", topics)?;
        self.encode_views(&mut encoder)
    }
}

fn encode_checkpoints(encoder: &mut DescriptorEncoder<'_>, checkpoint: &CheckpointFigures) -> fmt::Result {
    let CheckpointFigures { epoch, written, at_micros, duration, bytes } = *checkpoint;
    counter(encoder, "checkpoints", "Checkpoints written since the start", written)?;
    if let Some(epoch) = epoch {
        gauge(encoder, "checkpoint_epoch", "The epoch that a restart would go on from", epoch.0 as f64)?;
    }
    if let Some(micros) = at_micros {
        let at = micros as f64 / MICROS_PER_SECOND;
        gauge(encoder, "checkpoint_timestamp_seconds", "When the last checkpoint of this process became durable", at)?;
        gauge(encoder, "checkpoint_duration_seconds", "How long writing it took", duration.as_secs_f64())?;
        gauge(encoder, "checkpoint_bytes", "Bytes of all that it stands on", bytes as f64)?;
    }
    Ok(())
}

fn encode_sinks(encoder: &mut DescriptorEncoder<'_>, sinks: &[SinkStatus]) -> fmt::Result {
    let each = |value: fn(&SinkStatus) -> f64| sinks.iter().map(move |sink| (sink.name.as_str(), value(sink)));
    let count = |value: fn(&SinkStatus) -> u64| sinks.iter().map(move |sink| (sink.name.as_str(), value(sink)));
    let attached = each(|sink| f64::from(u8::from(sink.state == "attached")));
    gauges(encoder, "sink_attached", "Whether a sink follows its view", "sink", attached)?;
    gauges(encoder, "sink_lag_epochs", "Epochs that a sink does not hold yet", "sink", each(|sink| sink.lag_epochs as f64))?;
    let waiting = each(|sink| sink.waiting_changes as f64);
    gauges(encoder, "sink_waiting_changes", "Changes that wait for a sink", "sink", waiting)?;
    counters(encoder, "sink_commits", "Commits that a sink has acknowledged", "sink", count(|sink| sink.commits))?;
    counters(encoder, "sink_errors", "Attempts of a sink that failed and are made again", "sink", count(|sink| sink.errors))?;
    counters(encoder, "sink_rebuilds", "How often a sink was rebuilt from its view", "sink", count(|sink| sink.rebuilt))
}

impl HostMetrics {
    fn encode_views(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.views.snapshot();
        gauge(encoder, "epoch", "The last epoch that is visible", snapshot.position().epoch.0 as f64)?;
        counter(encoder, "dead_letters", "Events quarantined", snapshot.dead_letter_count())?;
        gauge(encoder, "row_errors", "Rows on which an expression fails now", snapshot.row_error_count() as f64)?;
        counter(encoder, "dead_letters_retried", "Quarantined events that were sent again", snapshot.retried_count())?;
        counter(encoder, "dead_letters_discarded", "Quarantined events that were discarded", snapshot.discarded_count())?;
        gauge(encoder, "views_hydrating", "Views that are not filled yet", self.views.hydrating().len() as f64)?;
        encode_indexes(encoder, &snapshot, "view_rows", "Rows of an index", Snapshot::rows)?;
        encode_indexes(encoder, &snapshot, "view_memory_bytes", "Memory of an index", Snapshot::memory_bytes)
    }
}

fn encode_indexes<'v>(
    encoder: &mut DescriptorEncoder<'_>,
    snapshot: &Snapshot<'v>,
    name: &str,
    help: &str,
    measure: impl Fn(&Snapshot<'v>, IndexId) -> u64,
) -> Result<(), fmt::Error> {
    let metric_type = ConstGauge::new(0.0).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, metric_type)?;
    for served in snapshot.views() {
        for (index, (id, _)) in served.view.indexes.iter().zip(&served.indexes) {
            let labels = [("view", served.view.name.as_str()), ("index", index.name.as_str())];
            ConstGauge::new(measure(snapshot, *id) as f64).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
