//! Derived topics: a connector that writes a view's changes to topics of the log.

mod config;
mod encode;
pub(crate) mod log;
mod memory;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use schemas::connector::{LOG, SinkConnector};
use schemas::serving::Column;
use schemas::sink::SinkDefinition;

pub use self::config::TopicConfig;
pub use self::log::{TopicLog, TopicLogError, TopicRecord};
pub use self::memory::MemoryTopicLog;
pub use self::read::{End, end_of};
pub use self::write::TopicSink;
use crate::connector::{Connections, Connector, OpenError, OpenedSink};
use crate::rows::RowReader;

/// The connector `log`.
pub struct TopicConnector;

impl Connector for TopicConnector {
    fn declaration(&self) -> &'static SinkConnector {
        &LOG
    }

    fn open(&self, definition: &SinkDefinition, columns: &[Column], connections: &Connections) -> Result<OpenedSink, OpenError> {
        let (config, rows) = (TopicConfig::of(definition), RowReader::new(columns));
        let sink = TopicSink::new(config, rows, Arc::clone(&connections.log), connections.step);
        Ok(OpenedSink { sink: Box::new(sink), effect: None })
    }
}
