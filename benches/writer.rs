//! Writers of posts at a steady rate, and how long each post takes until it can be read.
//!
//! Every tick's posts come into being at that tick, whether or not those before were taken in time: waiting counts. Posts go in as
//! lines, through the checks, the embedded log and its sync; the time ends when a snapshot of the views shows them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use api::LineOutcome;
use schemas::position::{LogPosition, Token};
use sinks::views::Views;
use tidewater::process::clock::wall_micros;
use tidewater::process::ingest::LogIngest;

use crate::Failure;
use crate::lines::{Lines, Random};

/// Interval at which posts are written.
const TICK: Duration = Duration::from_millis(10);
/// Most time until a post is visible.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts that came into being at one tick, and where they lie in the log.
struct Written {
    at: Instant,
    places: Vec<LogPosition>,
}

/// A steady flow of posts.
pub struct Writer {
    /// the way into the log
    pub ingest: LogIngest,
    /// the views that show them
    pub views: Arc<Views>,
    /// number of users who may be authors
    pub users: u64,
    /// posts a second
    pub rate: u64,
    /// the number of the next post
    pub next: u64,
    /// makes the lines
    pub lines: Lines,
    /// chooses the authors
    pub random: Random,
}

impl Writer {
    /// Writes for so long, and returns the seconds from each post's beginning to its being readable.
    pub fn write(&mut self, duration: Duration) -> Result<Vec<f64>, Failure> {
        let (written, writings) = channel();
        let views = Arc::clone(&self.views);
        let watcher = thread::Builder::new().name("watcher".to_owned()).spawn(move || watch(&views, &writings))?;
        let start = Instant::now();
        let per_tick = self.rate * TICK.as_millis() as u64 / 1_000;
        for tick in 0..(duration.as_millis() / TICK.as_millis()) as u32 {
            let due = start + TICK * tick;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if written.send(Written { at: due, places: self.append(per_tick)? }).is_err() {
                break;
            }
        }
        drop(written);
        watcher.join().map_err(|_| "the watcher panicked")?
    }

    fn append(&mut self, posts: u64) -> Result<Vec<LogPosition>, Failure> {
        let mut lines = Vec::with_capacity(posts as usize);
        for _ in 0..posts {
            self.next += 1;
            lines.push(self.lines.posted(self.next, self.random.below(self.users), wall_micros()).into_bytes());
        }
        append(&self.ingest, lines)
    }
}

/// Appends lines that must be accepted, those that are refused for now as soon as they may come again.
pub fn append(ingest: &LogIngest, mut lines: Vec<Vec<u8>>) -> Result<Vec<LogPosition>, Failure> {
    let mut places = Vec::with_capacity(lines.len());
    while !lines.is_empty() {
        let (mut taken, mut wait) = (0, Duration::ZERO);
        for outcome in ingest.append(lines.clone())? {
            match outcome {
                LineOutcome::Accepted(place) => places.push(place),
                LineOutcome::Refused(refusal) => {
                    wait = refusal.retry_after();
                    break;
                }
                other => return Err(format!("a line was not accepted: {other:?}").into()),
            }
            taken += 1;
        }
        lines.drain(..taken);
        thread::sleep(wait);
    }
    Ok(places)
}

fn watch(views: &Views, writings: &Receiver<Written>) -> Result<Vec<f64>, Failure> {
    let mut seconds = Vec::new();
    for Written { at, places } in writings {
        let posts = places.len();
        views.wait_until(&Token::Records(places), Instant::now() + PATIENCE)?;
        let took = at.elapsed().as_secs_f64();
        seconds.extend(std::iter::repeat_n(took, posts));
    }
    Ok(seconds)
}
