//! State that every request is answered from.
//!
//! Owns [`ApiState`], cheap to clone, and [`ApiConfig`]. Views, the process's traits and the configuration enter at the start.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use sinks::invalidations::Invalidations;
use sinks::search::SearchIndexes;
use sinks::views::ViewReader;
use tokio::sync::{Semaphore, watch};

use crate::blocking::BlockingWork;
use crate::host::deployments::Deployments;
use crate::host::derived::Derived;
use crate::host::health::Health;
use crate::host::ingest::Ingest;
use crate::host::pages::{HostPage, TokenIssuer};
use crate::host::provenance::Provenance;
use crate::http::caller::{Authenticated, ClientKey, take_authenticated};
use crate::http::clients::Clients;
use crate::http::cors::CorsSites;
use crate::http::limits::{Limits, SCRAPES_AT_ONCE, SCRAPES_WAITING_MAX};
use crate::http::metrics::Metrics;
use crate::http::openapi::kept::KeptDocuments;
use crate::http::tickets::Tickets;
use crate::http::token::{Permission, TokenError, Verifier, authenticate, authenticate_token};
use crate::http::untaken::UntakenBytes;
use crate::read::catalog::Catalog;
use crate::read::claims::Claims;
use crate::read::cursor_key::CursorKey;
use crate::read::projection::BigintForm;
use crate::shapes::registry::Shapes;
use crate::subscriptions::open::{SubscriptionSettings, Subscriptions};

/// The scope that sends events, unless configured.
pub const INGEST_SCOPE: &str = "events:write";
/// The scope that reads dead letters and sends them again, unless configured.
pub const OPERATOR_SCOPE: &str = "operator";

/// Configuration of the API. The default lets nobody in but readers of public views.
pub struct ApiConfig {
    /// the keys tokens are verified with; without, every token is refused
    pub verifier: Option<Arc<Verifier>>,
    /// permission to send events and to see the topics
    pub ingest: Permission,
    /// claim of a sender's token that every event of its has as `actor_id`; without, it may send events of anybody
    pub actor_claim: Option<String>,
    /// permission to read dead letters and the status, and to send dead letters again
    pub operator: Permission,
    /// topics that are derived beside the views
    pub derived: Option<Arc<dyn Derived>>,
    /// keys that become stale in caches, as they do
    pub invalidations: Option<Arc<Invalidations>>,
    /// finder of the events that made a row
    pub provenance: Option<Arc<dyn Provenance>>,
    /// pages of the process, beside the one at `/`
    pub pages: Vec<HostPage>,
    /// issuer of tokens for those who look at them; without one nobody gets a token here
    pub token_issuer: Option<Arc<dyn TokenIssuer>>,
    /// sites whose pages may read answers
    pub cors: CorsSites,
    /// true if answers to somebody are compressed too, whose length may then tell of their contents
    pub compresses_private: bool,
    /// limits
    pub limits: Limits,
    /// the form of BIGINT where a request prefers none
    pub bigint: BigintForm,
    /// the key of cursors and ids; with another one those that were given out are good for nothing
    pub cursor_key: CursorKey,
    /// the full-text indexes, which may come and go
    pub search: Arc<SearchIndexes>,
}

impl ApiConfig {
    /// Returns true if no token is ever good, so that nobody is known by one.
    pub(crate) fn is_keyless(&self) -> bool {
        self.verifier.is_none()
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            verifier: None,
            ingest: Permission::Scope(INGEST_SCOPE.to_owned()),
            operator: Permission::Scope(OPERATOR_SCOPE.to_owned()),
            actor_claim: None,
            derived: None,
            invalidations: None,
            provenance: None,
            pages: Vec::new(),
            token_issuer: None,
            cors: CorsSites::default(),
            compresses_private: false,
            limits: Limits::default(),
            bigint: BigintForm::default(),
            cursor_key: CursorKey::random(),
            search: Arc::default(),
        }
    }
}

/// The state of the API; clones share it.
#[derive(Clone)]
pub struct ApiState(Arc<ApiShared>);

struct ApiShared {
    catalog: Catalog,
    subscriptions: Subscriptions,
    shapes: Shapes<ClientKey>,
    ingest: Arc<dyn Ingest>,
    health: Arc<dyn Health>,
    deployments: OnceLock<Arc<dyn Deployments>>,
    config: ApiConfig,
    metrics: Metrics,
    /// places for writing the metrics
    scrapes: BlockingWork,
    permits: Semaphore,
    /// places for requests with events, which readers can't take
    producer_permits: Semaphore,
    clients: Clients,
    untaken: Arc<UntakenBytes>,
    tickets: Tickets,
    documents: KeptDocuments,
    /// counts the changes that followers of invalidations have to learn of
    invalidated: watch::Receiver<u64>,
}

impl ApiState {
    /// The state of an API over `views`, whose listener it becomes.
    pub fn new(views: Arc<dyn ViewReader>, ingest: Arc<dyn Ingest>, health: Arc<dyn Health>, config: ApiConfig) -> Self {
        let catalog = Catalog::new(Arc::clone(&views), Arc::clone(&config.search));
        let Limits { requests_max, producer_requests_max, subscriptions_max, heartbeat_interval, .. } = config.limits;
        let open = SubscriptionSettings { open_max: subscriptions_max, heartbeat_interval, key: config.cursor_key.clone() };
        let subscriptions = Subscriptions::new(catalog.clone(), Arc::clone(&health), open);
        let metrics = Metrics::new(views, Arc::clone(&health), subscriptions.metrics(), config.verifier.as_deref());
        let permits = Semaphore::new(requests_max.min(Semaphore::MAX_PERMITS));
        let producer_permits = Semaphore::new(producer_requests_max.min(Semaphore::MAX_PERMITS));
        let clients = Clients::new(&config.limits, config.is_keyless());
        let untaken = UntakenBytes::new(config.limits.answer_bytes_max, config.limits.client_answer_bytes);
        let (notify, invalidated) = watch::channel(0);
        if let Some(invalidations) = &config.invalidations {
            invalidations.set_listener(Box::new(move || notify.send_modify(|count| *count += 1)));
        }
        let deployments = OnceLock::new();
        Self(Arc::new(ApiShared {
            catalog,
            shapes: Shapes::new(subscriptions.clone()),
            subscriptions,
            ingest,
            health,
            deployments,
            config,
            metrics,
            scrapes: BlockingWork::with_waiting_max(SCRAPES_AT_ONCE, SCRAPES_WAITING_MAX),
            permits,
            producer_permits,
            clients,
            untaken,
            tickets: Tickets::new(),
            documents: KeptDocuments::default(),
            invalidated,
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

    /// Everything that can be read.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The OpenAPI documents that were written already.
    pub(crate) fn documents(&self) -> &KeptDocuments {
        &self.0.documents
    }

    /// The views of the catalog.
    pub(crate) fn views(&self) -> &dyn ViewReader {
        self.0.catalog.views()
    }

    /// The subscriptions that are open.
    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.0.subscriptions
    }

    /// The shapes that are followed.
    pub(crate) fn shapes(&self) -> &Shapes<ClientKey> {
        &self.0.shapes
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

    /// Places for writing the metrics.
    pub(crate) fn scrapes(&self) -> &BlockingWork {
        &self.0.scrapes
    }

    /// Places among the requests that are answered at the same time.
    pub(crate) fn permits(&self) -> &Semaphore {
        &self.0.permits
    }

    /// The same for requests with events.
    pub(crate) fn producer_permits(&self) -> &Semaphore {
        &self.0.producer_permits
    }

    /// Limits of each client.
    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Answers that are not taken yet.
    pub(crate) fn untaken(&self) -> &Arc<UntakenBytes> {
        &self.0.untaken
    }

    /// Tickets for streams that were given out.
    pub(crate) fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    /// Learns when keys became stale of which followers of invalidations have to be notified.
    pub(crate) fn invalidated(&self) -> watch::Receiver<u64> {
        self.0.invalidated.clone()
    }

    /// Returns the claims of the sender of these headers, which are those of the current request.
    pub(crate) fn claims(&self, headers: &HeaderMap) -> Authenticated {
        take_authenticated().unwrap_or_else(|| self.authenticate(headers))
    }

    /// Looks at a token that came in no header.
    pub(crate) fn authenticate_token(&self, token: &str) -> Result<Claims, TokenError> {
        authenticate_token(self.0.config.verifier.as_deref(), token)
    }

    /// Looks at the token of these headers.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Authenticated {
        authenticate(self.0.config.verifier.as_deref(), headers)
    }
}
