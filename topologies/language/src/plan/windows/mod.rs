//! Rows in an order, and windows of time: functions with OVER, the first rows of each key, TUMBLE, HOP and CUMULATE.

pub mod bounds;
pub mod first_rows;
pub mod fixed;
pub mod named;
pub mod ranking;
pub mod window;
