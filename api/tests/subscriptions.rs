//! The cost of many open subscriptions: a process of its own, so that nothing else changes its memory meanwhile.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use api::{
    ApiConfig, ApiState, BoxFuture, ConnectionLimits, EventSender, Figures, Health, HostStatus, Ingest, IngestError, Limits,
    LineOutcome, Measurements, Readiness, Refusal, TopicInfo, router, serve,
};
use schemas::dead_letter::{DeadLetter, LetterPlace};
use schemas::field::{FieldKind, Value};
use schemas::lineage::Lineage;
use schemas::position::{Epoch, Timeline};
use schemas::row::{Diff, Row};
use schemas::serving::{Access, Column, Index, IndexColumn, IndexLayout, View};
use sinks::views::{Commit, ViewReader, Views, ViewsDefinition};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const SUBSCRIPTIONS: usize = 1_000;
/// Most bytes that all of them together may cost.
const SUBSCRIPTIONS_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Most bytes that they may cost when nobody reads them, beside what the system keeps for their connections.
const STUCK_BYTES_MAX: usize = 100 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(120);
const OWNERS: i64 = 100;
/// Rows of each owner: together more than the system keeps for a connection.
const ROWS: i64 = 300;

/// Takes nothing: this process only reads.
struct Nothing;

impl Ingest for Nothing {
    fn submit(&self, lines: Vec<Vec<u8>>, _: EventSender) -> BoxFuture<'_, Result<Vec<LineOutcome>, IngestError>> {
        Box::pin(async move { Ok(lines.iter().map(|_| LineOutcome::Empty).collect()) })
    }

    fn reserve_memory(&self, _: u64) -> Result<Box<dyn Send>, Refusal> {
        Ok(Box::new(()))
    }

    fn retry(&self, _: u64, _: DeadLetter, _: Option<Vec<u8>>) -> BoxFuture<'_, Result<LineOutcome, IngestError>> {
        Box::pin(async { Ok(LineOutcome::Empty) })
    }

    fn discard(&self, _id: u64, _letter: LetterPlace) -> BoxFuture<'_, Result<(), IngestError>> {
        Box::pin(async { Ok(()) })
    }

    fn takes(&self, _topic: &str) -> bool {
        false
    }

    fn takes_objects(&self, _topic: &str) -> bool {
        false
    }

    fn topics(&self) -> Result<Vec<TopicInfo>, IngestError> {
        Ok(Vec::new())
    }
}

impl Health for Nothing {
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn measurements(&self) -> Measurements {
        Measurements::default()
    }

    fn status(&self) -> HostStatus {
        HostStatus::default()
    }

    fn lineage(&self) -> Lineage {
        Lineage::default()
    }
}

struct World {
    views: Arc<Views>,
    address: SocketAddr,
    epoch: u64,
    _runtime: Runtime,
}

impl World {
    /// A feed of each owner, of which 200 rows are served.
    fn start() -> Self {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let order = |column, descending| IndexColumn { column, descending };
        let newest = Index { name: "newest".into(), columns: vec![order(0, false), order(1, true)], limit: Some(200) };
        let oldest = Index { name: "oldest".into(), columns: vec![order(1, false)], limit: None };
        let view = View {
            name: "feed".into(),
            columns: vec![column("owner", FieldKind::Int64), column("post", FieldKind::Int64), column("text", FieldKind::Text)],
            indexes: vec![newest, oldest],
            access: Access::Public,
            max_age: None,
        };
        let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![view] });
        let limits = Limits { subscriptions_max: 4 * SUBSCRIPTIONS, client_streams: 4 * SUBSCRIPTIONS, ..Limits::default() };
        let config = ApiConfig { limits, ..ApiConfig::default() };
        let reader = Arc::clone(&views) as Arc<dyn ViewReader>;
        let state = ApiState::new(reader, Arc::new(Nothing), Arc::new(Nothing), config);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = ConnectionLimits { open_per_client: 4 * SUBSCRIPTIONS, ..ConnectionLimits::default() };
        runtime.spawn(serve(vec![listener], router(state), connections, None, std::future::pending()));
        let mut world = Self { views, address, epoch: 0, _runtime: runtime };
        world.publish((0..OWNERS).flat_map(|owner| (0..ROWS).map(move |post| (owner, post, 1))));
        world
    }

    fn publish(&mut self, changes: impl Iterator<Item = (i64, i64, Diff)>) {
        self.epoch += 1;
        let served = self.views.view("feed").unwrap();
        let row = |owner, post| {
            let mut row = Row::empty();
            let text =
                format!("post {post} of {owner}, with as much to say as most posts have: about a hundred characters of text");
            let values = [Value::Int(owner), Value::Int(post), Value::Text(text.into())];
            served.view.columns.iter().zip(&values).for_each(|(column, value)| column.kind.write(value, &mut row));
            row
        };
        let rows: Vec<(Row, Diff)> = changes.map(|(owner, post, diff)| (row(owner, post), diff)).collect();
        let stored = |layout: &IndexLayout| rows.iter().map(|(row, diff)| (layout.store(row.as_bytes()), *diff)).collect();
        let changes = served.indexes.iter().map(|(index, layout)| (*index, stored(layout))).collect();
        let commit = Commit { epoch: Epoch(self.epoch), changes, ..Commit::default() };
        self.views.publish(commit).unwrap();
    }

    /// One new row for everybody.
    fn post(&mut self) {
        let post = ROWS + self.epoch as i64;
        self.publish((0..OWNERS).map(|owner| (owner, post, 1)));
    }

    fn subscribe(&self, query: &str, headers: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "GET /v1/views/feed/subscribe?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        client
    }
}

/// Reads until a text has come.
fn read_until(client: &mut TcpStream, text: &str) {
    let (mut seen, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    while !seen.windows(text.len()).any(|window| window == text.as_bytes()) {
        let read = client.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ended after {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
    }
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() * 1024
}

/// A thousand clients that read what they are sent, and what they cost.
fn open(world: &mut World, headers: &str, progress: impl Fn(u64) -> String) -> (Vec<TcpStream>, usize) {
    let before = resident_bytes();
    let mut clients: Vec<TcpStream> = (0..SUBSCRIPTIONS)
        .map(|number| {
            let query = format!("owner=eq.{}&limit=20", number as i64 % OWNERS);
            let mut client = world.subscribe(&query, headers);
            read_until(&mut client, &progress(world.epoch));
            client
        })
        .collect();
    for _ in 0..5 {
        world.post();
        clients.iter_mut().for_each(|client| read_until(client, &progress(world.epoch)));
    }
    (clients, resident_bytes().saturating_sub(before))
}

/// The parts are one test since each looks at the memory of the whole process.
#[test]
fn fault_40_a_thousand_subscriptions_are_cheap_also_when_nobody_reads_them() {
    let mut world = World::start();
    let megabytes = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);

    let (first, sse) = open(&mut world, "", |epoch| format!("data: {{\"position\":\"1:{epoch}\"}}"));
    let handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (second, web_socket) = open(&mut world, handshake, |epoch| format!("\"position\":\"1:{epoch}\"}}"));

    let before = resident_bytes();
    // All rows for everybody: far more than a connection takes that nobody reads from.
    let stuck: Vec<TcpStream> = (0..SUBSCRIPTIONS).map(|_| world.subscribe("order=post", "")).collect();
    let mut most = 0;
    for _ in 0..20 {
        world.post();
        std::thread::sleep(Duration::from_millis(50));
        most = most.max(resident_bytes().saturating_sub(before));
    }
    println!(
        "1,000 subscriptions: {:.1} MB as server-sent events, {:.1} MB over WebSockets; {:.1} MB when nobody reads",
        megabytes(sse),
        megabytes(web_socket),
        megabytes(most)
    );
    assert!(sse < SUBSCRIPTIONS_BYTES_MAX, "{:.1} MB", megabytes(sse));
    assert!(web_socket < SUBSCRIPTIONS_BYTES_MAX, "{:.1} MB", megabytes(web_socket));
    assert!(most < STUCK_BYTES_MAX, "{:.1} MB", megabytes(most));
    // Who reads is served as ever.
    read_until(&mut world.subscribe("owner=eq.1&limit=1", ""), &format!("1:{}\"", world.epoch));
    drop((first, second, stuck));
}
