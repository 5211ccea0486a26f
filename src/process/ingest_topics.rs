//! Topics that a topology has events taken for.
//!
//! A topology enters; the topics of its sources leave.

use language::topology::{Source, Topology};

use super::ingest::IngestTopic;

/// The topics of the sources of a topology.
pub fn ingest_topics(topology: &Topology) -> Vec<IngestTopic> {
    let topic = |source: &Source| IngestTopic {
        schema: source.schema.clone(),
        partitions: source.partitions,
        encoding: source.encoding,
    };
    topology.live_sources().map(topic).collect()
}
