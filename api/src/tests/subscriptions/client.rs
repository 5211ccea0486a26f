//! A server on a real socket, and clients of its subscriptions that share no code with it: lines read from a connection, and a WebSocket
//! of `tungstenite`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use schemas::position::Epoch;
use serde_json::Value as Json;
use sinks::views::Views;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::ConnectionLimits;
use crate::tests::{ApiConfig, api_with};

/// Longest wait of a test for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and the runtime it runs on.
pub(in crate::tests) struct Server {
    pub(in crate::tests) address: SocketAddr,
    pub(in crate::tests) views: Arc<Views>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
}

impl Server {
    pub(in crate::tests) fn start(views: Arc<Views>, config: ApiConfig) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let router = api_with(Arc::clone(&views), config);
        let serve =
            crate::serve(
                vec![listener],
                router,
                ConnectionLimits::default(),
                None,
                async move { stopped.await.unwrap_or_default() },
            );
        let served = Some(runtime.spawn(serve));
        Self { address, views, stop: Some(stop), served, runtime }
    }

    /// Asks the server to stop, and waits until it has.
    pub(in crate::tests) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.runtime.block_on(self.served.take().unwrap()).unwrap();
    }

    /// Waits until an epoch is visible.
    pub(in crate::tests) fn wait_for(&self, epoch: u64) {
        let begun = Instant::now();
        while self.views.position().epoch < Epoch(epoch) {
            assert!(begun.elapsed() < PATIENCE, "epoch {epoch} was never published");
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(in crate::tests) fn sse(&self, uri: &str, headers: &[(&str, &str)]) -> Client {
        Client::sse(self.address, uri, headers).unwrap_or_else(|(status, body)| panic!("{status}: {body}"))
    }
}

/// One message of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tests) struct ClientEvent {
    pub(in crate::tests) name: String,
    pub(in crate::tests) id: Option<String>,
    pub(in crate::tests) data: Json,
}

/// A subscription.
pub(in crate::tests) enum Client {
    Sse { stream: BufReader<TcpStream>, text: String, heartbeats: usize },
    WebSocket(Box<WebSocket<TcpStream>>),
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

impl Client {
    /// Subscribes by server-sent events; an answer that is none is an error.
    pub(in crate::tests) fn sse(address: SocketAddr, uri: &str, headers: &[(&str, &str)]) -> Result<Self, (u16, String)> {
        let mut stream = connect(address);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "GET {uri} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").unwrap();
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_ascii_lowercase());
        }
        let status: u16 = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let header = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        if status != 200 {
            let mut body = vec![0; header("content-length: ").unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            return Err((status, String::from_utf8(body).unwrap()));
        }
        assert_eq!(header("content-type: ").as_deref(), Some("text/event-stream"));
        assert_eq!(header("transfer-encoding: ").as_deref(), Some("chunked"));
        Ok(Self::Sse { stream, text: String::new(), heartbeats: 0 })
    }

    /// Subscribes over a WebSocket; `uri` ends with `/subscribe` before its query.
    pub(in crate::tests) fn web_socket(address: SocketAddr, uri: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{uri}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tungstenite::client(request, connect(address)) {
            Ok((socket, _)) => Ok(Self::WebSocket(Box::new(socket))),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next event; `None` when the server has ended the subscription.
    pub(in crate::tests) fn next(&mut self) -> Option<ClientEvent> {
        match self {
            Self::WebSocket(socket) => loop {
                match socket.read().unwrap() {
                    Message::Text(text) => return Some(event_of_message(&text)),
                    Message::Close(_) => return None,
                    _ => {}
                }
            },
            Self::Sse { stream, text, heartbeats } => loop {
                if let Some(end) = text.find("\n\n") {
                    let block: String = text.drain(..end + 2).collect();
                    match event_of_block(&block) {
                        Some(event) => return Some(event),
                        None => *heartbeats += 1,
                    }
                } else if !read_chunk(stream, text) {
                    assert_eq!(text, "", "the subscription ended in the middle of an event");
                    return None;
                }
            },
        }
    }

    /// Reads until an event of this name, and returns it.
    pub(in crate::tests) fn until(&mut self, name: &str) -> ClientEvent {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("the subscription ended before '{name}'"));
            if event.name == name {
                return event;
            }
        }
    }

    /// Waits for a comment.
    pub(in crate::tests) fn heartbeat(&mut self) {
        let Self::Sse { stream, text, .. } = self else { panic!("not server-sent events") };
        while !text.starts_with(": ") {
            assert!(read_chunk(stream, text));
        }
    }
}

fn read_chunk(stream: &mut BufReader<TcpStream>, text: &mut String) -> bool {
    let mut size = String::new();
    stream.read_line(&mut size).unwrap();
    let size = usize::from_str_radix(size.trim(), 16).unwrap_or_else(|_| panic!("'{size}' is no length of a chunk"));
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk).unwrap();
    text.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
    size > 0
}

/// As the standard reads it: lines of `field: value`, comments passed over.
fn event_of_block(block: &str) -> Option<ClientEvent> {
    let fields: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once(": ")).collect();
    let name = (*fields.get("event")?).to_owned();
    let id = fields.get("id").map(|id| (*id).to_owned());
    Some(ClientEvent { name, id, data: serde_json::from_str(fields["data"]).unwrap() })
}

fn event_of_message(text: &str) -> ClientEvent {
    let mut data: Json = serde_json::from_str(text).unwrap();
    let mut take = |name: &str| data.as_object_mut().unwrap().remove(name).map(|value| value.as_str().unwrap().to_owned());
    let (name, id) = (take("event").unwrap(), take("id"));
    ClientEvent { name, id, data }
}
