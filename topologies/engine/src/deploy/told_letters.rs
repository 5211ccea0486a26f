//! Dead letters that readers know already when a topology takes over.
//!
//! Owns [`ToldLetters`]. The topology that runs and the next one enter. A bad record of a source that stays as it is was told
//! when it was read; one of a source that declares other columns now was told only if it did not fit the former ones either. What the MERGEs
//! of a table that stays as it is raise was told when they did.

use std::collections::{BTreeMap, BTreeSet};

use language::plan::kept::{Kept, KeptStates};
use language::topology::{Source, Topology};
use schemas::dead_letter::{DeadLetter, Fault, Reason};
use schemas::event::{Encoding, ParsedEvent};
use schemas::fingerprint::{Fingerprint, StateSpec};
use schemas::position::{Offset, Partition, Topic};
use schemas::topic::TopicSchema;

/// The field of a fault of a record's key.
const KEY: &str = "key";

/// The topics that are read already, and how.
pub struct ToldLetters {
    same: BTreeSet<Topic>,
    changed: BTreeMap<Topic, (TopicSchema, Encoding)>,
    /// names of the tables that are computed already
    tables: BTreeSet<String>,
}

impl ToldLetters {
    /// The letters of a running topology, of whose sources the next one reads some in another way.
    pub fn of(running: &Topology, next: &Topology) -> Self {
        let is_changed =
            |source: &&Source| next.source_of_topic(source.schema.topic()).is_some_and(|other| other.schema != source.schema);
        let (changed, same): (Vec<&Source>, Vec<&Source>) = running.sources.iter().partition(is_changed);
        let topic = |source: &Source| Topic::new(source.schema.topic());
        Self {
            same: same.into_iter().map(topic).collect(),
            changed: changed.into_iter().map(|source| (topic(source), (source.schema.clone(), source.encoding))).collect(),
            tables: tables(next).intersection(&tables(running)).map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Returns true if a letter of the next topology is listed already.
    pub fn has(&self, letter: &DeadLetter) -> bool {
        if letter.fault.reason == Reason::Raised {
            return letter.relation.as_ref().is_some_and(|table| self.tables.contains(table));
        }
        let topic = Topic::new(&letter.topic);
        let Some((schema, encoding)) = self.changed.get(&topic) else { return self.same.contains(&topic) };
        // Of a long one only the beginning is kept: rather twice on the list than never.
        let is_whole = letter.length == letter.bytes.len() as u64;
        let appended_at = letter.arrived.unwrap_or(i64::MAX);
        let record = (Partition(letter.partition), Offset(letter.offset), appended_at, letter.bytes.as_slice());
        is_whole && ParsedEvent::read(schema, *encoding, record).is_err_and(|fault| !may_lack_key(schema, &fault))
    }
}

/// Returns true if a record that is read without its key, which no letter has, may have fitted with it.
fn may_lack_key(schema: &TopicSchema, fault: &Fault) -> bool {
    let TopicSchema::Declared(topic) = schema else { return false };
    let Some(changes) = topic.changes() else { return false };
    let is_absent = matches!(fault.reason, Reason::MissingField | Reason::NullInRequired);
    let last = fault.field.as_deref().and_then(|path| path.rsplit('.').next());
    let is_of_key = |name: &str| name == KEY || changes.key.iter().any(|&column| topic.columns()[column].name == name);
    is_absent && last.is_some_and(is_of_key)
}

/// The tables that are folded, each with what it is computed from and how.
fn tables(topology: &Topology) -> BTreeSet<(String, Fingerprint)> {
    let KeptStates { kept, specs } = KeptStates::of(topology);
    let folded = |(kept, spec): (Kept, StateSpec)| match kept {
        Kept::Table(number) => Some((topology.tables[number].name.clone(), spec.fingerprint)),
        _ => None,
    };
    kept.into_iter().zip(specs).filter_map(folded).collect()
}

#[cfg(test)]
mod tests {
    use language::load::{build, inline};
    use schemas::testing;

    use super::*;

    fn topology(columns: &str) -> Topology {
        let sql = format!("CREATE SOURCE bids ({columns}) WITH (connector = 'log', topic = 'bids') FORMAT PLAIN ENCODE JSON;");
        build(&[inline("test.sql", &sql)]).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    fn letter(topic: &str, bytes: &str) -> DeadLetter {
        testing::letter(topic, 0, Fault::new(Reason::WrongType, ""), bytes.as_bytes().to_vec())
    }

    #[test]
    fn a_record_that_only_the_new_columns_refuse_is_told() {
        let (running, next) = (topology("price BIGINT"), topology("price BIGINT, bidder BIGINT NOT NULL"));
        let told = ToldLetters::of(&running, &next);
        assert!(!told.has(&letter("bids", r#"{"price":1}"#)), "it fitted before");
        assert!(told.has(&letter("bids", r#"{"price":"x"}"#)), "it did not fit before either");
        let cut = DeadLetter { length: 100_000, ..letter("bids", r#"{"price":1"#) };
        assert!(!told.has(&cut), "nobody knows whether the whole of it fitted");
        assert!(!told.has(&letter("other", r#"{"price":"x"}"#)), "nobody has read that topic");
        let table = |columns: &str, format: &str| {
            let sql = format!(
                "CREATE TABLE orders ({columns}) WITH (connector = 'log', topic = 'orders') FORMAT {format} ENCODE JSON;"
            );
            build(&[inline("test.sql", &sql)]).unwrap_or_else(|refused| panic!("{refused:?}"))
        };
        for (format, fitted, did_not) in [
            ("UPSERT", vec![r#"{"price":1}"#, "null", r#"{"id":null,"price":1}"#], r#"{"id":1,"price":"x"}"#),
            ("DEBEZIUM", vec![r#"{"op":"d","before":null}"#, r#"{"op":"c","after":{"price":1}}"#], r#"{"op":"c","after":[]}"#),
        ] {
            let (before, after) = ("id BIGINT PRIMARY KEY, price BIGINT", "id BIGINT PRIMARY KEY, price BIGINT NOT NULL, more TEXT");
            let told = ToldLetters::of(&table(before, format), &table(after, format));
            for bytes in fitted {
                assert!(!told.has(&letter("orders", bytes)), "{bytes} may have fitted with the key of its record");
            }
            assert!(told.has(&letter("orders", did_not)), "{did_not} did not fit before either");
        }
        let unchanged = ToldLetters::of(&running, &running);
        assert!(unchanged.has(&letter("bids", r#"{"price":1}"#)));
    }
}
