//! Derived topics: a view's changes as records of the embedded log, each epoch exactly once.
//!
//! Owns [`LogSink`] and the form of the records. Units enter; for each, records and behind them a control record that says how far the
//! topic is, all in one append, which is atomic. What is too large for one append goes in parts, each of which says how many there are:
//! a start finds the true end in the last record, and goes on in the middle of a unit.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use epochs::crash_point::{SINK_APPENDED_NOT_ACKNOWLEDGED, SINK_BEFORE_APPEND, crash_point};
use schemas::chain::Chain;
use schemas::field::json_string;
use schemas::position::{Offset, Partition, Topic};
use serde::Deserialize;
use sinks::contract::{Contents, Progress, Sink, SinkError, SinkKind, Unit, progress_text};
use sources::error::LogError;
use sources::log::{Log, Record};

use super::rows::{KeyChange, RowReader};
use language::plan::sink::Content;

/// A derived topic has one partition, so that its records have one order.
pub const DERIVED_PARTITIONS: u32 = 1;
/// Most records of one append, the control record not counted.
const PART_RECORDS: usize = 8_192;
/// Bytes after which a part ends; one record more may be in it.
const PART_BYTES: usize = 8 << 20;
const PARTITION: Partition = Partition(0);

/// Writes a derived topic.
pub struct LogSink {
    name: String,
    topic: Topic,
    log: Arc<dyn Log>,
    content: Content,
    rows: RowReader,
    part_records: usize,
    /// end of the topic; `None` when it has to be looked up
    end: Option<End>,
}

/// Content of a derived topic's last record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// the next offset
    next: Offset,
    /// up to here the records are of complete units
    pub complete: Offset,
    /// the last complete unit
    progress: Option<Progress>,
    /// the unit that has begun behind it, and how many of its parts are there
    begun: Option<(Progress, usize)>,
}

/// A record to be.
struct Entry {
    key: String,
    /// members behind the headers, each with a comma before
    members: String,
    operation: &'static str,
}

/// The last record of an append.
#[derive(Deserialize)]
struct Control {
    headers: ControlHeaders,
    progress: String,
    #[serde(default)]
    part: usize,
    #[serde(default)]
    parts: usize,
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    complete: u64,
}

#[derive(Deserialize)]
struct ControlHeaders {
    sink: String,
}

impl LogSink {
    /// A sink that writes to a topic, which is created when it is asked how far it is.
    pub fn new(name: String, topic: &str, log: Arc<dyn Log>, content: Content, rows: RowReader) -> Self {
        Self { name, topic: Topic::new(topic), log, content, rows, part_records: PART_RECORDS, end: None }
    }

    fn refused(&self, why: &str) -> SinkError {
        SinkError::Refused(format!("topic '{}' {why}; choose another topic", self.topic))
    }

    /// The records of a unit.
    fn entries(&self, unit: &Unit) -> Result<Vec<Entry>, SinkError> {
        let mut entries = Vec::new();
        let is_first = unit.after == Chain::default();
        if is_first {
            entries.push(Entry { key: String::new(), members: String::new(), operation: "reset" });
        }
        match &self.content {
            Content::Upsert { key } => {
                for (key, change) in self.rows.by_key(key, &unit.changes) {
                    entries.push(upsert(key, change)?);
                }
            }
            Content::Changelog => entries.extend(self.rows.changes(&unit.changes).into_iter().map(|(row, diff)| Entry {
                key: String::new(),
                members: format!(",\"diff\":{diff},\"row\":{row}"),
                operation: if diff > 0 { "insert" } else { "delete" },
            })),
            // At the beginning everything may be stale, which the reset says.
            Content::Invalidate { .. } if is_first => {}
            Content::Invalidate { key } => {
                entries.extend(self.rows.stale_keys(key, &unit.changes).into_iter().map(|key| Entry {
                    key,
                    members: String::new(),
                    operation: "invalidate",
                }))
            }
        }
        Ok(entries)
    }

    fn record(&self, entry: &Entry, position: &str) -> Record {
        let mut value = format!("{{\"headers\":{{\"op\":\"{}\",\"position\":\"{position}\",\"sink\":", entry.operation);
        json_string(&self.name, &mut value);
        value.push('}');
        value.push_str(&entry.members);
        value.push('}');
        Record { key: entry.key.clone().into_bytes(), value: value.into_bytes(), timestamp: now_micros() }
    }

    /// The record behind part `part` of `parts`.
    fn control(&self, progress: &Progress, (part, parts): (usize, usize), end: &End, position: &str) -> Record {
        let members = format!(
            ",\"progress\":\"{}\",\"part\":{part},\"parts\":{parts},\"before\":{},\"complete\":{}",
            progress_text::write(progress),
            end.progress.as_ref().map_or("null".to_owned(), |progress| format!("\"{}\"", progress_text::write(progress))),
            end.complete.0,
        );
        let operation = if part == parts { "commit" } else { "part" };
        self.record(&Entry { key: String::new(), members, operation }, position)
    }

    fn append(&self, records: Vec<Record>) -> Result<(), SinkError> {
        crash_point(SINK_BEFORE_APPEND);
        self.log.append(&self.topic, records).map(drop).map_err(|error| match error {
            LogError::RecordTooLarge { .. } => SinkError::Refused(format!("a row is too large for a record: {error}")),
            // After these it may be there.
            LogError::Io { .. } | LogError::Stopped { .. } => SinkError::Ambiguous(error.to_string()),
            error => SinkError::Unavailable(error.to_string()),
        })
    }

    /// Returns true if a unit continues what is at the end of the topic.
    fn follows(&self, unit: &Unit, end: &End) -> Result<(), SinkError> {
        let bounds = self.log.bounds(&self.topic, PARTITION).map_err(|error| SinkError::Unavailable(error.to_string()))?;
        let is_after = match &end.progress {
            Some(progress) => progress.chain == unit.after.0 && progress.plan == unit.progress.plan,
            None => unit.after == Chain::default(),
        };
        if bounds.1 == end.next && is_after { Ok(()) } else { Err(SinkError::Guard) }
    }

    /// Returns the number of parts of a unit that are there already. A first unit that has begun may be another one now: it
    /// begins again, with a
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

impl Sink for LogSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> SinkKind {
        SinkKind::Append
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        let unavailable = |error: LogError| SinkError::Unavailable(error.to_string());
        match self.log.create_topic(&self.topic, DERIVED_PARTITIONS) {
            Ok(_) => {}
            Err(LogError::PartitionsDiffer { existing, .. }) => {
                return Err(self.refused(&format!("is there already, with {existing} partitions")));
            }
            Err(error) => return Err(unavailable(error)),
        }
        let end = end_of(self.log.as_ref(), &self.topic, Some(&self.name)).map_err(unavailable)?;
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
        let entries = self.entries(unit)?;
        let position = format!("{:x}:{}", unit.progress.timeline, unit.progress.epoch);
        let parts = parts_of(&entries, self.part_records);
        for (place, part) in parts.iter().enumerate().skip(done) {
            let number = place + 1;
            let mut records: Vec<Record> = part.iter().map(|entry| self.record(entry, &position)).collect();
            records.push(self.control(&unit.progress, (number, parts.len()), &end, &position));
            let count = records.len() as u64;
            self.append(records)?;
            end.next.0 += count;
        }
        crash_point(SINK_APPENDED_NOT_ACKNOWLEDGED);
        self.end = Some(End { next: end.next, complete: end.next, progress: Some(unit.progress.clone()), begun: None });
        Ok(())
    }

    fn replace(&mut self, _contents: &Contents) -> Result<(), SinkError> {
        Err(self.refused("can't be rewritten"))
    }
}

fn upsert(key: String, change: KeyChange) -> Result<Entry, SinkError> {
    match change {
        KeyChange::Row(row) => Ok(Entry { key, members: format!(",\"row\":{row}"), operation: "upsert" }),
        KeyChange::Gone => Ok(Entry { key, members: ",\"row\":null".to_owned(), operation: "delete" }),
        KeyChange::Ambiguous => Err(SinkError::Refused(format!(
            "several rows have the key {key}: name a key that is unique, or write FORMAT CHANGELOG"
        ))),
    }
}

/// The appends that a unit takes: the same every time, at least one.
fn parts_of(entries: &[Entry], part_records: usize) -> Vec<&[Entry]> {
    let (mut parts, mut rest) = (Vec::new(), entries);
    loop {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let fits = bytes < PART_BYTES;
            bytes += entry.key.len() + entry.members.len();
            fits
        };
        let count = rest.iter().take(part_records).take_while(fits).count();
        let (part, behind) = rest.split_at(count);
        parts.push(part);
        rest = behind;
        if rest.is_empty() {
            return parts;
        }
    }
}

/// Returns the end of a derived topic; `None` when something else wrote there than the sink (any sink, if none is named).
pub fn end_of(log: &dyn Log, topic: &Topic, sink: Option<&str>) -> Result<Option<End>, LogError> {
    let (earliest, next) = log.bounds(topic, PARTITION)?;
    if earliest == next {
        return Ok(Some(End { next, complete: next, ..End::default() }));
    }
    let last = log.read(topic, PARTITION, Offset(next.0 - 1), 1, usize::MAX)?;
    let control = last.first().and_then(|record| serde_json::from_slice::<Control>(&record.value).ok());
    Ok(control
        .filter(|control| sink.is_none_or(|sink| control.headers.sink == sink))
        .and_then(|control| end_from(&control, next)))
}

fn end_from(control: &Control, next: Offset) -> Option<End> {
    let progress = progress_text::read(&control.progress)?;
    if control.part == control.parts {
        return Some(End { next, complete: next, progress: Some(progress), begun: None });
    }
    let before = control.before.as_deref().map(progress_text::read);
    // A progress that can't be read is no missing one.
    let before = match before {
        Some(None) => return None,
        before => before.flatten(),
    };
    Some(End { next, complete: Offset(control.complete), progress: before, begun: Some((progress, control.part)) })
}

/// The time of an append says nothing about the content.
fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
