//! Conformance suite: the checks that every log has to pass, one part for the reading half and one for logs with both halves.
//!
//! A maker of logs enters; a panic that names the check and what it saw leaves, when an implementation fails.

mod appending;
mod content;
mod reading;

use std::sync::Arc;

use crate::error::LogError;
use crate::log::{Log, LogReader};

pub use content::{Content, filled};

/// Puts logs through every check of the reading half. `fill` makes a log of its own with this content, by whatever means it has.
///
/// # Panics
/// When a log fails one.
pub fn check_reading(mut fill: impl FnMut(&Content) -> Result<Arc<dyn LogReader>, LogError>) {
    for content in [Content::empty(), Content::varied()] {
        for (name, check) in reading::CHECKS {
            if let Err(error) = fill(&content).and_then(|log| check(log.as_ref(), &content)) {
                panic!("the log fails the check '{name}' of the reading half: {error}");
            }
        }
    }
}

/// Puts empty logs whose offsets have no gaps through every check of both halves.
///
/// # Panics
/// When a log fails one.
pub fn check(mut make: impl FnMut() -> Arc<dyn Log>) {
    for (name, check) in appending::CHECKS {
        if let Err(error) = check(make()) {
            panic!("the log fails the check '{name}': {error}");
        }
    }
    check_reading(|content| {
        let log = make();
        content::fill(log.as_ref(), content)?;
        Ok(log)
    });
}
