//! Shapes of the program itself, followed by ElectricSQL's own client: through changes of every kind, a restart and a deployment, and by
//! many readers with a caching nginx before the server.
//!
//! `TIDEWATER_SHAPE_READERS` is the number of these readers; their figures are printed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use testkit::packages::{node_modules, scripts};
use testkit::random::Random;

use crate::deploys::ask;
use crate::lines::{event, posted};
use crate::process::{Client, Launch, Process, Server, eventually};

const TOPOLOGY: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE all_posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, hashtags TEXT[], deleted BOOLEAN NOT NULL);
MERGE INTO all_posts USING post_events e ON all_posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN UPDATE SET text = '', deleted = TRUE
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text, hashtags = e.updated.hashtags
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN
    INSERT VALUES (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, FALSE);
CREATE MATERIALIZED VIEW posts AS SELECT post_id, author_id, text, hashtags FROM all_posts WHERE NOT deleted;
CREATE INDEX ON posts (post_id);
CREATE INDEX ON posts (author_id, post_id);
GRANT SELECT ON posts TO PUBLIC;
";

/// Readers of one view, unless the environment says otherwise.
const READERS: usize = 300;
/// Changes that they see.
const ROUNDS: u64 = 10;

/// A folder with the topology, and another one whose view has other texts.
fn topologies(folder: &Path) -> [PathBuf; 2] {
    [
        ("first", TOPOLOGY.to_owned()),
        ("second", TOPOLOGY.replace("author_id, text, hashtags FROM", "author_id, upper(text) AS text, hashtags FROM")),
    ]
    .map(|(name, text)| {
        let topology = folder.join(name);
        fs::create_dir(&topology).unwrap();
        fs::write(topology.join("posts.sql"), text).unwrap();
        testkit::social::copy_proto_files(&topology);
        topology
    })
}

fn start(data: &Path, topology: &Path, listen: &str) -> Server {
    let more = ["--checkpoint-interval", "200ms", "--listen", listen];
    Server::run_ready(&Launch { data, topologies: topology.to_str().unwrap(), more: &more, ..Launch::default() })
}

/// Readers of a shape in a process of their own.
struct ShapeReaders {
    process: Process,
    /// the rows that all of them had at last
    rows: Value,
}

impl ShapeReaders {
    fn start(address: &str, params: &Value, readers: usize) -> Self {
        let mut command = Command::new("node");
        command.env("CLIENT_MODULES", node_modules()).arg(scripts().join("shapes.mjs"));
        command.args([format!("http://{address}"), params.to_string(), readers.to_string()]);
        Self { process: Process::spawn(&mut command), rows: Value::Null }
    }

    /// Waits until all readers have the rows of a page.
    fn reach(&mut self, expected: &Value) {
        while self.rows != *expected {
            let Some(line) = self.process.line() else { panic!("the readers ended: {}", self.process.complaint()) };
            match serde_json::from_str(&line).unwrap() {
                Value::Null => {}
                rows => self.rows = rows,
            }
        }
    }
}

fn page(server: &Client, query: &str) -> Value {
    json!(server.pages(&format!("/v1/views/posts?order=post_id&{query}"), 1_000, None))
}

/// Posts that come, change and go, a new one at last.
struct Posts {
    random: Random,
    number: u64,
    living: Vec<u64>,
}

impl Posts {
    fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..self.random.below(12_u64) {
            self.number += 1;
            let number = self.number;
            let text = format!("text {} of \"{number}\"\n", self.random.below(9_u64));
            let place = self.random.below(self.living.len().max(1));
            let line = match self.living.get(place).copied() {
                Some(post) if self.random.chance(30) => {
                    self.living.swap_remove(place);
                    event(number, "social.post", "post.deleted", post, json!({}))
                }
                Some(post) if self.random.chance(60) => event(
                    number,
                    "social.post",
                    "post.updated",
                    post,
                    json!({ "text": text, "hashtags": ["a b", "c\"d", "null"] }),
                ),
                _ => self.created(&text),
            };
            lines.push(line.to_string());
        }
        self.number += 1;
        lines.push(self.created("the last one").to_string());
        lines
    }

    fn created(&mut self, text: &str) -> Value {
        self.living.push(self.number);
        posted(self.number, self.number, 1 + self.number % 3, text)
    }
}

#[test]
fn the_client_of_electricsql_folds_the_rows_of_a_view_through_a_restart_and_a_deployment() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = topologies(folder.path());
    let data = folder.path().join("data");
    let mut server = start(&data, &first, "127.0.0.1:0");
    let mut posts = Posts { random: Random::new(11), number: 0, living: Vec::new() };
    server.ingest(&posts.lines());
    let address = server.address.clone();
    let asked = [
        ("", json!({ "table": "posts", "key": "post_id" })),
        ("", json!({ "table": "public.posts", "replica": "full" })),
        (
            "author_id=eq.2",
            json!({ "table": "posts", "key": "post_id", "replica": "full", "where": "author_id = $1", "params": ["2"] }),
        ),
    ];
    let mut readers = asked.map(|(query, params)| (query, ShapeReaders::start(&address, &params, 1)));
    let mut compare = |server: &Server, posts: &mut Posts| {
        server.ingest(&posts.lines());
        readers.iter_mut().for_each(|(query, readers)| readers.reach(&page(server, query)));
    };
    (0..20).for_each(|_| compare(&server, &mut posts));
    server.process.kill();
    server = start(&data, &first, &address);
    (0..5).for_each(|_| compare(&server, &mut posts));
    let (code, _, complaint) = ask(&server, &folder, &["deploy", second.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{complaint}");
    (0..5).for_each(|_| compare(&server, &mut posts));
    assert!(page(&server, "").to_string().contains("THE LAST ONE"), "the view that was deployed is served");
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts nginx before a server, with the configuration that the documentation has.
fn nginx(folder: &Path, server: &str) -> (Process, String) {
    let documentation = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SHAPES.md")).unwrap();
    let shown = documentation.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a configuration");
    assert!(shown.contains("/var/cache/nginx/shapes") && shown.contains("127.0.0.1:8080") && shown.contains("listen 80;"));
    let directory = folder.to_str().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let shown = shown.replace("/var/cache/nginx/shapes", &format!("{directory}/cache"));
    let shown = shown.replace("127.0.0.1:8080", server).replace("listen 80;", &format!("listen {address};"));
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {directory}/{kind};\n"))
        .concat();
    let configuration = format!(
        "user root;\nworker_processes 1;\nworker_rlimit_nofile 65536;\npid {directory}/nginx.pid;\nerror_log {directory}/error.log;\n\
         events {{ worker_connections 30000; }}\nhttp {{\naccess_log off;\n{temporary}{shown}}}\n"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    // Its folder is on the path of root alone.
    let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(program);
    command.args(["-c", path.to_str().unwrap(), "-e", &format!("{directory}/error.log"), "-g", "daemon off;"]);
    let mut process = Process::spawn(&mut command);
    eventually("nginx", || {
        let ended = process.ended();
        assert!(ended.is_none(), "nginx ended: {}", process.complaint());
        TcpStream::connect(&address).is_ok().then_some(())
    });
    (process, address)
}

/// Returns the number of requests for shapes that have reached a server.
fn requests(server: &Client) -> u64 {
    let text = server.get("/metrics", None).text;
    let counted = text.lines().filter_map(|line| line.strip_prefix("tidewater_http_requests_total{"));
    let counted = counted.filter(|line| line.contains("route=\"/v1/shape\""));
    counted.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn many_readers_behind_a_caching_nginx_cost_a_server_about_as_much_as_one() {
    let number = |text: String| text.parse().expect("TIDEWATER_SHAPE_READERS is a number of readers");
    let readers: usize = std::env::var("TIDEWATER_SHAPE_READERS").map_or(READERS, number);
    let folder = tempfile::tempdir().unwrap();
    let [topology, _] = topologies(folder.path());
    let server = start(&folder.path().join("data"), &topology, "127.0.0.1:0");
    server.ingest(&(1..=100).map(|post| posted(post, post, post, "before").to_string()).collect::<Vec<_>>());
    let (mut nginx, address) = nginx(folder.path(), &server.address);
    let begun = Instant::now();
    let mut all = ShapeReaders::start(&address, &json!({ "table": "posts", "key": "post_id" }), readers);
    all.reach(&page(&server, ""));
    let (loaded, at_first) = (begun.elapsed(), requests(&server));
    let begun = Instant::now();
    for post in 101..=100 + ROUNDS {
        server.ingest(&[posted(post, post, 1, "while they wait").to_string()]);
        all.reach(&page(&server, ""));
    }
    let (followed, total) = (begun.elapsed(), requests(&server));
    println!(
        "TIDEWATER_SHAPE_READERS={readers}: the rows took {at_first} requests to the server and {loaded:?}, {ROUNDS} changes took {} and {:?} each",
        total - at_first,
        followed / u32::try_from(ROUNDS).unwrap()
    );
    // One reader asks for its rows, for the log behind them, and once for each change. Some of many begin when the log has gone on, and some
    // are so late that the cache has nothing any more, the more so the longer all of them take.
    assert!(total <= 40 + 3 * ROUNDS + readers as u64 / 100, "{total} requests for {readers} readers of {ROUNDS} changes");
    nginx.terminate();
}
