//! The demo: a social network that is made up as it goes, on a server of its own.
//!
//! Options enter; a display in the terminal and lines to copy leave.

pub mod error;
mod example;
mod key;
pub mod play;
mod progress;
mod social;
