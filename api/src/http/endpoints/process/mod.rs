//! State of the process: for operators, load balancers and Prometheus.

pub(super) mod healthz;
pub(super) mod metrics;
pub(super) mod readyz;
pub(super) mod status;
