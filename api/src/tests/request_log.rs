//! Lines that are logged of requests: one for each when asked for, warnings with the trace, and nothing of a query.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Takes lines of a log.
struct LinesWriter(Sender<Vec<u8>>);

impl io::Write for LinesWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nobody may wait for them any more.
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Held by the one test whose log is open: a log that begins or ends changes what others are asked for.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Logs of this thread for as long as the guards live.
async fn logged(filter: &str) -> (Receiver<Vec<u8>>, (DefaultGuard, tokio::sync::MutexGuard<'static, ()>)) {
    let turn = TURN.lock().await;
    // Tests of other threads meet the same lines of code at the same time: one that is met for the first time while this log begins could stay
    // off. So it is met before, and looked at once more after.
    get(&api(), "/healthz").await;
    let (lines, taken) = channel();
    let log = tracing_subscriber::fmt().with_ansi(false).without_time().with_env_filter(EnvFilter::new(filter));
    let log = log.with_writer(move || LinesWriter(lines.clone())).finish();
    let guard = tracing::subscriber::set_default(log);
    tracing::callsite::rebuild_interest_cache();
    (taken, (guard, turn))
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
    let (taken, _guard) = logged("warn,tidewater::requests=info").await;
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
    let (taken, _guard) = logged("warn").await;
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
    let (taken, _guard) = logged("tidewater::requests=info").await;
    let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = Request::get("/healthz").extension(axum::extract::ConnectInfo(peer)).body(Body::empty()).unwrap();
    send(&api(), request).await;
    assert!(lines(&taken)[0].contains("peer=192.0.2.7:4711"));
}
