//! The table of everything that an expression may call: what the planner accepts, what the documentation lists and what the tests
//! compare with PostgreSQL are this one table.
//!
//! Owns [`entries`]. Each family of functions has a file of its own with a list of entries. What is not in the table is refused.

use super::{conditions, json, lists, numbers, texts, times};

pub use super::entry::{Argument, CallForm, Entry, Implementation, Nulls, PostgresReference, SqlType, Syntax, form};

/// A part of the table, as the documentation shows it.
pub struct Family {
    /// its heading
    pub title: &'static str,
    /// its entries, in the order in which they are shown
    pub entries: &'static [Entry],
}

/// The whole table.
pub const FAMILIES: &[Family] = &[
    Family { title: "Comparisons and conditions", entries: conditions::ENTRIES },
    Family { title: "Numbers: operators", entries: numbers::OPERATORS },
    Family { title: "Numbers: functions", entries: numbers::FUNCTIONS },
    Family { title: "Casts between numbers", entries: numbers::CASTS },
    Family { title: "Text", entries: texts::ENTRIES },
    Family { title: "Time", entries: times::ENTRIES },
    Family { title: "Lists", entries: lists::ENTRIES },
    Family { title: "JSONB", entries: json::ENTRIES },
];

/// Every entry of the table.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().flat_map(|family| family.entries)
}
