//! Values of numbers: read from columns, written into columns.
//!
//! Owns [`Number`] and [`NumberFault`]. Arrays enter and leave; a value that the type of the result can't hold is a fault.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, Decimal256Array, Float64Array, Int16Array, Int32Array, Int64Array, new_null_array,
};
use arrow_schema::DataType;
use datafusion_common::{DataFusionError, Result, plan_err};
use schemas::float::canonical;
use schemas::numeric::{Numeric, NumericDomainError};

use super::kind::NumberKind;

/// A number of one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    /// SMALLINT, INTEGER, BIGINT
    Whole(i64),
    /// NUMERIC
    Exact(Numeric),
    /// DOUBLE PRECISION
    Float(f64),
}

/// Reason why there is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NumberFault {
    /// a divisor is zero
    #[error("division by zero")]
    DivisionByZero,
    /// too great for the type
    #[error("the result is out of range for {0}")]
    OutOfRange(&'static str),
    /// too many digits for any NUMERIC
    #[error(
        "the result has more digits than NUMERIC keeps here (28 before the point and 48 behind it, or 38 in all where the scale is known): \
         round() it, or calculate with DOUBLE PRECISION"
    )]
    TooManyDigits,
    /// too many digits for the declared type
    #[error("the number is too great for NUMERIC({0}, {1})")]
    FieldOverflow(u8, u8),
    /// an argument for which there is no result
    #[error("{0}")]
    Undefined(&'static str),
    /// an argument for which NUMERIC has no result
    #[error(transparent)]
    Domain(NumericDomainError),
    /// a text that is not a value of the type
    #[error("'{text}' is not a value of type {kind}")]
    Text {
        /// the text
        text: String,
        /// the type
        kind: &'static str,
    },
}

impl From<NumberFault> for DataFusionError {
    fn from(fault: NumberFault) -> Self {
        DataFusionError::Execution(fault.to_string())
    }
}

impl Number {
    /// The exact number; a floating-point number is not exact.
    pub(super) fn exact(&self) -> Result<Numeric, NumberFault> {
        match self {
            Self::Whole(value) => Ok(Numeric::new(*value, 0)),
            Self::Exact(number) => Ok(number.clone()),
            Self::Float(value) => {
                Numeric::from_f64(*value).map_err(|_| NumberFault::Undefined("NUMERIC holds finite numbers only"))
            }
        }
    }

    /// The nearest floating-point number.
    pub(super) fn float(&self) -> f64 {
        match self {
            Self::Whole(value) => *value as f64,
            Self::Exact(number) => number.to_f64(),
            Self::Float(value) => *value,
        }
    }

    /// The nearest whole number: halves of NUMERIC go away from zero, those of DOUBLE PRECISION to the even neighbour.
    pub(super) fn whole(&self, kind: NumberKind) -> Result<i64, NumberFault> {
        let out_of_range = || NumberFault::OutOfRange(kind.sql_name());
        match self {
            Self::Whole(value) => Ok(*value),
            Self::Exact(number) => number.to_i64().ok_or_else(out_of_range),
            Self::Float(value) => {
                let rounded = value.round_ties_even();
                // 2^63 is a floating-point number, i64::MAX is not.
                let fits = rounded >= i64::MIN as f64 && rounded < i64::MAX as f64;
                if fits { Ok(rounded as i64) } else { Err(out_of_range()) }
            }
        }
    }
}

/// A column of numbers.
pub(super) struct NumberColumn {
    array: ArrayRef,
    kind: NumberKind,
    is_unsigned: bool,
}

impl NumberColumn {
    pub(super) fn new(array: ArrayRef) -> Result<Self> {
        match NumberKind::of(array.data_type()) {
            Some(kind) => Ok(Self { is_unsigned: *array.data_type() == DataType::UInt64, array, kind }),
            None => plan_err!("a number was expected, not {}", array.data_type()),
        }
    }

    /// The number of a row; `None` for NULL.
    pub(super) fn get(&self, row: usize) -> Option<Number> {
        if self.array.is_null(row) {
            return None;
        }
        Some(match self.kind {
            NumberKind::Int16 => Number::Whole(self.array.as_primitive::<Int16Type>().value(row).into()),
            NumberKind::Int32 => Number::Whole(self.array.as_primitive::<Int32Type>().value(row).into()),
            NumberKind::Int64 if self.is_unsigned => {
                let value = self.array.as_primitive::<UInt64Type>().value(row);
                i64::try_from(value).map_or_else(|_| Number::Exact(Numeric::new(value, 0)), Number::Whole)
            }
            NumberKind::Int64 => Number::Whole(self.array.as_primitive::<Int64Type>().value(row)),
            NumberKind::Exact { scale, .. } => {
                Number::Exact(Numeric::new(self.array.as_primitive::<Decimal128Type>().value(row), scale.into()))
            }
            NumberKind::Wide => Number::Exact(Numeric::from_wide(self.array.as_primitive::<Decimal256Type>().value(row))),
            NumberKind::Float => Number::Float(self.array.as_primitive::<Float64Type>().value(row)),
        })
    }
}

/// Writes one number per row, `None` being NULL.
pub(super) fn write(
    rows: usize,
    kind: NumberKind,
    mut value: impl FnMut(usize) -> Result<Option<Number>, NumberFault>,
) -> Result<ArrayRef> {
    let mut whole = |rows: usize, least: i64, greatest: i64| {
        let number = |row| match value(row)? {
            None => Ok(None),
            Some(number) => match number.whole(kind)? {
                fits if (least..=greatest).contains(&fits) => Ok(Some(fits)),
                _ => Err(NumberFault::OutOfRange(kind.sql_name())),
            },
        };
        (0..rows).map(number).collect::<Result<Vec<Option<i64>>, NumberFault>>()
    };
    Ok(match kind {
        NumberKind::Int16 => {
            let values = whole(rows, i16::MIN.into(), i16::MAX.into())?;
            Arc::new(values.into_iter().map(|value| value.map(|value| value as i16)).collect::<Int16Array>())
        }
        NumberKind::Int32 => {
            let values = whole(rows, i32::MIN.into(), i32::MAX.into())?;
            Arc::new(values.into_iter().map(|value| value.map(|value| value as i32)).collect::<Int32Array>())
        }
        NumberKind::Int64 => Arc::new(Int64Array::from(whole(rows, i64::MIN, i64::MAX)?)),
        NumberKind::Float => {
            let number = |row| Ok(value(row)?.map(|number| canonical(number.float())));
            Arc::new(Float64Array::from((0..rows).map(number).collect::<Result<Vec<Option<f64>>, NumberFault>>()?))
        }
        NumberKind::Exact { digits, scale } => {
            let number = |row| value(row)?.map(|number| units(&number.exact()?, digits, scale)).transpose();
            let values = (0..rows).map(number).collect::<Result<Vec<Option<i128>>, NumberFault>>()?;
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(digits, scale as i8)?)
        }
        NumberKind::Wide => {
            let number = |row| value(row)?.map(|number| number.exact()?.to_wide().ok_or(NumberFault::TooManyDigits)).transpose();
            let values = (0..rows).map(number).collect::<Result<Vec<_>, NumberFault>>()?;
            Arc::new(Decimal256Array::from(values).with_data_type(kind.data_type()))
        }
    })
}

/// A column of NULLs.
pub(super) fn nulls(rows: usize, kind: NumberKind) -> ArrayRef {
    new_null_array(&kind.data_type(), rows)
}

/// The units of a result whose scale is known.
fn units(number: &Numeric, digits: u8, scale: u8) -> Result<i128, NumberFault> {
    let units = number.units_exactly(scale.into()).and_then(|units| i128::try_from(units).ok());
    units.filter(|units| units.unsigned_abs() < 10_u128.pow(digits.into())).ok_or(NumberFault::TooManyDigits)
}
