//! Subscriptions: a query whose rows are sent, and then every change of them.
//!
//! A request enters; a [`Feed`] leaves, which an endpoint asks for one batch of events after the other as fast as its client takes
//! them. A subscription is a plan and a place in the history that all share ([`sinks::views::Step`]): it has no queue of its own.
//!
//! `shown` plans, `changes` tells what an epoch changes, `feed` goes from epoch to epoch, `id` lets a client go on, `event` is text.

mod changes;
mod event;
mod feed;
mod id;
mod interruption;
mod shown;
mod stopping;

pub(crate) use self::event::Signal;
pub(crate) use self::feed::Feed;
pub(crate) use self::shown::Request;
pub(crate) use self::stopping::Stopping;
