//! Encodings of the records that topics have already: a source that reads a topic with another would read nothing of them.
//!
//! A topology and the way into the log enter, and an error leaves for a source that says otherwise; or a store enters, and the encodings leave
//! that its generations have declared.

use std::collections::BTreeMap;

use api::DeployRefusal;
use language::load::declared_encodings;
use language::topology::{Source, Topology};
use schemas::event::Encoding;
use schemas::position::Topic;

use super::store::Store;
use crate::process::ingest::LogIngest;

/// Refuses an encoding that differs from the records that a topic has, also of a topic whose source was dropped.
pub fn check_encodings(topology: &Topology, ingest: &LogIngest) -> Result<(), DeployRefusal> {
    let written_otherwise = |source: &Source| {
        let written = ingest.encoding(source.schema.topic()).filter(|written| *written != source.encoding)?;
        Some((source.name.clone(), source.schema.topic().to_owned(), written))
    };
    let Some((name, topic, written)) = topology.sources.iter().find_map(written_otherwise) else { return Ok(()) };
    let encoding = match written {
        Encoding::Json => "JSON",
        Encoding::Protobuf => "PROTOBUF",
    };
    let detail = format!(
        "source '{name}' has another ENCODE than the events that are in '{topic}' already, or were when its source was dropped: declare it \
         as they are written, with ENCODE {encoding}, or choose another topic"
    );
    Err(DeployRefusal::Conflict { detail })
}

/// The encodings of the topics of every generation that was in force, as the last one of them that names a topic says.
pub fn former_encodings(store: &Store) -> BTreeMap<Topic, Encoding> {
    let was_in_force = store.list().filter(|generation| store.life(generation.generation).state.was_in_force());
    was_in_force.flat_map(|generation| declared_encodings(&generation.source_files())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use api::LagLimits;
    use engine::run::Storage;
    use epochs::disk::simulated::SimulatedDisk;
    use language::diagnostic::SourceFile;
    use language::load::{build, inline};
    use sources::log::Log;
    use sources::memory::MemoryLog;

    use super::*;
    use crate::process::admission::Admission;
    use crate::process::deployments::life::{GenerationState, Stamp};
    use crate::process::deployments::store::Origin;
    use crate::process::ingest_topics::ingest_topics;
    use crate::process::lag::LagMeter;
    use crate::process::memory::MemoryLimit;

    const JSON: &str = "CREATE SOURCE orders (id BIGINT) WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE JSON;
        CREATE SOURCE users WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE JSON (message = 'social.v1.UserEvent');";
    const NEITHER: &str = "CREATE SOURCE bids (id BIGINT) WITH (connector = 'log', topic = 'bids') FORMAT PLAIN ENCODE JSON;";
    const PROTOBUF: [&str; 2] = [
        "CREATE SOURCE again WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE PROTOBUF
           (message = 'Order', schema.location = 'orders.proto');",
        "CREATE SOURCE again WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF
           (message = 'social.v1.UserEvent');",
    ];

    fn files(sql: &str) -> Vec<SourceFile> {
        vec![inline("a.sql", sql), inline("orders.proto", "syntax = 'proto3'; message Order { int64 id = 1; }")]
    }

    fn planned(sql: &str) -> Topology {
        build(&files(sql)).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// The way into an empty log.
    fn opened(sql: &str, former: BTreeMap<Topic, Encoding>) -> LogIngest {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::new());
        let limits = LagLimits { records: u64::MAX, bytes: u64::MAX, time: Duration::MAX };
        let admission = Admission::new(limits, MemoryLimit::new(None), LagMeter::new(log.clone()));
        LogIngest::open(log, admission, ingest_topics(&planned(sql)), former).unwrap()
    }

    fn check(ingest: &LogIngest) {
        assert!(check_encodings(&planned(JSON), ingest).is_ok(), "what was before comes back");
        for protobuf in PROTOBUF {
            let refused = check_encodings(&planned(protobuf), ingest);
            let Err(DeployRefusal::Conflict { detail }) = refused else { panic!("{protobuf} was taken") };
            assert!(detail.contains("'again'") && detail.contains("with ENCODE JSON"), "{detail}");
        }
    }

    #[test]
    fn a_topic_whose_source_was_dropped_is_read_again_in_its_encoding_alone() {
        let ingest = opened(JSON, BTreeMap::new());
        ingest.follow(ingest_topics(&planned(NEITHER)));
        check(&ingest);
    }

    #[test]
    fn a_restart_knows_the_encodings_of_what_was_dropped_before() {
        let disk: Storage = Arc::new(SimulatedDisk::new(0));
        let mut store = Store::open(disk).unwrap();
        let stamp = || Stamp { at_micros: 1, by: "olga".to_owned() };
        store.start(&files(JSON), "d".into(), stamp(), false).unwrap();
        let dropped = store.add(Origin::Deploy, &files(NEITHER), stamp(), false).unwrap();
        store.put_in_force(dropped, 2).unwrap();
        let failed = store.add(Origin::Deploy, &files(PROTOBUF[0]), stamp(), false).unwrap();
        store.end(failed, GenerationState::Failed, "so".into(), 3).unwrap();
        check(&opened(NEITHER, former_encodings(&store)));
    }
}
