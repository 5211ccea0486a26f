//! A demo from its start to its end: everything on one machine, with domains that are made up as they go.
//!
//! A first start gives each domain a past, or loads one from a file; later starts go on with what is in the data directory. Then
//! events keep coming at the given rate while a person looks at the figures and tries the API.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use api::{ApiConfig, LineOutcome};

use super::business_example::BusinessExample;
use super::businesses::Businesses;
use super::domain::Domain;
use super::error::DemoError;
use super::example::{Example, page_text};
use super::key::DemoKey;
use super::progress::{DemoFigures, Progress, REDRAW_INTERVAL};
use super::social;
use crate::client::events_file::{BATCH_LINES_MAX, EventsFile};
use crate::file_error::FileError;
use crate::process::auth::{demo_api_config, demo_scopes};
use crate::process::clock::wall_micros;
use crate::process::data_directory::keep_private;
use crate::process::deployments::declared::Declared;
use crate::process::options::ServerSettings;
use crate::process::server::{Server, ServerOptions};
use crate::terminal::{grouped, print_text};
use crate::world::{Live, World, WorldOptions};

/// Each start makes up the same people.
const SEED: u64 = 1;
/// Microseconds of history that a new demo gets.
const PAST_MICROS: i64 = 3 * 24 * 3_600 * 1_000_000;
/// Events per second of the social network, and of each other domain, when nothing else is said.
const SOCIAL_RATE: u32 = 200;
const BUSINESS_RATE: u32 = 20;
/// Posts of each user in that past.
const POSTS_PER_USER: u64 = 5;
/// Users that each user follows at the beginning.
const FOLLOWS_PER_USER: u32 = 20;
/// The user of the example, where nothing is known about the users.
const EXAMPLE_USER: u64 = 42;
/// Ids from here on are free for posts that a person writes: far above those of the made up ones.
const FREE_POST_ID: u64 = 1_000_000_000_000;
/// Interval at which new events are made.
const TICK: Duration = Duration::from_millis(50);

/// Options of a demo.
pub struct DemoOptions {
    /// domains that are shown, at least one
    pub domains: Vec<Domain>,
    /// people in the social network
    pub users: u32,
    /// events per second of each domain, after its past; 200 of the social network and 20 of each other when not given
    pub rate: Option<u32>,
    /// file of events to begin with instead of a made up past
    pub events: Option<PathBuf>,
    /// time after which the demo stops; without it, when it is asked to
    pub stop_after: Option<Duration>,
    /// directory of the event log and the demo's secret
    pub data: PathBuf,
    /// address, workers and clock
    pub settings: ServerSettings,
}

/// A demo that is ready to start: its directory, its key, and the user of the examples.
pub struct PreparedDemo {
    options: DemoOptions,
    data: PathBuf,
    user: u64,
    /// true if the social client is served
    has_social: bool,
    key: DemoKey,
    api: ApiConfig,
}

impl PreparedDemo {
    /// Makes the data directory and the demo's key.
    pub fn new(options: DemoOptions) -> Result<Self, DemoError> {
        keep_private();
        fs::create_dir_all(&options.data).map_err(FileError::write(&options.data))?;
        // The lines that are printed are tried in another terminal, perhaps from another directory.
        let data = fs::canonicalize(&options.data).map_err(FileError::read(&options.data))?;
        let user = example_user(&options)?;
        let key = DemoKey::open(&data, user, &demo_scopes())?;
        let mut api = demo_api_config(&key.secret)?;
        let is_made_up = social::is_made_up(&data, options.events.is_some())?;
        if options.has_social() && is_made_up && options.settings.listen.most_open().ip().is_loopback() {
            social::open_page(&mut api, &key.secret);
        }
        let has_social = !api.pages.is_empty();
        Ok(Self { options, data, user, has_social, key, api })
    }

    /// Runs the demo; it ends by SIGINT, SIGTERM or after the time that was asked for.
    pub fn run(self, declared: Declared) -> Result<(), DemoError> {
        let Self { options, data, user, has_social, key, api } = self;
        let server_options = ServerOptions { declared, data: &data, settings: &options.settings, api };
        let stop_at = options.stop_after.map(|after| Instant::now() + after);
        let server = Server::start(server_options)?;
        let mut demo = Demo { server, progress: Progress::new(), drawn_at: Instant::now(), stop_at };
        let outcome = demo.play(&options, &Shown { key: &key, user, has_social });
        demo.progress.finish();
        let lost = demo.server.lost();
        let stopped = demo.server.stop();
        lost.map_or(outcome, |lost| Err(lost.into())).and(stopped.map_err(DemoError::from))?;
        print_text(&format!("\nstopped; '{}' keeps the events: start again to go on with them", data.display()));
        Ok(())
    }
}

impl DemoOptions {
    fn has_social(&self) -> bool {
        self.domains.contains(&Domain::Social)
    }
}

/// Parts of the examples that are known before the start.
struct Shown<'a> {
    key: &'a DemoKey,
    user: u64,
    has_social: bool,
}

/// Everything that makes up events.
struct MadeUp {
    social: Option<Live>,
    businesses: Businesses,
}

struct Demo {
    server: Server,
    progress: Progress,
    /// the time of the last drawing
    drawn_at: Instant,
    stop_at: Option<Instant>,
}

/// A user whose feed is not empty: of a file the one who follows most.
fn example_user(options: &DemoOptions) -> Result<u64, DemoError> {
    let Some(path) = options.events.as_ref().filter(|_| options.has_social()) else {
        return Ok(if options.has_social() { EXAMPLE_USER.min(u64::from(options.users)) } else { EXAMPLE_USER });
    };
    let mut file = EventsFile::open(path, |_| {})?;
    let mut follows: BTreeMap<u64, u64> = BTreeMap::new();
    while let Some(batch) = file.batch()? {
        for line in batch.lines {
            if let Some(follower) = follower(&line) {
                *follows.entry(follower).or_default() += 1;
            }
        }
    }
    Ok(follows.into_iter().max_by_key(|(_, follows)| *follows).map_or(EXAMPLE_USER, |(user, _)| user))
}

/// The social network of a demo, with ids from `first_id` on and a past that ends about `now`.
fn world_options(options: &DemoOptions, first_id: u64, now: i64) -> WorldOptions {
    WorldOptions {
        seed: SEED,
        users: options.users,
        follows_per_user: FOLLOWS_PER_USER,
        posts: u64::from(options.users) * POSTS_PER_USER,
        start: now - PAST_MICROS,
        span: PAST_MICROS,
        first_id,
        ..WorldOptions::default()
    }
}

fn follower(line: &[u8]) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    let event = &line["event"];
    (event["event_type"] == "user.followed").then(|| event["aggregate_id"].as_str()?.parse().ok())?
}

impl Demo {
    fn play(&mut self, options: &DemoOptions, shown: &Shown<'_>) -> Result<(), DemoError> {
        let Some(mut made_up) = self.begin(options)? else { return Ok(()) };
        if self.catch_up() {
            return Ok(());
        }
        self.progress.print(&self.examples(options, shown));
        made_up.businesses.go_on(wall_micros());
        while !self.is_over(TICK) {
            let now = wall_micros();
            let mut lines = made_up.social.as_mut().map_or_else(Vec::new, |live| live.until(now));
            lines.extend(made_up.businesses.until(now));
            if self.append(lines.into_iter().map(String::into_bytes).collect(), "live")? {
                break;
            }
            self.show("live");
        }
        Ok(())
    }

    /// The lines to copy, domain by domain.
    fn examples(&self, options: &DemoOptions, shown: &Shown<'_>) -> String {
        let (address, header_file, user) = (self.server.address, shown.key.header_file.as_path(), shown.user);
        let now = wall_micros();
        let free_id = FREE_POST_ID + now.unsigned_abs() / 1_000_000;
        let text = |domain: &Domain| match domain.business() {
            None => Example { address, header_file, user, post: free_id, now, has_social: shown.has_social }.text(),
            Some(kind) => BusinessExample { kind, address, header_file, user, free_id, now }.text(),
        };
        let texts: Vec<String> = options.domains.iter().map(text).collect();
        // The page is named once; the social network names it with its own.
        let page = if options.has_social() { String::new() } else { page_text(address, header_file) };
        format!("{page}{}", texts.concat())
    }

    /// The past, then the worlds that go on; `None` when the demo was stopped meanwhile.
    fn begin(&mut self, options: &DemoOptions) -> Result<Option<MadeUp>, DemoError> {
        let records = self.server.records_logged()?;
        match (&options.events, records) {
            (None, 0) => return self.pasts(options),
            (Some(path), 0) => {
                if !self.load(EventsFile::open(path, |_| {})?)? {
                    return Ok(None);
                }
            }
            (file, _) => self.going_on(records, file.is_some()),
        }
        // Whatever is in the log is not known here: people are assumed to have registered, and new ids are above all that can exist.
        let first_id = self.server.records_logged()? + 1;
        let now = wall_micros();
        let social = options.has_social().then(|| {
            let mut world = World::new(world_options(options, first_id, now));
            world.assume_founded();
            world.live(options.rate.unwrap_or(SOCIAL_RATE), wall_micros())
        });
        let rate = options.rate.unwrap_or(BUSINESS_RATE);
        Ok(Some(MadeUp { social, businesses: Businesses::opened(&options.domains, rate, first_id, now) }))
    }

    /// A past for each domain.
    fn pasts(&mut self, options: &DemoOptions) -> Result<Option<MadeUp>, DemoError> {
        let now = wall_micros();
        let rate = options.rate.unwrap_or(BUSINESS_RATE);
        let (businesses, lines) = Businesses::with_past(&options.domains, rate, now - PAST_MICROS, now);
        for part in lines.chunks(BATCH_LINES_MAX) {
            if self.append_past(part.to_vec())? {
                return Ok(None);
            }
        }
        let mut social = None;
        if options.has_social() {
            let world = World::new(world_options(options, 1, now).ending_at(now));
            social = self.past(world, options.rate.unwrap_or(SOCIAL_RATE))?;
            if social.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(MadeUp { social, businesses }))
    }

    /// Appends a part of a past; true when the demo was stopped meanwhile.
    fn append_past(&mut self, lines: Vec<String>) -> Result<bool, DemoError> {
        let is_over = self.append(lines.into_iter().map(String::into_bytes).collect(), "making up a past")?;
        self.show("making up a past");
        Ok(is_over || self.is_over(Duration::ZERO))
    }

    fn going_on(&self, records: u64, has_file: bool) {
        let ignored = if has_file { "; --events is not loaded again" } else { "" };
        self.progress.print(&format!("going on with the {} events that are there{ignored}", grouped(records)));
    }

    fn past(&mut self, mut world: World, rate: u32) -> Result<Option<Live>, DemoError> {
        let mut history = world.history();
        loop {
            let lines: Vec<String> = history.by_ref().take(BATCH_LINES_MAX).collect();
            if lines.is_empty() {
                break;
            }
            if self.append_past(lines)? {
                return Ok(None);
            }
        }
        let from = wall_micros().max(world.now() + 1);
        Ok(Some(world.live(rate, from)))
    }

    /// Loads a file; false when the demo was stopped meanwhile.
    fn load(&mut self, mut file: EventsFile) -> Result<bool, DemoError> {
        while let Some(batch) = file.batch()? {
            let is_over = self.append(batch.lines, "loading the file")?;
            self.show("loading the file");
            if is_over || self.is_over(Duration::ZERO) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until the views show what the log has; true when the demo was stopped meanwhile.
    fn catch_up(&mut self) -> bool {
        while !self.server.is_current() {
            if self.is_over(TICK) {
                return true;
            }
            self.show("catching up");
        }
        false
    }

    /// Appends lines, those that are refused for now as soon as they may come again; true when the demo was stopped meanwhile.
    fn append(&mut self, mut lines: Vec<Vec<u8>>, phase: &str) -> Result<bool, DemoError> {
        while !lines.is_empty() {
            let outcomes = self.server.ingest.append(lines.clone())?;
            let refused = outcomes.iter().enumerate().find_map(|(place, outcome)| match outcome {
                LineOutcome::Refused(refusal) => Some((place, refusal.retry_after())),
                _ => None,
            });
            let Some((place, retry_after)) = refused else { break };
            lines.drain(..place);
            self.show(phase);
            if self.is_over(retry_after) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_over(&self, wait: Duration) -> bool {
        self.server.stop_requested(wait) || self.server.lost().is_some() || self.stop_at.is_some_and(|end| Instant::now() >= end)
    }

    fn show(&mut self, phase: &str) {
        if self.drawn_at.elapsed() < REDRAW_INTERVAL {
            return;
        }
        self.drawn_at = Instant::now();
        let figures = self.server.figures();
        self.progress.draw(&DemoFigures {
            phase: format!("{phase}, http://{}", self.server.address),
            events: figures.events_ingested,
            lag_records: figures.lag.records,
            lag: Duration::from_micros(figures.lag.micros),
            epoch: Duration::from_micros(figures.epoch_micros),
            views: self.server.view_rows(),
        });
    }
}
