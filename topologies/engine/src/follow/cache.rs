//! Invalidations in Redis: the keys that an epoch made stale are deleted there, and told to who listens.
//!
//! Owns [`RedisSink`]. Units enter; for each, one script (more when there are many keys) that checks, deletes, publishes and writes down how
//! far it is, all of it or nothing. Redis may lose what it has: without our place in it, or with an older one, everything that the key's
//! template could have made is deleted, because nobody knows what became stale meanwhile.
//!
//! The scripts name keys that they are not told of beforehand: the server has to be a single one, no cluster.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use redis::{Client, Connection, RedisError, Value};
use schemas::field::json_string;
use sinks::contract::{
    Contents, Progress, Sink, SinkError, SinkKind, Unit,
    progress_text::{self, hex},
};

use super::rows::RowReader;
use language::parse::SinkMode;
use language::plan::key_template::KeyTemplate;

/// Most time for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Most time for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most keys of one script: it holds the server up for as long as it runs.
const PART_KEYS: usize = 1_000;
/// Number of keys that a search for keys looks at in one step.
const SCAN_COUNT: usize = 1_000;
/// Time for which it is remembered from which position on a key may be filled again.
const VERSION_SECONDS: u64 = 24 * 60 * 60;

/// Shuts earlier incarnations out; answers how far the sink is.
/// `KEYS`: progress. `ARGV`: incarnation.
const FENCE: &str = r"
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'progress')
if stored[1] and tonumber(stored[1]) > tonumber(ARGV[1]) then return {'fenced', stored[1]} end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1])
return {'ok', stored[2] or ''}
";

/// Makes keys stale that an epoch changed, unless that was done.
/// `KEYS`: progress. `ARGV`: incarnation, chain and plan that are expected, chain of the unit, part, parts, progress afterwards, mode,
/// position, seconds of a version, channel, message, keys.
const APPLY: &str = r"
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'chain', 'plan', 'begun', 'parts')
if stored[1] and tonumber(stored[1]) > tonumber(ARGV[1]) then return {'fenced', stored[1]} end
if stored[2] ~= ARGV[2] or stored[3] ~= ARGV[3] then return {'guard', ''} end
local done = 0
if stored[4] == ARGV[4] then done = tonumber(stored[5]) end
if tonumber(ARGV[5]) <= done then return {'ok', ''} end
if tonumber(ARGV[5]) ~= done + 1 then return {'guard', ''} end
for at = 13, #ARGV do
  redis.call('DEL', ARGV[at])
  if ARGV[8] == 'version' then redis.call('SET', ARGV[at] .. ':version', ARGV[9], 'EX', ARGV[10]) end
end
if #ARGV > 12 then redis.call('PUBLISH', ARGV[11], ARGV[12]) end
if ARGV[5] == ARGV[6] then
  redis.call('HSET', KEYS[1], 'chain', ARGV[4], 'progress', ARGV[7])
  redis.call('HDEL', KEYS[1], 'begun', 'parts')
else
  redis.call('HSET', KEYS[1], 'begun', ARGV[4], 'parts', ARGV[5])
end
return {'ok', ''}
";

/// Deletes some keys that may be stale, as a part of beginning anew: until that is done, the sink is nowhere.
/// `KEYS`: progress. `ARGV`: incarnation, mode, position, seconds of a version, keys.
const CLEAR: &str = r"
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if incarnation and tonumber(incarnation) > tonumber(ARGV[1]) then return {'fenced', incarnation} end
redis.call('HDEL', KEYS[1], 'chain', 'plan', 'progress', 'begun', 'parts')
for at = 5, #ARGV do
  local key = ARGV[at]
  if ARGV[2] == 'version' then
    key = string.gsub(key, ':version$', '')
    redis.call('SET', key .. ':version', ARGV[3], 'EX', ARGV[4])
  end
  redis.call('DEL', key)
end
return {'ok', ''}
";

/// Says that everything was cleared.
/// `KEYS`: progress. `ARGV`: incarnation, chain, plan, progress, channel, message.
const BEGIN: &str = r"
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if incarnation and tonumber(incarnation) > tonumber(ARGV[1]) then return {'fenced', incarnation} end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'chain', ARGV[2], 'plan', ARGV[3], 'progress', ARGV[4])
redis.call('HDEL', KEYS[1], 'begun', 'parts')
redis.call('PUBLISH', ARGV[5], ARGV[6])
return {'ok', ''}
";

/// Address of Redis; it may hold a password, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// A text that is no address of Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of Redis can't be used: {detail}; write redis://[user:password@]host[:port][/database]")]
pub struct BadRedisUrl {
    detail: String,
}

/// Task of a sink in Redis.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// its name
    pub name: String,
    /// channel that stale keys are published on
    pub channel: String,
    /// effect on keys
    pub mode: SinkMode,
    /// template of a key
    pub key: KeyTemplate,
}

/// Keeps a cache in Redis free of what is stale.
pub struct RedisSink {
    purpose: Purpose,
    rows: RowReader,
    client: Client,
    connection: Option<Connection>,
    incarnation: u64,
}

impl RedisUrl {
    /// Checks the form of an address.
    pub fn new(url: &str) -> Result<Self, BadRedisUrl> {
        match Client::open(url) {
            Ok(_) => Ok(Self(url.to_owned())),
            Err(error) => Err(BadRedisUrl { detail: error.to_string() }),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis://...")
    }
}

impl RedisSink {
    /// A sink that connects when it is asked how far it is.
    pub fn new(purpose: Purpose, rows: RowReader, url: &RedisUrl) -> Result<Self, BadRedisUrl> {
        let client = Client::open(url.0.as_str()).map_err(|error| BadRedisUrl { detail: error.to_string() })?;
        Ok(Self { purpose, rows, client, connection: None, incarnation: 0 })
    }

    fn progress_key(&self) -> String {
        format!("tidewater:{}:progress", self.purpose.name)
    }

    fn mode(&self) -> &'static str {
        match self.purpose.mode {
            SinkMode::Delete => "delete",
            SinkMode::Version => "version",
        }
    }

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

    /// Returns the message to listeners.
    fn message(&self, position: &str, members: &str) -> String {
        let mut message = String::from("{\"sink\":");
        json_string(&self.purpose.name, &mut message);
        let _ = write!(message, ",\"position\":\"{position}\",{members}}}");
        message
    }

    /// Deletes everything that the template could have made.
    fn clear(&mut self, position: &str) -> Result<(), SinkError> {
        let seconds = VERSION_SECONDS.to_string();
        let pattern = self.purpose.key.pattern();
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
        &self.purpose.name
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
        let keys: Vec<String> = self.rows.stale_keys(&self.purpose.key, &unit.changes).into_iter().collect();
        let position = position_text(&unit.progress);
        let (after, plan, chain) = (hex(&unit.after.0), hex(&unit.progress.plan), hex(&unit.progress.chain));
        let (progress, seconds) = (progress_text::write(&unit.progress), VERSION_SECONDS.to_string());
        let channel = self.purpose.channel.clone();
        let parts = keys.len().div_ceil(PART_KEYS).max(1);
        for part in 0..parts {
            let keys = keys.chunks(PART_KEYS).nth(part).unwrap_or_default();
            let (number, parts) = ((part + 1).to_string(), parts.to_string());
            let message = self.message(&position, &format!("\"keys\":{}", json_list(keys)));
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
        let message = self.message(&position, "\"reset\":true");
        let channel = self.purpose.channel.clone();
        let arguments = [hex(&progress.chain), hex(&progress.plan), progress_text::write(progress), channel, message];
        self.run(BEGIN, &arguments.each_ref().map(String::as_str)).map(drop)
    }
}

fn position_text(progress: &Progress) -> String {
    format!("{:x}:{}", progress.timeline, progress.epoch)
}

fn json_list(keys: &[String]) -> String {
    let mut json = String::from("[");
    for (place, key) in keys.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        json_string(key, &mut json);
    }
    json.push(']');
    json
}

/// A key as a text; keys of ours are texts.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
