//! Subscriptions: a query whose rows are sent, and then every change of them.
//!
//! A request enters; a [`Feed`](feed::Feed) leaves, which a connection asks for one batch of events after the other as fast as its client
//! takes them. A subscription is a plan and a place in the history that all share ([`sinks::views::Step`]): it has no queue of its own. Of
//! protocols it knows nothing: `question` is what one of them has to understand, and it writes the events as its clients read them.
//!
//! `planned` plans, `changes` finds what an epoch changes, `feed` goes from epoch to epoch, `id` lets a client resume, `validity` ends what a reader
//! may no longer see.

mod changes;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod feed;
mod id;
pub(crate) mod interruption;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod open;
pub(crate) mod planned;
pub(crate) mod question;
pub(crate) mod stopping;
pub(crate) mod validity;
