//! The engine without a disk and without a network: a topology on a log in memory, with the clock of the events.
//!
//! Lines enter; when [`Engine::send`] returns, the views show them. The engine works on threads of its own, so the cost of making and
//! checking lines is not counted as the engine's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::run::{CHECKPOINT_INTERVAL_DEFAULT, Clock, Options, Running, Storage, start};
use epochs::disk::simulated::SimulatedDisk;
use language::load::{is_proto, read_folder};
use language::topology::Topology;
use schemas::event::parse_line;
use schemas::position::{LogPosition, Offset, Partition, Token, Topic};
use sources::log::Log;
use sources::memory::MemoryLog;
use sources::record::Record;
use tidewater::process::clock::wall_micros;
use tidewater::process::deployments::declared::Declared;

use crate::Failure;

/// Most time for the engine to compute what it was sent.
const PATIENCE: Duration = Duration::from_secs(120);

/// The files that a feed needs.
pub const FEED_FILES: [&str; 6] = ["sources", "users", "follows", "blocks", "posts", "following_feed"];

/// A topology at work.
pub struct Engine {
    topology: Arc<Topology>,
    log: Arc<dyn Log>,
    /// the running topology
    pub running: Running,
}

/// The social topology, or some files of it.
pub fn topology(files: Option<&[&str]>) -> Result<Topology, Failure> {
    Ok(declared(files)?.topology)
}

/// The same with its statements.
pub fn declared(files: Option<&[&str]>) -> Result<Declared, Failure> {
    let mut sources = read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies/social"))?;
    let stem = |path: &str| Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    sources.retain(|file| is_proto(&file.path) || files.is_none_or(|files| files.contains(&stem(&file.path).as_str())));
    Declared::of(sources).map_err(|error| error.to_string().into())
}

impl Engine {
    /// Starts these files of the social topology with one worker.
    pub fn start(files: &[&str]) -> Result<Self, Failure> {
        Self::start_on(files, Arc::new(MemoryLog::new()), Arc::new(SimulatedDisk::new(0)), CHECKPOINT_INTERVAL_DEFAULT)
    }

    /// The same on a log and a storage that may have something already.
    pub fn start_on(files: &[&str], log: Arc<dyn Log>, storage: Storage, checkpoint_interval: Duration) -> Result<Self, Failure> {
        let topology = Arc::new(topology(Some(files))?);
        let options = Options {
            workers: 1,
            clock: Clock::Event,
            epoch_interval: Duration::ZERO,
            checkpoint_interval,
            ..Options::default()
        };
        let running = start(Arc::clone(&topology), Arc::clone(&log), storage, options)?;
        Ok(Self { topology, log, running })
    }

    /// Appends lines, those of a topic at once, and waits until the views show them.
    pub fn send(&self, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        let (now, topics) = (wall_micros(), self.topology.topics());
        let mut batches: BTreeMap<Topic, Vec<Record>> = BTreeMap::new();
        for line in lines {
            let Some(incoming) = parse_line(&topics, line.as_bytes(), now)? else { continue };
            let source = self.topology.source_of_topic(incoming.topic.as_str());
            let source = source.ok_or_else(|| format!("nobody reads the topic '{}'", incoming.topic.as_str()))?;
            let value = incoming.event.encode(source.encoding);
            batches.entry(incoming.topic).or_default().push(Record { key: incoming.key, value, timestamp: now });
        }
        let mut last: BTreeMap<(Topic, Partition), Offset> = BTreeMap::new();
        for (topic, records) in batches {
            let appended = self.log.append(&topic, records)?;
            last.extend(appended.into_iter().map(|(partition, offset)| ((topic.clone(), partition), offset)));
        }
        let records = last.into_iter().map(|((topic, partition), offset)| LogPosition { topic, partition, offset }).collect();
        self.running.views.wait_until(&Token::Records(records), Instant::now() + PATIENCE)?;
        Ok(())
    }

    /// Rows of a view.
    pub fn rows(&self, view: &str) -> u64 {
        let snapshot = self.running.views.snapshot();
        let index = snapshot.view(view).and_then(|served| served.indexes.first());
        index.map_or(0, |(index, _)| snapshot.rows(*index))
    }
}
