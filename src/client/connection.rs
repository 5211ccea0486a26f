//! A server as the commands talk to it.
//!
//! Owns the HTTP client and the token. Paths and bodies enter; answers, or why there is none, leave.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::Agent;
use ureq::http::StatusCode;

use super::error::ClientError;
use crate::file_error::FileError;

/// Most time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most characters of an answer that is not understood which are repeated to the user.
const UNKNOWN_ANSWER_CHARACTERS: usize = 200;

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
    /// A connection to `server`, made with the first request; the token is read from a file.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, ClientError> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .build()
            .new_agent();
        let authorization = match token_file {
            None => None,
            Some(path) => Some(authorization(&fs::read_to_string(path).map_err(FileError::read(path))?)),
        };
        Ok(Self { agent, server: server.trim_end_matches('/').to_owned(), authorization })
    }

    /// Reads an object.
    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        let mut request = self.agent.get(format!("{}{path}", self.server));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let response = self.read(request.call())?;
        let is_object = |value: &Value| value.is_object();
        let value = serde_json::from_str(&response.text).ok().filter(is_object).filter(|_| response.status == StatusCode::OK);
        value.ok_or_else(|| self.refused(&response))
    }

    /// Asks for an answer without an end, whose parts are read as they come.
    pub fn stream(&self, path: &str) -> Result<impl Read + use<>, ClientError> {
        let mut request = self.agent.get(format!("{}{path}", self.server)).header("accept", "text/event-stream");
        request = request.config().timeout_global(None).build();
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.call().map_err(|error| self.unreachable(&error.to_string()))?;
        if response.status() != StatusCode::OK {
            let response = self.read(Ok(response))?;
            return Err(self.refused(&response));
        }
        Ok(response.into_body().into_reader())
    }

    /// Sends a body.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Response, NoResponse> {
        let mut request = self.agent.post(format!("{}{path}", self.server)).header("content-type", content_type);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        self.read(request.send(body))
    }

    /// Removes what is at a path.
    pub fn delete(&self, path: &str) -> Result<Response, NoResponse> {
        let mut request = self.agent.delete(format!("{}{path}", self.server));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        self.read(request.call())
    }

    fn read(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Response, NoResponse> {
        let mut response = match response {
            Ok(response) => response,
            Err(ureq::Error::BadUri(detail)) => {
                return Err(NoResponse::Lasting(self.unreachable(&format!("'{detail}' is not an address"))));
            }
            Err(error) => return Err(NoResponse::Passing(self.unreachable(&error.to_string()))),
        };
        let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| NoResponse::Passing(self.unreachable(&error.to_string())))?;
        Ok(Response { status: response.status(), text, retry_after: seconds.map(Duration::from_secs) })
    }

    /// The error of a request that got no answer, or no whole one.
    pub fn unreachable(&self, detail: &str) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), detail: detail.to_owned() }
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
        ClientError::Refused { server: self.server.clone(), status: response.status.as_u16(), detail: problem(&response.text) }
    }
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
    use super::*;

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
