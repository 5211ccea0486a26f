//! The vocabulary of Tidewater: events, rows, fields, times, positions, what is served, and what was quarantined. Pure: no I/O, no clock.

pub mod aggregate;
pub mod catalogue;
pub mod chain;
pub mod connector;
pub mod dead_letter;
pub mod decoder;
pub mod event;
pub mod field;
pub mod fingerprint;
pub mod float;
pub mod interval;
mod json;
pub mod key_template;
pub mod lineage;
mod message;
pub mod numeric;
pub mod position;
mod protobuf;
pub mod row;
pub mod secret_text;
pub mod server_url;
pub mod serving;
pub mod sink;
pub mod social;
pub mod source_connector;
#[cfg(test)]
mod testing;
pub mod time;
pub mod topic;
