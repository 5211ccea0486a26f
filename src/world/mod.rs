//! A social network that does not exist: endless, different for each seed, and the same for the same seed.
//!
//! Owns the making of events for tests, the demo and the benchmarks. A seed and sizes enter; lines of JSON leave in the order in
//! which a log would receive them, late ones and repeated ones among them. Memory is bounded by the number of users.
//!
//! ```
//! use tidewater::world::{World, WorldOptions};
//!
//! let mut world = World::new(WorldOptions { users: 20, posts: 50, ..WorldOptions::default() });
//! let lines: Vec<String> = world.history().collect();
//! assert!(lines.iter().filter(|line| line.contains("post.created")).count() >= 50);
//! ```

mod arrival;
mod business;
mod event;
mod random;
mod society;
mod words;

pub use arrival::LATENESS_MICROS_MAX;
pub use business::{BusinessKind, Producer};
pub use random::Popularity;

use arrival::Arrivals;
use event::{Aggregate, Draft};
use random::Random;
use society::Society;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// The part of a history in which users register and follow one another, before the first post.
const FOUNDING_PART: i64 = 10;
/// One event in so many occurs at the very time of the one before it.
const SAME_TIME_ONE_IN: u64 = 50;
/// One event in so many that passes a full minute occurs exactly on it, so that bounds of windows are met.
const FULL_MINUTE_ONE_IN: u64 = 8;

/// The size and the kind of a world.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// seed of the world
    pub seed: u64,
    /// people
    pub users: u32,
    /// whom each follows at the beginning; 0 is allowed
    pub follows_per_user: u32,
    /// spread of followers and posts
    pub popularity: Popularity,
    /// likes, comments, messages and so on for each post
    pub activities_per_post: u32,
    /// posts of the history
    pub posts: u64,
    /// beginning, microseconds since 1970
    pub start: i64,
    /// length of the history, about, in microseconds
    pub span: i64,
    /// the first id of posts, comments and messages: above those that exist when a world is continued
    pub first_id: u64,
}

impl Default for WorldOptions {
    /// A day of 200 people.
    fn default() -> Self {
        Self {
            seed: 1,
            users: 200,
            follows_per_user: 12,
            popularity: Popularity::Zipf,
            activities_per_post: 5,
            posts: 400,
            start: 1_704_067_200 * MICROS_PER_SECOND,
            span: 24 * 60 * MICROS_PER_MINUTE,
            first_id: 1,
        }
    }
}

/// A world and how far it has come.
#[derive(Debug)]
pub struct World {
    options: WorldOptions,
    random: Random,
    society: Society,
    arrivals: Arrivals,
    /// the time of the last event, and whose events occurred at it
    last: i64,
    at_last: Vec<Aggregate>,
    events: u64,
    drafts: Vec<Draft>,
}

impl WorldOptions {
    /// The same world, moved by whole minutes so that its history ends in the last minute before `end`: how long a history lasts is only
    /// known once it is made up, and its events keep to full minutes.
    #[must_use]
    pub fn ending_at(self, end: i64) -> Self {
        let mut rehearsal = World::new(self.clone());
        rehearsal.history().for_each(drop);
        let minutes = (end - rehearsal.now()).div_euclid(MICROS_PER_MINUTE);
        Self { start: self.start + minutes * MICROS_PER_MINUTE, ..self }
    }
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(options: WorldOptions) -> Self {
        assert!(options.users > 1, "a world needs at least two users");
        let mut random = Random::new(options.seed);
        Self {
            society: Society::new(random.next(), options.users, options.popularity, options.first_id),
            arrivals: Arrivals::new(random.next()),
            random,
            last: options.start,
            at_last: Vec::new(),
            events: 0,
            drafts: Vec::new(),
            options,
        }
    }

    /// Returns the number of different events that have occurred.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The time of the last event, microseconds since 1970.
    pub fn now(&self) -> i64 {
        self.last
    }

    /// The lines of the past: everybody registers, follows others, and the posts of [`WorldOptions::posts`] are written among
    /// everything else. Ends when all of it has arrived.
    pub fn history(&mut self) -> History<'_> {
        let founding = u64::from(self.options.users) * (1 + u64::from(self.options.follows_per_user));
        let lively = self.options.posts * (1 + u64::from(self.options.activities_per_post));
        let founding_span = self.options.span / FOUNDING_PART;
        History {
            founding,
            founded: 0,
            founding_step: step(founding_span, founding),
            lively_step: step(self.options.span - founding_span, lively),
            posts_left: self.options.posts,
            flushed: false,
            world: self,
        }
    }

    /// Lets everybody have registered and followed others before, without a line: a world that is continued knows its people.
    pub fn assume_founded(&mut self) {
        for _ in self.history().founding_only() {}
        self.events = 0;
    }

    /// Goes on from `from` at `events_per_second`.
    pub fn live(self, events_per_second: u32, from: i64) -> Live {
        Live { world: self, events_per_second, from, made: 0 }
    }

    /// Somebody writes a post or does something else.
    fn turn(&mut self) {
        let mut drafts = std::mem::take(&mut self.drafts);
        if self.random.one_in(1 + u64::from(self.options.activities_per_post)) {
            drafts.push(self.society.post());
        } else {
            self.society.act(&mut drafts);
        }
        self.drafts = drafts;
    }

    /// Sends what was drafted, at times of about `step` apart.
    fn send_spread(&mut self, step: i64) {
        for draft in std::mem::take(&mut self.drafts) {
            let at = self.next_time(step, &draft.aggregate);
            self.send(&draft, at);
        }
    }

    fn next_time(&mut self, step: i64, aggregate: &Aggregate) -> i64 {
        if self.random.one_in(SAME_TIME_ONE_IN) && !self.at_last.contains(aggregate) {
            return self.last;
        }
        let next = self.last + 1 + self.random.below(2 * step as u64) as i64;
        let minute = next - next.rem_euclid(MICROS_PER_MINUTE);
        if minute > self.last && self.random.one_in(FULL_MINUTE_ONE_IN) { minute } else { next }
    }

    fn send(&mut self, draft: &Draft, occurred_at: i64) {
        if occurred_at > self.last {
            self.last = occurred_at;
            self.at_last.clear();
            self.arrivals.advance(occurred_at);
        }
        self.at_last.push(draft.aggregate.clone());
        self.events += 1;
        let line = draft.line(occurred_at, self.options.seed as u16, self.options.first_id + self.events);
        self.arrivals.send(draft.aggregate.clone(), occurred_at, line);
    }
}

/// The lines of a world's past; see [`World::history`].
#[derive(Debug)]
pub struct History<'a> {
    world: &'a mut World,
    /// registrations and first follows, in all and so far
    founding: u64,
    founded: u64,
    founding_step: i64,
    lively_step: i64,
    posts_left: u64,
    flushed: bool,
}

impl History<'_> {
    /// Without the posts.
    fn founding_only(mut self) -> Self {
        self.posts_left = 0;
        self
    }

    /// One more step of the past; false at its end.
    fn advance(&mut self) -> bool {
        if self.founded < self.founding {
            self.found();
            self.world.send_spread(self.founding_step);
        } else if self.posts_left > 0 {
            self.world.turn();
            let posts = self.world.drafts.iter().filter(|draft| draft.event_type == "post.created").count() as u64;
            self.posts_left -= posts.min(self.posts_left);
            self.world.send_spread(self.lively_step);
        } else if !self.flushed {
            self.world.arrivals.flush();
            self.flushed = true;
        } else {
            return false;
        }
        true
    }

    fn found(&mut self) {
        let users = u64::from(self.world.options.users);
        let user = (self.founded % users) as u32 + 1;
        if self.founded < users {
            self.world.drafts.push(self.world.society.register(user));
        } else {
            self.world.drafts.extend(self.world.society.follow_as(user));
        }
        self.founded += 1;
    }
}

impl Iterator for History<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.world.arrivals.take() {
                return Some(line);
            }
            if !self.advance() {
                return None;
            }
        }
    }
}

/// A world that goes on; see [`World::live`].
#[derive(Debug)]
pub struct Live {
    world: World,
    events_per_second: u32,
    from: i64,
    made: u64,
}

impl Live {
    /// The lines that have arrived by `now`, microseconds since 1970; late ones come with a later call.
    pub fn until(&mut self, now: i64) -> Vec<String> {
        let elapsed = (now - self.from).max(0) as u128;
        let due = (elapsed * u128::from(self.events_per_second) / MICROS_PER_SECOND as u128) as u64;
        while self.made < due {
            self.world.turn();
            for draft in std::mem::take(&mut self.world.drafts) {
                let since = u128::from(self.made) * MICROS_PER_SECOND as u128 / u128::from(self.events_per_second.max(1));
                self.world.send(&draft, (self.from + since as i64).max(self.world.last + 1));
                self.made += 1;
            }
        }
        self.world.arrivals.advance(now);
        std::iter::from_fn(|| self.world.arrivals.take()).collect()
    }

    /// Returns the number of different events that have occurred, those of the history among them.
    pub fn events(&self) -> u64 {
        self.world.events
    }
}

/// The average time between `events` that take `span`.
fn step(span: i64, events: u64) -> i64 {
    (span / (events.max(1) as i64)).max(1)
}

#[cfg(test)]
mod tests;
