//! A server for tests of the client: it gives each request the next of its answers, and then is gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// An answer that is given.
pub struct CannedAnswer {
    /// its status and what follows it in the first line
    pub status: &'static str,
    /// further headers, each with its line break
    pub headers: &'static str,
    /// its body
    pub body: String,
}

/// An answer of this status with JSON.
pub fn canned(status: &'static str, body: impl ToString) -> CannedAnswer {
    CannedAnswer { status, headers: "", body: body.to_string() }
}

/// A request as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct CannedRequest {
    /// method and path
    pub line: String,
    /// its body
    pub body: String,
}

/// A server with a list of answers.
pub struct CannedServer {
    /// its address
    pub url: String,
    served: JoinHandle<Vec<CannedRequest>>,
}

impl CannedServer {
    /// Starts to answer.
    pub fn start(answers: Vec<CannedAnswer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let serve = move || answers.into_iter().map(|answer| serve(&listener, &answer)).collect();
        Self { url, served: std::thread::spawn(serve) }
    }

    /// Returns the requests once all answers were given.
    pub fn requests(self) -> Vec<CannedRequest> {
        self.served.join().expect("a server that answers")
    }
}

fn serve(listener: &TcpListener, answer: &CannedAnswer) -> CannedRequest {
    let (mut stream, _) = listener.accept().expect("a request");
    let request = read(&mut stream);
    let CannedAnswer { status, headers, body } = answer;
    let length = body.len();
    // In one piece: a client that does not want the body may go away after the head.
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(answer.as_bytes()).expect("a reader");
    request
}

fn read(stream: &mut TcpStream) -> CannedRequest {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a first line");
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(bytes) = header.strip_prefix("content-length:") {
            length = bytes.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    CannedRequest { line, body: String::from_utf8(body).expect("a text") }
}
