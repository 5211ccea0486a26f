//! The timestamp up to which everything can be read.
//!
//! Owns [`Stable`]. The writer moves it when the ends of all partitions of a group have moved; a reader that takes it before it reads sees
//! everything up to it.

use std::sync::atomic::{AtomicI64, Ordering};

/// The timestamp of the newest record that can be read, and with it every earlier one.
pub struct Stable(AtomicI64);

impl Stable {
    /// Begins with the newest timestamp that was found when the log was opened.
    pub fn new(newest: i64) -> Self {
        Self(AtomicI64::new(newest))
    }

    /// The timestamp; who has it sees the ends that were moved before it.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Moves on: the ends of all partitions have been.
    pub fn reach(&self, timestamp: i64) {
        assert!(timestamp > self.get(), "the log was to become stable up to {timestamp}, but is so up to {} already", self.get());
        self.0.store(timestamp, Ordering::Release);
    }
}
