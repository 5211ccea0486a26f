//! The wall clock of epochs.
//!
//! Owns the choice between the system's clock and the events' own. What is bound is monotone: time never goes back for a view.

use std::time::{SystemTime, UNIX_EPOCH};

use schemas::decoder::EventDecoder;
use sources::log::StoredRecord;

use crate::topology::Source;

/// Where the wall clock of an epoch comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// the system's clock at the time of binding
    #[default]
    System,
    /// the latest `occurred_at` of all events bound so far: history is replayed as if it were happening
    Event,
}

/// Binds the wall clock of epochs.
pub struct WallClock {
    kind: Clock,
    last: i64,
    decoders: Vec<EventDecoder>,
}

impl WallClock {
    /// A clock that starts at 1970 and is moved by the system or by the events of these sources.
    pub fn new(kind: Clock, sources: &[Source]) -> Self {
        let decoders = match kind {
            Clock::System => Vec::new(),
            Clock::Event => sources.iter().map(|source| EventDecoder::new(source.schema, source.encoding, &[])).collect(),
        };
        Self { kind, last: 0, decoders }
    }

    /// The wall clock of an epoch with these records, by source.
    pub fn bind(&mut self, records: &[Vec<StoredRecord>]) -> i64 {
        let now = match self.kind {
            Clock::System => system_micros(),
            Clock::Event => self.latest_event(records),
        };
        self.last = self.last.max(now);
        self.last
    }

    fn latest_event(&mut self, records: &[Vec<StoredRecord>]) -> i64 {
        let mut latest = i64::MIN;
        for (decoder, records) in self.decoders.iter_mut().zip(records) {
            let raw = records.iter().map(|record| (record.partition, record.offset, record.timestamp, record.value.as_slice()));
            latest = decoder.decode(raw).occurred_at.into_iter().fold(latest, i64::max);
        }
        latest
    }
}

/// Microseconds since 1970 by the system's clock.
pub fn system_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
