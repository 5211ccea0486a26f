//! State that all subscriptions of one API share: the views, their limits, and their number.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::SubscriptionError;
use super::metrics::SubscriptionMetrics;
use crate::host::health::Health;
use crate::read::catalog::Catalog;

/// The subscriptions of one API; clones share them.
#[derive(Clone)]
pub(crate) struct Subscriptions(Arc<SubscriptionsShared>);

struct SubscriptionsShared {
    catalog: Catalog,
    health: Arc<dyn Health>,
    open_max: usize,
    heartbeat_interval: Duration,
    permits: Arc<Semaphore>,
    metrics: SubscriptionMetrics,
    /// Known once the process has found out; then it stays.
    incarnation: OnceLock<u64>,
}

/// A place among the subscriptions that may be open, and its count.
pub(super) struct OpenSubscription {
    metrics: SubscriptionMetrics,
    _permit: OwnedSemaphorePermit,
}

impl Subscriptions {
    /// At most `open_max` subscriptions to the views of `catalog`, each silent for at most `heartbeat_interval`.
    pub(crate) fn new(catalog: Catalog, health: Arc<dyn Health>, open_max: usize, heartbeat_interval: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(open_max.min(Semaphore::MAX_PERMITS)));
        let (metrics, incarnation) = (SubscriptionMetrics::default(), OnceLock::new());
        Self(Arc::new(SubscriptionsShared { catalog, health, open_max, heartbeat_interval, permits, metrics, incarnation }))
    }

    /// The views.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Longest silence of a subscription.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        self.0.heartbeat_interval
    }

    /// Figures of all subscriptions.
    pub(crate) fn metrics(&self) -> &SubscriptionMetrics {
        &self.0.metrics
    }

    /// Takes a place among all that may be open, for any stream that stays.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, SubscriptionError> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned();
        permit.map_err(|_| SubscriptionError::TooMany { open_max: self.0.open_max })
    }

    /// Takes a place for a subscription, and counts it.
    pub(super) fn open(&self) -> Result<OpenSubscription, SubscriptionError> {
        let permit = self.permit()?;
        self.0.metrics.open().inc();
        Ok(OpenSubscription { metrics: self.0.metrics.clone(), _permit: permit })
    }

    /// Returns the number of starts of the process on its data; 0 while it is unknown, which is before any view is whole.
    pub(super) fn incarnation(&self) -> u64 {
        if let Some(incarnation) = self.0.incarnation.get() {
            return *incarnation;
        }
        let incarnation = self.0.health.status().incarnation;
        if incarnation > 0 {
            // Whoever was faster has set the same.
            let _ = self.0.incarnation.set(incarnation);
        }
        incarnation
    }
}

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        self.metrics.open().dec();
    }
}
