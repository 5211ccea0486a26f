//! `CREATE TABLE ... WITH (connector = ...) FORMAT UPSERT|DEBEZIUM ENCODE JSON`: the topic whose records change the rows of a table.
//!
//! Enters: a cursor behind the options of a table. Leaves: the topic, or nothing for a table that statements fill.

use schemas::topic::changes::ChangeFormat;

use super::create::word_of;
use super::cursor::Cursor;
use super::include::included;
use super::options::Options;
use super::source::{FORMATS_LATER, partitions, source_connector};
use super::statement::{IncludedColumn, Name, TableTopic, Text};
use crate::diagnostic::Diagnostic;

/// Options that say where records lie.
const TOPIC_OPTIONS: [&str; 3] = ["connector", "topic", "partitions"];
const FORMATS: &[&str] = &["upsert", "debezium"];
const ENCODINGS: &[&str] = &["json"];
const ENCODINGS_LATER: &[&str] = &["protobuf", "avro", "bytes", "csv"];

/// Reads what follows the options; `included` are the columns that stand before them.
pub(super) fn table_topic(
    cursor: &mut Cursor<'_>,
    table: &Name,
    options: &Options,
    mut included_columns: Vec<IncludedColumn>,
) -> Result<Option<TableTopic>, Diagnostic> {
    if TOPIC_OPTIONS.iter().all(|option| options.get(option).is_none()) {
        let help = "add WITH (connector = 'log', topic = 'name of the topic in the log') before FORMAT";
        if cursor.peeks("FORMAT") {
            return Err(cursor.error("a table with a FORMAT is filled from a topic").with_help(help));
        }
        return match included_columns.first() {
            Some(column) => {
                let error = Diagnostic::new(column.name.location.clone(), "a table that is filled by MERGE has no records");
                Err(error.with_help("leave out INCLUDE: a MERGE takes such columns from its source"))
            }
            None => Ok(None),
        };
    }
    let connector = source_connector(options.require("connector", &table.location, "add connector = 'log'")?)?;
    let topic = options.require("topic", &table.location, "add topic = 'name of the topic in the log'")?;
    cursor.expect("FORMAT")?;
    if cursor.peeks("PLAIN") {
        let error = cursor.error("events of FORMAT PLAIN do not say what they change");
        let help = "write FORMAT UPSERT or FORMAT DEBEZIUM, or CREATE SOURCE and fold its events with MERGE INTO";
        return Err(error.with_help(help));
    }
    let format = match word_of(cursor, "format", FORMATS, FORMATS_LATER)? {
        "debezium" => ChangeFormat::Debezium,
        _ => ChangeFormat::Upsert,
    };
    cursor.expect("ENCODE")?;
    word_of(cursor, "encoding", ENCODINGS, ENCODINGS_LATER)?;
    included_columns.extend(included(cursor)?);
    if cursor.peeks("DEDUPLICATE") {
        let error = cursor.error("changes of rows are not told apart by columns");
        return Err(error.with_help("leave it out: a change that is sent again leaves the same row"));
    }
    Ok(Some(TableTopic {
        connector,
        topic: Text { text: topic.text()?, location: topic.location.clone() },
        format,
        partitions: partitions(options)?,
        included: included_columns,
    }))
}
