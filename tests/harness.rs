//! A topology that runs inside the test: lines in, views out.
//!
//! Owns the path from ingest lines to a published epoch, on a log in memory, with the clock of the events themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::run::{Clock, Options, Running, start};
use engine::slt::all_visible;
use epochs::disk::simulated::SimulatedDisk;
use language::load::load;
use language::topology::Topology;
use schemas::event::parse_line;
use schemas::field::Value;
use schemas::position::{Offset, Partition, Topic};
use sinks::search::{Filter, Hit, Order, OrderBy, Search};
use sinks::views::Range;
use sources::log::Log;
use sources::memory::MemoryLog;
use sources::record::Record;

use crate::answers::{JsonRow, Views};

/// Events are accepted up to this time: the year 2100.
const NOW: i64 = 4_102_444_800_000_000;
/// Records of one append.
const APPEND: usize = 5_000;

/// A topology at work.
pub struct Harness {
    topology: Arc<Topology>,
    log: Arc<dyn Log>,
    running: Running,
}

/// Returns the folder of the declared topologies.
pub fn topologies_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies")
}

impl Harness {
    /// Starts the social topology with these options; the clock is the events'.
    pub fn social(options: Options) -> Self {
        Self::of("social", options)
    }

    /// Starts the topology of this name, in the same way.
    pub fn of(name: &str, options: Options) -> Self {
        let topology = Arc::new(load(&topologies_folder().join(name)).unwrap_or_else(|error| panic!("{error}")));
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new());
        let options = Options { clock: Clock::Event, epoch_interval: Duration::ZERO, ..options };
        let running = start(Arc::clone(&topology), Arc::clone(&log), Arc::new(SimulatedDisk::new(0)), options)
            .unwrap_or_else(|error| panic!("{error}"));
        Self { topology, log, running }
    }

    /// Appends lines that must be accepted, duplicates among them, and waits until they are visible.
    pub fn ingest<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let mut batches: BTreeMap<Topic, Vec<Record>> = BTreeMap::new();
        let topics = self.topology.topics();
        for line in lines {
            let incoming =
                parse_line(&topics, line.as_bytes(), NOW).unwrap_or_else(|refusal| panic!("{}: {line}", refusal.fault));
            let Some(incoming) = incoming else { continue };
            let source = self.topology.source_of_topic(incoming.topic.as_str()).expect("a source for every topic");
            let value = incoming.event.encode(source.encoding);
            let batch = batches.entry(incoming.topic.clone()).or_default();
            batch.push(Record { key: incoming.key, value, timestamp: NOW });
            if batch.len() == APPEND {
                self.log.append(&incoming.topic, std::mem::take(batch)).expect("an append");
            }
        }
        for (topic, batch) in batches {
            self.log.append(&topic, batch).expect("an append");
        }
        self.catch_up();
    }

    /// Waits until everything that was appended is visible.
    pub fn catch_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while !all_visible(&self.topology, self.log.as_ref(), &self.running.views) {
            assert!(Instant::now() < deadline, "not visible after ten minutes: {:?}", self.running.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The records of a derived topic once its sink has followed, without those that say how far it is.
    pub fn derived(&self, topic: &str) -> Vec<serde_json::Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let shown = self.running.views.position().epoch.0;
        let tasks = self.running.sink_tasks();
        let has_followed = || tasks.list().iter().any(|sink| sink.topic.as_deref() == Some(topic) && sink.epoch >= Some(shown));
        while !has_followed() {
            assert!(Instant::now() < deadline, "'{topic}' is not followed: {:?}", tasks.list());
            std::thread::sleep(Duration::from_millis(1));
        }
        let read = self.log.read(&Topic::new(topic), Partition(0), Offset(0), usize::MAX, usize::MAX).expect("a topic");
        let values = read.records.iter().map(|record| serde_json::from_slice(&record.value).expect("JSON"));
        values.filter(|value: &serde_json::Value| value["headers"]["op"] != "commit").collect()
    }

    /// The topology.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The state of the run.
    pub fn running(&self) -> &Running {
        &self.running
    }
}

impl Views for Harness {
    fn search(&self, query: &str) -> Vec<u64> {
        let reader = self.running.search().get("post_search").expect("an index over posts");
        let shown = self.running.views.position().epoch;
        assert!(reader.wait_for(shown, Instant::now() + Duration::from_secs(60)), "the index did not follow to epoch {shown}");
        let place = reader.columns().iter().position(|column| column.name == "post_id").expect("the column 'post_id'");
        let search = Search {
            query: Some(query.to_owned()),
            visible: Filter::always(),
            filter: Filter::always(),
            order: Order { by: OrderBy::Column(place), descending: false },
            offset: 0,
            limit: usize::from(u16::MAX),
            highlights: Vec::new(),
            facets: Vec::new(),
        };
        let answer = reader.search(&search).unwrap_or_else(|error| panic!("{query}: {error}")).expect("an index that is built");
        let id = |hit: &Hit| {
            let start = reader.columns()[..place].iter().fold(0, |at, column| column.kind.end(hit.row.as_bytes(), at));
            match reader.columns()[place].kind.read(hit.row.as_bytes(), start) {
                Value::Int(id) => id.unsigned_abs(),
                other => panic!("{other:?} is no id"),
            }
        };
        answer.hits.iter().map(id).collect()
    }

    fn rows(&self, name: &str) -> Vec<JsonRow> {
        let served = self.running.views.view(name).unwrap_or_else(|| panic!("no view '{name}'"));
        let (index, layout) = &served.indexes[0];
        let snapshot = self.running.views.snapshot();
        let mut rows = Vec::new();
        for (stored, count) in snapshot.scan(*index, Range::ALL) {
            assert_eq!(count, 1, "a row of '{name}' is there {count} times");
            let (row, ends) = layout.load(stored);
            let mut json = JsonRow::new();
            for (place, &column) in layout.order.iter().enumerate() {
                let start = if place == 0 { 0 } else { ends[place - 1] };
                let mut text = String::new();
                layout.kinds[place].read(row.as_bytes(), start).write_json(&mut text);
                json.insert(served.view.columns[column].name.clone(), serde_json::from_str(&text).expect("JSON"));
            }
            rows.push(json);
        }
        rows
    }
}
