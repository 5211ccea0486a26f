//! The write half of a derived topic: a view's changes as records of the log, each epoch exactly once.
//!
//! Owns [`TopicSink`]. Units enter; for each, records and behind them a control record that says how far the topic is, all in one append,
//! which is atomic. What is too large for one append goes in parts, each of which says how many there are: a start finds the true end in
//! the last record, and goes on in the middle of a unit.

use std::sync::Arc;

use schemas::chain::Chain;
use schemas::position::{Offset, Topic};

use super::config::TopicConfig;
use super::encode::{Encoder, PART_RECORDS, parts_of};
use super::log::{TopicLog, TopicLogError, TopicRecord};
use super::read::{End, end_of};
use crate::contract::steps::{SINK_APPENDED_NOT_ACKNOWLEDGED, SINK_BEFORE_APPEND, StepReached};
use crate::contract::{Contents, Progress, Sink, SinkError, SinkKind, Unit};
use crate::rows::RowReader;

/// Writes a derived topic.
pub struct TopicSink {
    /// the topic, which nobody else writes
    topic: Topic,
    /// holds the topic
    log: Arc<dyn TopicLog>,
    /// told before and after each append
    step: StepReached,
    /// makes the records
    encoder: Encoder,
    /// most records of one append, the control record not counted
    part_records: usize,
    /// end of the topic; `None` when it has to be looked up
    end: Option<End>,
}

impl TopicSink {
    /// A sink that writes to a topic, which is created when the sink is fenced.
    pub fn new(config: TopicConfig, rows: RowReader, log: Arc<dyn TopicLog>, step: StepReached) -> Self {
        let TopicConfig { name, topic, content } = config;
        Self { topic, log, step, encoder: Encoder { name, content, rows }, part_records: PART_RECORDS, end: None }
    }

    /// The same sink with smaller appends.
    #[cfg(test)]
    pub(super) fn in_parts_of(self, part_records: usize) -> Self {
        Self { part_records, ..self }
    }

    /// Makes the error that a person has to act on.
    fn refused(&self, why: &str) -> SinkError {
        SinkError::Refused(format!("topic '{}' {why}; choose another topic", self.topic))
    }

    /// Appends one part and returns the end behind it. What is ambiguous for the log is ambiguous for the sink: the next fence finds the
    /// true end.
    fn append(&self, records: Vec<TopicRecord>) -> Result<Offset, SinkError> {
        (self.step)(SINK_BEFORE_APPEND);
        self.log.append(&self.topic, records).map_err(|error| match error {
            TopicLogError::TooLarge(detail) => SinkError::Refused(format!("a row is too large for a record: {detail}")),
            TopicLogError::Ambiguous(detail) => SinkError::Ambiguous(detail),
            error => SinkError::Unavailable(error.to_string()),
        })
    }

    /// Refuses a unit that does not continue what is at the end of the topic.
    fn follows(&self, unit: &Unit, end: &End) -> Result<(), SinkError> {
        let next = self.log.end(&self.topic).map_err(|error| SinkError::Unavailable(error.to_string()))?;
        let is_after = match &end.progress {
            Some(progress) => progress.chain == unit.after.0 && progress.plan == unit.progress.plan,
            None => unit.after == Chain::default(),
        };
        if next == end.next && is_after { Ok(()) } else { Err(SinkError::Guard) }
    }

    /// Returns the number of parts of a unit that are there already. A first unit that has begun may be
    /// another one now: it begins again, with a record that says so.
    fn begun_parts(&self, unit: &Unit, end: &End) -> Result<usize, SinkError> {
        match &end.begun {
            Some((progress, parts)) if progress.chain == unit.progress.chain && progress.plan == unit.progress.plan => Ok(*parts),
            Some((progress, _)) if end.progress.is_some() => {
                let why = format!("ends within epoch {}, which this history does not have", progress.epoch);
                Err(self.refused(&why))
            }
            _ => Ok(0),
        }
    }
}

impl Sink for TopicSink {
    fn name(&self) -> &str {
        &self.encoder.name
    }

    fn kind(&self) -> SinkKind {
        SinkKind::Append
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        let unavailable = |error: TopicLogError| SinkError::Unavailable(error.to_string());
        match self.log.create(&self.topic) {
            Ok(()) => {}
            Err(TopicLogError::Partitions { existing }) => {
                return Err(self.refused(&format!("is there already, with {existing} partitions")));
            }
            Err(error) => return Err(unavailable(error)),
        }
        let end = end_of(self.log.as_ref(), &self.topic, Some(&self.encoder.name)).map_err(unavailable)?;
        let Some(end) = end else { return Err(self.refused("has records that this sink did not write")) };
        let latest = end.begun.as_ref().map(|(progress, _)| progress).or(end.progress.as_ref());
        if let Some(progress) = latest.filter(|progress| progress.incarnation > incarnation) {
            return Err(SinkError::Fenced(progress.incarnation));
        }
        let progress = end.progress.clone();
        self.end = Some(end);
        Ok(progress)
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        // As long as an append may have been lost on the way, the end is not known.
        let Some(mut end) = self.end.take() else { return Err(SinkError::Guard) };
        self.follows(unit, &end)?;
        let done = self.begun_parts(unit, &end)?;
        let entries = self.encoder.entries(unit)?;
        let position = format!("{:x}:{}", unit.progress.timeline, unit.progress.epoch);
        let parts = parts_of(&entries, self.part_records);
        for (place, part) in parts.iter().enumerate().skip(done) {
            let number = place + 1;
            let mut records: Vec<TopicRecord> = part.iter().map(|entry| self.encoder.record(entry, &position)).collect();
            records.push(self.encoder.control(&unit.progress, (number, parts.len()), &end, &position));
            end.next = self.append(records)?;
        }
        (self.step)(SINK_APPENDED_NOT_ACKNOWLEDGED);
        self.end = Some(End { next: end.next, complete: end.next, progress: Some(unit.progress.clone()), begun: None });
        Ok(())
    }

    fn replace(&mut self, _contents: &Contents) -> Result<(), SinkError> {
        Err(self.refused("can't be rewritten"))
    }
}
