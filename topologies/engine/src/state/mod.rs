//! State that outlives a process: checkpoints, restored entries, dead letters, marks and quarantined records.

pub mod checkpointer;
pub mod dead_letters;
pub mod marks;
pub mod quarantine;
pub mod restore;
pub mod restored;
pub mod retention;
