//! Dead letters that readers know already when a topology takes over.
//!
//! Owns [`ToldLetters`]. The sources that run and those of the next topology enter. A bad record of a source that stays as it is was told
//! when it was read; one of a source that declares other columns now was told only if it did not fit the former ones either.

use std::collections::{BTreeMap, BTreeSet};

use language::topology::{Source, Topology};
use schemas::dead_letter::DeadLetter;
use schemas::event::{Encoding, ParsedEvent};
use schemas::position::Topic;
use schemas::topic::TopicSchema;

/// The topics that are read already, and how.
pub struct ToldLetters {
    same: BTreeSet<Topic>,
    changed: BTreeMap<Topic, (TopicSchema, Encoding)>,
}

impl ToldLetters {
    /// The letters of these sources, of which the next topology reads some in another way.
    pub fn of(running: &[Source], next: &Topology) -> Self {
        let is_changed =
            |source: &&Source| next.source_of_topic(source.schema.topic()).is_some_and(|other| other.schema != source.schema);
        let (changed, same): (Vec<&Source>, Vec<&Source>) = running.iter().partition(is_changed);
        let topic = |source: &Source| Topic::new(source.schema.topic());
        Self {
            same: same.into_iter().map(topic).collect(),
            changed: changed.into_iter().map(|source| (topic(source), (source.schema.clone(), source.encoding))).collect(),
        }
    }

    /// Returns true if a letter of the next topology is listed already.
    pub fn has(&self, letter: &DeadLetter) -> bool {
        let topic = Topic::new(&letter.topic);
        let Some((schema, encoding)) = self.changed.get(&topic) else { return self.same.contains(&topic) };
        // Of a long one only the beginning is kept: rather twice on the list than never.
        let is_whole = letter.length == letter.bytes.len() as u64;
        let appended_at = letter.arrived.unwrap_or(i64::MAX);
        is_whole && ParsedEvent::read(schema, *encoding, &letter.bytes, appended_at).is_err()
    }
}

#[cfg(test)]
mod tests {
    use language::load::{build, inline};
    use schemas::dead_letter::{Fault, Reason};

    use super::*;

    fn topology(columns: &str) -> Topology {
        let sql = format!("CREATE SOURCE bids ({columns}) WITH (connector = 'log', topic = 'bids') FORMAT PLAIN ENCODE JSON;");
        build(&[inline("test.sql", &sql)]).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    fn letter(topic: &str, bytes: &str) -> DeadLetter {
        DeadLetter {
            topic: topic.to_owned(),
            partition: 0,
            offset: 0,
            sent_to: None,
            fault: Fault::new(Reason::WrongType, ""),
            bytes: bytes.as_bytes().to_vec(),
            length: bytes.len() as u64,
            arrived: None,
            sender_actor: None,
        }
    }

    #[test]
    fn a_record_that_only_the_new_columns_refuse_is_told() {
        let (running, next) = (topology("price BIGINT"), topology("price BIGINT, bidder BIGINT NOT NULL"));
        let told = ToldLetters::of(&running.sources, &next);
        assert!(!told.has(&letter("bids", r#"{"price":1}"#)), "it fitted before");
        assert!(told.has(&letter("bids", r#"{"price":"x"}"#)), "it did not fit before either");
        let cut = DeadLetter { length: 100_000, ..letter("bids", r#"{"price":1"#) };
        assert!(!told.has(&cut), "nobody knows whether the whole of it fitted");
        assert!(!told.has(&letter("other", r#"{"price":"x"}"#)), "nobody has read that topic");
        let unchanged = ToldLetters::of(&running.sources, &running);
        assert!(unchanged.has(&letter("bids", r#"{"price":1}"#)));
    }
}
