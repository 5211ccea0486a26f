//! The read and ingest API over HTTP.
//!
//! Events enter and pages of views leave; errors leave as `application/problem+json`. It reads [`sinks::views`] directly and knows
//! nothing of logs or dataflows: the process it runs in implements [`Ingest`] and [`Health`], and what it can besides ([`Provenance`]).
//!
//! A request passes `guard` (limits, metrics), an endpoint, and for a page: `query` (decode), `token` and `access` (who is asking,
//! and which rows are theirs), `filter` and `plan` (conditions, order, index), `page` and `cursor` (rows, and where to go on). A query
//! that is followed goes on in `subscribe`; `patience` closes connections that take nothing.
//! A search passes `search` instead of the last four.

mod access;
mod cursor;
mod deployments;
mod endpoints;
mod error;
mod filter;
mod guard;
mod host;
pub mod limits;
mod metrics;
mod page;
mod patience;
mod plan;
mod problem;
mod query;
mod search;
mod server;
mod state;
mod stored;
mod subscribe;
mod suggest;
mod token;
mod value;
mod wait;
mod why;

pub use deployments::{
    DeployAction, DeployRefusal, DeployRequest, DeploymentState, Deployments, DeploymentsReport, GenerationInfo, RowDifference,
    StatementFile, VerifyMode,
};
pub use error::ApiError;
pub use host::{
    BoxFuture, Derived, Figures, HaltedSource, Health, HostStatus, Ingest, IngestError, Lag, LagLimits, LineOutcome, Readiness,
    RecordPage, Refusal, SinkStatus, TopicInfo, TopicRecord,
};
pub use limits::Limits;
pub use server::{router, serve};
pub use state::{ApiConfig, ApiState, INGEST_SCOPE, OPERATOR_SCOPE};
pub use token::{Permission, SECRET_BYTES_MIN, TokenConfigError, TokenKey, Verifier};
pub use why::{Provenance, WhyAnswer, WhyEvent, WhyQuestion, WhyRefusal, WhyRow};

#[cfg(test)]
mod tests;
