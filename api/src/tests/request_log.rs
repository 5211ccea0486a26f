//! Lines that are logged of requests: one for each when asked for, warnings with the trace, and nothing of a query.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::sync::mpsc::{Receiver, Sender, channel};

use tracing_subscriber::filter::{Targets, dynamic_filter_fn};
use tracing_subscriber::prelude::*;

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The log of one test.
struct TestLog {
    filter: Targets,
    lines: Sender<Vec<u8>>,
}

thread_local! {
    /// the log of the test that runs on this thread, while it has one
    static LOG: RefCell<Option<TestLog>> = const { RefCell::new(None) };
}

/// Takes lines for the log of this thread.
struct LinesWriter;

impl io::Write for LinesWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow(|log| {
            if let Some(log) = log {
                // Nobody may wait for them any more.
                let _ = log.lines.send(bytes.to_vec());
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Installs the one subscriber of all tests, which asks the log of the current thread about every line. The tests of other threads meet the
/// same lines of code at the same time, and what is met before there is a subscriber may stay off: so every API of a test begins with this.
pub(super) fn install_log() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let filter = dynamic_filter_fn(|line, _| {
            let enables = |log: &TestLog| log.filter.would_enable(line.target(), line.level());
            // A thread that ends has no log any more.
            LOG.try_with(|log| log.borrow().as_ref().is_some_and(enables)).unwrap_or(false)
        });
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(|| LinesWriter);
        let log = tracing_subscriber::registry().with(lines.with_filter(filter));
        tracing::subscriber::set_global_default(log).expect("no other subscriber is installed");
    });
}

/// Ends the log of its thread.
struct LogGuard;

impl Drop for LogGuard {
    fn drop(&mut self) {
        LOG.set(None);
    }
}

/// Logs of this thread for as long as the guard lives.
fn logged(filter: &str) -> (Receiver<Vec<u8>>, LogGuard) {
    install_log();
    let (lines, taken) = channel();
    LOG.set(Some(TestLog { filter: filter.parse().unwrap(), lines }));
    (taken, LogGuard)
}

fn lines(taken: &Receiver<Vec<u8>>) -> Vec<String> {
    taken.try_iter().map(|line| String::from_utf8(line).unwrap().trim().to_owned()).collect()
}

fn traced(path: &str, body: &str) -> Request<Body> {
    let request = Request::post(path).header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
    request.header("content-type", "application/x-ndjson").body(body.to_owned().into()).unwrap()
}

#[tokio::test]
async fn a_line_for_each_request_has_its_route_and_trace_and_nothing_of_its_query() {
    let (taken, _guard) = logged("warn,tidewater::requests=info");
    let api = api();
    get(&api, "/v1/views/posts?author_id=eq.77777&limit=3").await;
    get(&api, "/nowhere/77777").await;
    send(&api, traced("/v1/events", "{}")).await;
    let lines = lines(&taken);
    let expected = [
        ["INFO tidewater::requests: answered method=GET route=\"/v1/views/{view}\" status=200 milliseconds=", ""],
        ["INFO tidewater::requests: answered method=GET route=\"unmatched\" status=404 milliseconds=", ""],
        ["INFO tidewater::requests: answered method=POST route=\"/v1/events\" status=200 milliseconds=", TRACE],
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, [begin, end]) in lines.iter().zip(expected) {
        assert!(line.starts_with(begin) && line.ends_with(end) && !line.contains("peer"), "{line}");
        assert_eq!(line.contains("trace_id="), !end.is_empty(), "{line}");
    }
    assert!(lines.iter().all(|line| !line.contains("77777")), "{lines:?}");
}

#[tokio::test]
async fn no_request_is_logged_by_default_and_a_warning_carries_the_trace_of_its_request() {
    let (taken, _guard) = logged("warn");
    let api = api();
    get(&api, "/v1/views/posts").await;
    send(&api, traced("/v1/events", "broken")).await.problem(503, "storage_failed", None);
    send(&api, Request::post("/v1/events").body("broken".into()).unwrap()).await.problem(503, "storage_failed", None);
    let lines = lines(&taken);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with(&format!("WARN request{{trace_id={TRACE}}}: ")) && lines[0].contains("storage_failed"),
        "{lines:?}"
    );
    assert!(lines[1].contains("storage_failed") && !lines[1].contains("trace_id"), "{lines:?}");
}

#[tokio::test]
async fn the_peer_is_logged_where_it_is_known() {
    let (taken, _guard) = logged("tidewater::requests=info");
    let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = Request::get("/healthz").extension(axum::extract::ConnectInfo(peer)).body(Body::empty()).unwrap();
    send(&api(), request).await;
    assert!(lines(&taken)[0].contains("peer=192.0.2.7:4711"));
}

#[tokio::test]
async fn no_line_has_a_ticket_or_a_token() {
    let (taken, _guard) = logged("trace");
    let api = api();
    let token = token(1);
    let request = Request::post("/v1/tickets").header("Authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let ticket = send(&api, request).await.json()["ticket"].as_str().unwrap().to_owned();
    let uri = format!("/v1/views/following_feed/subscribe?ticket={ticket}");
    let open = api.clone().oneshot(Request::get(&uri).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
    get(&api, &uri).await.problem(401, "bad_ticket", Some("ticket"));
    let socket = Request::get("/v1/views/following_feed/subscribe").header("Connection", "Upgrade");
    let socket = socket.header("Upgrade", "websocket").header("Sec-WebSocket-Protocol", format!("tidewater.v1, bearer.{token}"));
    send(&api, socket.body(Body::empty()).unwrap()).await.problem(400, "bad_upgrade", Some("Upgrade"));
    let lines = lines(&taken);
    assert!(lines.iter().any(|line| line.contains("/v1/tickets")), "{lines:?}");
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(lines.iter().all(|line| !line.contains(&ticket) && !line.contains(signature)), "{lines:?}");
}
