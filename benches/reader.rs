//! A reader of feeds over HTTP: one connection that is kept, one request at a time.
//!
//! Written by hand over a socket, so that what the client costs is small beside what the server costs. Tokens and users enter, how long
//! each page took leaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;

/// Longest wait of a reader for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows of a page.
pub const PAGE_ROWS: usize = 20;
const CONTENT_LENGTH: &str = "content-length:";

/// A connection.
struct Connection {
    answers: BufReader<TcpStream>,
    body: Vec<u8>,
}

/// Reads the first page of one user's feed after another's until it is told to stop. Answers the seconds that each page took.
pub fn read_pages(address: SocketAddr, readers: &[(u64, String)], stop: &AtomicBool) -> Result<Vec<f64>, Failure> {
    let requests: Vec<String> = readers.iter().map(|(user, token)| request(*user, token)).collect();
    let mut connection = Connection::open(address)?;
    let mut seconds = Vec::new();
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        connection.get(request)?;
        seconds.push(asked.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

fn request(user: u64, token: &str) -> String {
    format!(
        "GET /v1/views/following_feed?user_id=eq.{user}&limit={PAGE_ROWS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { answers: BufReader::new(stream), body: Vec::new() })
    }

    /// Asks, and reads the whole answer, which must be a full page.
    fn get(&mut self, request: &str) -> Result<(), Failure> {
        self.answers.get_mut().write_all(request.as_bytes())?;
        let (status, length) = self.head()?;
        self.body.resize(length, 0);
        self.answers.read_exact(&mut self.body)?;
        let rows = self.body.windows(b"\"post_id\"".len()).filter(|bytes| *bytes == b"\"post_id\"").count();
        if !status.contains(" 200 ") || rows != PAGE_ROWS {
            let body = String::from_utf8_lossy(&self.body);
            return Err(format!("a page of {rows} rows, {status}: {body}").into());
        }
        Ok(())
    }

    /// The status line, and the bytes of the body.
    fn head(&mut self) -> Result<(String, usize), Failure> {
        let mut status = String::new();
        self.answers.read_line(&mut status)?;
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if self.answers.read_line(&mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                return Ok((status, length));
            }
            if let Some(value) = field.strip_prefix(CONTENT_LENGTH) {
                length = value.trim().parse()?;
            }
        }
    }
}
