//! Numbers as PostgreSQL calculates them: types of results, exact NUMERIC, rounding casts, and errors instead of wrapped values.
//!
//! Owns the operators and functions over numbers ([`functions`]), the casts ([`cast`]) and the pass that types expressions as PostgreSQL
//! does before DataFusion sees them ([`typing`]). A plan or an expression enters, one with the same meaning as in PostgreSQL leaves.

pub mod aggregates;
mod buckets;
pub mod cast;
mod double;
pub mod functions;
pub mod kind;
mod literals;
mod rule;
mod typed_parts;
mod typed_windows;
pub mod typing;
mod value;
