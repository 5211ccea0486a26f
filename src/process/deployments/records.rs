//! Records that topics have already, and a source would not read: events in another encoding, or what a sink wrote that was dropped.
//!
//! A topology and a store enter, and an error leaves for a source that reads such a topic; or a store enters, and the topics leave that its
//! generations have declared.

use std::io;

use language::load::{DeclaredTopics, declared_topics};
use language::topology::Topology;
use schemas::event::Encoding;
use schemas::position::Topic;

use super::store::Store;

/// A source would not read the records that its topic has.
#[derive(Debug, thiserror::Error)]
pub enum RecordsConflict {
    /// they are events in another encoding
    #[error(
        "source '{source_name}' has another ENCODE than the events that are in '{topic}' already, or were when its source was dropped: declare \
         it as they are written, with ENCODE {written}, or choose another topic"
    )]
    OtherEncoding {
        /// the source
        source_name: String,
        /// its topic
        topic: String,
        /// the word of the encoding that they have
        written: &'static str,
    },
    /// they are rows, of which only operators and the readers of a view knew
    #[error(
        "source '{source_name}' reads '{topic}', which a sink wrote that was dropped: its records are changes of rows and no events, so choose \
         another topic"
    )]
    OfASink {
        /// the source
        source_name: String,
        /// its topic
        topic: String,
    },
    /// nobody knows, because earlier statements could not be read
    #[error("the statements of earlier generations cannot be read: {0}")]
    Unknown(#[from] io::Error),
}

/// Refuses a source whose topic has records that it would not read, also of a topic whose source or sink was dropped. `written` tells the
/// encoding of the events of a topic that was ever a source's. The store is only looked into for a source whose topic never was one's: its
/// statements are read again for that.
///
/// # Errors
/// The conflict of the first such source, or no thread to read statements on.
pub fn check_records(
    topology: &Topology,
    store: &Store,
    written: impl Fn(&Topic) -> Option<Encoding>,
) -> Result<(), RecordsConflict> {
    let mut new = Vec::new();
    for source in topology.live_sources() {
        let (source_name, topic) = (source.name.clone(), source.schema.topic().to_owned());
        match written(&Topic::new(&topic)) {
            None => new.push((source_name, topic)),
            Some(encoding) if encoding != source.encoding => {
                let written = match encoding {
                    Encoding::Json => "JSON",
                    Encoding::Protobuf => "PROTOBUF",
                };
                return Err(RecordsConflict::OtherEncoding { source_name, topic, written });
            }
            Some(_) => {}
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let derived = former_topics(store)?.derived;
    match new.into_iter().find(|(_, topic)| derived.contains(&Topic::new(topic))) {
        Some((source_name, topic)) => Err(RecordsConflict::OfASink { source_name, topic }),
        None => Ok(()),
    }
}

/// The topics of every generation that was in force; the encoding that the last one of them says.
///
/// # Errors
/// The system has no thread left to read their statements on.
pub fn former_topics(store: &Store) -> io::Result<DeclaredTopics> {
    let was_in_force = store.list().filter(|generation| store.life(generation.generation).state.was_in_force());
    let mut all = DeclaredTopics::default();
    for generation in was_in_force {
        let declared = declared_topics(&generation.source_files())?;
        all.encodings.extend(declared.encodings);
        all.derived.extend(declared.derived);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use api::LagLimits;
    use engine::run::Storage;
    use epochs::disk::simulated::SimulatedDisk;
    use language::diagnostic::SourceFile;
    use language::load::{build, inline, inline_beside};
    use sources::log::Log;
    use sources::memory::MemoryLog;

    use super::*;
    use crate::process::admission::Admission;
    use crate::process::deployments::life::{GenerationState, Stamp};
    use crate::process::deployments::store::Origin;
    use crate::process::ingest::LogIngest;
    use crate::process::ingest_topics::ingest_topics;
    use crate::process::lag::LagMeter;
    use crate::process::memory::MemoryLimit;

    const JSON: &str = "CREATE SOURCE orders (id BIGINT) WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE JSON;
        CREATE SOURCE users WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE JSON
          (message = 'social.v1.UserEvent', schema.location = 'user.proto');";
    const NEITHER: &str = "CREATE SOURCE bids (id BIGINT) WITH (connector = 'log', topic = 'bids') FORMAT PLAIN ENCODE JSON;";
    const PROTOBUF: [&str; 2] = [
        "CREATE SOURCE again WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE PROTOBUF
           (message = 'Order', schema.location = 'orders.proto');",
        "CREATE SOURCE again WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF
           (message = 'social.v1.UserEvent', schema.location = 'user.proto');",
    ];

    fn files(sql: &str) -> Vec<SourceFile> {
        let mut files = inline_beside("a.sql", sql, &testkit::social::proto_files());
        files.push(inline("orders.proto", "syntax = 'proto3'; message Order { int64 id = 1; }"));
        files
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
        let store = Store::open(Arc::new(SimulatedDisk::new(0))).unwrap();
        let check = |sql| check_records(&planned(sql), &store, |topic| ingest.encoding(topic.as_str()));
        assert!(check(JSON).is_ok(), "what was before comes back");
        for protobuf in PROTOBUF {
            let detail = check(protobuf).expect_err(protobuf).to_string();
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
        check(&opened(NEITHER, former_topics(&store).unwrap().encodings));
    }

    #[test]
    fn a_topic_of_a_sink_that_was_dropped_is_read_by_no_source() {
        let disk: Storage = Arc::new(SimulatedDisk::new(0));
        let mut store = Store::open(disk).unwrap();
        let stamp = || Stamp { at_micros: 1, by: "olga".to_owned() };
        let with_sink = format!(
            "{NEITHER} CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM bids;
             CREATE SINK s FROM v WITH (connector = 'log', topic = 'orders') FORMAT CHANGELOG ENCODE JSON;"
        );
        store.start(&files(&with_sink), "d".into(), stamp(), false).unwrap();
        let check = |store: &Store| check_records(&planned(JSON), store, |_| None);
        let detail = check(&store).unwrap_err().to_string();
        assert!(detail.contains("'orders'") && detail.contains("a sink wrote"), "{detail}");
        let kept = store.add(Origin::Deploy, &files(NEITHER), stamp(), false).unwrap();
        store.put_in_force(kept, 2).unwrap();
        assert!(check(&store).is_err(), "its records stay in the log");
        assert!(check_records(&planned(NEITHER), &store, |_| None).is_ok());
    }
}
