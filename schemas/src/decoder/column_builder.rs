//! Columns being filled, one value after the other.
//!
//! Owns [`ColumnBuilder`]. Checked values enter, an Arrow array leaves. The common types go straight into their arrays; the others, lists of
//! any type among them, are collected as fields of rows and become an array at the end.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    LargeStringBuilder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::DataType;

use crate::field::{FieldKind, Value};
use crate::row::{Row, RowCodec};

/// One column being filled.
pub(super) enum ColumnBuilder {
    SmallInt(Int16Builder),
    Integer(Int32Builder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
    Json(LargeStringBuilder),
    Bytes(BinaryBuilder),
    Time(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Ids(ListBuilder<Int64Builder>),
    Texts(ListBuilder<StringBuilder>),
    Fields(FieldKind, RowCodec, Vec<Row>),
}

impl ColumnBuilder {
    /// An empty column of this type.
    pub(super) fn new(kind: &DataType) -> Self {
        match kind {
            DataType::Int16 => Self::SmallInt(Int16Builder::new()),
            DataType::Int32 => Self::Integer(Int32Builder::new()),
            DataType::Int64 => Self::Int(Int64Builder::new()),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Decimal128(..) => Self::Decimal(Decimal128Builder::new().with_data_type(kind.clone())),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::LargeUtf8 => Self::Json(LargeStringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Timestamp(..) => Self::Time(TimestampMicrosecondBuilder::new().with_data_type(kind.clone())),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::List(item) if *item.data_type() == DataType::Int64 => Self::Ids(ListBuilder::new(Int64Builder::new())),
            DataType::List(item) if *item.data_type() == DataType::Utf8 => Self::Texts(ListBuilder::new(StringBuilder::new())),
            other => match (FieldKind::of(other), RowCodec::new(std::slice::from_ref(other))) {
                (Some(field), Ok(codec)) => Self::Fields(field, codec, Vec::new()),
                _ => panic!("a topic has a column of type {other}, which rows can't hold"),
            },
        }
    }

    /// Appends a value of the column's type, or NULL.
    pub(super) fn append(&mut self, value: &Value<'_>) {
        match (self, value) {
            (Self::SmallInt(column), Value::Int(value)) => column.append_value(*value as i16),
            (Self::SmallInt(column), Value::Null) => column.append_null(),
            (Self::Integer(column), Value::Int(value)) => column.append_value(*value as i32),
            (Self::Integer(column), Value::Null) => column.append_null(),
            (Self::Int(column), Value::Int(value)) => column.append_value(*value),
            (Self::Int(column), Value::Null) => column.append_null(),
            (Self::Float(column), Value::Float(value)) => column.append_value(*value),
            (Self::Float(column), Value::Null) => column.append_null(),
            (Self::Decimal(column), Value::Decimal(value, _)) => column.append_value(*value),
            (Self::Decimal(column), Value::Null) => column.append_null(),
            (Self::Boolean(column), Value::Boolean(value)) => column.append_value(*value),
            (Self::Boolean(column), Value::Null) => column.append_null(),
            (Self::Text(column), Value::Text(value)) => column.append_value(value),
            (Self::Text(column), Value::Null) => column.append_null(),
            (Self::Json(column), Value::Json(value)) => column.append_value(value),
            (Self::Json(column), Value::Null) => column.append_null(),
            (Self::Bytes(column), Value::Bytes(value)) => column.append_value(value),
            (Self::Bytes(column), Value::Null) => column.append_null(),
            (Self::Time(column), Value::Timestamp(value) | Value::LocalTimestamp(value)) => column.append_value(*value),
            (Self::Time(column), Value::Null) => column.append_null(),
            (Self::Date(column), Value::Date(value)) => column.append_value(*value),
            (Self::Date(column), Value::Null) => column.append_null(),
            (Self::Ids(column), Value::List(values)) => column.append_value(values.iter().map(|value| match value {
                Value::Int(id) => Some(*id),
                _ => None,
            })),
            (Self::Ids(column), Value::Null) => column.append_null(),
            (Self::Texts(column), Value::List(values)) => column.append_value(values.iter().map(|value| match value {
                Value::Text(text) => Some(text.as_ref()),
                _ => None,
            })),
            (Self::Texts(column), Value::Null) => column.append_null(),
            (Self::Fields(kind, _, rows), value) => {
                let mut row = Row::empty();
                kind.write(value, &mut row);
                rows.push(row);
            }
            (_, value) => panic!("a column got the value {value:?}, which is not of its type"),
        }
    }

    /// The column; it is empty again afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::SmallInt(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Int(column) => Arc::new(column.finish()),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Decimal(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
            Self::Json(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Ids(column) => Arc::new(column.finish()),
            Self::Texts(column) => Arc::new(column.finish()),
            Self::Fields(kind, codec, rows) => {
                let arrays = codec.decode(rows.iter().map(Row::as_bytes));
                rows.clear();
                let column = arrays.ok().and_then(|arrays| arrays.into_iter().next());
                column.unwrap_or_else(|| panic!("values of {} that were written as rows can't be read", kind.sql_name()))
            }
        }
    }
}
