//! Sinks of Redis, against a real server that each test starts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ::redis::{Client, Connection};
use schemas::connector::{OptionValue, REDIS_SCHEMES, SinkOptions};
use schemas::server_url::ServerUrl;
use schemas::sink::SinkContent;

use super::config::client_of;
use super::write::PART_KEYS;
use super::*;
use crate::contract::{Sink as _, SinkError};
use crate::registry;
use crate::testing::{Following, columns, connections, template};
use testkit::random::Random;

/// Most time for the server to be there.
const START_MAX: Duration = Duration::from_secs(30);

/// A Redis of its own.
struct Server {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let directory = tempfile::tempdir().expect("a folder");
        let server = Self { process: spawn(port, &directory), port, directory };
        server.wait();
        server
    }

    fn wait(&self) {
        let begun = Instant::now();
        while self.client().get_connection().is_err() {
            assert!(begun.elapsed() < START_MAX, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts again, without what was there.
    fn start_again(&mut self) {
        self.process = spawn(self.port, &self.directory);
        self.wait();
    }

    fn url(&self) -> ServerUrl {
        address(&format!("redis://127.0.0.1:{}/", self.port)).expect("an address")
    }

    fn client(&self) -> Client {
        client_of(&self.url()).expect("an address")
    }

    fn connection(&self) -> Connection {
        self.client().get_connection().expect("it runs")
    }

    fn following(&self, mode: InvalidationMode) -> Following<RedisSink> {
        let url = self.url();
        Following::new(move || {
            let config = RedisConfig { name: "pages".to_owned(), channel: "stale".to_owned(), mode, key: template("page:{id}") };
            RedisSink::new(config, RowReader::new(&columns()), client_of(&url).expect("an address"))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn(port: u16, directory: &tempfile::TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
    command.arg(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("redis-server can't be started ({error}): apt-get install redis-server"))
}

fn set(connection: &mut Connection, key: &str) {
    ::redis::cmd("SET").arg(key).arg("cached").exec(connection).expect("it takes keys");
}

fn pages(connection: &mut Connection) -> BTreeSet<String> {
    ::redis::cmd("KEYS").arg("page:*").query(connection).expect("it lists keys")
}

fn names(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn exactly_the_keys_of_old_and_new_rows_are_deleted_and_told() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut listening = server.connection();
    let mut heard = listening.as_pubsub();
    heard.subscribe("stale").expect("it takes listeners");
    ["page:1", "page:2", "other:1"].iter().for_each(|key| set(&mut connection, key));
    let mut run = server.following(InvalidationMode::Delete);
    run.finish();
    let mut next = || -> String { heard.get_message().and_then(|message| message.get_payload()).expect("a message") };
    assert_eq!(next(), r#"{"sink":"pages","position":"2a:0","reset":true}"#);
    assert_eq!(pages(&mut connection), names(&[]), "what was there before may have been stale");
    ["page:1", "page:2", "page:3"].iter().for_each(|key| set(&mut connection, key));
    run.change(&[(1, Some("a")), (3, Some("b"))]);
    run.finish();
    assert_eq!(next(), r#"{"sink":"pages","position":"2a:1","keys":["page:1","page:3"]}"#);
    assert_eq!(pages(&mut connection), names(&["page:2"]));
    set(&mut connection, "page:3");
    run.change(&[(1, None)]);
    run.change(&[(1, Some("a"))]);
    run.restart();
    run.finish();
    assert_eq!(next(), r#"{"sink":"pages","position":"2a:2","keys":["page:1"]}"#, "nothing is told again after a start");
    assert_eq!(pages(&mut connection), names(&["page:2", "page:3"]));
    let kept: String = ::redis::cmd("GET").arg("other:1").query(&mut connection).expect("a value");
    assert_eq!(kept, "cached");
}

#[test]
fn fault_32_a_redis_that_is_down_is_waited_for() {
    let mut server = Server::start();
    let mut run = server.following(InvalidationMode::Delete);
    run.finish();
    server.stop();
    run.change(&[(1, Some("a"))]);
    for _ in 0..3 {
        assert!(run.step().is_err() || run.outbox.acknowledged().is_some_and(|known| known.epoch == 0));
    }
    assert_eq!(run.outbox.floor(), Some(0), "what it needs is kept");
    server.start_again();
    set(&mut server.connection(), "page:1");
    run.finish();
    assert_eq!(pages(&mut server.connection()), names(&[]));
    assert_eq!(run.outbox.reconciled, 2, "it had lost how far it was");
}

#[test]
fn fault_33_a_redis_that_lost_its_place_begins_again_and_clears_what_may_be_stale() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut run = server.following(InvalidationMode::Delete);
    run.change(&[(1, Some("a"))]);
    run.finish();
    ::redis::cmd("FLUSHALL").exec(&mut connection).expect("it forgets");
    // A key of a row that changes no more: nobody knows whether it was read before a change that was lost.
    set(&mut connection, "page:7");
    run.change(&[(2, Some("a"))]);
    run.finish();
    assert_eq!(pages(&mut connection), names(&[]));
    assert_eq!(run.outbox.reconciled, 2);
    set(&mut connection, "page:1");
    run.change(&[(2, None)]);
    run.finish();
    assert_eq!(pages(&mut connection), names(&["page:1"]), "from there on exactly");
}

#[test]
fn an_earlier_incarnation_deletes_nothing_any_more() {
    let server = Server::start();
    let mut earlier = server.following(InvalidationMode::Delete);
    earlier.finish();
    let mut later = server.following(InvalidationMode::Delete);
    later.incarnation = 2;
    later.finish();
    set(&mut server.connection(), "page:1");
    earlier.change(&[(1, Some("a"))]);
    assert_eq!(earlier.step(), Err(SinkError::Fenced(2)));
    assert_eq!(pages(&mut server.connection()), names(&["page:1"]));
}

#[test]
fn many_keys_go_in_parts_and_each_is_told_once() {
    let server = Server::start();
    let mut listening = server.connection();
    let mut run = server.following(InvalidationMode::Version);
    run.finish();
    let mut heard = listening.as_pubsub();
    heard.subscribe("stale").expect("it takes listeners");
    let many = 2 * PART_KEYS as i64 + 5;
    run.change(&(0..many).map(|id| (id, Some("a"))).collect::<Vec<_>>());
    run.finish();
    let mut told = BTreeMap::new();
    for _ in 0..3 {
        let message: String = heard.get_message().and_then(|message| message.get_payload()).expect("a message");
        let message: serde_json::Value = serde_json::from_str(&message).expect("JSON");
        assert_eq!(message["position"], "2a:1");
        for key in message["keys"].as_array().expect("keys") {
            *told.entry(key.to_string()).or_insert(0) += 1;
        }
    }
    assert!(told.len() == many as usize && told.values().all(|count| *count == 1));
    let version: String = ::redis::cmd("GET").arg("page:3:version").query(&mut server.connection()).expect("a value");
    assert_eq!(version, "2a:1");
}

/// Steps of a cache's reader who has read a page at a position: it is kept, unless it became stale since.
const FILL: &str = r"
local version = redis.call('GET', KEYS[1] .. ':version')
if version and tonumber(string.match(version, ':(%d+)$')) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
";

#[test]
fn a_cache_with_versions_serves_nothing_older_than_its_sink() {
    let server = Server::start();
    let mut connection = server.connection();
    for seed in 0..5 {
        let mut random = Random::new(seed);
        ::redis::cmd("FLUSHALL").exec(&mut connection).expect("it forgets");
        let mut run = server.following(InvalidationMode::Version);
        run.finish();
        // When each page changed last, and pages that were read from the views and are on their way to the cache.
        let mut changed: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        let mut on_their_way: Vec<(i64, u64)> = Vec::new();
        for epoch in 1..60 {
            let id = random.below(4) as i64;
            run.change(&[(id, Some(&format!("{epoch}")))]);
            changed.entry(id).or_default().push(epoch);
            on_their_way.push((random.below(4) as i64, run.epoch));
            if random.below(2) == 0 {
                run.finish();
            }
            if random.below(2) == 0 {
                let (id, read_at) = on_their_way.remove(random.below(on_their_way.len() as u64) as usize);
                let key = format!("page:{id}");
                let mut fill = ::redis::cmd("EVAL");
                fill.arg(FILL).arg(1).arg(key).arg(read_at).arg(read_at).exec(&mut connection).expect("it takes pages");
            }
            let id = random.below(4) as i64;
            let cached: Option<u64> = ::redis::cmd("GET").arg(format!("page:{id}")).query(&mut connection).expect("an answer");
            let sink = run.outbox.acknowledged().map_or(0, |known| known.epoch);
            if let (Some(read_at), Some(changes)) = (cached, changed.get(&id)) {
                let missed = changes.iter().find(|change| **change > read_at && **change <= sink);
                assert_eq!(missed, None, "seed {seed}, epoch {epoch}: 'page:{id}' was read at {read_at}, the sink is at {sink}");
            }
        }
    }
}

/// A sink of the keys `page:{id}`, with the address that it gives itself.
fn definition(url: Option<&str>) -> SinkDefinition {
    let url = url.map(|url| ("url", OptionValue::Url(ServerUrl::parse(url, REDIS_SCHEMES).expect("an address"))));
    let content = SinkContent::Invalidate { key: template("page:{id}") };
    let options = SinkOptions::new(&REDIS, "pages", url);
    SinkDefinition { name: "pages".to_owned(), view: "texts".to_owned(), connector: &REDIS, options, content }
}

#[test]
fn a_sink_goes_to_its_own_address_and_without_one_to_that_of_the_process() {
    let (own, of_the_process) = (Server::start(), Server::start());
    let process = Connections { redis: Some(of_the_process.url()), ..connections() };
    let url = format!("redis://127.0.0.1:{}/1", own.port);
    for (definition, reached) in [(definition(Some(&url)), &own), (definition(None), &of_the_process)] {
        registry::check(std::slice::from_ref(&definition), &process).expect("an address");
        let mut opened = registry::open(&definition, &columns(), &process).expect("a sink");
        assert_eq!(opened.sink.fence(7), Ok(None));
        let database = if definition.options.url("url").is_some() { 1 } else { 0 };
        for (server, is_reached) in [(&own, reached.port == own.port), (&of_the_process, reached.port != own.port)] {
            let mut connection = server.connection();
            ::redis::cmd("SELECT").arg(database).exec(&mut connection).expect("a database");
            let fenced: Vec<String> = ::redis::cmd("KEYS").arg("tidewater:*").query(&mut connection).expect("keys");
            assert_eq!(fenced.len(), usize::from(is_reached), "{definition:?} on port {}", server.port);
            ::redis::cmd("FLUSHDB").exec(&mut connection).expect("it forgets");
        }
    }
}

#[test]
fn a_sink_without_any_address_is_refused_before_it_starts() {
    let error = registry::check(&[definition(None)], &connections()).expect_err("nobody says where");
    let expected = "the sink 'pages' writes to Redis, and it is not said where that is: add url = 'redis://host:6379' to its options, or \
                    start with --redis-url redis://host:6379";
    assert_eq!(error.to_string(), expected);
    assert_eq!(registry::check(&[definition(Some("redis://127.0.0.1:1"))], &connections()), Ok(()));
}

#[test]
fn the_client_takes_an_address_of_every_scheme_and_none_with_tls() {
    for scheme in REDIS_SCHEMES {
        let rest = if scheme.ends_with("unix") { "/run/redis.sock?pass=secret" } else { "user:secret@127.0.0.1:1/0" };
        let url = address(&format!("{scheme}://{rest}")).expect(scheme);
        assert!(client_of(&url).is_ok() && !url.to_string().contains("secret"), "{url}");
    }
    for scheme in ["rediss", "valkeys"] {
        assert!(Client::open(format!("{scheme}://127.0.0.1:1/0")).is_err(), "{scheme} works: let addresses have it");
        assert!(address(&format!("{scheme}://127.0.0.1:1/0")).is_err());
    }
}

#[test]
fn an_error_of_the_client_quotes_no_part_of_an_address() {
    for text in ["redis://user?protocol=secret@h", "redis://h/?protocol=secret", "redis://h/secret", "unix:///s?db=secret"] {
        let error = address(text).expect_err(text).to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn an_address_with_a_password_is_never_printed() {
    let url = "redis://user:secret@127.0.0.1:1/0";
    let definition = definition(Some(url));
    let printed = [format!("{definition:?}"), definition.target_text(), address(url).expect("an address").to_string()];
    let mut opened = registry::open(&definition, &columns(), &connections()).expect("a sink");
    let unreachable = opened.sink.fence(1).expect_err("nobody listens there").to_string();
    let bad = address("http://user:secret@h").expect_err("another scheme").to_string();
    let no_database = SinkDefinition {
        options: SinkOptions::new(
            &REDIS,
            "pages",
            [("url", OptionValue::Url(ServerUrl::parse("redis://user:secret@h/no-number", REDIS_SCHEMES).expect("a form")))],
        ),
        ..definition
    };
    let refused = registry::check(&[no_database], &connections()).expect_err("no database").to_string();
    for text in printed.into_iter().chain([unreachable, bad, refused]) {
        assert!(!text.contains("secret"), "{text}");
    }
}
