//! The ceiling: the feed as a program written by hand for this one query, on the same dataflow libraries.
//!
//! Rows are tuples of integers, the types are known to the compiler, nothing is decoded and nobody else reads. Follows and posts
//! enter; each user's rows in order leave, in vectors that an operator of its own keeps.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use differential_dataflow::input::{Input, InputSession};
use differential_dataflow::{Hashable, VecCollection};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::ProbeHandle;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::OutputBuilderSession;
use timely::dataflow::operators::generic::operator::Operator;
use timely::worker::Worker;

/// A row of a feed: when, which post, by whom.
type FeedRow = (i64, u64, u64);
type Feeds = Rc<RefCell<HashMap<u64, Vec<FeedRow>>>>;
type Delivery = ((u64, FeedRow), u64, isize);

/// The program at work on one worker.
pub struct StaticFeed {
    follows: InputSession<u64, (u64, u64), isize>,
    posts: InputSession<u64, (u64, (i64, u64)), isize>,
    probe: ProbeHandle<u64>,
    feeds: Feeds,
}

impl StaticFeed {
    /// Builds the dataflow.
    pub fn new(worker: &mut Worker) -> Self {
        let feeds = Feeds::default();
        let probe = ProbeHandle::new();
        let (follows, posts) = worker.dataflow::<u64, _, _>(|scope| {
            let (follows_input, follows) = scope.new_collection();
            let (posts_input, posts) = scope.new_collection();
            let by_author = posts.arrange_by_key();
            let deliveries = follows
                .arrange_by_key()
                .join_core(by_author, |author, follower, (at, post)| Some((*follower, (*at, *post, *author))));
            keep(deliveries, Rc::clone(&feeds)).probe_with(&probe);
            (follows_input, posts_input)
        });
        Self { follows, posts, probe, feeds }
    }

    /// `follower` follows `followee`.
    pub fn follow(&mut self, follower: u64, followee: u64) {
        self.follows.insert((followee, follower));
    }

    /// `author` writes a post.
    pub fn post(&mut self, post: u64, author: u64, at: i64) {
        self.posts.insert((author, (at, post)));
    }

    /// Ends the epoch and works until the feeds show it.
    pub fn finish_epoch(&mut self, worker: &mut Worker) {
        let next = self.follows.time() + 1;
        self.follows.advance_to(next);
        self.follows.flush();
        self.posts.advance_to(next);
        self.posts.flush();
        worker.step_while(|| self.probe.less_than(&next));
    }

    /// Rows of all feeds.
    pub fn rows(&self) -> usize {
        self.feeds.borrow().values().map(Vec::len).sum()
    }
}

/// Keeps each user's rows in order; an epoch is applied when it is complete.
fn keep<'s>(deliveries: VecCollection<'s, u64, (u64, FeedRow), isize>, feeds: Feeds) -> timely::dataflow::StreamVec<'s, u64, ()> {
    let by_user = Exchange::new(|((user, _), _, _): &Delivery| user.hashed());
    let mut open: BTreeMap<u64, Vec<Delivery>> = BTreeMap::new();
    deliveries.inner.unary_frontier(by_user, "feeds", move |_, _| {
        move |(input, frontier), _output: &mut OutputBuilderSession<'_, u64, CapacityContainerBuilder<Vec<()>>>| {
            input.for_each(|capability, data| open.entry(*capability.time()).or_default().append(data));
            while let Some(epoch) = open.first_entry().filter(|epoch| !frontier.less_equal(epoch.key())) {
                let mut feeds = feeds.borrow_mut();
                for ((user, row), _, diff) in epoch.remove() {
                    apply(feeds.entry(user).or_default(), row, diff);
                }
            }
        }
    })
}

fn apply(feed: &mut Vec<FeedRow>, row: FeedRow, diff: isize) {
    match feed.binary_search(&row) {
        Ok(place) if diff < 0 => {
            feed.remove(place);
        }
        Err(place) if diff > 0 => feed.insert(place, row),
        _ => {}
    }
}
