//! `INCLUDE`: parts of a record of the log as columns beside its event.
//!
//! Enters: a cursor in a CREATE SOURCE or CREATE TABLE, before WITH or behind the encoding. Leaves: the parts with the names of their columns.

use schemas::topic::column::RecordPart;

use super::cursor::Cursor;
use super::statement::{IncludedColumn, Name};
use super::unsupported::not_yet;
use crate::diagnostic::Diagnostic;

const PARTS: [(&str, RecordPart); 5] = [
    ("KEY", RecordPart::Key),
    ("PARTITION", RecordPart::Partition),
    ("OFFSET", RecordPart::Offset),
    ("TIMESTAMP", RecordPart::Timestamp),
    ("PAYLOAD", RecordPart::Payload),
];

/// `INCLUDE part [AS name], ...`, as often as it comes next.
pub(super) fn included(cursor: &mut Cursor<'_>) -> Result<Vec<IncludedColumn>, Diagnostic> {
    let mut columns = Vec::new();
    while cursor.accept("INCLUDE") {
        columns.extend(cursor.list(column)?);
    }
    Ok(columns)
}

fn column(cursor: &mut Cursor<'_>) -> Result<IncludedColumn, Diagnostic> {
    let location = cursor.location();
    if cursor.peeks("HEADER") || cursor.peeks("HEADERS") {
        let help = "leave it out: records of this log have no headers, so send what they would say as a member of the event";
        return Err(not_yet(location, "HEADER in INCLUDE", help));
    }
    let Some((word, part)) = PARTS.iter().find(|(word, _)| cursor.peeks(word)) else {
        return Err(cursor.expected("KEY, PARTITION, OFFSET, TIMESTAMP or PAYLOAD"));
    };
    cursor.advance();
    let name = match cursor.accept("AS") {
        true => cursor.name("the name of a column")?,
        false => Name { text: word.to_lowercase(), location },
    };
    Ok(IncludedColumn { part: *part, name })
}
