//! The driver: recovers a data directory, then binds epochs, has them computed and publishes them.

mod driver;
mod rebuild;
pub mod recovery;
mod switch;
