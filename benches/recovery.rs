//! Section g: how fast a process is whole again, and what a checkpoint costs meanwhile.
//!
//! Follows are folded into a table until it has a million rows (`TIDEWATER_RECOVERY_ROWS` for another number), on a disk. The process
//! stops as if it were asked to and starts again: counted are the entries of the checkpoint until the last view is whole. Then epochs go
//! on while a checkpoint of everything is written beside them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::run::Storage;
use epochs::disk::real::RealDisk;
use sources::log::Log;
use sources::memory::MemoryLog;
use tidewater::process::clock::wall_micros;

use crate::Failure;
use crate::engine::Engine;
use crate::lines::Lines;
use crate::processor::{ENGINE_THREADS, ThreadTimes};
use crate::table::{Figure, Goal};

const ROWS_DEFAULT: u64 = 1_000_000;
const FILES: [&str; 3] = ["sources", "users", "follows"];
/// Follows of each user.
const FOLLOWS_PER_USER: u64 = 100;
const FOLLOWS_PER_EPOCH: u64 = 15_000;
/// Epochs that are timed with and without a checkpoint beside them.
const EPOCHS_TIMED: u64 = 200;
const FOLLOWS_PER_TIMED_EPOCH: u64 = 200;
const RARELY: Duration = Duration::from_secs(3_600);

/// Runs it.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let rows = std::env::var("TIDEWATER_RECOVERY_ROWS").map_or(Ok(ROWS_DEFAULT), |text| text.parse())?;
    let directory = tempfile::tempdir()?;
    let storage: Storage = Arc::new(RealDisk::open(directory.path())?);
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new());
    let mut lines = Lines::default();
    let start = wall_micros() - 3_600_000_000;
    let mut follow = |number: u64| {
        let user = number / FOLLOWS_PER_USER;
        lines.followed(user, user + 1 + number % FOLLOWS_PER_USER, start + number as i64)
    };
    let mut engine = Engine::start_on(&FILES, Arc::clone(&log), Arc::clone(&storage), RARELY)?;
    for first in (0..rows).step_by(FOLLOWS_PER_EPOCH as usize) {
        engine.send((first..rows.min(first + FOLLOWS_PER_EPOCH)).map(&mut follow))?;
    }
    engine.running.stop();
    drop(engine);
    let (engine, seconds, busy, restored) = restart(&log, &storage)?;
    let undisturbed = longest_epoch(&engine, (rows..).map(&mut follow))?;
    drop(engine);
    let engine = Engine::start_on(&FILES, log, storage, Duration::ZERO)?;
    wait_until_whole(&engine);
    let first = rows + EPOCHS_TIMED * FOLLOWS_PER_TIMED_EPOCH;
    let disturbed = longest_epoch(&engine, (first..).map(&mut follow))?;
    let figure = |what: String, value: f64, unit: &'static str, goal: Goal| Figure {
        section: 'g',
        what: what.as_str().into(),
        value,
        unit,
        goal,
    };
    Ok(vec![
        figure(format!("start with {rows} rows of a table until every view is whole"), seconds, "s", Goal::None),
        figure(
            "entries of a checkpoint restored, views and all".into(),
            restored as f64 / busy,
            "per CPU second",
            Goal::AtLeast(1e6),
        ),
        figure("longest epoch without a checkpoint".into(), undisturbed * 1e3, "ms", Goal::None),
        figure(
            "longest epoch while checkpoints are written all the time".into(),
            disturbed * 1e3,
            "ms",
            Goal::AtMost(undisturbed * 1e3 + 50.0),
        ),
    ])
}

/// Starts again; the time until every view is whole, the processor time of that, and the entries that were restored.
fn restart(log: &Arc<dyn Log>, storage: &Storage) -> Result<(Engine, f64, f64, u64), Failure> {
    let (started, before) = (Instant::now(), ThreadTimes::now()?);
    let engine = Engine::start_on(&FILES, Arc::clone(log), Arc::clone(storage), RARELY)?;
    wait_until_whole(&engine);
    let (seconds, after) = (started.elapsed().as_secs_f64(), ThreadTimes::now()?);
    let restored = engine.running.status().restored;
    Ok((engine, seconds, after.since(&before, &ENGINE_THREADS), restored))
}

fn wait_until_whole(engine: &Engine) {
    while !engine.running.status().published || !engine.running.views.hydrating().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The longest time that an epoch took from being sent to being visible, in seconds.
fn longest_epoch(engine: &Engine, mut lines: impl Iterator<Item = String>) -> Result<f64, Failure> {
    let mut longest: f64 = 0.0;
    for _ in 0..EPOCHS_TIMED {
        let epoch: Vec<String> = lines.by_ref().take(FOLLOWS_PER_TIMED_EPOCH as usize).collect();
        let sent = Instant::now();
        engine.send(epoch)?;
        longest = longest.max(sent.elapsed().as_secs_f64());
    }
    Ok(longest)
}
