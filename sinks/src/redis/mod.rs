//! Caches in Redis: a connector that deletes the keys that an epoch made stale.

mod config;
mod encode;
mod error;
mod scripts;
#[cfg(test)]
mod tests;
mod write;

use schemas::connector::{REDIS, SinkConnector};
use schemas::serving::Column;
use schemas::sink::SinkDefinition;

use self::config::client;
pub use self::config::{InvalidationMode, RedisConfig, address};
pub use self::error::BadRedisUrl;
pub use self::write::RedisSink;
use crate::connector::{Connections, Connector, OpenError, OpenedSink};
use crate::rows::RowReader;

/// The connector `redis`.
pub struct RedisConnector;

impl Connector for RedisConnector {
    fn declaration(&self) -> &'static SinkConnector {
        &REDIS
    }

    fn check(&self, definition: &SinkDefinition, connections: &Connections) -> Result<(), OpenError> {
        RedisConfig::of(definition).and(client(definition, connections)).map(drop)
    }

    fn open(&self, definition: &SinkDefinition, columns: &[Column], connections: &Connections) -> Result<OpenedSink, OpenError> {
        let (config, client) = (RedisConfig::of(definition)?, client(definition, connections)?);
        let sink = RedisSink::new(config, RowReader::new(columns), client);
        Ok(OpenedSink { sink: Box::new(sink), effect: None })
    }
}
