//! The write half of invalidations in Redis: the keys that an epoch made stale are deleted there, and told to who listens.
//!
//! Owns [`RedisSink`]. Units enter; for each, one script (more when there are many keys) that checks, deletes, publishes and writes down how
//! far it is, all of it or nothing. Redis may lose what it has: without our place in it, or with an older one, everything that the key's
//! template could have made is deleted, because nobody knows what became stale meanwhile.
//!
//! The scripts name keys that they are not told of beforehand: the server has to be a single one, no cluster.

use std::time::Duration;

use redis::{Client, Connection, RedisError, Value};

use super::config::{InvalidationMode, RedisConfig};
use super::encode::{json_list, message, position_text};
use super::scripts::{APPLY, BEGIN, CLEAR, FENCE};
use crate::contract::{Contents, Progress, Sink, SinkError, SinkKind, Unit, progress_text};
use crate::rows::RowReader;

/// Most time for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Most time for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most keys of one script: it holds the server up for as long as it runs.
pub(super) const PART_KEYS: usize = 1_000;
/// Number of keys that a search for keys looks at in one step.
const SCAN_COUNT: usize = 1_000;
/// Time for which it is remembered from which position on a key may be filled again.
const VERSION_SECONDS: u64 = 24 * 60 * 60;

/// Keeps a cache in Redis free of what is stale.
pub struct RedisSink {
    /// effect of the sink, and the names that it uses
    config: RedisConfig,
    /// reads the rows of the view
    rows: RowReader,
    /// knows the address; makes connections
    client: Client,
    /// `None` before the first command, and after one whose answer did not come
    connection: Option<Connection>,
    /// the run that fenced the sink; every script refuses to work behind a later one
    incarnation: u64,
}

impl RedisSink {
    /// A sink that connects when it is fenced.
    pub fn new(config: RedisConfig, rows: RowReader, client: Client) -> Self {
        Self { config, rows, client, connection: None, incarnation: 0 }
    }

    /// Returns the key of the hash that holds the progress. Clearing spares it.
    fn progress_key(&self) -> String {
        format!("tidewater:{}:progress", self.config.name)
    }

    /// Returns the mode as the scripts spell it.
    fn mode(&self) -> &'static str {
        match self.config.mode {
            InvalidationMode::Delete => "delete",
            InvalidationMode::Version => "version",
        }
    }

    /// Connects, with limits on every wait: a server that hangs holds up this sink and no other.
    fn connect(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(connection)
    }

    /// Sends a command. After an error nothing is known, and the connection is given up: what is on its way there must not be mixed up
    /// with what comes next.
    fn send<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, SinkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().map_err(|error| SinkError::Unavailable(format!("Redis: {error}")))?,
        };
        let answer = command.query(&mut connection).map_err(|error| SinkError::Ambiguous(format!("Redis: {error}")))?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// Runs a script for this incarnation and returns its detail.
    ///
    /// An error of the connection is ambiguous: the script may have run. `guard` and `fenced` mean that nothing was changed.
    fn run(&mut self, script: &str, arguments: &[&str]) -> Result<String, SinkError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(self.progress_key()).arg(self.incarnation);
        command.arg(arguments);
        let (outcome, detail): (String, String) = self.send(&command)?;
        match outcome.as_str() {
            "ok" => Ok(detail),
            "fenced" => Err(SinkError::Fenced(detail.parse().unwrap_or(u64::MAX))),
            _ => Err(SinkError::Guard),
        }
    }

    /// Deletes everything that the template could have made.
    fn clear(&mut self, position: &str) -> Result<(), SinkError> {
        let seconds = VERSION_SECONDS.to_string();
        let pattern = self.config.key.pattern();
        let mut cursor = 0_u64;
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCAN_COUNT);
            let (next, found): (u64, Vec<Value>) = self.send(&command)?;
            let keys = found.iter().filter_map(text_of);
            let keys: Vec<String> = keys.filter(|key| *key != self.progress_key()).collect();
            for keys in keys.chunks(PART_KEYS) {
                let mut arguments = vec![self.mode(), position, &seconds];
                arguments.extend(keys.iter().map(String::as_str));
                self.run(CLEAR, &arguments)?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
}

impl Sink for RedisSink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> SinkKind {
        SinkKind::State
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        self.incarnation = incarnation;
        // What an answer that never came was about is asked on a new connection.
        self.connection = None;
        match self.run(FENCE, &[]) {
            Ok(progress) => Ok(progress_text::read(&progress)),
            Err(SinkError::Ambiguous(detail)) => Err(SinkError::Unavailable(detail)),
            Err(error) => Err(error),
        }
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        let keys: Vec<String> = self.rows.stale_keys(&self.config.key, &unit.changes).into_iter().collect();
        let position = position_text(&unit.progress);
        let (after, plan, chain) =
            (hex::encode(&unit.after.0), hex::encode(&unit.progress.plan), hex::encode(&unit.progress.chain));
        let (progress, seconds) = (progress_text::write(&unit.progress), VERSION_SECONDS.to_string());
        let channel = self.config.channel.clone();
        let parts = keys.len().div_ceil(PART_KEYS).max(1);
        for part in 0..parts {
            // A unit that makes nothing stale is one part without keys.
            let keys = keys.chunks(PART_KEYS).nth(part).unwrap_or(&[]);
            let (number, parts) = ((part + 1).to_string(), parts.to_string());
            let message = message(&self.config.name, &position, &format!("\"keys\":{}", json_list(keys)));
            let mut arguments =
                vec![&*after, &plan, &chain, &number, &parts, &progress, self.mode(), &position, &seconds, &channel, &message];
            arguments.extend(keys.iter().map(String::as_str));
            self.run(APPLY, &arguments)?;
        }
        Ok(())
    }

    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError> {
        let progress = &contents.progress;
        let position = position_text(progress);
        self.run(CLEAR, &[self.mode(), &position, "1"])?;
        self.clear(&position)?;
        let message = message(&self.config.name, &position, "\"reset\":true");
        let channel = self.config.channel.clone();
        let arguments =
            [hex::encode(&progress.chain), hex::encode(&progress.plan), progress_text::write(progress), channel, message];
        self.run(BEGIN, &arguments.each_ref().map(String::as_str)).map(drop)
    }
}

/// A key as a text; keys of ours are texts.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
