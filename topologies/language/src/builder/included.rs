//! `INCLUDE`: parts of the records of a topic as columns.
//!
//! The names of a statement enter; the topic leaves with columns more, or the reason why not.

use arrow_schema::DataType;
use datafusion_sql::sqlparser::ast::{self, TimezoneInfo};
use schemas::topic::column::{DeclaredColumn, RecordPart};
use schemas::topic::declared::DeclaredTopic;

use super::errors::{Outcome, fail};
use crate::parse::{ColumnDefinition, IncludedColumn};
use crate::plan::types::{json_type, timestamp_type};

/// The topic with these columns behind those of its events.
pub(super) fn including(topic: DeclaredTopic, included: &[IncludedColumn]) -> Outcome<DeclaredTopic> {
    let mut names: Vec<&str> = topic.columns().iter().map(|column| column.name.as_str()).collect();
    for IncludedColumn { name, .. } in included {
        if names.contains(&name.text.as_str()) {
            let help = "give the part of the record another name with AS";
            return fail(name, format!("column '{}' is declared twice", name.text), help);
        }
        if name.text.contains('.') {
            return fail(name, format!("the column '{}' has a point in its name", name.text), "choose another name");
        }
        names.push(&name.text);
    }
    let is_message = topic.message().is_some();
    let columns = included.iter().map(|included| (included.part, column(included, is_message))).collect();
    Ok(topic.including(columns))
}

fn column(IncludedColumn { part, name }: &IncludedColumn, is_message: bool) -> DeclaredColumn {
    let data_type = match part {
        RecordPart::Key => DataType::Utf8,
        RecordPart::Partition => DataType::Int32,
        RecordPart::Offset => DataType::Int64,
        RecordPart::Timestamp => timestamp_type(),
        RecordPart::Payload if is_message => DataType::Binary,
        RecordPart::Payload => json_type(),
    };
    DeclaredColumn::plain(&name.text, data_type, is_nullable(*part))
}

/// Records may lack a key or a value; each has a place and a time.
fn is_nullable(part: RecordPart) -> bool {
    matches!(part, RecordPart::Key | RecordPart::Payload)
}

/// The column of a table that holds a part of the record that changed its row last.
pub(super) fn definition(IncludedColumn { part, name }: &IncludedColumn) -> ColumnDefinition {
    let data_type = match part {
        RecordPart::Key => ast::DataType::Text,
        RecordPart::Partition => ast::DataType::Integer(None),
        RecordPart::Offset => ast::DataType::BigInt(None),
        RecordPart::Timestamp => ast::DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
        RecordPart::Payload => ast::DataType::JSONB,
    };
    let data_type_location = name.location.clone();
    ColumnDefinition { name: name.clone(), data_type, data_type_location, not_null: !is_nullable(*part) }
}
