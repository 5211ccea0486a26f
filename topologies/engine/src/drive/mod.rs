//! The driver: recovers a data directory, then binds epochs, has them computed and publishes them.
//!
//! [`recovery`] makes a [`driver`] of a data directory. [`epoch_loop`] is its loop, which calls the others: [`publish`] shows an epoch,
//! [`checkpoints`] keeps its state, [`deploying`] carries a deployment out, and [`rebuild`] goes on after an epoch that made too much.

mod checkpoints;
mod deploying;
mod driver;
mod epoch_loop;
mod publish;
mod rebuild;
mod recovering;
pub mod recovery;
