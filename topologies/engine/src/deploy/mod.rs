//! Deployments: another topology takes over while readers go on.
//!
//! [`request`] and [`report`] are what operators say and see, [`machine`] decides what comes next, [`candidate`] computes the new topology
//! beside the running one, [`plan_change`] says beforehand what a change would cost, and [`access_change`] what readers would see of it. The
//! driver carries it out.

pub mod access_change;
pub mod candidate;
pub mod handle;
pub mod machine;
pub mod max_age_change;
pub mod plan_change;
pub mod report;
pub mod request;
pub mod told_letters;
pub mod underway;
pub mod view_change;
