//! Limits of a query: the size of a value, the size of the query itself, and the time for planning.

pub mod bounded;
pub mod expansion;
pub mod patience;
pub mod sizes;
