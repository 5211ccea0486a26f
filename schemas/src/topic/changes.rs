//! Records that change the rows of a table: the formats that write them, and the columns that say what a record does to its row.
//!
//! Owns [`TopicChanges`]. A table whose records lie in a topic is folded from them like any other, so each record is a row of the declared
//! columns and of a few more, whose names no table has.

use arrow_schema::DataType;

use super::column::DeclaredColumn;

/// The column with what a record does: [`CHANGE_PUT`], [`CHANGE_DELETE`] or [`CHANGE_TRUNCATE`]; NULL when it does nothing.
pub const CHANGE_OPERATION: &str = "$op";
/// The column with the place of a change in the log of its database, by which one that is sent again is known.
pub const CHANGE_SEQUENCE: &str = "$lsn";
/// The column that says that a change keeps the values of some columns.
pub const CHANGE_KEEPS: &str = "$keeps";
/// Beginning of the name of the columns that say that a change keeps the value of another column.
const CHANGE_KEPT: &str = "$kept_";

/// The row of the key is now this one.
pub const CHANGE_PUT: &str = "put";
/// The row of the key is gone.
pub const CHANGE_DELETE: &str = "delete";
/// All rows are gone.
pub const CHANGE_TRUNCATE: &str = "truncate";

/// Form of the records of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFormat {
    /// the value is the row, and a record without a value deletes the row of its key
    Upsert,
    /// the value is an envelope of Debezium with the row before and after a change
    Debezium,
}

/// Meaning of the records of a topic for the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicChanges {
    /// form of the records
    pub format: ChangeFormat,
    /// the columns of the primary key, by their places
    pub key: Vec<usize>,
    /// for each declared column, true if no row has NULL there
    pub required: Vec<bool>,
}

impl TopicChanges {
    /// Returns true if a change may leave out the value of this column, because it is large and has not changed.
    pub fn may_keep(&self, column: usize, data_type: &DataType) -> bool {
        let is_small = matches!(
            data_type,
            DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::Float32
                | DataType::Float64
                | DataType::Decimal128(..)
                | DataType::Decimal256(..)
                | DataType::Boolean
                | DataType::Date32
                | DataType::Timestamp(..)
                | DataType::Interval(_)
        );
        self.format == ChangeFormat::Debezium && !self.key.contains(&column) && !is_small
    }

    /// The name of the column that says that a change keeps the value of this one.
    pub fn kept_name(column: &str) -> String {
        format!("{CHANGE_KEPT}{column}")
    }

    /// Returns true if a table may not have a column of this name.
    pub fn is_reserved(column: &str) -> bool {
        [CHANGE_OPERATION, CHANGE_SEQUENCE, CHANGE_KEEPS].contains(&column) || column.starts_with(CHANGE_KEPT)
    }

    /// The columns that say what a record does, behind the declared ones.
    pub(super) fn columns<'c>(&self, declared: impl Iterator<Item = (&'c str, &'c DataType)>) -> Vec<DeclaredColumn> {
        let mut columns = vec![DeclaredColumn::plain(CHANGE_OPERATION, DataType::Utf8, true)];
        if self.format == ChangeFormat::Debezium {
            columns.push(DeclaredColumn::plain(CHANGE_SEQUENCE, DataType::Int64, true));
            columns.push(DeclaredColumn::plain(CHANGE_KEEPS, DataType::Boolean, false));
        }
        for (place, (name, data_type)) in declared.enumerate() {
            if self.may_keep(place, data_type) {
                columns.push(DeclaredColumn::plain(&Self::kept_name(name), DataType::Boolean, false));
            }
        }
        columns
    }
}
