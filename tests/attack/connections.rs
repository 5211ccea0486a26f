//! More connections than the process may have files open, most of which say nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use tidewater::process::descriptors::share_descriptors;

use crate::lines::{posted, registered};
use crate::process::{Launch, Server, eventually, operator, shell};

/// Connections of the attack: more than the descriptors of the process.
const IDLE: u64 = 1_200;
/// Longest wait for a byte of a server that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that may have so many files open.
fn limited(data: &std::path::Path, files: u64, more: &[&str]) -> Server {
    let limit = format!("--nofile={files}:{files}");
    Server::run_ready(&Launch { data, more, under: &["prlimit", &limit, "--"], ..Launch::default() })
}

/// Reads until the server closes the connection.
fn is_closed(mut client: TcpStream) -> bool {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [0; 4_096];
    loop {
        match client.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn idle_connections_beyond_the_descriptors_of_the_process_stop_nothing_and_are_closed() {
    // The test needs as many descriptors as it takes from the server.
    share_descriptors(api::ConnectionLimits::default()).unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = ["--header-timeout", "2s", "--checkpoint-interval", "100ms", "--clock", "event"];
    let server = limited(data.path(), 1_024, &options);
    server.ingest(&[registered(1, 7).to_string()]);
    let connections: Vec<TcpStream> = (0..IDLE)
        .map(|number| {
            let mut client = TcpStream::connect(&server.address).unwrap();
            if number % 2 == 0 {
                // Those that get no place may be closed already.
                let _ = client.write_all(b"GET /v1/views HTTP/1.1\r\nHost: ha");
            }
            client
        })
        .collect();
    // Something to compute while they are there.
    for number in 0..20 {
        let line = format!("{}\n", posted(100 + number, 100 + number, 7, "meanwhile"));
        let is_taken = || server.try_post(line.as_bytes(), Some(&operator())).is_ok_and(|answer| answer.status == 200);
        eventually("a place for a sender", || is_taken().then_some(()));
    }
    assert_eq!(server.get("/healthz", None).text, "ok\n");
    for connection in connections {
        assert!(is_closed(connection));
    }
    server.ingest(&[posted(200, 200, 7, "afterwards").to_string()]);
    eventually("all posts", || (server.get("/v1/views/posts", None).rows().len() == 21).then_some(()));
    let ready = server.get("/readyz", None);
    assert_eq!(ready.status, 200, "{}", ready.text);
}

#[test]
fn a_process_without_descriptors_stalls_and_goes_on_when_it_has_some() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let said = folder.path().join("stderr");
    // Its words go to a file, where they can be read while it runs.
    let into_file = format!("exec \"$@\" 2> '{}'", said.display());
    let under = ["prlimit", "--nofile=4096:4096", "--", "sh", "-c", &into_file, "sh"];
    let more = ["--checkpoint-interval", "100ms", "--clock", "event"];
    let server = Server::run_ready(&Launch { data: data.path(), more: &more, under: &under, ..Launch::default() });
    let pid = server.process.id();
    let limit = |files: u64| shell(&format!("prlimit --pid {pid} --nofile={files}:4096"));
    let says = |words: &str| std::fs::read_to_string(&said).unwrap().contains(words).then_some(());
    let checkpoint = || server.get("/v1/status", Some(&operator())).json()["checkpoint"]["epoch"].as_u64().unwrap_or(0);
    server.ingest(&[registered(1, 7).to_string()]);
    // Standard input, output and error alone: every further descriptor is refused, to the engine and to connections.
    limit(3);
    let line = format!("{}\n", registered(100, 100));
    let taken = server.try_post(line.as_bytes(), Some(&operator())).expect("the connection that is open already");
    assert_eq!(taken.status, 200, "{}", taken.text);
    let mut waiting = TcpStream::connect(&server.address).unwrap();
    write!(waiting, "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address).unwrap();
    // The engine needs a descriptor for a checkpoint, or before that for what it reads of the log.
    let is_stalled = || (server.get("/readyz", None).status == 503).then_some(());
    eventually("an engine that stalls", || says("a checkpoint can't be written now").or_else(is_stalled));
    eventually("a connection that can't be accepted", || says("no connection can be accepted now"));
    let before = checkpoint();
    limit(4_096);
    let mut answer = String::new();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    eventually("the next checkpoint", || (checkpoint() > before).then_some(()));
    server.ingest(&[registered(500, 500).to_string()]);
    eventually("everything that was taken", || (server.users().len() == 3).then_some(()));
}

#[test]
fn a_server_that_may_open_hardly_any_files_is_not_started() {
    let data = tempfile::tempdir().unwrap();
    let under = ["prlimit", "--nofile=512:1000", "--"];
    let started = Launch { data: data.path(), under: &under, ..Launch::default() }.server();
    let complaint = started.err().expect("it does not start").complaint();
    assert!(complaint.contains("1000 open files") && complaint.contains("ulimit -n"), "{complaint}");
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_the_system_allows() {
    let data = tempfile::tempdir().unwrap();
    let server = limited_softly(data.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = files.split_whitespace().nth(3).unwrap();
    assert_eq!(soft, "2048", "{files}");
}

fn limited_softly(data: &std::path::Path) -> Server {
    Server::run_ready(&Launch { data, under: &["prlimit", "--nofile=256:2048", "--"], ..Launch::default() })
}
