//! Deployments: another topology takes over while readers go on.

pub mod candidate;
pub mod deploying;
pub mod handle;
pub mod plan_change;
pub mod report;
pub mod request;
pub mod view_change;
