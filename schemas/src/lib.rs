//! The vocabulary of Tidewater: events, rows, fields, times, positions, what is served, and what was put aside. Pure: no I/O, no clock.

pub mod catalogue;
pub mod dead_letter;
pub mod field;
pub mod position;
pub mod row;
pub mod serving;
pub mod social;
pub mod time;
