//! The metrics that Prometheus scrapes.
//!
//! Owns the counters of requests; everything else is read from the views and the process when it is asked for. Labels are names that were
//! declared: routes, views, indexes, sinks, topics.

mod encode;
pub(crate) mod format;
mod host;
mod process;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sinks::views::ViewReader;

use self::format::{MetricsFormat, as_text};
use self::host::HostMetrics;
use self::process::ProcessMetrics;
use crate::host::health::Health;
use crate::http::token::Verifier;
use crate::subscriptions::metrics::SubscriptionMetrics;

/// Upper ends of the latency buckets in seconds.
const LATENCY_BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

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
    /// metrics whose names every process has, so without a prefix of ours
    unprefixed: Registry,
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
        let mut unprefixed = Registry::default();
        unprefixed.register_collector(Box::new(ProcessMetrics));
        Self { requests, latency, registry, unprefixed }
    }

    /// Counts one answered request.
    pub(crate) fn observe(&self, route: &str, status: u16, duration: Duration) {
        self.latency.get_or_create(&RouteLabels { route: route.to_owned() }).observe(duration.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// Everything in a format.
    pub(crate) fn write(&self, format: MetricsFormat) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        text::encode_registry(&mut out, &self.unprefixed)?;
        text::encode_eof(&mut out)?;
        Ok(match format {
            MetricsFormat::OpenMetrics => out,
            MetricsFormat::Text => as_text(&out),
        })
    }
}
