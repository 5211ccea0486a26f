//! The wall clock of epochs.
//!
//! Owns the choice between the system's clock and the events' own. What is bound is monotone: time never goes back for a view.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use epochs::clock::{Reading, WallClock};
use epochs::coordinator::WallSource;
use epochs::reader::Records;
use schemas::decoder::EventDecoder;
use schemas::position::Topic;
use sources::record::StoredRecord;

use language::topology::Source;

/// Source of an epoch's wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// the system's clock at the time of binding
    #[default]
    System,
    /// the latest event time of all events bound so far: history is replayed as if it were happening
    Event,
}

/// Binds the wall clock of epochs.
pub enum EpochClock {
    /// the system's clocks, the monotonic one counted from an instant
    System(WallClock, Instant),
    /// the events of some topics; the latest so far
    Event(BTreeMap<Topic, EventDecoder>, i64),
}

impl EpochClock {
    /// A clock that starts at 1970 and is moved by the system or by the events of these sources.
    pub fn new(kind: Clock, sources: &[Source]) -> Self {
        match kind {
            Clock::System => Self::System(WallClock::after(None), Instant::now()),
            Clock::Event => {
                let mut clock = Self::Event(BTreeMap::new(), 0);
                clock.follow(sources);
                clock
            }
        }
    }

    /// Is moved by the events of these sources too, if events move it. Topics that are read already are read as before.
    pub fn follow(&mut self, sources: &[Source]) {
        if let Self::Event(decoders, _) = self {
            for source in sources {
                decoders.entry(Topic::new(source.schema.topic())).or_insert_with(|| decoder(source));
            }
        }
    }

    /// Reads the topics of these sources as they do, and no others: they took over, or stay because others did not.
    pub fn take_over(&mut self, sources: &[Source]) {
        if let Self::Event(decoders, _) = self {
            *decoders = sources.iter().map(|source| (Topic::new(source.schema.topic()), decoder(source))).collect();
        }
    }

    /// Returns the microseconds by which the system's clock is ahead of what is bound because a jump is held.
    pub fn held_micros(&self) -> i64 {
        match self {
            Self::System(clock, _) => clock.held_micros(),
            Self::Event(..) => 0,
        }
    }
}

fn decoder(source: &Source) -> EventDecoder {
    EventDecoder::new(&source.schema, source.encoding, &[])
}

impl WallSource for EpochClock {
    fn bind(&mut self, records: &Records) -> i64 {
        match self {
            Self::System(clock, since) => {
                let monotonic = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
                clock.bind(Reading { wall: system_micros(), monotonic })
            }
            Self::Event(decoders, latest) => {
                for ((topic, _), records) in records {
                    let Some(decoder) = decoders.get_mut(topic) else { continue };
                    let raw = records.iter().map(StoredRecord::raw);
                    *latest = decoder.decode(raw).occurred_at.into_iter().fold(*latest, i64::max);
                }
                *latest
            }
        }
    }

    fn replayed(&mut self, wall_micros: i64) {
        match self {
            Self::System(clock, _) => clock.replayed(wall_micros),
            Self::Event(_, latest) => *latest = (*latest).max(wall_micros),
        }
    }
}

/// Microseconds since 1970 by the system's clock.
pub fn system_micros() -> i64 {
    schemas::time::unix_micros(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use language::load::{build, inline};
    use schemas::position::{Offset, Partition};

    use super::*;

    /// The sources of a topology that reads a topic with a column for the event time.
    fn sources(topic: &str, column: &str) -> Vec<Source> {
        let sql = format!(
            "CREATE SOURCE s ({column} TIMESTAMPTZ NOT NULL) WITH (connector = 'log', topic = '{topic}', event_time = '{column}')
               FORMAT PLAIN ENCODE JSON;"
        );
        build(&[inline("s.sql", &sql)]).unwrap_or_else(|refused| panic!("{refused:?}")).sources
    }

    #[test]
    fn a_topic_of_a_deployment_that_failed_is_read_as_the_next_one_reads_it() {
        let running = sources("bids", "at");
        let mut clock = EpochClock::new(Clock::Event, &running);
        clock.follow(&sources("offers", "first"));
        clock.take_over(&running);
        clock.follow(&sources("offers", "second"));
        let (partition, offset) = (Partition(0), Offset(0));
        let value = br#"{"second":"1970-01-01T00:00:01Z"}"#.to_vec();
        let record = StoredRecord { partition, offset, timestamp: 5, key: Vec::new(), value };
        let records = [((Topic::new("offers"), partition), vec![record])].into();
        assert_eq!(clock.bind(&records), 1_000_000);
    }
}
