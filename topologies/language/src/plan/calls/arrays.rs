//! Values in and out of Arrow arrays.
//!
//! An array and the number of a row enter, a value leaves; values enter, an array of a type leaves.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Int64Builder, LargeStringBuilder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use schemas::field::Value;
use schemas::numeric::{WIDE_DIGITS, WIDE_SCALE};
use schemas::row::{arrow_interval, interval_of};

use crate::plan::types::type_name;

/// The value of a row of an array.
pub fn value_at(array: &ArrayRef, row: usize) -> Result<Value<'_>> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Decimal256(WIDE_DIGITS, WIDE_SCALE) => Value::Numeric(array.as_primitive::<Decimal256Type>().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).into()),
        DataType::LargeUtf8 => Value::Json(array.as_string::<i64>().value(row).into()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).into()),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            Value::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Value::LocalTimestamp(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Value::Interval(interval_of(array.as_primitive::<IntervalMonthDayNanoType>().value(row)))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let values = (0..items.len()).map(|item| value_at(&items, item).map(Value::into_owned));
            Value::List(values.collect::<Result<_>>()?)
        }
        other => return plan_err!("a value of type {} can't be given to this function", type_name(other)),
    })
}

/// The value of a constant that is not NULL; `None` also for types that no function takes.
pub fn constant_value(value: &ScalarValue) -> Option<Value<'static>> {
    let array = value.to_array().ok()?;
    match value_at(&array, 0) {
        Ok(Value::Null) | Err(_) => None,
        Ok(value) => Some(value.into_owned()),
    }
}

/// An array of these values.
pub fn build(data_type: &DataType, values: &[Value<'_>]) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Boolean => Arc::new(
            values
                .iter()
                .map(|value| match value {
                    Value::Null => None,
                    Value::Boolean(value) => Some(*value),
                    other => wrong(data_type, other),
                })
                .collect::<BooleanArray>(),
        ),
        DataType::Int32 => Arc::new(integers(values)?),
        DataType::Int64 => Arc::new(
            numbers(values, |value| match value {
                Value::Int(value) => *value,
                other => wrong(data_type, other),
            })
            .collect::<Int64Array>(),
        ),
        DataType::Float64 => Arc::new(
            numbers(values, |value| match value {
                Value::Float(value) => *value,
                other => wrong(data_type, other),
            })
            .collect::<Float64Array>(),
        ),
        DataType::Date32 => Arc::new(
            numbers(values, |value| match value {
                Value::Date(value) => *value,
                other => wrong(data_type, other),
            })
            .collect::<Date32Array>(),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
            numbers(values, |value| match value {
                Value::Timestamp(value) | Value::LocalTimestamp(value) => *value,
                other => wrong(data_type, other),
            })
            .collect::<TimestampMicrosecondArray>()
            .with_timezone_opt(zone.clone()),
        ),
        DataType::Decimal128(precision, scale) => {
            let units = numbers(values, |value| match value {
                Value::Decimal(units, found) if found == scale => *units,
                other => wrong(data_type, other),
            });
            Arc::new(
                units.collect::<Decimal128Array>().with_precision_and_scale(*precision, *scale).map_err(DataFusionError::from)?,
            )
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => intervals(values)?,
        DataType::Utf8 => {
            let mut builder = StringBuilder::new();
            values.iter().for_each(|value| append_text(&mut builder, value));
            Arc::new(builder.finish())
        }
        DataType::LargeUtf8 => {
            let mut builder = LargeStringBuilder::new();
            values.iter().for_each(|value| append_json(&mut builder, value));
            Arc::new(builder.finish())
        }
        DataType::Binary => binaries(values),
        DataType::List(item) => lists_of(item.data_type(), values),
        other => return plan_err!("no function gives {other}"),
    })
}

/// An array of lists with items of this type.
fn lists_of(item: &DataType, values: &[Value<'_>]) -> ArrayRef {
    match item {
        DataType::Int64 => lists(values, Int64Builder::new(), append_number),
        DataType::LargeUtf8 => lists(values, LargeStringBuilder::new(), append_json),
        DataType::List(_) => lists(values, ListBuilder::new(StringBuilder::new()), append_texts),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            lists(values, TimestampMicrosecondBuilder::new().with_data_type(item.clone()), append_time)
        }
        _ => lists(values, StringBuilder::new(), append_text),
    }
}

fn wrong(data_type: &DataType, value: &Value<'_>) -> ! {
    panic!("a function that gives {data_type} made {value:?}")
}

fn numbers<'v, 'a: 'v, T: 'v>(
    values: &'v [Value<'a>],
    number: impl Fn(&Value<'a>) -> T + 'v,
) -> impl Iterator<Item = Option<T>> + 'v {
    values.iter().map(move |value| (value != &Value::Null).then(|| number(value)))
}

/// Numbers of 32 bits.
fn integers(values: &[Value<'_>]) -> Result<Int32Array> {
    let integer = |value: &Value<'_>| match value {
        Value::Null => Ok(None),
        Value::Int(number) => match i32::try_from(*number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => exec_err!("integer out of range"),
        },
        other => wrong(&DataType::Int32, other),
    };
    values.iter().map(integer).collect()
}

fn intervals(values: &[Value<'_>]) -> Result<ArrayRef> {
    let interval = |value: &Value<'_>| match value {
        Value::Null => Ok(None),
        Value::Interval(interval) => match arrow_interval(*interval) {
            Some(interval) => Ok(Some(interval)),
            None => exec_err!("interval out of range"),
        },
        other => panic!("a function that gives INTERVAL made {other:?}"),
    };
    Ok(Arc::new(values.iter().map(interval).collect::<Result<IntervalMonthDayNanoArray>>()?))
}

fn append_text(builder: &mut StringBuilder, value: &Value<'_>) {
    match value {
        Value::Null => builder.append_null(),
        Value::Text(text) => builder.append_value(text),
        other => panic!("a function that gives TEXT made {other:?}"),
    }
}

fn binaries(values: &[Value<'_>]) -> ArrayRef {
    let mut builder = BinaryBuilder::new();
    for value in values {
        match value {
            Value::Null => builder.append_null(),
            Value::Bytes(bytes) => builder.append_value(bytes),
            other => wrong(&DataType::Binary, other),
        }
    }
    Arc::new(builder.finish())
}

fn append_json(builder: &mut LargeStringBuilder, value: &Value<'_>) {
    match value {
        Value::Null => builder.append_null(),
        Value::Json(text) => builder.append_value(text),
        other => panic!("a function that gives JSONB made {other:?}"),
    }
}

fn append_number(builder: &mut Int64Builder, value: &Value<'_>) {
    match value {
        Value::Null => builder.append_null(),
        Value::Int(number) => builder.append_value(*number),
        other => panic!("a function that gives BIGINT made {other:?}"),
    }
}

fn append_time(builder: &mut TimestampMicrosecondBuilder, value: &Value<'_>) {
    match value {
        Value::Null => builder.append_null(),
        Value::Timestamp(micros) | Value::LocalTimestamp(micros) => builder.append_value(*micros),
        other => panic!("a function that gives times made {other:?}"),
    }
}

fn append_texts(builder: &mut ListBuilder<StringBuilder>, value: &Value<'_>) {
    append_list(builder, value, append_text);
}

fn append_list<B: ArrayBuilder>(builder: &mut ListBuilder<B>, value: &Value<'_>, append: impl Fn(&mut B, &Value<'_>)) {
    match value {
        Value::Null => builder.append_null(),
        Value::List(items) => {
            items.iter().for_each(|item| append(builder.values(), item));
            builder.append(true);
        }
        other => panic!("a function that gives a list made {other:?}"),
    }
}

fn lists<B: ArrayBuilder>(values: &[Value<'_>], items: B, append: impl Fn(&mut B, &Value<'_>)) -> ArrayRef {
    let mut builder = ListBuilder::new(items);
    values.iter().for_each(|value| append_list(&mut builder, value, &append));
    Arc::new(builder.finish())
}
