//! Every operator against a naive recomputation at every epoch: random insertions, updates and retractions, with one, two and three
//! workers, and with epochs that arrive one by one or several at a time.

mod clear;
mod count_beyond;
mod dedup;
mod fold;
mod harness;
mod join;
mod kept;
mod reduce;
mod session;
mod speed;
mod statistics;
mod temporal_filter;
mod top_k;
mod window;
