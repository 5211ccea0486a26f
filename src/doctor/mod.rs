//! Problems of a data directory or of a server.

pub mod offline;
pub mod online;
pub mod report;
