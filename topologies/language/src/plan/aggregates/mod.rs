//! GROUP BY and its aggregates: which there are, the types of their results, and the sets of keys that a query groups by.

pub mod aggregate;
pub mod grouping;
pub mod kinds;
pub mod signed;
pub mod types;
