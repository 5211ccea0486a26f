//! Sub-queries and LATERAL: conditions over them become joins that the lowering knows, and what can't become one is refused.

pub mod correlation;
pub mod lateral;
pub mod lateral_rows;
pub mod lift;
pub mod marks;
pub mod one_row;
pub mod predicates;
