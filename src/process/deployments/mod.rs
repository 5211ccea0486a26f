//! Deployments: statements and their plans, the generations of a data directory, and how one replaces another while the process runs.

pub mod change;
pub mod choose;
pub mod declared;
pub mod deployer;
mod drop;
pub mod life;
pub mod records;
mod report;
pub mod store;
