//! Figures of subscriptions that Prometheus scrapes.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResetLabels {
    reason: &'static str,
}

/// Figures of all subscriptions; clones share them.
#[derive(Clone, Default)]
pub(crate) struct SubscriptionMetrics {
    open: Gauge,
    resets: Family<ResetLabels, Counter>,
}

impl SubscriptionMetrics {
    /// Has them scraped with the others.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("subscriptions", "Subscriptions that are open", self.open.clone());
        registry.register("subscription_resets", "How often a subscription began with all its rows", self.resets.clone());
    }

    /// Number of open subscriptions; whoever opens one counts it.
    pub(super) fn open(&self) -> &Gauge {
        &self.open
    }

    /// Counts one time that a subscription's rows were sent from the beginning.
    pub(super) fn reset(&self, reason: &'static str) {
        self.resets.get_or_create(&ResetLabels { reason }).inc();
    }
}
