//! The metrics that Prometheus scrapes.
//!
//! Owns the counters of requests; everything else is read from the views and the process when it is asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sinks::views::{IndexId, Snapshot, ViewReader};

use crate::host::health::{Figures, Health, Readiness};
use crate::http::token::Verifier;
use crate::subscriptions::metrics::SubscriptionMetrics;

/// Upper ends of the latency buckets in seconds.
const LATENCY_BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const MICROS_PER_SECOND: f64 = 1e6;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// The metrics of one API.
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    registry: Registry,
}

impl Metrics {
    /// Metrics of requests, and of these views and this process.
    pub(crate) fn new(
        views: Arc<dyn ViewReader>,
        health: Arc<dyn Health>,
        subscriptions: &SubscriptionMetrics,
        verifier: Option<&Verifier>,
    ) -> Self {
        let requests = Family::default();
        let latency = Family::new_with_constructor((|| Histogram::new(LATENCY_BUCKETS)) as fn() -> Histogram);
        let mut registry = Registry::with_prefix("tidewater");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit("http_request_duration", "Time until an answer began", Unit::Seconds, latency.clone());
        subscriptions.register(&mut registry);
        if let Some(verifier) = verifier {
            verifier.register(&mut registry);
        }
        registry.register_collector(Box::new(HostMetrics { views, health }));
        Self { requests, latency, registry }
    }

    /// Counts one answered request.
    pub(crate) fn observe(&self, route: &str, status: u16, duration: Duration) {
        self.latency.get_or_create(&RouteLabels { route: route.to_owned() }).observe(duration.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// Everything in OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Values that are measured elsewhere.
struct HostMetrics {
    views: Arc<dyn ViewReader>,
    health: Arc<dyn Health>,
}

impl fmt::Debug for HostMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostMetrics")
    }
}

impl Collector for HostMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Figures { events_ingested, events_processed, lines_refused, lag, lag_limits, epoch_micros } = self.health.figures();
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
        self.encode_views(&mut encoder)
    }
}

impl HostMetrics {
    fn encode_views(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.views.snapshot();
        gauge(encoder, "epoch", "The last epoch that is visible", snapshot.position().epoch.0 as f64)?;
        counter(encoder, "dead_letters", "Events quarantined", snapshot.dead_letter_count())?;
        gauge(encoder, "row_errors", "Rows on which an expression fails now", snapshot.row_error_count() as f64)?;
        counter(encoder, "dead_letters_retried", "Quarantined events that were sent again", snapshot.retried_count())?;
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

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
