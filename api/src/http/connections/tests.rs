//! Connections on real sockets: how many there may be, how long they may say nothing, and when they are closed.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Client};

use axum::body::{Body, Bytes};
use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade, close_code};
use axum::routing::get;
use futures_util::stream;
use testkit::http2;
use tokio::sync::mpsc::unbounded_channel;

use super::super::limits::HEAD_BYTES_MAX;
use super::*;

const STALL_MAX: Duration = Duration::from_secs(2);
/// Longest wait of a test for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than the system keeps for a connection.
const BYTES_MAX: usize = 64 * 1024 * 1024;
const CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];
const ASK: &[u8] = b"GET /short HTTP/1.1\r\nHost: here\r\n\r\n";

/// Serves a body without an end, and a short one.
async fn serve_with(limits: ConnectionLimits) -> (SocketAddr, watch::Sender<bool>) {
    let endless = || async { Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&CHUNK)))) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(endless)).route("/short", get(|| async { "short" }));
    let (stop, stopping) = Stopping::channel();
    tokio::spawn(answer_connections(vec![listener], router, limits, (None, STALL_MAX), stopping));
    (address, stop)
}

fn connect(address: SocketAddr) -> Client {
    let client = Client::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn ask(address: SocketAddr, request: &[u8]) -> Client {
    let mut client = connect(address);
    client.write_all(request).unwrap();
    client
}

/// Reads an answer whose length is told.
fn answer(client: &mut Client) -> String {
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.ends_with("short") && !text.ends_with('}') && client.read(&mut byte).unwrap() == 1 {
        text.push(char::from(byte[0]));
    }
    text
}

/// Reads until the server closes the connection.
fn is_closed(client: &mut Client) -> bool {
    let mut rest = [0; 1024];
    loop {
        match client.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            // It was closed although there was something to read.
            Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_dropped_and_one_that_reads_slowly_is_not() {
    let (address, _stop) = serve_with(ConnectionLimits::default()).await;
    let endless = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    let mut stuck = ask(address, endless);
    blocking(move || {
        let (mut client, mut bytes) = (ask(address, endless), vec![0; 256 * 1024]);
        for _ in 0..15 {
            client.read_exact(&mut bytes).expect("who reads goes on");
            std::thread::sleep(STALL_MAX / 10);
        }
    })
    .await;
    // What was on its way still comes, and then an end that a body without an end does not have.
    let rest = blocking(move || {
        let (mut bytes, mut buffer) = (0, vec![0; CHUNK.len()]);
        while let Ok(read @ 1..) = stuck.read(&mut buffer)
            && bytes < BYTES_MAX
        {
            bytes += read;
        }
        bytes
    });
    assert!(rest.await < BYTES_MAX, "the connection was not closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_nothing_or_half_a_head_or_nothing_more_are_closed() {
    let header_timeout = Duration::from_millis(200);
    let limits = ConnectionLimits { header_timeout, idle_timeout: 2 * header_timeout, ..ConnectionLimits::default() };
    let (address, _stop) = serve_with(limits).await;
    blocking(move || {
        for request in ["", "GET /short HTTP/1.1\r\nHost: he", "GET /short HTTP/1.1\r\nHost: here\r\nX: "] {
            assert!(is_closed(&mut ask(address, request.as_bytes())), "{request:?}");
        }
        let mut kept = ask(address, ASK);
        assert!(answer(&mut kept).starts_with("HTTP/1.1 200 OK"));
        assert!(is_closed(&mut kept), "a connection that is kept and not used");
        // A drop at a time is no whole head either.
        let mut slow = connect(address);
        let ended = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            slow.write_all(b"x").is_err()
        });
        assert!(ended, "a head that comes by the byte");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_beyond_a_limit_is_told_so_and_a_place_is_free_when_one_ends() {
    for (open_max, open_per_client, word) in [(2, 9, "--connections-max"), (9, 2, "--connections-per-client")] {
        let limits = ConnectionLimits { open_max, open_per_client, ..ConnectionLimits::default() };
        let (address, _stop) = serve_with(limits).await;
        blocking(move || {
            let mut open = [ask(address, ASK), ask(address, ASK)];
            open.iter_mut().for_each(|client| assert!(answer(client).starts_with("HTTP/1.1 200 OK")));
            let mut refused = connect(address);
            let text = answer(&mut refused);
            assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("too_many_connections") && text.contains(word), "{text}");
            assert!(is_closed(&mut refused));
            drop(open);
            let is_answered = |_| {
                std::thread::sleep(Duration::from_millis(10));
                let mut client = connect(address);
                client.write_all(ASK).is_ok() && answer_of(&mut client).starts_with("HTTP/1.1 200 OK")
            };
            assert!((0..1_000).any(is_answered), "no place was given back");
        })
        .await;
    }
}

/// Reads what comes, also when the server resets the connection.
fn answer_of(client: &mut Client) -> String {
    let mut bytes = [0; 1024];
    let read = client.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_limited_in_headers_and_bytes() {
    let (address, _stop) = serve_with(ConnectionLimits::default()).await;
    blocking(move || {
        let head = |headers: &str| format!("GET /short HTTP/1.1\r\nHost: here\r\n{headers}\r\n");
        let many: String = (0..101).map(|number| format!("X-{number}: 1\r\n")).collect();
        assert!(answer_of(&mut ask(address, head(&many).as_bytes())).starts_with("HTTP/1.1 431 "));
        // The server takes all of this and no more: what it would leave could reset the connection before its answer is read.
        let long = head(&format!("X: {}\r\n", "x".repeat(HEAD_BYTES_MAX)));
        let text = answer_of(&mut ask(address, &long.as_bytes()[..HEAD_BYTES_MAX]));
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_finishes_its_answers_and_closes_what_is_idle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ((begin, mut begun), (finish, finished)) = (unbounded_channel(), watch::channel(false));
    let slow = move || {
        let (begin, mut finished) = (begin.clone(), finished.clone());
        async move {
            begin.send(()).unwrap();
            finished.wait_for(|is_finished| *is_finished).await.unwrap();
            "short"
        }
    };
    let router = Router::new().route("/short", get(slow));
    let (stop, stopping) = Stopping::channel();
    let served =
        tokio::spawn(answer_connections(vec![listener], router, ConnectionLimits::default(), (None, STALL_MAX), stopping));
    let mut asked = blocking(move || ask(address, ASK)).await;
    begun.recv().await.unwrap();
    stop.send_replace(true);
    finish.send_replace(true);
    assert!(blocking(move || answer(&mut asked)).await.starts_with("HTTP/1.1 200 OK"));
    served.await.unwrap();
    assert!(blocking(move || Client::connect(address).is_err()).await, "it still accepts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_waits_for_the_last_words_of_its_web_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = Stopping::channel();
    let (parting, parted) = (watch::Sender::new(false), stopping.clone());
    let is_parted = parting.subscribe();
    let socket = move |upgrade: WebSocketUpgrade| {
        let (parting, mut stopping) = (parting.clone(), parted.clone());
        async move {
            upgrade.on_upgrade(async move |mut socket| {
                stopping.wait().await;
                // Long enough for a server that does not wait to be gone.
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
                parting.send_replace(true);
                let frame = CloseFrame { code: close_code::AWAY, reason: "stopping".into() };
                socket.send(Message::Close(Some(frame))).await.unwrap();
            })
        }
    };
    let router = Router::new().route("/socket", get(socket));
    let served =
        tokio::spawn(answer_connections(vec![listener], router, ConnectionLimits::default(), (None, STALL_MAX), stopping));
    let (mut client, _) =
        blocking(move || tungstenite::client(format!("ws://{address}/socket"), connect(address)).unwrap()).await;
    stop.send_replace(true);
    served.await.unwrap();
    assert!(*is_parted.borrow(), "the server did not wait");
    let close = blocking(move || client.read().unwrap()).await;
    let tungstenite::Message::Close(Some(frame)) = close else { panic!("{close:?}") };
    assert_eq!(u16::from(frame.code), 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_http_2_that_sends_no_whole_head_in_time_is_closed() {
    let header_timeout = Duration::from_millis(200);
    let limits = ConnectionLimits { header_timeout, idle_timeout: 2 * header_timeout, ..ConnectionLimits::default() };
    let (address, _stop) = serve_with(limits).await;
    blocking(move || {
        // The beginning of a preface; no request at all; the first half of a head, which its frame says is not the last.
        let begin = http2::begin(&[]);
        let half_a_head = [&begin[..], &http2::frame(http2::HEADERS, http2::END_STREAM, 1, &[0x82])].concat();
        for sent in [&begin[..10], &begin, &half_a_head] {
            assert!(is_closed(&mut ask(address, sent)), "{sent:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http_2_whose_client_takes_nothing_is_reset_and_its_connection_goes_on() {
    let (address, _stop) = serve_with(ConnectionLimits::default()).await;
    blocking(move || {
        let get = |stream: u32, path: &str| {
            let flags = http2::END_STREAM | http2::END_HEADERS;
            http2::frame(http2::HEADERS, flags, stream, &http2::head("GET", path, "here", &[]))
        };
        // The window of a stream is 64 KiB and never made wider.
        let mut client = ask(address, &[http2::begin(&[]), get(1, "/")].concat());
        let reset = loop {
            let frame = http2::read_frame(&mut client).unwrap().expect("the connection goes on");
            if frame.kind == http2::RST_STREAM {
                break frame;
            }
        };
        assert_eq!((reset.stream, reset.code()), (1, Some(http2::CANCEL)));
        client.write_all(&http2::frame(http2::PING, 0, 0, b"are you?")).unwrap();
        let is_answer = |frame: &http2::RawFrame| frame.kind == http2::PING && frame.flags == http2::ACK;
        while !is_answer(&http2::read_frame(&mut client).unwrap().expect("the connection goes on")) {}
    })
    .await;
}
