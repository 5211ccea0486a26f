//! Byte rows: the one representation that crosses an exchange, an arrangement or an index.
//!
//! Owns [`Row`], a short byte string whose byte order is the order of the values it encodes, and [`RowCodec`], which makes rows
//! from Arrow columns and Arrow columns from rows. Arrow arrays enter and leave; what is inside one field is read by [`crate::field`].
//!
//! The encoding is Arrow's row format with nulls last, so comparing two rows with `memcmp` is PostgreSQL's `ORDER BY a, b, ...`,
//! and the row of `(a, b)` is the row of `a` followed by the row of `b`: joins and projections of whole columns only copy bytes.

use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, IntervalMonthDayNanoArray, ListArray};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, IntervalUnit, SortOptions};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::float::canonical;
use crate::interval::{INTERVAL_BYTES, Interval};

/// Multiplicity of a row in a collection, or the change of it.
pub type Diff = i64;

/// Rows up to this many bytes live without an allocation: three BIGINT columns, the shape of most feeds.
pub const ROW_INLINE_BYTES: usize = 32;

/// One encoded row; rows compare as the values they encode do.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row(SmallVec<[u8; ROW_INLINE_BYTES]>);

impl Row {
    /// The row of no columns.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A row made of bytes that are already encoded.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    /// The row whose columns are those of `left` followed by those of `right`.
    pub fn concat(left: &[u8], right: &[u8]) -> Self {
        let mut bytes = SmallVec::with_capacity(left.len() + right.len());
        bytes.extend_from_slice(left);
        bytes.extend_from_slice(right);
        Self(bytes)
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends encoded columns.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte of an encoding.
    pub fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Replaces the content, keeping the allocation.
    pub fn set(&mut self, bytes: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(bytes);
    }

    /// The bytes from `start` on, to be changed in place (descending fields are stored inverted).
    pub fn tail_mut(&mut self, start: usize) -> &mut [u8] {
        &mut self.0[start..]
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Row {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Row {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", hex::encode(self.as_bytes()))
    }
}

/// Turns Arrow columns of fixed types into rows and back.
pub struct RowCodec {
    converter: RowConverter,
    types: Vec<DataType>,
    /// numbers of the columns that are intervals, whose bytes are written by [`crate::interval`]: Arrow's own have another order
    intervals: Vec<usize>,
}

impl RowCodec {
    /// A codec for columns of these types, in this order.
    pub fn new(types: &[DataType]) -> Result<Self, ArrowError> {
        let options = SortOptions { descending: false, nulls_first: false };
        let fields = types.iter().map(|kind| SortField::new_with_options(encoded_type(kind), options)).collect();
        let is_interval = |kind: &DataType| kind == &DataType::Interval(IntervalUnit::MonthDayNano);
        let intervals = types.iter().enumerate().filter(|(_, kind)| is_interval(kind)).map(|(column, _)| column).collect();
        Ok(Self { converter: RowConverter::new(fields)?, types: types.to_vec(), intervals })
    }

    /// The types of the columns.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Encodes columns of equal length; `rows` is the length, needed when there are no columns. -0.0 becomes 0.0 and every NaN the same
    /// one, so that equal numbers are equal bytes.
    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Row>, ArrowError> {
        if columns.is_empty() {
            return Ok(vec![Row::empty(); rows]);
        }
        let mut columns = columns.iter().map(one_form_of_each_number).collect::<Result<Vec<_>, _>>()?;
        for &column in &self.intervals {
            columns[column] = interval_bytes(&columns[column])?;
        }
        let encoded = self.converter.convert_columns(&columns)?;
        Ok(encoded.iter().map(|row| Row::from_bytes(row.as_ref())).collect())
    }

    /// Decodes rows of this codec's types into one array per column.
    pub fn decode<'a>(&self, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>, ArrowError> {
        let parser = self.converter.parser();
        let mut columns = self.converter.convert_rows(rows.into_iter().map(|bytes| parser.parse(bytes)))?;
        for &column in &self.intervals {
            columns[column] = intervals(&columns[column])?;
        }
        Ok(columns)
    }
}

/// The type that Arrow encodes for a column of this type.
fn encoded_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Interval(IntervalUnit::MonthDayNano) => DataType::FixedSizeBinary(INTERVAL_BYTES as i32),
        other => other.clone(),
    }
}

fn interval_bytes(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let values = column.as_primitive::<IntervalMonthDayNanoType>().iter();
    let bytes = values.map(|value| value.map(|value| interval_of(value).to_bytes()));
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, INTERVAL_BYTES as i32)?))
}

fn intervals(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let damaged = || ArrowError::ParseError("the bytes of an interval are damaged".to_owned());
    let value = |bytes: &[u8]| Interval::from_bytes(bytes).and_then(arrow_interval).ok_or_else(damaged);
    let values = column.as_fixed_size_binary().iter().map(|bytes| bytes.map(value).transpose());
    Ok(Arc::new(values.collect::<Result<IntervalMonthDayNanoArray, _>>()?))
}

/// The interval that Arrow calls months, days and nanoseconds; what is less than a microsecond is dropped.
pub fn interval_of(value: IntervalMonthDayNano) -> Interval {
    Interval { months: value.months, days: value.days, micros: value.nanoseconds / 1_000 }
}

/// An interval as Arrow has it; `None` when its microseconds are more than 292 years.
pub fn arrow_interval(value: Interval) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano::new(value.months, value.days, value.micros.checked_mul(1_000)?))
}

/// The column with [`canonical`] floating-point numbers, in lists too.
///
/// # Errors
/// When a list could not be built again.
pub fn one_form_of_each_number(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match column.data_type() {
        DataType::Float64 => Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(canonical)),
        DataType::List(item) if matches!(item.data_type(), DataType::Float64 | DataType::List(_)) => {
            let lists = column.as_list::<i32>();
            let values = one_form_of_each_number(lists.values())?;
            Arc::new(ListArray::try_new(Arc::clone(item), lists.offsets().clone(), values, lists.nulls().cloned())?)
        }
        _ => Arc::clone(column),
    })
}
