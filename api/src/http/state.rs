//! State that every request is answered from.
//!
//! Owns [`ApiState`], cheap to clone, and [`ApiConfig`]. Views, the process's traits and the configuration enter at the start.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use schemas::position::Position;
use sinks::invalidations::Invalidations;
use sinks::search::{SearchIndexes, SearchReader};
use sinks::views::{ServedView, Views};
use tokio::sync::{Semaphore, watch};

use crate::host::deployments::Deployments;
use crate::host::derived::Derived;
use crate::host::health::Health;
use crate::host::ingest::Ingest;
use crate::host::provenance::Provenance;
use crate::http::error::ApiError;
use crate::http::metrics::Metrics;
use crate::http::token::{Claims, Permission, Verifier, authenticate};
use crate::read::access::{Admission, Rule, admit};
use crate::read::limits::{Limits, SEARCHES_AT_ONCE};
use crate::read::suggest::nearest;

/// The scope that sends events, unless configured.
pub const INGEST_SCOPE: &str = "events:write";
/// The scope that reads dead letters and sends them again, unless configured.
pub const OPERATOR_SCOPE: &str = "operator";

/// Configuration of the API. The default lets nobody in but readers of public views.
pub struct ApiConfig {
    /// the keys tokens are verified with; without, every token is refused
    pub verifier: Option<Verifier>,
    /// permission to send events and to see the topics
    pub ingest: Permission,
    /// permission to read dead letters and the status, and to send dead letters again
    pub operator: Permission,
    /// topics that are derived beside the views
    pub derived: Option<Arc<dyn Derived>>,
    /// keys that become stale in caches, as they do
    pub invalidations: Option<Arc<Invalidations>>,
    /// finder of the events that made a row
    pub provenance: Option<Arc<dyn Provenance>>,
    /// limits
    pub limits: Limits,
    /// the full-text indexes, which may come and go
    pub search: Arc<SearchIndexes>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            verifier: None,
            ingest: Permission::Scope(INGEST_SCOPE.to_owned()),
            operator: Permission::Scope(OPERATOR_SCOPE.to_owned()),
            derived: None,
            invalidations: None,
            provenance: None,
            limits: Limits::default(),
            search: Arc::default(),
        }
    }
}

/// The state of the API; clones share it.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    views: Arc<Views>,
    ingest: Arc<dyn Ingest>,
    health: Arc<dyn Health>,
    deployments: OnceLock<Arc<dyn Deployments>>,
    config: ApiConfig,
    published: watch::Receiver<Position>,
    /// tells that some full-text index went on
    indexed: watch::Receiver<()>,
    metrics: Metrics,
    permits: Semaphore,
    subscriptions: Arc<Semaphore>,
    /// Known once the process has found out; then it stays.
    incarnation: OnceLock<u64>,
    /// counts what followers of invalidations are told
    told: watch::Receiver<u64>,
    search_permits: Semaphore,
}

impl ApiState {
    /// The state of an API over `views`, whose listener it becomes.
    pub fn new(views: Arc<Views>, ingest: Arc<dyn Ingest>, health: Arc<dyn Health>, config: ApiConfig) -> Self {
        let (announce, published) = watch::channel(views.position());
        views.set_listener(Box::new(move |position| {
            announce.send_replace(position);
        }));
        let (announce, indexed) = watch::channel(());
        config.search.set_listener(Arc::new(move |_| {
            announce.send_replace(());
        }));
        let metrics = Metrics::new(Arc::clone(&views), Arc::clone(&health));
        let permits = Semaphore::new(config.limits.requests_max.min(Semaphore::MAX_PERMITS));
        let subscriptions = Arc::new(Semaphore::new(config.limits.subscriptions_max.min(Semaphore::MAX_PERMITS)));
        let (deployments, incarnation) = (OnceLock::new(), OnceLock::new());
        let (tell, told) = watch::channel(0);
        if let Some(invalidations) = &config.invalidations {
            invalidations.set_listener(Box::new(move || tell.send_modify(|count| *count += 1)));
        }
        let search_permits = Semaphore::new(SEARCHES_AT_ONCE);
        Self(Arc::new(Shared {
            views,
            ingest,
            health,
            deployments,
            config,
            published,
            indexed,
            metrics,
            permits,
            search_permits,
            subscriptions,
            incarnation,
            told,
        }))
    }

    /// The same for a process whose topology can be changed while it runs.
    pub fn with_deployments(self, deployments: Arc<dyn Deployments>) -> Self {
        // A second call would be a mistake of the process; the first one holds.
        let _ = self.0.deployments.set(deployments);
        self
    }

    pub(crate) fn deployments(&self) -> Option<&dyn Deployments> {
        self.0.deployments.get().map(AsRef::as_ref)
    }

    pub(crate) fn views(&self) -> &Views {
        &self.0.views
    }

    pub(crate) fn ingest(&self) -> &dyn Ingest {
        self.0.ingest.as_ref()
    }

    pub(crate) fn health(&self) -> &dyn Health {
        self.0.health.as_ref()
    }

    pub(crate) fn config(&self) -> &ApiConfig {
        &self.0.config
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn permits(&self) -> &Semaphore {
        &self.0.permits
    }

    /// A place for each subscription that may be open.
    pub(crate) fn subscriptions(&self) -> &Arc<Semaphore> {
        &self.0.subscriptions
    }

    /// Returns the number of starts of the process on its data; 0 while it is unknown, which is before any view is whole.
    pub(crate) fn incarnation(&self) -> u64 {
        if let Some(incarnation) = self.0.incarnation.get() {
            return *incarnation;
        }
        let incarnation = self.health().status().incarnation;
        if incarnation > 0 {
            // Whoever was faster has set the same.
            let _ = self.0.incarnation.set(incarnation);
        }
        incarnation
    }

    /// Learns when followers of invalidations are told something.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.0.told.clone()
    }

    /// Learns of every position published from now on.
    pub(crate) fn published(&self) -> watch::Receiver<Position> {
        let mut receiver = self.0.published.clone();
        receiver.mark_unchanged();
        receiver
    }

    pub(crate) fn search_permits(&self) -> &Semaphore {
        &self.0.search_permits
    }

    /// Learns when a full-text index goes on from now on.
    pub(crate) fn indexed(&self) -> watch::Receiver<()> {
        let mut receiver = self.0.indexed.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// Returns the claims of the sender of these headers.
    pub(crate) fn claims(&self, headers: &HeaderMap) -> Result<Option<Claims>, ApiError> {
        authenticate(self.0.config.verifier.as_ref(), headers)
    }

    /// A view and the rows of it that a reader may see. A view that is denied is as unknown as one that does not exist.
    /// One that is filled for the first time is there, but not yet to be read.
    pub(crate) fn admitted(&self, name: &str, claims: Option<&Claims>) -> Result<(Arc<ServedView>, Rule), ApiError> {
        // Staged first: a view that is shown in between is then found in one of the two.
        let staged = self.views().staged(name);
        let served = self.views().view(name);
        let is_served = served.is_some();
        match served.or(staged).map(|served| (admit(&served.view, claims), served)) {
            Some((Admission::Rows(rule), served)) if is_served => Ok((served, rule)),
            Some((Admission::Rows(_), _)) => {
                let hydration = self.views().staged_hydration(name).unwrap_or_default();
                Err(ApiError::Hydrating { view: name.to_owned(), hydration })
            }
            Some((Admission::NeedsToken, _)) => Err(ApiError::NoToken { what: format!("the view '{name}'") }),
            Some((Admission::Hidden, _)) | None => {
                let readable: Vec<_> = self.views().views().filter(|served| is_readable(served, claims)).collect();
                let suggestion = nearest(name, readable.iter().map(|served| served.view.name.as_str()));
                Err(ApiError::UnknownView { view: name.to_owned(), suggestion })
            }
        }
    }

    /// A full-text index, and the rows of its view that a reader may see. An index of a view that is denied is as unknown as one that does
    /// not exist.
    pub(crate) fn searchable(&self, name: &str, claims: Option<&Claims>) -> Result<(SearchReader, Rule), ApiError> {
        let unknown = || {
            let readable: Vec<SearchReader> = self.searches(claims);
            let suggestion = nearest(name, readable.iter().map(|reader| reader.index().name.as_str()));
            ApiError::UnknownIndex { index: name.to_owned(), suggestion }
        };
        let reader = self.0.config.search.get(name).ok_or_else(unknown)?;
        match self.admitted(&reader.index().view, claims) {
            Ok((served, rule)) if is_index_of(&reader, &served) => Ok((reader, rule)),
            Ok(_) => Err(ApiError::IndexBuilding { index: name.to_owned() }),
            Err(ApiError::UnknownView { .. }) => Err(unknown()),
            Err(error) => Err(error),
        }
    }

    /// The full-text indexes of views that a reader may read, by name.
    pub(crate) fn searches(&self, claims: Option<&Claims>) -> Vec<SearchReader> {
        let is_readable =
            |reader: &SearchReader| self.views().view(&reader.index().view).is_some_and(|view| is_readable(&view, claims));
        self.0.config.search.all().into_iter().filter(is_readable).collect()
    }
}

/// Returns true if the index is one of the view as it is served now: a deployment may have replaced the view before its index.
fn is_index_of(reader: &SearchReader, served: &ServedView) -> bool {
    let columns = reader.index().columns();
    columns.iter().zip(reader.columns()).all(|(&position, column)| served.view.columns.get(position) == Some(column))
}

/// Returns true if a reader may read a view.
pub(crate) fn is_readable(served: &ServedView, claims: Option<&Claims>) -> bool {
    matches!(admit(&served.view, claims), Admission::Rows(_))
}
