//! Records of a derived topic. Pure: a unit enters, records leave, the same every time.

use schemas::field::json_string;
use schemas::sink::SinkContent;

use super::log::TopicRecord;
use super::read::End;
use crate::contract::{Progress, SinkError, Unit, progress_text};
use crate::rows::{KeyChange, RowReader};
use schemas::chain::Chain;

/// Most records of one append, the control record not counted.
pub const PART_RECORDS: usize = 8_192;
/// Bytes after which a part ends; one record more may be in it.
const PART_BYTES: usize = 8 << 20;

/// Makes the records of one sink.
pub struct Encoder {
    /// the name of the sink
    pub name: String,
    /// its content
    pub content: SinkContent,
    /// reads its rows
    pub rows: RowReader,
}

/// A record to be.
pub struct Entry {
    /// the key of the record
    key: String,
    /// members behind the headers, each with a comma before
    members: String,
    /// the operation, as `headers.op` says it
    operation: &'static str,
}

impl Encoder {
    /// The records of a unit.
    pub fn entries(&self, unit: &Unit) -> Result<Vec<Entry>, SinkError> {
        let mut entries = Vec::new();
        let is_first = unit.after == Chain::default();
        if is_first {
            entries.push(Entry { key: String::new(), members: String::new(), operation: "reset" });
        }
        match &self.content {
            SinkContent::Upsert { key } => {
                for (key, change) in self.rows.by_key(key, &unit.changes) {
                    entries.push(upsert(key, change)?);
                }
            }
            SinkContent::Changelog => entries.extend(self.rows.changes(&unit.changes).into_iter().map(|(row, diff)| Entry {
                key: String::new(),
                members: format!(",\"diff\":{diff},\"row\":{row}"),
                operation: if diff > 0 { "insert" } else { "delete" },
            })),
            // The language declares no such sink.
            SinkContent::Search(_) => return Err(SinkError::Refused("the words of rows can't be written to a topic".to_owned())),
            // At the beginning everything may be stale, which the reset says.
            SinkContent::Invalidate { .. } if is_first => {}
            SinkContent::Invalidate { key } => {
                entries.extend(self.rows.stale_keys(key, &unit.changes).into_iter().map(|key| Entry {
                    key,
                    members: String::new(),
                    operation: "invalidate",
                }))
            }
        }
        Ok(entries)
    }

    /// The record of an entry.
    pub fn record(&self, entry: &Entry, position: &str) -> TopicRecord {
        let mut value = format!("{{\"headers\":{{\"op\":\"{}\",\"position\":\"{position}\",\"sink\":", entry.operation);
        json_string(&self.name, &mut value);
        value.push('}');
        value.push_str(&entry.members);
        value.push('}');
        TopicRecord { key: entry.key.clone().into_bytes(), value: value.into_bytes() }
    }

    /// The record behind part `part` of `parts`.
    pub fn control(&self, progress: &Progress, (part, parts): (usize, usize), end: &End, position: &str) -> TopicRecord {
        let members = format!(
            ",\"progress\":\"{}\",\"part\":{part},\"parts\":{parts},\"before\":{},\"complete\":{}",
            progress_text::write(progress),
            end.progress.as_ref().map_or("null".to_owned(), |progress| format!("\"{}\"", progress_text::write(progress))),
            end.complete.0,
        );
        let operation = if part == parts { "commit" } else { "part" };
        self.record(&Entry { key: String::new(), members, operation }, position)
    }
}

/// Makes the record of one key; refuses a key with several rows, because readers would keep one of them by chance.
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
pub fn parts_of(entries: &[Entry], part_records: usize) -> Vec<&[Entry]> {
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
