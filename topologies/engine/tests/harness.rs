//! Helpers that several test files share: a topology that runs on a log in memory, events for it, and random numbers with a seed.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::follow::{SinkTaskReport, SinkTaskState};
use engine::lineage::{Answer, LineageLimits, ORIGINS_MAX, Question};
use engine::run::{
    Clock, DeployPhase, DeployReport, DeploymentHandle, Options, Running, Standing, StartError, StatusReport, Storage, Trouble,
    Verify, start,
};
use engine::slt::all_visible;
use epochs::disk::simulated::SimulatedDisk;
use language::load::{build, inline_beside};
use language::topology::Topology;
use schemas::dead_letter::{DeadLetter, Reason, RowError};
use schemas::event::parse_line;
use schemas::field::Value;
use schemas::position::Topic;
use schemas::row::{Diff, Row};
use schemas::time::timestamp_text;
use sinks::invalidations::Invalidations;
use sinks::views::{Range, Views};
use sources::log::{Log, LogAppender};
use sources::memory::MemoryLog;
use sources::record::Record;

/// Time of the first event: 2024-01-01T00:00:00Z.
pub const START_MICROS: i64 = 1_704_067_200_000_000;
/// Most time for events to be visible.
const CATCH_UP_MAX: Duration = Duration::from_secs(120);
/// More than any test has.
const ROW_ERRORS_MAX: usize = 10_000;

/// Events as someone sends them, one after the other, each with an identity of its own.
pub struct Producer {
    sent: Cell<u64>,
    step_micros: i64,
}

impl Default for Producer {
    /// One second passes between two events.
    fn default() -> Self {
        Self::with_step(1_000_000)
    }
}

impl Producer {
    pub fn with_step(step_micros: i64) -> Self {
        Self { sent: Cell::new(0), step_micros }
    }

    /// An event line.
    pub fn event(&self, topic: &str, event_type: &str, aggregate_id: &str, actor_id: u64, payload: &str) -> String {
        let number = self.sent.get();
        self.sent.set(number + 1);
        let at = timestamp_text(START_MICROS + i64::try_from(number).expect("few events") * self.step_micros);
        format!(
            r#"{{"topic":"{topic}","event":{{"event_id":"018cc251-f402-7000-8000-{number:012x}","event_type":"{event_type}","schema_version":1,"aggregate_id":"{aggregate_id}","occurred_at":"{at}","actor_id":"{actor_id}","payload":{payload}}}}}"#
        )
    }

    /// An event of `social.user`.
    pub fn user(&self, event_type: &str, user: u64, payload: &str) -> String {
        self.event("social.user", event_type, &user.to_string(), user, payload)
    }

    /// An event of `social.post`.
    pub fn post(&self, event_type: &str, post: u64, actor: u64, payload: &str) -> String {
        self.event("social.post", event_type, &post.to_string(), actor, payload)
    }
}

/// Plans statements, beside which lie the messages of the social network; panics with the diagnostics.
pub fn topology(sql: &str) -> Topology {
    build(&inline_beside("test.sql", sql, &testkit::social::proto_files()))
        .unwrap_or_else(|all| panic!("{}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")))
}

/// One worker, epochs as fast as they come, and a clock that the events move.
pub fn options() -> Options {
    Options { clock: Clock::Event, epoch_interval: Duration::ZERO, ..Options::default() }
}

/// A topology that runs on a log in memory.
pub struct Deployment {
    pub topology: Arc<Topology>,
    log: Arc<MemoryLog>,
    storage: Storage,
    running: Running,
}

impl Deployment {
    pub fn start(topology: Topology, options: Options) -> Self {
        Self::replay(Arc::new(topology), &[], options)
    }

    /// Starts on a log that already has these events.
    pub fn replay(topology: Arc<Topology>, lines: &[String], options: Options) -> Self {
        let log = Arc::new(MemoryLog::new());
        for source in &topology.sources {
            log.create_topic(&Topic::new(source.schema.topic()), source.partitions).expect("a new topic");
        }
        append(&topology, &log, lines);
        Self::go_on(topology, log, Arc::new(SimulatedDisk::new(0)), options)
    }

    /// Starts on a log and on what an earlier run has stored.
    pub fn go_on(topology: Arc<Topology>, log: Arc<MemoryLog>, storage: Storage, options: Options) -> Self {
        Self::try_go_on(topology, log, storage, options).expect("the topology starts")
    }

    /// The same, for a start that may be refused.
    pub fn try_go_on(
        topology: Arc<Topology>,
        log: Arc<MemoryLog>,
        storage: Storage,
        options: Options,
    ) -> Result<Self, StartError> {
        let shared: Arc<dyn Log> = Arc::clone(&log) as Arc<dyn Log>;
        let running = start(Arc::clone(&topology), shared, Arc::clone(&storage), options)?;
        Ok(Self { topology, log, storage, running })
    }

    /// Stops; the log and what is stored are left.
    pub fn stop(mut self) -> (Arc<MemoryLog>, Storage) {
        self.running.stop();
        (self.log, self.storage)
    }

    /// Stops, and starts this topology on what is there.
    pub fn restart(mut self, topology: Arc<Topology>, options: Options) -> Self {
        self.running.stop();
        let Self { log, storage, .. } = self;
        let deployment = Self::go_on(topology, log, storage, options);
        deployment.catch_up();
        deployment
    }

    /// The same events under a topology that has never seen them.
    pub fn afresh(&self, topology: Arc<Topology>, options: Options) -> Self {
        let deployment = Self::go_on(topology, Arc::clone(&self.log), Arc::new(SimulatedDisk::new(0)), options);
        deployment.catch_up();
        deployment
    }

    /// Has another topology take over while events come, and waits until it has or could not.
    pub fn deploy(&mut self, sql: &str, replay: &[&str], verify: Verify) -> DeployReport {
        self.begin_deploy(sql, replay, verify, Arc::default());
        self.deployed()
    }

    /// Begins a deployment; `record` learns which generation is in force.
    pub fn begin_deploy(&self, sql: &str, replay: &[&str], verify: Verify, record: Arc<Mutex<Vec<bool>>>) {
        self.begin_deployment(sql, replay, verify, false, record);
    }

    /// Has another topology take over although rows of earlier records are missing.
    pub fn deploy_with_loss(&mut self, sql: &str) -> DeployReport {
        self.begin_deployment(sql, &[], Verify::Not, true, Arc::default());
        self.deployed()
    }

    fn begin_deployment(
        &self,
        sql: &str,
        replay: &[&str],
        verify: Verify,
        accept_missing_history: bool,
        record: Arc<Mutex<Vec<bool>>>,
    ) {
        let deployment = engine::run::Deployment {
            generation: self.running.deployment_handle.report().generation + 1,
            topology: Arc::new(topology(sql)),
            replay: replay.iter().map(|name| (*name).to_owned()).collect(),
            verify,
            accept_missing_history,
            record: Box::new(move |standing| {
                record.lock().expect("no test panicked with it").push(matches!(standing, Standing::InForce));
                Ok(())
            }),
        };
        self.running.deployment_handle.begin(deployment).expect("no other deployment is under way");
    }

    /// Waits for the deployment that was begun.
    pub fn deployed(&mut self) -> DeployReport {
        let deadline = Instant::now() + CATCH_UP_MAX;
        loop {
            let report = self.running.deployment_handle.report();
            if report.phase == DeployPhase::Finished {
                self.topology = self.running.deployment_handle.topology();
                return report;
            }
            assert!(Instant::now() < deadline, "the deployment did not end within {CATCH_UP_MAX:?}: {report:?}");
            assert_eq!(self.status().trouble, Trouble::None);
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// The numbers of a view's indexes.
    pub fn index_ids(&self, view: &str) -> Vec<usize> {
        let served = self.running.views.view(view).unwrap_or_else(|| panic!("'{view}' is not served"));
        served.indexes.iter().map(|(id, _)| id.0).collect()
    }

    /// The names of the views that are served.
    pub fn views(&self) -> Vec<String> {
        self.running.views.views().map(|served| served.view.name.clone()).collect()
    }

    /// Seconds for which pages of a served view may be used without asking again.
    pub fn max_age(&self, view: &str) -> Option<u32> {
        self.running.views.view(view).expect("a served view").view.max_age
    }

    /// Returns its progress.
    pub fn status(&self) -> StatusReport {
        self.running.status()
    }

    /// Returns the handle for deployments.
    pub fn deployment_handle(&self) -> &DeploymentHandle {
        &self.running.deployment_handle
    }

    /// The views, for someone who watches them.
    pub fn running_views(&self) -> Arc<Views> {
        Arc::clone(&self.running.views)
    }

    /// The log.
    pub fn log(&self) -> Arc<MemoryLog> {
        Arc::clone(&self.log)
    }

    /// Appends events.
    pub fn append(&self, lines: &[String]) {
        append(&self.topology, &self.log, lines);
    }

    /// Appends events of topics that another topology reads.
    pub fn append_as(&self, topology: &Topology, lines: &[String]) {
        append(topology, &self.log, lines);
    }

    /// Appends events and waits until all of them are visible.
    pub fn ingest(&self, lines: &[String]) {
        self.append(lines);
        self.catch_up();
    }

    /// Returns true if all events are visible.
    pub fn is_current(&self) -> bool {
        self.status().published && all_visible(&self.topology, self.log.as_ref(), &self.running.views)
    }

    pub fn catch_up(&self) {
        let deadline = Instant::now() + CATCH_UP_MAX;
        while !self.is_current() {
            assert!(Instant::now() < deadline, "the events were not visible within {CATCH_UP_MAX:?}");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Returns the keys that became stale in caches.
    pub fn invalidations(&self) -> Arc<Invalidations> {
        self.running.invalidations()
    }

    /// Returns the reports of the sinks, once all of them hold what is visible or write nothing any more.
    pub fn sinks(&self) -> Vec<SinkTaskReport> {
        let deadline = Instant::now() + CATCH_UP_MAX;
        loop {
            let (epoch, reports) = (self.epochs(), self.running.sink_tasks().list());
            let is_done = |report: &SinkTaskReport| match report.state {
                SinkTaskState::Attached => report.epoch == Some(epoch),
                SinkTaskState::Halted(_) => true,
                _ => false,
            };
            // One that has just begun may have said nothing yet.
            let all_report = reports.len() == self.running.deployment_handle.topology().sinks.len();
            if all_report && reports.iter().all(is_done) && epoch == self.epochs() {
                return reports;
            }
            assert!(Instant::now() < deadline, "sinks did not follow within {CATCH_UP_MAX:?}: {reports:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The rows of a view in the order of its first index, repeated as often as they are there.
    pub fn rows(&self, view: &str) -> Vec<Vec<Value<'static>>> {
        let served = self.running.views.view(view).unwrap_or_else(|| panic!("'{view}' is not served"));
        let (index, layout) = &served.indexes[0];
        let snapshot = self.running.views.snapshot();
        let mut rows = Vec::new();
        for (stored, count) in snapshot.scan(*index, Range::ALL) {
            let (row, ends) = layout.load(stored);
            let mut values = vec![Value::Null; layout.order.len()];
            for (place, &column) in layout.order.iter().enumerate() {
                let start = if place == 0 { 0 } else { ends[place - 1] };
                values[column] = layout.kinds[place].read(row.as_bytes(), start).into_owned();
            }
            for _ in 0..count {
                rows.push(values.clone());
            }
        }
        rows
    }

    /// The rows of a view as the planner encodes them, each as often as it is there.
    pub fn encoded_rows(&self, view: &str) -> Vec<Row> {
        let served = self.running.views.view(view).unwrap_or_else(|| panic!("'{view}' is not served"));
        let (index, layout) = &served.indexes[0];
        let snapshot = self.running.views.snapshot();
        let mut rows = Vec::new();
        for (stored, count) in snapshot.scan(*index, Range::ALL) {
            let (loaded, ends) = layout.load(stored);
            let mut row = Row::empty();
            for column in 0..layout.order.len() {
                let place = layout.order.iter().position(|&other| other == column).expect("every column has a place");
                let start = if place == 0 { 0 } else { ends[place - 1] };
                row.extend(&loaded.as_bytes()[start..ends[place]]);
            }
            rows.extend(std::iter::repeat_n(row, usize::try_from(count).expect("no row is owed")));
        }
        rows
    }

    /// Returns the events that made these rows of a view.
    pub fn why(&self, view: &str, rows: Vec<Row>) -> Answer {
        self.why_within(view, rows, LineageLimits::default())
    }

    /// The same, for so much at most.
    pub fn why_within(&self, view: &str, rows: Vec<Row>, limits: LineageLimits) -> Answer {
        let served = self.running.views.view(view).unwrap_or_else(|| panic!("'{view}' is not served"));
        let wall_micros = self.running.views.snapshot().wall_micros();
        let consumed = self.running.views.consumed();
        let question = Question { view: served.view.clone(), rows, consumed, wall_micros, events_max: ORIGINS_MAX };
        self.running.lineage_query().explain(&question, limits).unwrap_or_else(|error| panic!("'{view}': {error}"))
    }

    /// The stored bytes of every index of every view, and how often each row is there.
    pub fn bytes(&self) -> Vec<(String, Vec<(Vec<u8>, Diff)>)> {
        let snapshot = self.running.views.snapshot();
        let mut all = Vec::new();
        for served in self.running.views.views() {
            for (number, (index, _)) in served.indexes.iter().enumerate() {
                let rows = snapshot.scan(*index, Range::ALL).map(|(row, count)| (row.to_vec(), count)).collect();
                all.push((format!("{} index {number}", served.view.name), rows));
            }
        }
        all
    }

    /// The errors of rows that are there now.
    pub fn row_errors(&self) -> Vec<(RowError, Diff)> {
        self.running.views.snapshot().row_errors(ROW_ERRORS_MAX)
    }

    /// Returns the dead letters, with their numbers.
    pub fn dead_letters(&self) -> Vec<(u64, DeadLetter)> {
        self.running.views.snapshot().dead_letters(None, usize::MAX)
    }

    /// Returns the reason and the detail of each dead letter, oldest first.
    pub fn dead_letter_reasons(&self) -> Vec<(Reason, String)> {
        let letters = self.running.views.snapshot().dead_letters(None, ROW_ERRORS_MAX);
        letters.into_iter().map(|(_, letter)| (letter.fault.reason, letter.fault.detail.clone())).collect()
    }

    /// Returns the number of visible epochs; the status says so a moment later.
    pub fn epochs(&self) -> u64 {
        self.running.views.position().epoch.0
    }
}

fn append(topology: &Topology, log: &MemoryLog, lines: &[String]) {
    let now = START_MICROS + 366 * 86_400_000_000;
    let topics = topology.topics();
    let mut records: Vec<(Topic, Vec<Record>)> = Vec::new();
    for line in lines {
        let incoming =
            parse_line(&topics, line.as_bytes(), now).unwrap_or_else(|rejected| panic!("{rejected}: {line}")).expect("not blank");
        let encoding = topology.source_of_topic(incoming.topic.as_str()).expect("the topic is read").encoding;
        let record = Record { key: incoming.key, value: incoming.event.encode(encoding), timestamp: now };
        match records.iter_mut().find(|(topic, _)| *topic == incoming.topic) {
            Some((_, of_topic)) => of_topic.push(record),
            None => records.push((incoming.topic, vec![record])),
        }
    }
    for (topic, records) in records {
        log.append(&topic, records).expect("the log takes the events");
    }
}
