//! Storage of a running topology.

use std::sync::Arc;

use epochs::disk::Disk;

/// Storage of bindings and checkpoints.
pub type Storage = Arc<dyn Disk>;
