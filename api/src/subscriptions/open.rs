//! State that all subscriptions of one API share: the views, their limits, and their number.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::SubscriptionError;
use super::metrics::SubscriptionMetrics;
use crate::host::health::Health;
use crate::read::catalog::Catalog;
use crate::read::cursor_key::CursorKey;

/// The subscriptions of one API; clones share them.
#[derive(Clone)]
pub(crate) struct Subscriptions(Arc<SubscriptionsShared>);

struct SubscriptionsShared {
    catalog: Catalog,
    health: Arc<dyn Health>,
    settings: SubscriptionSettings,
    permits: Arc<Semaphore>,
    metrics: SubscriptionMetrics,
    /// Known once the process has found out; then it stays.
    incarnation: OnceLock<u64>,
}

/// Settings of all subscriptions of an API.
pub(crate) struct SubscriptionSettings {
    /// the most that are open at the same time
    pub(crate) open_max: usize,
    /// longest silence of one of them
    pub(crate) heartbeat_interval: Duration,
    /// the key of their ids
    pub(crate) key: CursorKey,
}

/// A place among the subscriptions that may be open, and its count.
pub(super) struct OpenSubscription {
    metrics: SubscriptionMetrics,
    _permit: OwnedSemaphorePermit,
}

impl Subscriptions {
    /// Subscriptions to the views of `catalog`.
    pub(crate) fn new(catalog: Catalog, health: Arc<dyn Health>, settings: SubscriptionSettings) -> Self {
        let permits = Arc::new(Semaphore::new(settings.open_max.min(Semaphore::MAX_PERMITS)));
        let (metrics, incarnation) = (SubscriptionMetrics::default(), OnceLock::new());
        Self(Arc::new(SubscriptionsShared { catalog, health, settings, permits, metrics, incarnation }))
    }

    /// The views.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Longest silence of a subscription.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        self.0.settings.heartbeat_interval
    }

    /// The key of ids.
    pub(crate) fn key(&self) -> &CursorKey {
        &self.0.settings.key
    }

    /// Figures of all subscriptions.
    pub(crate) fn metrics(&self) -> &SubscriptionMetrics {
        &self.0.metrics
    }

    /// Takes a place among all that may be open, for any stream that stays.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, SubscriptionError> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned();
        permit.map_err(|_| SubscriptionError::TooMany { open_max: self.0.settings.open_max })
    }

    /// Takes a place for a subscription, and counts it.
    pub(super) fn open(&self) -> Result<OpenSubscription, SubscriptionError> {
        let permit = self.permit()?;
        self.0.metrics.open().inc();
        Ok(OpenSubscription { metrics: self.0.metrics.clone(), _permit: permit })
    }

    /// Returns the number of starts of the process on its data; 0 while it is unknown, which is before any view is whole.
    pub(crate) fn incarnation(&self) -> u64 {
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
