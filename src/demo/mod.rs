//! The demo: one domain or all of them, made up as they go, on a server of its own.
//!
//! Options enter; a display in the terminal and lines to copy leave.

mod business_example;
mod businesses;
pub mod domain;
pub mod error;
mod example;
mod key;
pub mod play;
mod progress;
mod social;
