//! Topics of a topology, created before anything reads them, and the check that its expressions compile.

use schemas::position::Topic;
use sources::log::Log;
use sources::record::TopicMetadata;

use crate::start_error::StartError;
use language::topology::Topology;

/// The topic of events that were refused at ingest.
pub const DEAD_LETTER_TOPIC: &str = "tidewater.dead_letters";

/// Every expression is compiled once here, so that workers meet no error.
pub(crate) fn check_rendering(topology: &Topology) -> Result<(), StartError> {
    language::expression::check::check(topology)
        .map_err(|error| StartError::Render { detail: language::plan::errors::messages::message(&error).0 })
}

/// Creates the topics that the sources name and the topic of refused events, unless they exist.
pub(crate) fn create_topics(topology: &Topology, log: &dyn Log) -> Result<Vec<TopicMetadata>, StartError> {
    let sources = topology.sources.iter().map(|source| (source.schema.topic().to_owned(), source.partitions));
    let create = |(name, count): (String, u32)| {
        log.create_topic(&Topic::new(&name), count).map_err(|error| StartError::Log { topic: name.clone(), error })
    };
    sources.chain([(DEAD_LETTER_TOPIC.to_owned(), 1)]).map(create).collect()
}
