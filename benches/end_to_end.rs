//! Sections b, c and d: the whole path in one process, at 2,000 posts a second with 50 followers each.
//!
//! Posts go in through the checks of ingest and the embedded log with its sync; the feed's views are served over HTTP on the loopback
//! interface. First nobody reads; then readers read pages as fast as they can while posts keep coming. Load generators live in the
//! same process on threads of their own, so they take time from the engine, yet are not counted as its cost.

use engine::run::CHECKPOINT_INTERVAL_DEFAULT;
use epochs::coordinator::RETAINED_GENERATION_BYTES;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use api::ApiConfig;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tidewater::process::auth::demo_api_config;
use tidewater::process::clock::wall_micros;
use tidewater::process::options::{INGEST_LAG_BYTES_DEFAULT, INGEST_LAG_RECORDS_DEFAULT, ServerSettings};
use tidewater::process::server::{Server, ServerOptions};

use crate::Failure;
use crate::engine::{FEED_FILES, declared};
use crate::lines::{Lines, Random};
use crate::processor::{API_THREADS, ENGINE_THREADS, LOG_THREADS, ThreadTimes, this_thread};
use crate::reader::{PAGE_ROWS, Wanted, read_pages};
use crate::table::{Figure, Goal, quantile};
use crate::writer::{Writer, append};

const POSTS_PER_SECOND: u64 = 2_000;
const FOLLOWERS: u64 = 50;
const LINES_PER_APPEND: usize = 5_000;
/// Time in which posts are written before anything is measured: every feed gets a full page.
pub const WARM: Duration = Duration::from_secs(3);
/// Connections of readers.
pub const CONNECTIONS: usize = 8;
/// Users that each connection reads as, in turn.
const READERS_PER_CONNECTION: u64 = 50;
const SECRET: [u8; 32] = *b"a secret of the benchmark, 32 by";
const TOKEN_SECONDS: i64 = 3_600;
const MICROS_PER_SECOND: i64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// A topology to deploy, and its size.
pub struct Scene {
    /// its name in the table
    pub name: &'static str,
    /// files of the social topology; all of them without
    pub files: Option<&'static [&'static str]>,
    /// people
    pub users: u64,
    /// time without readers, and then with readers; the latter only if not zero
    pub durations: [Duration; 2],
}

/// The feed and what it reads.
pub const FEED: Scene = Scene {
    name: "feed only",
    files: Some(&FEED_FILES),
    users: 10_000,
    durations: [Duration::from_secs(12), Duration::from_secs(10)],
};
/// All views of the social network.
pub const ALL_VIEWS: Scene =
    Scene { name: "all views", files: None, users: 1_000, durations: [Duration::from_secs(8), Duration::ZERO] };

/// A server with its people, and what writes to it.
pub struct Stage {
    server: Server,
    writer: Writer,
    /// removed when the stage is
    _data: tempfile::TempDir,
}

/// Plays a scene.
pub fn run(scene: &Scene) -> Result<Vec<Figure>, Failure> {
    let mut stage = Stage::build(scene)?;
    stage.writer.write(WARM)?;
    let mut figures = stage.write_alone(scene)?;
    if !scene.durations[1].is_zero() {
        figures.extend(stage.write_and_read(scene)?);
        figures.extend(stage.size_of_rows());
    }
    stage.server.stop()?;
    Ok(figures)
}

impl Stage {
    /// Starts a server in which everybody is followed by as many.
    pub fn build(scene: &Scene) -> Result<Self, Failure> {
        let data = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let settings = ServerSettings {
            redis_url: None,
            tls: None,
            listen: listen.into(),
            workers: Some(1),
            clock: engine::run::Clock::System,
            checkpoint_interval: CHECKPOINT_INTERVAL_DEFAULT,
            log_retention_bytes: None,
            rollback_log_bytes: RETAINED_GENERATION_BYTES,
            accept_missing_history: false,
            accept_wider_access: false,
            ingest_lag_records: INGEST_LAG_RECORDS_DEFAULT,
            ingest_lag_bytes: INGEST_LAG_BYTES_DEFAULT,
            // The load is what is measured; no machine is so slow that it should be refused.
            ingest_lag_time: PATIENCE,
            ingest_memory_bytes: None,
            event_rows_max: engine::event_limits::EVENT_ROWS_MAX,
            event_bytes_max: engine::event_limits::EVENT_BYTES_MAX,
            // All clients of a measurement have one address.
            connections: api::ConnectionLimits { open_per_client: usize::MAX, ..api::ConnectionLimits::default() },
            limits: api::Limits::default(),
        };
        let declared = declared(scene.files)?;
        let api = ApiConfig { compresses_private: true, ..demo_api_config(&SECRET)? };
        let server = Server::start(ServerOptions { declared, data: data.path(), settings: &settings, api })?;
        let (ingest, views) = (server.ingest.clone(), Arc::clone(&server.views));
        let (lines, random) = (Lines::default(), Random::new(1));
        let writer = Writer { ingest, views, users: scene.users, rate: POSTS_PER_SECOND, next: 0, lines, random };
        let mut stage = Self { server, writer, _data: data };
        stage.found()?;
        Ok(stage)
    }

    /// The address of its API.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Has posts written for so long.
    pub fn write(&mut self, duration: Duration) -> Result<(), Failure> {
        self.writer.write(duration).map(drop)
    }

    /// Stops the server.
    pub fn stop(self) -> Result<(), Failure> {
        Ok(self.server.stop()?)
    }

    /// Everybody is followed by as many.
    fn found(&mut self) -> Result<(), Failure> {
        let users = self.writer.users;
        let stride = users / (FOLLOWERS + 1);
        let pairs = (0..users).flat_map(|author| (1..=FOLLOWERS).map(move |place| ((author + place * stride) % users, author)));
        let at = wall_micros();
        let mut lines = Vec::new();
        for (follower, author) in pairs {
            lines.push(self.writer.lines.followed(follower, author, at).into_bytes());
            if lines.len() == LINES_PER_APPEND {
                append(&self.writer.ingest, std::mem::take(&mut lines))?;
            }
        }
        append(&self.writer.ingest, lines)?;
        let deadline = Instant::now() + PATIENCE;
        while self.server.figures().lag.records > 0 {
            if Instant::now() > deadline {
                return Err("the follows were not visible after two minutes".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn write_alone(&mut self, scene: &Scene) -> Result<Vec<Figure>, Failure> {
        let (before, rows) = (Moment::now()?, self.feed_rows());
        let mut seconds = self.writer.write(scene.durations[0])?;
        let after = Moment::now()?;
        let wall = after.at.duration_since(before.at).as_secs_f64();
        let per_second = (self.feed_rows() - rows) as f64 / wall;
        let figure = |what: String, value: f64, unit: &'static str, goal: Goal| Figure { section: 'b', what, value, unit, goal };
        let name = scene.name;
        let posts = POSTS_PER_SECOND;
        Ok(vec![
            figure(format!("{name}: deliveries at {posts} posts/s"), per_second, "per second", Goal::None),
            figure(
                format!("{name}: engine (binding, dataflow, views)"),
                after.cores(&before, &ENGINE_THREADS),
                "cores",
                Goal::AtMost(0.5),
            ),
            figure(format!("{name}: embedded log (sync included)"), after.cores(&before, &LOG_THREADS), "cores", Goal::None),
            figure(
                format!("{name}: making, checking and encoding events"),
                (after.writer - before.writer) / wall,
                "cores",
                Goal::None,
            ),
            figure(format!("{name}: event to readable, p50"), quantile(&mut seconds, 0.5) * 1e3, "ms", Goal::None),
            figure(format!("{name}: event to readable, p99"), quantile(&mut seconds, 0.99) * 1e3, "ms", Goal::AtMost(100.0)),
        ])
    }

    fn write_and_read(&mut self, scene: &Scene) -> Result<Vec<Figure>, Failure> {
        let stop = AtomicBool::new(false);
        let readers: Vec<Vec<(u64, String)>> =
            (0..CONNECTIONS as u64).map(|place| readers(place, scene.users)).collect::<Result<_, _>>()?;
        let address = self.server.address;
        let writer = &mut self.writer;
        let (moments, written, read) = thread::scope(|scope| {
            let start = |readers| {
                let stop = &stop;
                let read = move || read_pages(address, readers, Wanted::Plain, stop);
                thread::Builder::new().name("reader".to_owned()).spawn_scoped(scope, read)
            };
            let threads = readers.iter().map(|readers| start(readers.as_slice())).collect::<Result<Vec<_>, _>>();
            let before = Moment::now();
            let written = writer.write(scene.durations[1]);
            let after = Moment::now();
            stop.store(true, Ordering::Relaxed);
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().map_err(|_| Failure::from("a reader panicked"))?;
            let read =
                threads.map_err(Failure::from).and_then(|threads| threads.into_iter().map(join).collect::<Result<Vec<_>, _>>());
            ((before, after), written, read)
        });
        let (before, after) = (moments.0?, moments.1?);
        let (mut written, mut read) = (written?, read?.concat());
        let requests = read.len() as f64;
        let api = after.cpu.since(&before.cpu, &API_THREADS);
        let wall = after.at.duration_since(before.at).as_secs_f64();
        let figure = |what: String, value: f64, unit: &'static str, goal: Goal| Figure { section: 'c', what, value, unit, goal };
        let pages = format!("pages of {PAGE_ROWS} rows over HTTP, {CONNECTIONS} connections");
        Ok(vec![
            figure(format!("{pages}: requests on one core"), requests / api, "per CPU second", Goal::AtLeast(10_000.0)),
            figure(format!("{pages}: requests answered"), requests / wall, "per second", Goal::None),
            figure(format!("{pages}: p50"), quantile(&mut read, 0.5) * 1e3, "ms", Goal::None),
            figure(format!("{pages}: p99"), quantile(&mut read, 0.99) * 1e3, "ms", Goal::AtMost(10.0)),
            figure("meanwhile: event to readable, p99".to_owned(), quantile(&mut written, 0.99) * 1e3, "ms", Goal::None),
        ])
    }

    fn size_of_rows(&self) -> Option<Figure> {
        let snapshot = self.server.views.snapshot();
        let (index, _) = snapshot.view("following_feed")?.indexes.first()?;
        let (bytes, rows) = (snapshot.memory_bytes(*index), snapshot.rows(*index));
        let what = format!("memory of a feed's row, of {rows}");
        Some(Figure { section: 'd', what, value: bytes as f64 / rows as f64, unit: "bytes", goal: Goal::AtMost(64.0) })
    }

    fn feed_rows(&self) -> u64 {
        let snapshot = self.server.views.snapshot();
        let index = snapshot.view("following_feed").and_then(|served| served.indexes.first());
        index.map_or(0, |(index, _)| snapshot.rows(*index))
    }
}

/// Resources used up to an instant.
pub struct Moment {
    at: Instant,
    cpu: ThreadTimes,
    /// processor time of the thread that writes, which is this one
    writer: f64,
}

impl Moment {
    /// Those used until now.
    pub fn now() -> std::io::Result<Self> {
        Ok(Self { at: Instant::now(), cpu: ThreadTimes::now()?, writer: this_thread()? })
    }

    /// Processor time of threads whose names start so, since an earlier moment.
    pub fn seconds_since(&self, earlier: &Self, threads: &[&str]) -> f64 {
        self.cpu.since(&earlier.cpu, threads)
    }

    fn cores(&self, earlier: &Self, threads: &[&str]) -> f64 {
        self.cpu.since(&earlier.cpu, threads) / self.at.duration_since(earlier.at).as_secs_f64()
    }
}

/// Users and their tokens.
pub fn readers(place: u64, users: u64) -> Result<Vec<(u64, String)>, Failure> {
    let key = EncodingKey::from_secret(&SECRET);
    let expires = wall_micros() / MICROS_PER_SECOND + TOKEN_SECONDS;
    let reader = |number: u64| {
        let user = (place * READERS_PER_CONNECTION + number) * 7 % users;
        let claims = serde_json::json!({"sub": user.to_string(), "exp": expires});
        Ok((user, jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?))
    };
    (0..READERS_PER_CONNECTION).map(reader).collect()
}
