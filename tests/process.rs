//! The program as a process of its own: started on a free port of this machine, asked over HTTP, killed when the test is done.
//!
//! Owns the processes and the client. Arguments and requests enter; answers, printed lines and exit codes leave.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use ureq::Agent;

use crate::answers::{JsonRow, Views};

/// Longest wait before a test gives up; reached only by a program that hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Pause of a test before it looks again.
const PAUSE: Duration = Duration::from_millis(5);
/// Pause before lines are sent again that were refused because the views are behind.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(200);
/// The key that the tests sign tokens with.
pub const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Rows of a page when whole views are read.
const PAGE: usize = 1_000;

/// Looks until there is something to see.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The program with these arguments, where the topologies are.
pub fn tidewater(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewater"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A token of a user with these scopes.
pub fn token(user: u64, scope: &str) -> String {
    let claims = json!({ "sub": user.to_string(), "scope": scope, "exp": 4_102_444_800_u64 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// A token that may send events and read dead letters.
pub fn operator() -> String {
    token(1, "events:write operator")
}

/// A process that ends with the test.
pub struct Process {
    child: Child,
    printed: Receiver<String>,
    complaint: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts the program.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut tidewater(arguments))
    }

    /// Starts a program whose words are taken.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (print, printed) = channel();
        // Ends with the pipe, which ends with the process.
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| print.send(line).is_ok()));
        // Read all the time: a process whose words nobody takes comes to a stop.
        let complaint = std::thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).unwrap();
            String::from_utf8_lossy(&said).into_owned()
        });
        Self { child, printed, complaint: Some(complaint) }
    }

    /// The next line on standard output; `None` when there will be none.
    pub fn line(&self) -> Option<String> {
        match self.printed.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the program printed nothing for {PATIENCE:?}"),
        }
    }

    /// Standard error until the process ends.
    pub fn complaint(&mut self) -> String {
        self.complaint.take().map_or_else(String::new, |reader| reader.join().unwrap())
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends it a signal such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "the process was gone");
    }

    /// Ends the process at once, as a failing machine does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, as a supervisor does, and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the end of the process", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answer of the server.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub position: Option<String>,
    pub retry_after: Option<u64>,
    pub text: String,
}

impl Answer {
    /// Returns the number of lines, the last ones, that were refused because the views are behind: they are to be sent again.
    pub fn refused(&self) -> usize {
        self.json()["refused"]
            .as_u64()
            .and_then(|refused| usize::try_from(refused).ok())
            .expect("the answer counts refused lines")
    }

    /// The answer as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The rows of a page.
    pub fn rows(&self) -> Vec<JsonRow> {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_value(self.json()["rows"].clone()).unwrap()
    }
}

/// A client of a server.
#[derive(Clone)]
pub struct Client {
    pub address: String,
    agent: Agent,
}

/// A server on `topologies/social`, and its client.
pub struct Server {
    pub process: Process,
    pub client: Client,
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Server {
    /// `run` on a data directory; waits until the views show what the log has.
    pub fn run(data: &Path, more: &[&str]) -> Self {
        Self::run_ready(&Launch { data, more, ..Launch::default() })
    }

    /// As [`run`](Self::run), in other circumstances.
    pub fn run_ready(launch: &Launch<'_>) -> Self {
        let mut server =
            launch.server().unwrap_or_else(|mut process| panic!("the server did not start: {}", process.complaint()));
        eventually("readiness", || {
            let ready = server.try_get("/readyz").is_ok_and(|answer| answer.status == 200);
            let ended = server.process.ended();
            assert!(ready || ended.is_none(), "the server ended, {ended:?}: {}", server.process.complaint());
            ready.then_some(())
        });
        server
    }
}

/// Options of a server's start.
pub struct Launch<'a> {
    /// the data directory, where the file with the key is put too
    pub data: &'a Path,
    pub topologies: &'a str,
    /// further arguments
    pub more: &'a [&'a str],
    pub environment: &'a [(&'a str, &'a str)],
    /// a program that starts it, with its arguments
    pub under: &'a [&'a str],
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Self { data: Path::new(""), topologies: "topologies/social", more: &[], environment: &[], under: &[] }
    }
}

impl Launch<'_> {
    /// The command line.
    pub fn command(&self) -> Command {
        let key = self.data.join("key");
        // On a full disk it is there from before.
        if !key.exists() {
            std::fs::create_dir_all(self.data).unwrap();
            std::fs::write(&key, SECRET).unwrap();
        }
        let (data, key) = (self.data.to_str().unwrap(), key.to_str().unwrap());
        let mut arguments = vec!["run", "--topologies", self.topologies, "--data", data];
        if !self.more.contains(&"--listen") {
            arguments.extend(["--listen", "127.0.0.1:0"]);
        }
        arguments.extend(["--auth-hs256-secret-file", key]);
        arguments.extend(self.more);
        let mut command = match self.under {
            [] => tidewater(&arguments),
            [program, first @ ..] => {
                let mut command = Command::new(program);
                command.args(first).arg(env!("CARGO_BIN_EXE_tidewater")).args(&arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
                command
            }
        };
        command.envs(self.environment.iter().copied());
        command
    }

    /// Starts it and returns as soon as it has an address, or with the process that ended before.
    pub fn server(&self) -> Result<Server, Process> {
        let process = Process::spawn(&mut self.command());
        let Some(line) = process.line() else { return Err(process) };
        let address = line.split_once("://").unwrap_or_else(|| panic!("no address in '{line}'")).1.to_owned();
        Ok(Server { process, client: Client::new(address) })
    }
}

impl Client {
    /// A client of the server at an address.
    pub fn new(address: String) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().new_agent();
        Self { address, agent }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Reads.
    pub fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.call()).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// An answer that is read as it comes; it has to begin well.
    pub fn stream(&self, path: &str, headers: &[(&str, String)]) -> impl Read + use<> {
        let request = self.agent.get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let response = request.call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(response.status().as_u16(), 200, "GET {path}");
        response.into_body().into_reader()
    }

    /// Reads without a token; an error when the server went away.
    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        read(self.agent.get(self.url(path)).call())
    }

    /// Sends lines; an error when the server went away.
    pub fn try_post(&self, body: &[u8], token: Option<&str>) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(self.url("/v1/events")).header("content-type", "application/x-ndjson");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.send(body))
    }

    /// Sends a JSON object.
    pub fn post_json(&self, path: &str, body: &Value, token: Option<&str>) -> Answer {
        let mut request = self.agent.post(self.url(path)).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.send(body.to_string())).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Posts without a body.
    pub fn post_empty(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = self.agent.post(self.url(path)).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.send_empty()).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends lines that are all taken and waits until they are visible; the position at which they are.
    pub fn ingest(&self, lines: &[impl AsRef<str>]) -> String {
        let mut last = String::new();
        for batch in lines.chunks(2_000) {
            let mut rest = batch;
            while !rest.is_empty() {
                let body: String = rest.iter().flat_map(|line| [line.as_ref(), "\n"]).collect();
                let answer = self.try_post(body.as_bytes(), Some(&operator())).unwrap();
                assert!(matches!(answer.status, 200 | 429), "{}", answer.text);
                assert_eq!(answer.json()["rejected"], 0, "{}", answer.text);
                let taken = rest.len() - answer.refused();
                if taken > 0 {
                    last = answer.json()["position"].as_str().unwrap().to_owned();
                } else {
                    std::thread::sleep(REFUSED_PAUSE);
                }
                rest = &rest[taken..];
            }
            let visible = self.get(&format!("/v1/views/posts?limit=1&wait=30000&after={last}"), None);
            assert_eq!(visible.status, 200, "{}", visible.text);
        }
        last
    }

    /// All rows that a query has, page by page.
    pub fn pages(&self, query: &str, limit: usize, token: Option<&str>) -> Vec<JsonRow> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if query.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{query}{separator}limit={limit}{cursor}"), token);
            let found = page.rows();
            assert!(found.len() <= limit, "{} rows for limit={limit}", found.len());
            rows.extend(found);
            match page.json()["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// The users there are.
    pub fn users(&self) -> Vec<u64> {
        self.pages("/v1/views/profiles", PAGE, None).iter().map(|row| row["user_id"].as_u64().unwrap()).collect()
    }
}

impl Views for Client {
    fn search(&self, query: &str) -> Vec<u64> {
        let position = self.get("/v1/views/posts?limit=1", None).position.expect("a position");
        let words = query.replace(' ', "+");
        let mut ids = Vec::new();
        loop {
            let offset = ids.len();
            let path = format!(
                "/v1/search/post_search?q={words}&order=post_id&select=post_id&limit=100&offset={offset}&after={position}"
            );
            let page = self.get(&path, None).json();
            let hits = page["hits"].as_array().unwrap_or_else(|| panic!("{path}: {page}"));
            ids.extend(hits.iter().map(|hit| hit["row"]["post_id"].as_u64().expect("an id")));
            if page["next_offset"].is_null() {
                return ids;
            }
        }
    }

    /// Views that show everybody only their own rows are read as each user.
    fn rows(&self, name: &str) -> Vec<JsonRow> {
        if name == "conversation_summaries" {
            // Nobody may read it; each member's list has its columns.
            let rows = self.rows("conversation_list").into_iter();
            let rows: BTreeMap<String, JsonRow> = rows.map(|row| (row["conversation_id"].to_string(), row)).collect();
            return rows.into_values().collect();
        }
        let path = format!("/v1/views/{name}");
        if self.get(&path, None).status != 401 {
            return self.pages(&path, PAGE, None);
        }
        self.users().into_iter().flat_map(|user| self.pages(&path, PAGE, Some(&token(user, "")))).collect()
    }
}

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let (content_type, position) = (header("content-type").unwrap_or_default(), header("tidewater-position"));
    let retry_after = header("retry-after").map(|seconds| seconds.parse().unwrap());
    let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), content_type, position, retry_after, text })
}

/// Runs a line in the shell; what it printed.
pub fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
