//! Options of a sink in Redis.

use redis::{Client, RedisError};
use schemas::connector::REDIS_SCHEMES;
use schemas::key_template::KeyTemplate;
use schemas::server_url::ServerUrl;
use schemas::sink::{SinkContent, SinkDefinition};

use super::error::BadRedisUrl;
use crate::connector::{Connections, OpenError};

/// Effect of an invalidation on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidationMode {
    /// it is deleted
    Delete,
    /// it is deleted, and the position from which on it may be filled again is set beside it
    Version,
}

/// Task of a sink in Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// its name, under which its progress is stored
    pub name: String,
    /// channel that stale keys are published on
    pub channel: String,
    /// effect on keys
    pub mode: InvalidationMode,
    /// template of a key
    pub key: KeyTemplate,
}

impl RedisConfig {
    /// Reads the options of a definition.
    pub fn of(definition: &SinkDefinition) -> Result<Self, OpenError> {
        let SinkContent::Invalidate { key } = &definition.content else {
            return Err(OpenError::Content { sink: definition.name.clone(), connector: definition.connector.name });
        };
        let mode = match definition.options.text("mode") {
            "version" => InvalidationMode::Version,
            _ => InvalidationMode::Delete,
        };
        let channel = definition.options.text("channel").to_owned();
        Ok(Self { name: definition.name.clone(), channel, mode, key: key.clone() })
    }
}

/// Returns the client for a sink: of its own address, or of the process's when it gives none. It is not connected.
pub fn client(definition: &SinkDefinition, connections: &Connections) -> Result<Client, OpenError> {
    let sink = || definition.name.clone();
    let url = definition.options.url("url").or(connections.redis.as_ref()).ok_or_else(|| OpenError::NoAddress {
        sink: sink(),
        system: "Redis",
        remedy: "add url = 'redis://host:6379' to its options, or start with --redis-url redis://host:6379",
    })?;
    client_of(url).map_err(|error| OpenError::BadOption { sink: sink(), option: "url", detail: error.detail })
}

/// Checks the form of an address for all sinks that give none.
pub fn address(text: &str) -> Result<ServerUrl, BadRedisUrl> {
    let url = ServerUrl::parse(text, REDIS_SCHEMES).map_err(|error| BadRedisUrl { detail: error.to_string() })?;
    client_of(&url)?;
    Ok(url)
}

/// Returns a client that is not connected.
pub fn client_of(url: &ServerUrl) -> Result<Client, BadRedisUrl> {
    Client::open(url.secret()).map_err(|error| BadRedisUrl { detail: detail_of(&error) })
}

/// Words an error of the client. One with a detail quotes the query of the address, where a password may be.
fn detail_of(error: &RedisError) -> String {
    match error.detail() {
        Some(_) => "its query is not one that the client knows".to_owned(),
        None => error.to_string(),
    }
}
