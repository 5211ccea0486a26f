//! Clients of HTTP/2 that keep to nothing: streams that are given up at once, heads without an end, more streams than there may be.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use testkit::http2::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, REFUSED_STREAM, RST_STREAM, RawFrame, begin,
    frame, head, read_frame,
};

use crate::lines::posted;
use crate::process::{Server, eventually, operator, shell, token};

/// Longest wait for a byte of a server that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Frames of an attack, in parts that the server reads at once.
const PARTS: u32 = 100;
const FRAMES_OF_A_PART: u32 = 1_000;
/// Streams that may be open on one connection.
const STREAMS_MAX: u32 = 100;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// Setting: the bytes of an answer that a stream takes before its client says more.
const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// First byte of the head of an answer with this status (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

fn connect(server: &Server) -> TcpStream {
    let mut client = TcpStream::connect(&server.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&begin(&[])).unwrap();
    client
}

/// Sends parts until the server has enough of it; the last frames that it sends before it ends the connection.
fn sent_until_closed(client: &mut TcpStream, part: impl Fn(u32) -> Vec<u8>) -> Vec<RawFrame> {
    let is_closed = (0..PARTS).any(|number| client.write_all(&part(number)).is_err());
    let mut frames = Vec::new();
    // What has arrived before a reset may be lost.
    while let Ok(Some(frame)) = read_frame(client) {
        frames.push(frame);
    }
    assert!(is_closed || frames.iter().any(|frame| frame.kind == GOAWAY), "the server takes everything: {frames:?}");
    frames
}

/// The reason that the server gives, if it could be read, is that it was too much.
fn assert_calmed(frames: &[RawFrame]) {
    if let Some(goaway) = frames.iter().rfind(|frame| frame.kind == GOAWAY) {
        assert_eq!(goaway.code(), Some(ENHANCE_YOUR_CALM), "{goaway:?}");
    }
}

#[test]
fn requests_of_http_2_that_are_given_up_at_once_end_their_connection_and_disturb_nobody() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let mut client = connect(&server);
    // A path that has no limit of its own, so that others are not refused for the number of these requests.
    let get = head("GET", "/healthz", &server.address, &[]);
    let frames = sent_until_closed(&mut client, |part| {
        let streams = (0..FRAMES_OF_A_PART).map(|number| (part * FRAMES_OF_A_PART + number) * 2 + 1);
        let request =
            |stream| [frame(HEADERS, END_HEADERS | END_STREAM, stream, &get), frame(RST_STREAM, 0, stream, &CANCEL)].concat();
        streams.flat_map(request).collect()
    });
    assert_calmed(&frames);
    assert_eq!(server.get("/v1/views/posts", None).status, 200);
}

#[test]
fn a_head_of_http_2_without_an_end_ends_its_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    for piece in [&b""[..], b"\x00\x01x\x01y"] {
        let mut client = connect(&server);
        client.write_all(&frame(HEADERS, END_STREAM, 1, &head("GET", "/", &server.address, &[]))).unwrap();
        let frames = sent_until_closed(&mut client, |_| frame(CONTINUATION, 0, 1, piece).repeat(FRAMES_OF_A_PART as usize));
        assert_calmed(&frames);
    }
    assert_eq!(server.get("/healthz", None).status, 200);
}

#[test]
fn more_streams_of_http_2_than_there_may_be_are_refused_one_by_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let mut client = connect(&server);
    let authorization = format!("Bearer {}", operator());
    let headers = [("authorization", &*authorization), ("content-type", "application/x-ndjson")];
    let post = head("POST", "/v1/events", &server.address, &headers);
    // Their bodies do not come, so they stay open.
    let beyond = 50;
    let streams: Vec<u32> = (0..STREAMS_MAX + beyond).map(|number| number * 2 + 1).collect();
    client.write_all(&streams.iter().flat_map(|stream| frame(HEADERS, END_HEADERS, *stream, &post)).collect::<Vec<_>>()).unwrap();
    let mut refused = Vec::new();
    while refused.len() < beyond as usize {
        let frame = read_frame(&mut client).unwrap().expect("the connection goes on");
        if frame.code() == Some(REFUSED_STREAM) {
            refused.push(frame.stream);
        }
    }
    assert_eq!(refused, streams[STREAMS_MAX as usize..]);
    assert_eq!(server.get("/v1/views/posts", None).status, 200);
}

#[test]
fn a_client_of_http_2_that_opens_no_window_keeps_few_answers_in_memory_and_disturbs_nobody() {
    let data = tempfile::tempdir().unwrap();
    let options = ["--client-answer-bytes", "1000000", "--answer-bytes-max", "10000000"];
    let server = Server::run(data.path(), &options);
    let text = "nobody reads it. ".repeat(100);
    let position = server.ingest(&(1..=50).map(|number| posted(number, number, 1, &text).to_string()).collect::<Vec<_>>());
    let page = "/v1/views/posts?limit=50";
    assert_eq!(server.get(&format!("{page}&after={position}"), None).rows().len(), 50);
    let mut client = TcpStream::connect(&server.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let get = head("GET", page, &server.address, &[]);
    let requests = (0..STREAMS_MAX).flat_map(|number| frame(HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &get));
    client.write_all(&[begin(&[(INITIAL_WINDOW_SIZE, 0)]), requests.collect()].concat()).unwrap();
    let mut heads = Vec::new();
    while heads.len() < STREAMS_MAX as usize {
        let frame = read_frame(&mut client).unwrap().expect("the connection goes on");
        if frame.kind == HEADERS {
            heads.push(frame.payload[0]);
        }
    }
    let kept = heads.iter().filter(|first| **first == STATUS_200).count();
    assert!((1..=1_000_000 / (50 * text.len())).contains(&kept), "{kept} answers are kept");
    let refused = server.get(page, None);
    assert!(refused.status == 429 && refused.text.contains("problem:too_many_answers"), "{refused:?}");
    assert!(refused.retry_after.is_some());
    assert_eq!(server.get(page, Some(&token(1, ""))).status, 200, "another client");
    drop(client);
    eventually("room for answers", || (server.get(page, None).status == 200).then_some(()));
}

#[test]
fn a_head_of_http_2_that_is_too_large_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let answer = |bytes: usize| {
        let (long, url) = ("x".repeat(bytes), server.url("/v1/views/posts"));
        // Of a stream that is reset behind its answer curl says that it failed.
        shell(&format!("curl -sS --http2-prior-knowledge -o /dev/null -w '%{{http_code}}' -H 'X: {long}' {url} || true"))
    };
    assert_eq!((answer(1_000), answer(17_000)), ("200".to_owned(), "431".to_owned()));
    assert_ne!(answer(40_000), "200");
}
