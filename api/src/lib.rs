//! The read and ingest API.
//!
//! Events enter and pages of views leave. It reads views through [`sinks::views::ViewReader`] and knows nothing of logs or dataflows: the
//! process that it runs in implements the traits of `host`, such as [`Ingest`] and [`Health`].
//!
//! `read` is the typed core: who may read which rows, conditions, order and index, a page and where the next one begins. `subscriptions`
//! follow a query, and `shapes` do so in parts that caches can keep. `console` is the page to look at. `http` is the one protocol: an endpoint
//! extracts a request, reads through the core, and converts the answer. `blocking` limits the work that all of them do on threads of its own.

mod blocking;
mod console;
mod host;
mod http;
mod read;
mod shapes;
mod subscriptions;

pub use host::deployments::{
    DeployAction, DeployRefusal, DeployRequest, DeploymentState, Deployments, DeploymentsReport, Dropped, GenerationInfo,
    ReaderChange, RowDifference, SinkChanges, StatementFile, VerifyMode,
};
pub use host::derived::{Derived, RecordPage, TopicRecord};
pub use host::future::BoxFuture;
pub use host::health::{
    CheckpointFigures, DiskSpace, Figures, HaltedSource, Health, HostStatus, Lag, LagLimits, Measurements, PartitionEnd,
    Readiness, SinkStatus,
};
pub use host::ingest::{EventSender, Forbidden, Ingest, IngestError, LineOutcome, Refusal, TopicInfo};
pub use host::pages::{HostPage, IssuedToken, PageFile, TokenIssuer};
pub use host::provenance::{Provenance, WhyAnswer, WhyEvent, WhyQuestion, WhyRefusal, WhyRow};
pub use http::connections::tls::{TlsIdentity, TlsIdentityError};
pub use http::cors::{BadCorsOrigin, CorsOrigin, CorsSites};
pub use http::limits::{ConnectionLimits, Limits, RateLimit, RatePeriod, ViewLimit};
pub use http::server::{router, serve};
pub use http::state::{ApiConfig, ApiState, INGEST_SCOPE, OPERATOR_SCOPE};
pub use http::token::{
    AUTH_LEEWAY, AUTH_LEEWAY_MAX, Permission, RSA_BITS_MIN, SECRET_BYTES_MIN, TOKEN_KEYS_MAX, TokenConfigError, TokenKey,
    TokenKeys, TokenRules, Verifier,
};
pub use read::cursor_key::{CURSOR_KEY_BYTES, CursorKey};
pub use read::limits::PAGE_BYTES_MAX;
pub use read::projection::BigintForm;

#[cfg(test)]
mod tests;
