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

/// The head of an answer.
#[derive(Default)]
struct Head {
    /// the status line
    status: String,
    /// bytes of the body, if they were known beforehand
    length: Option<usize>,
    is_chunked: bool,
    /// content coding
    coding: String,
    tag: String,
}

/// A connection.
struct Connection {
    answers: BufReader<TcpStream>,
    body: Vec<u8>,
}

/// A form in which pages are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// as they are: a feed of its reader's own
    Plain,
    /// in this content coding
    Compressed(&'static str),
    /// only if it has changed, which it has not: the tag of a private page is made of its rows
    Changed,
    /// a page of a public view
    Public,
    /// the same, only if it has changed
    PublicChanged,
}

impl Wanted {
    /// Every form, the plain one first.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Compressed("gzip"),
        Self::Compressed("br"),
        Self::Compressed("zstd"),
        Self::Changed,
        Self::Public,
        Self::PublicChanged,
    ];

    /// Name of the form in the table of results.
    pub fn words(self) -> String {
        match self {
            Self::Plain => "of one reader, not compressed".to_owned(),
            Self::Compressed(coding) => format!("of one reader, {coding}"),
            Self::Changed => "of one reader, 304".to_owned(),
            Self::Public => "for everybody, not compressed".to_owned(),
            Self::PublicChanged => "for everybody, 304".to_owned(),
        }
    }

    /// The headers that ask for it, given the tag of the page.
    fn headers(self, tag: &str) -> String {
        match self {
            Self::Plain | Self::Public => String::new(),
            Self::Compressed(coding) => format!("Accept-Encoding: {coding}\r\n"),
            Self::Changed | Self::PublicChanged => format!("If-None-Match: {tag}\r\n"),
        }
    }
}

/// Reads the first page of one user's feed after another's until it is told to stop. Answers the seconds that each page took.
pub fn read_pages(
    address: SocketAddr,
    readers: &[(u64, String)],
    wanted: Wanted,
    stop: &AtomicBool,
) -> Result<Vec<f64>, Failure> {
    let mut connection = Connection::open(address)?;
    let mut requests = Vec::with_capacity(readers.len());
    for (user, token) in readers {
        let (plain, request): (Wanted, fn(u64, &str, usize, &str) -> String) = match wanted {
            Wanted::Public | Wanted::PublicChanged => (Wanted::Public, |_, token, rows, headers| public_request(token, rows, headers)),
            _ => (Wanted::Plain, page_request),
        };
        let tag = connection.get(&request(*user, token, PAGE_ROWS, &plain.headers("")), plain)?;
        requests.push(request(*user, token, PAGE_ROWS, &wanted.headers(&tag)));
    }
    let mut seconds = Vec::new();
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        connection.get(request, wanted)?;
        seconds.push(asked.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

/// A request for the first rows of a user's feed, with further headers.
pub fn page_request(user: u64, token: &str, rows: usize, headers: &str) -> String {
    format!(
        "GET /v1/views/following_feed?user_id=eq.{user}&limit={rows} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         {headers}\r\n"
    )
}

/// A request for the first rows of a view that everybody may read, by a reader who is known: one who is not has the limits of an address.
fn public_request(token: &str, rows: usize, headers: &str) -> String {
    format!("GET /v1/views/posts?limit={rows} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{headers}\r\n")
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { answers: BufReader::new(stream), body: Vec::new() })
    }

    /// Asks, and reads the whole answer, which must be what was wanted: a full page, or nothing new. Returns the tag of the page.
    fn get(&mut self, request: &str, wanted: Wanted) -> Result<String, Failure> {
        self.answers.get_mut().write_all(request.as_bytes())?;
        let head = self.head()?;
        self.body.clear();
        match head.length {
            Some(length) => {
                self.body.resize(length, 0);
                self.answers.read_exact(&mut self.body)?;
            }
            None if head.is_chunked => self.chunks()?,
            None => {}
        }
        let rows = self.body.windows(b"\"post_id\"".len()).filter(|bytes| *bytes == b"\"post_id\"").count();
        let is_wanted = match wanted {
            Wanted::Plain | Wanted::Public => head.status.contains(" 200 ") && rows == PAGE_ROWS,
            Wanted::Compressed(coding) => head.status.contains(" 200 ") && head.coding == coding && !self.body.is_empty(),
            Wanted::Changed | Wanted::PublicChanged => head.status.contains(" 304 ") && self.body.is_empty(),
        };
        if !is_wanted {
            let body = String::from_utf8_lossy(&self.body);
            return Err(format!("a page of {rows} rows, {}: {body}", head.status).into());
        }
        Ok(head.tag)
    }

    fn head(&mut self) -> Result<Head, Failure> {
        let mut head = Head::default();
        self.answers.read_line(&mut head.status)?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.answers.read_line(&mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(head) };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse()?),
                "transfer-encoding" => head.is_chunked = true,
                "content-encoding" => value.clone_into(&mut head.coding),
                "etag" => value.clone_into(&mut head.tag),
                _ => {}
            }
        }
    }

    /// Reads a body whose length was not known beforehand.
    fn chunks(&mut self) -> Result<(), Failure> {
        let mut line = String::new();
        loop {
            line.clear();
            self.answers.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim_end(), 16)?;
            let start = self.body.len();
            self.body.resize(start + length, 0);
            self.answers.read_exact(&mut self.body[start..])?;
            self.answers.read_line(&mut line)?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}
