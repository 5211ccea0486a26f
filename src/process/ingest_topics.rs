//! Topics that a topology has events taken for.
//!
//! A topology enters; its sources' topics leave, and those of the catalogue, which are kept for a source that will read them.

use language::builder::PARTITIONS_DEFAULT;
use language::topology::Topology;
use schemas::catalogue::catalogue;
use schemas::topic::TopicSchema;

use super::ingest::IngestTopic;

/// The topics of the sources of a topology and of the catalogue.
pub fn ingest_topics(topology: &Topology) -> Vec<IngestTopic> {
    let is_unread = |schema: &TopicSchema| topology.live_sources().all(|source| source.schema.topic() != schema.topic());
    let unread = catalogue().topics().iter().map(TopicSchema::from).filter(is_unread).map(|schema| IngestTopic {
        schema,
        partitions: PARTITIONS_DEFAULT,
        encoding: None,
    });
    let read = topology.live_sources().map(|source| IngestTopic {
        schema: source.schema.clone(),
        partitions: source.partitions,
        encoding: Some(source.encoding),
    });
    unread.chain(read).collect()
}
