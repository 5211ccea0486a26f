//! Tidewater as a library: the process, the client and the command line, for the program, tests and benchmarks.
//!
//! `cli` translates arguments and prints; `process` runs a server or works on its data directory; `client` asks a server; `demo` plays a
//! made up `world`; `project` makes a new topology; `doctor` looks for problems. The command line knows all of them, and none of them knows it.

pub mod cli;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod file_error;
mod interrupt;
pub mod process;
pub mod project;
pub mod stop;
mod terminal;
pub mod tls_trust;
pub mod world;
