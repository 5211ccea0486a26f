//! Options of a sink that writes a derived topic.

use schemas::position::Topic;
use schemas::sink::{SinkContent, SinkDefinition};

/// Task of a sink that writes a derived topic.
#[derive(Clone, Debug)]
pub struct TopicConfig {
    /// its name, which its records carry
    pub name: String,
    /// the topic; no other sink writes it
    pub topic: Topic,
    /// its content: rows or keys
    pub content: SinkContent,
}

impl TopicConfig {
    /// Reads the options of a definition.
    pub fn of(definition: &SinkDefinition) -> Self {
        let topic = Topic::new(definition.options.text("topic"));
        Self { name: definition.name.clone(), topic, content: definition.content.clone() }
    }
}
