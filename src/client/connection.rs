//! A server as the commands talk to it.
//!
//! Owns the HTTP client, the token, and the patience with a server that takes no more requests for the moment. Paths and bodies enter;
//! answers, or why there is none, leave.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::error::ClientError;
use crate::file_error::FileError;
use crate::tls_trust::{distrust, trust};

/// Most time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most times in a row that a server may put a request off before it is given up.
const REFUSALS_MAX: u32 = 60;
/// Longest wait before a request that was put off is made again, whatever the server says.
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(60);
/// The wait when the server does not say how long.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The beginning of an address that is asked over TLS.
const SECURE: &str = "https://";
/// The most characters of an answer that is not understood which are repeated to the user.
const UNKNOWN_ANSWER_CHARACTERS: usize = 200;

/// An answer whose body is not read yet, or why there is none.
type Answered = Result<ureq::http::Response<Body>, ureq::Error>;

/// A server and how to talk to it.
pub struct Connection {
    agent: Agent,
    server: String,
    authorization: Option<String>,
}

/// Answer of a server, whatever its status.
pub struct Response {
    /// its status
    pub status: StatusCode,
    /// its body
    pub text: String,
    /// time after which it is worth asking again, if the answer says so
    pub retry_after: Option<Duration>,
}

/// Reason why there was no answer.
pub enum NoResponse {
    /// it may be there when it is tried again
    Passing(ClientError),
    /// it will never be
    Lasting(ClientError),
}

impl From<NoResponse> for ClientError {
    fn from(reason: NoResponse) -> Self {
        match reason {
            NoResponse::Passing(failure) | NoResponse::Lasting(failure) => failure,
        }
    }
}

impl Connection {
    /// A connection to `server`, made with the first request; the token is read from a file. Over TLS the server is trusted if a public
    /// authority says who it is, or the one that the environment names.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, ClientError> {
        Self::trusting(server, token_file, None)
    }

    /// A connection to `server`, which the authorities in a file are trusted to know.
    pub fn trusting(server: &str, token_file: Option<&Path>, ca_cert: Option<&Path>) -> Result<Self, ClientError> {
        // What is not read is not missed: over plain HTTP nobody is asked who the server is.
        let tls = if is_secure(server) { trust(ca_cert)? } else { TlsConfig::default() };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            // No token and no event goes to where somebody else points, which might be without TLS.
            .max_redirects(0)
            .tls_config(tls)
            .build()
            .new_agent();
        let authorization = match token_file {
            None => None,
            Some(path) => Some(authorization(&fs::read_to_string(path).map_err(FileError::read(path))?)),
        };
        Ok(Self { agent, server: server.trim_end_matches('/').to_owned(), authorization })
    }

    /// Reads an object, as soon as the server takes the request.
    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        let request = || {
            let mut request = self.agent.get(format!("{}{path}", self.server));
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.call()
        };
        let response = self.read(patiently(request))?;
        let is_object = |value: &Value| value.is_object();
        let value = serde_json::from_str(&response.text).ok().filter(is_object).filter(|_| response.status == StatusCode::OK);
        value.ok_or_else(|| self.refused(&response))
    }

    /// Asks for an answer without an end, whose parts are read as they come, as soon as the server takes the request.
    pub fn stream(&self, path: &str) -> Result<impl Read + use<>, ClientError> {
        let request = || {
            let mut request = self.agent.get(format!("{}{path}", self.server)).header("accept", "text/event-stream");
            request = request.config().timeout_global(None).build();
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.call()
        };
        let response = patiently(request).map_err(|error| self.no_answer(&error))?;
        if response.status() != StatusCode::OK {
            let response = self.read(Ok(response))?;
            return Err(self.refused(&response));
        }
        Ok(response.into_body().into_reader())
    }

    /// Sends a body once; the caller decides what follows when the server puts it off.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Response, NoResponse> {
        self.read(self.send(path, content_type, body))
    }

    /// Sends a body as soon as the server takes the request.
    pub fn post_patiently(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Response, NoResponse> {
        self.read(patiently(|| self.send(path, content_type, body)))
    }

    fn send(&self, path: &str, content_type: &str, body: &[u8]) -> Answered {
        let mut request = self.agent.post(format!("{}{path}", self.server)).header("content-type", content_type);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        request.send(body)
    }

    /// Removes what is at a path, as soon as the server takes the request.
    pub fn delete(&self, path: &str) -> Result<Response, NoResponse> {
        let request = || {
            let mut request = self.agent.delete(format!("{}{path}", self.server));
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.call()
        };
        self.read(patiently(request))
    }

    fn read(&self, response: Answered) -> Result<Response, NoResponse> {
        let mut response = match response {
            Ok(response) => response,
            Err(ureq::Error::BadUri(detail)) => {
                return Err(NoResponse::Lasting(self.unreachable(&format!("'{detail}' is not an address"))));
            }
            Err(error) => {
                let failure = self.no_answer(&error);
                let is_lasting = matches!(failure, ClientError::Untrusted { .. });
                return Err(if is_lasting { NoResponse::Lasting(failure) } else { NoResponse::Passing(failure) });
            }
        };
        let retry_after = retry_after(response.headers());
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| NoResponse::Passing(self.unreachable(&error.to_string())))?;
        Ok(Response { status: response.status(), text, retry_after })
    }

    fn no_answer(&self, error: &ureq::Error) -> ClientError {
        match distrust(error) {
            Some(detail) => ClientError::Untrusted { server: self.server.clone(), detail },
            None => self.unreachable(&error.to_string()),
        }
    }

    /// The error of a request that got no answer, or no whole one.
    pub fn unreachable(&self, detail: &str) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), detail: detail.to_owned() }
    }

    /// The error of an answer that this version does not know.
    pub fn unexpected(&self, detail: &str) -> ClientError {
        ClientError::Unexpected { server: self.server.clone(), detail: detail.to_owned() }
    }

    /// The error of a server that takes nothing, although it was asked again and again.
    pub fn refused_for_long(&self, detail: String) -> ClientError {
        ClientError::Refused { server: self.server.clone(), status: StatusCode::TOO_MANY_REQUESTS.as_u16(), detail }
    }

    /// The error of something that is not there, in words of ours.
    pub fn not_found(&self, detail: String) -> ClientError {
        ClientError::Refused { server: self.server.clone(), status: StatusCode::NOT_FOUND.as_u16(), detail }
    }

    /// The error of an answer in parts that ended with a problem.
    pub fn refused_in_stream(&self, problem: &Value) -> ClientError {
        let status = problem["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let detail = problem["detail"].as_str().map_or_else(|| problem.to_string(), ToOwned::to_owned);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
        ClientError::Refused { server: self.server.clone(), status, detail }
    }

    /// An answer that is not the one that was asked for.
    pub fn refused(&self, response: &Response) -> ClientError {
        if response.status.is_redirection() {
            let detail = "it points to another address, which is not followed: name the right one by --server".to_owned();
            return ClientError::Refused { server: self.server.clone(), status: response.status.as_u16(), detail };
        }
        ClientError::Refused { server: self.server.clone(), status: response.status.as_u16(), detail: problem(&response.text) }
    }
}

/// Returns true if an address is asked over TLS.
fn is_secure(server: &str) -> bool {
    server.get(..SECURE.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(SECURE))
}

/// Makes a request, and again while the server puts it off: at most [`REFUSALS_MAX`] times. What was put off has changed nothing.
fn patiently(request: impl Fn() -> Answered) -> Answered {
    for _ in 0..REFUSALS_MAX {
        let response = request()?;
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            return Ok(response);
        }
        let wait = wait_before_next(retry_after(response.headers()));
        tracing::info!(wait_ms = wait.as_millis() as u64, "the server takes no more requests for the moment");
        thread::sleep(wait);
    }
    request()
}

fn wait_before_next(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or(REFUSAL_WAIT).min(REFUSAL_WAIT_MAX)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs)
}

/// A text as a part of a path or a query.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The header of a token file, which holds a token or the header itself.
fn authorization(text: &str) -> String {
    let text = text.trim();
    let token = text.strip_prefix("Authorization:").unwrap_or(text).trim();
    format!("Bearer {}", token.strip_prefix("Bearer ").unwrap_or(token))
}

/// The words of a problem, or the beginning of whatever it is.
pub(super) fn problem(text: &str) -> String {
    #[derive(Deserialize)]
    struct ProblemDetail {
        detail: String,
    }
    match serde_json::from_str::<ProblemDetail>(text) {
        Ok(problem) => problem.detail,
        Err(_) => text.chars().take(UNKNOWN_ANSWER_CHARACTERS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canned::{CannedAnswer, CannedServer, canned};
    use super::*;

    /// An answer that puts a request off for no time.
    fn put_off() -> CannedAnswer {
        CannedAnswer { headers: "retry-after: 0\r\n", ..canned("429 Too Many Requests", json!({ "detail": "too many" })) }
    }

    #[test]
    fn every_request_but_one_that_is_sent_once_is_made_again_while_it_is_put_off() {
        let server =
            CannedServer::start((0..9).map(|number| if number % 2 == 0 { put_off() } else { canned("200 OK", "{}") }).collect());
        let connection = Connection::new(&server.url, None).unwrap();
        assert_eq!(connection.get("/get").unwrap(), json!({}));
        let mut streamed = String::new();
        connection.stream("/stream").unwrap().read_to_string(&mut streamed).unwrap();
        assert_eq!(streamed, "{}");
        assert_eq!(connection.delete("/delete").ok().unwrap().status, StatusCode::OK);
        assert_eq!(connection.post_patiently("/patient", "text/plain", b"x").ok().unwrap().status, StatusCode::OK);
        assert_eq!(connection.post("/once", "text/plain", b"x").ok().unwrap().status, StatusCode::TOO_MANY_REQUESTS);
        let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
        let twice = ["GET /get", "GET /stream", "DELETE /delete", "POST /patient"].into_iter().flat_map(|line| [line, line]);
        assert_eq!(lines, twice.chain(["POST /once"]).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_sent_to_where_an_answer_points() {
        let moved =
            || CannedAnswer { headers: "location: http://127.0.0.1:1/elsewhere\r\n", ..canned("307 Temporary Redirect", "") };
        let server = CannedServer::start((0..3).map(|_| moved()).collect());
        let connection = Connection::new(&server.url, None).unwrap();
        let said = [connection.get("/get").unwrap_err(), connection.stream("/stream").err().unwrap()];
        assert!(said.iter().all(|error| error.to_string().contains("points to another address")), "{said:?}");
        assert_eq!(connection.post("/once", "text/plain", b"x").ok().unwrap().status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(server.requests().len(), 3);
    }

    #[test]
    fn a_server_that_always_puts_off_is_given_up_and_no_wait_is_longer_than_a_minute() {
        let server = CannedServer::start((0..=REFUSALS_MAX).map(|_| put_off()).collect());
        let connection = Connection::new(&server.url, None).unwrap();
        let error = connection.get("/v1/status").unwrap_err();
        assert!(matches!(error, ClientError::Refused { status: 429, .. }), "{error}");
        assert_eq!(server.requests().len(), 61);
        let waits = [None, Some(Duration::from_secs(7)), Some(Duration::from_secs(3_600))].map(wait_before_next);
        assert_eq!(waits.map(|wait| wait.as_secs()), [1, 7, 60]);
    }

    #[test]
    fn a_token_file_holds_a_token_or_the_header() {
        for text in ["abc.def\n", "Bearer abc.def", "Authorization: Bearer abc.def\n"] {
            assert_eq!(authorization(text), "Bearer abc.def", "{text:?}");
        }
    }

    #[test]
    fn problems_are_repeated_in_their_own_words() {
        assert_eq!(
            problem(r#"{"type":"urn:x","detail":"sending events needs a bearer token"}"#),
            "sending events needs a bearer token"
        );
        assert_eq!(problem("<html>bad gateway</html>"), "<html>bad gateway</html>");
    }
}
