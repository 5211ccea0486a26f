//! Section a: deliveries to feeds per second of processor time, by the SQL topology and by a program written for it alone.
//!
//! Both get the same follows, then the same posts in the same epochs. Counted is everything the engine does for a post: reading it from
//! a log in memory, decoding it, telling repeated ones, folding it into the table, joining, and applying the rows to the view.

use tidewater::process::clock::wall_micros;

use crate::Failure;
use crate::engine::{Engine, FEED_FILES};
use crate::lines::{Lines, Random};
use crate::processor::{ENGINE_THREADS, ThreadTimes, this_thread};
use crate::static_feed::StaticFeed;
use crate::table::{Figure, Goal};

const USERS: u64 = 100_000;
const FOLLOWS_PER_USER: usize = 30;
/// Follows of one epoch while they are loaded.
const LOADED_PER_EPOCH: usize = 15_000;
const POSTS_PER_EPOCH: u64 = 2_000;
const WARM_EPOCHS: u64 = 5;
const EPOCHS: u64 = 100;
const MICROS_PER_SECOND: i64 = 1_000_000;
const SEED: u64 = 1;

/// A post: its number, its author and when it was written.
type Post = (u64, u64, i64);

/// Result of the run.
struct Outcome {
    deliveries: u64,
    seconds: f64,
    /// part of it on the threads that compute
    computing: f64,
}

/// Follows and posts, the same for both programs.
struct Network {
    follows: Vec<(u64, u64)>,
    epochs: Vec<Vec<Post>>,
    start: i64,
}

impl Network {
    fn new() -> Self {
        let mut random = Random::new(SEED);
        let mut follows = Vec::with_capacity(USERS as usize * FOLLOWS_PER_USER);
        for follower in 0..USERS {
            let first = follows.len();
            while follows.len() < first + FOLLOWS_PER_USER {
                let pair = (follower, random.skewed_below(USERS));
                if pair.1 != follower && !follows[first..].contains(&pair) {
                    follows.push(pair);
                }
            }
        }
        let start = wall_micros() - 3_600 * MICROS_PER_SECOND;
        let mut post = |number: u64| (number, random.below(USERS), start + number as i64 * 500);
        let mut epoch = |epoch: u64| (0..POSTS_PER_EPOCH).map(|place| post(1 + epoch * POSTS_PER_EPOCH + place)).collect();
        let epochs = (0..WARM_EPOCHS + EPOCHS).map(&mut epoch).collect();
        Self { follows, epochs, start }
    }
}

/// Runs both.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let network = Network::new();
    let (network, by_hand) = by_hand(network)?;
    let by_sql = by_sql(&network)?;
    if by_sql.deliveries != by_hand.deliveries {
        return Err(
            format!("SQL delivered {} rows, the program written by hand {}", by_sql.deliveries, by_hand.deliveries).into()
        );
    }
    let rate = |outcome: &Outcome| outcome.deliveries as f64 / outcome.seconds;
    let figure =
        |what: &str, value: f64, unit: &'static str, goal: Goal| Figure { section: 'a', what: what.into(), value, unit, goal };
    let computing = by_sql.deliveries as f64 / by_sql.computing;
    Ok(vec![
        figure("feed deliveries of the SQL topology, everything counted", rate(&by_sql), "per CPU second", Goal::AtLeast(1e6)),
        figure("of these the dataflow without binding and publishing", computing, "per CPU second", Goal::None),
        figure("the same feed written by hand", rate(&by_hand), "per CPU second", Goal::None),
        figure("SQL in proportion to written by hand", rate(&by_sql) / rate(&by_hand), "", Goal::AtLeast(0.4)),
    ])
}

fn by_sql(network: &Network) -> Result<Outcome, Failure> {
    let engine = Engine::start(&FEED_FILES)?;
    let mut lines = Lines::default();
    for follows in network.follows.chunks(LOADED_PER_EPOCH) {
        engine.send(follows.iter().map(|&(follower, followee)| lines.followed(follower, followee, network.start)))?;
    }
    let mut send = |epoch: &[Post]| engine.send(epoch.iter().map(|&(post, author, at)| lines.posted(post, author, at)));
    let (warm, measured) = network.epochs.split_at(WARM_EPOCHS as usize);
    warm.iter().try_for_each(|epoch| send(epoch))?;
    let (before, rows) = (ThreadTimes::now()?, engine.rows("following_feed"));
    measured.iter().try_for_each(|epoch| send(epoch))?;
    let after = ThreadTimes::now()?;
    Ok(Outcome {
        deliveries: engine.rows("following_feed") - rows,
        seconds: after.since(&before, &ENGINE_THREADS),
        computing: after.since(&before, &ENGINE_THREADS[1..]),
    })
}

fn by_hand(network: Network) -> Result<(Network, Outcome), Failure> {
    let (network, deliveries, seconds) = timely::execute_directly(move |worker| {
        let mut feed = StaticFeed::new(worker);
        for follows in network.follows.chunks(LOADED_PER_EPOCH) {
            follows.iter().for_each(|&(follower, followee)| feed.follow(follower, followee));
            feed.finish_epoch(worker);
        }
        let mut play = |feed: &mut StaticFeed, epochs: &[Vec<Post>]| {
            for epoch in epochs {
                epoch.iter().for_each(|&(post, author, at)| feed.post(post, author, at));
                feed.finish_epoch(worker);
            }
        };
        let (warm, measured) = network.epochs.split_at(WARM_EPOCHS as usize);
        play(&mut feed, warm);
        let (before, rows) = (this_thread(), feed.rows());
        play(&mut feed, measured);
        let seconds = this_thread().and_then(|after| Ok(after - before?));
        let deliveries = feed.rows() - rows;
        (network, deliveries, seconds)
    });
    let seconds = seconds?;
    Ok((network, Outcome { deliveries: deliveries as u64, seconds, computing: seconds }))
}
