//! Results of aggregates: what an accumulator has is written as a field, or is an error where a column or a limit can't hold it.

use std::borrow::Cow;

use schemas::aggregate::{AggregateKind, Regression};
use schemas::field::{FieldKind, Value};
use schemas::jsonb::Jsonb;
use schemas::numeric::{Numeric, WIDE_SCALE};
use schemas::row::{Diff, Row};

use super::accumulator::Accumulator;
use super::error::{AGGREGATE_BYTES_MAX, AggregateError};
use super::float_sum::{FloatSum, Overflow};
use super::multiset::Multiset;
use super::ordered::Ordered;
use super::spec::AggregateSpec;
use super::wide::Wide;

/// The greatest number of digits of a NUMERIC.
const DECIMAL_DIGITS_MAX: u32 = 38;

impl Accumulator {
    /// Appends the result.
    ///
    /// # Errors
    /// A result that its column or a limit cannot hold.
    pub(super) fn finish(&self, spec: &AggregateSpec, kinds: &[FieldKind], out: &mut Row) -> Result<(), AggregateError> {
        let argument = |place: usize| spec.input.get(place).map_or(&FieldKind::Int64, |field| &kinds[*field]);
        match (&spec.kind, self) {
            (AggregateKind::OfDistinct(kind), Self::OfDistinct { inner, .. }) => inner.finish_as(kind, argument(0), out),
            (AggregateKind::JsonObject { .. }, Self::Ordered(ordered)) => write_object(ordered, argument(0), argument(1), out),
            (kind, _) => self.finish_as(kind, argument(0), out),
        }
    }

    /// Writes the result as that of a kind of aggregate, over an argument of this kind.
    fn finish_as(&self, kind: &AggregateKind, argument: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
        match self {
            Self::Ordered(ordered) => write_ordered(ordered, kind, argument, out),
            Self::Multiset(values) => {
                write_place(values, kind, argument, out);
                Ok(())
            }
            _ => self.finish_total(kind, argument, out),
        }
    }

    /// Writes what was counted or added up.
    fn finish_total(&self, kind: &AggregateKind, argument: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
        match (kind, self) {
            (_, Self::Count(count)) => FieldKind::Int64.write(&Value::Int(*count), out),
            (_, Self::Distinct { present, .. }) => FieldKind::Int64.write(&Value::Int(*present), out),
            (
                AggregateKind::Sum { output } | AggregateKind::Average { output },
                Self::Sum { count: 0, .. } | Self::Exact { count: 0, .. },
            ) => output.write_null(out),
            (AggregateKind::Sum { output }, Self::Exact { total, .. }) => {
                write_numeric(Some(Numeric::with_signed_scale(total.clone(), scale(argument))), "sum", output, out)?;
            }
            (AggregateKind::Average { output }, Self::Exact { count, total }) => {
                let sum = Numeric::with_signed_scale(total.clone(), scale(argument));
                // A column without a scale of its own has the digits that its numbers have.
                let sum = if *argument == FieldKind::Numeric { sum.trimmed() } else { sum };
                write_numeric(sum.divide(&Numeric::new(*count, 0)), "average", output, out)?;
            }
            (AggregateKind::Sum { output }, Self::Sum { total, .. }) => write_sum(*total, scale(argument), output, out)?,
            (AggregateKind::Average { output }, Self::Sum { count, total }) => {
                write_average(*total, *count, scale(argument), output, out)?;
            }
            (kind, Self::FloatSum(sum)) => write_float(kind, sum, out)?,
            (AggregateKind::BoolAnd, Self::Truths { yes, no }) => write_truth(*yes > 0 || *no > 0, *no <= 0, out),
            (_, Self::Truths { yes, no }) => write_truth(*yes > 0 || *no > 0, *yes > 0, out),
            (_, Self::Best(best)) => write_field(best.as_ref().map(Row::as_bytes), argument, out),
            (_, Self::First(first)) => write_field(first.item(), argument, out),
            (AggregateKind::Deviation(wanted), Self::ExactMoments(moments)) => {
                match moments.deviation(*wanted, scale(argument), *argument == FieldKind::Numeric) {
                    None => FieldKind::Numeric.write_null(out),
                    number => {
                        write_numeric(number, if wanted.is_root { "deviation" } else { "variance" }, &FieldKind::Numeric, out)?
                    }
                }
            }
            (AggregateKind::FloatDeviation(wanted), Self::FloatMoments(moments)) => {
                write_double(moments.deviation(*wanted), out)?
            }
            (AggregateKind::Regression(Regression::Count), Self::PairMoments(moments)) => {
                FieldKind::Int64.write(&Value::Int(moments.count()), out);
            }
            (AggregateKind::Regression(wanted), Self::PairMoments(moments)) => write_double(moments.statistic(*wanted), out)?,
            (AggregateKind::Bits(operation), Self::Bits(counts)) => {
                argument.write(&counts.combined(*operation).map_or(Value::Null, Value::Int), out);
            }
            (_, Self::Decayed(sum)) => {
                let value = sum.logarithm(scale(argument)).map_or(Value::Null, Value::Float);
                FieldKind::Float64.write(&value, out);
            }
            (kind, _) => panic!("the accumulator of {kind:?} is of another kind"),
        }
        Ok(())
    }
}

/// Writes a value or a list that is read from the values in order.
///
/// # Errors
/// A list beyond a limit.
fn write_ordered(ordered: &Ordered, kind: &AggregateKind, argument: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
    match kind {
        AggregateKind::Min | AggregateKind::First { .. } => write_field(ordered.first(), argument, out),
        AggregateKind::Max => write_field(ordered.last(), argument, out),
        AggregateKind::ArrayAgg { item, distinct, .. } => {
            let items = ordered.items(item, *distinct, 0)?;
            let list = FieldKind::List(Box::new(item.clone()));
            if items.is_empty() { list.write_null(out) } else { list.write(&Value::List(items), out) }
        }
        AggregateKind::StringAgg { separator, distinct, .. } => {
            write_text(&ordered.items(&FieldKind::Text, *distinct, separator.len())?, separator, out);
        }
        AggregateKind::JsonArray { distinct, .. } => {
            let items = ordered.items(argument, *distinct, 0)?;
            let array = items.iter().map(Jsonb::of_value).collect::<Result<Vec<_>, _>>()?;
            write_json(if array.is_empty() { None } else { Some(Jsonb::Array(array)) }, out)?;
        }
        other => panic!("the accumulator of {other:?} is of another kind"),
    }
    Ok(())
}

/// Writes a value that is read from the values by their places.
fn write_place(values: &Multiset, kind: &AggregateKind, argument: &FieldKind, out: &mut Row) {
    match kind {
        AggregateKind::Min => write_field(values.first(), argument, out),
        AggregateKind::Max => write_field(values.last(), argument, out),
        AggregateKind::Mode { is_descending } => write_field(values.mode(*is_descending), argument, out),
        AggregateKind::Percentile(wanted) => values.write_percentile(wanted, argument, out),
        other => panic!("the accumulator of {other:?} is of another kind"),
    }
}

/// Writes an object of the names and values that the items are, NULL of none.
///
/// # Errors
/// A name that is NULL, a value that JSON can't hold, or an object beyond a limit.
fn write_object(ordered: &Ordered, name: &FieldKind, value: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
    let items = ordered.different()?;
    let mut members: Vec<(Value<'_>, Value<'_>)> = Vec::with_capacity(items.len());
    for item in items {
        members.push((name.read(item, 0), value.read(item, name.end(item, 0))));
    }
    let mut object = Vec::with_capacity(members.len());
    for (name, value) in &members {
        match name {
            Value::Text(name) => object.push((Cow::Borrowed(name.as_ref()), Jsonb::of_value(value)?)),
            Value::Null => return Err(AggregateError::NullName),
            other => panic!("the names of an object were planned as texts, not {other:?}"),
        }
    }
    write_json(if object.is_empty() { None } else { Some(Jsonb::object(object)) }, out)
}

/// Writes a JSONB, or NULL.
///
/// # Errors
/// It lies too deep, or has too many bytes.
fn write_json(value: Option<Jsonb<'_>>, out: &mut Row) -> Result<(), AggregateError> {
    let Some(value) = value else {
        FieldKind::Json.write_null(out);
        return Ok(());
    };
    let text = value.canonical()?;
    if text.len() > AGGREGATE_BYTES_MAX {
        return Err(AggregateError::TooManyBytes);
    }
    FieldKind::Json.write(&Value::Json(text.into()), out);
    Ok(())
}

/// Digits behind the point of the units in which a kind of number is added up.
fn scale(kind: &FieldKind) -> i8 {
    match kind {
        FieldKind::Decimal { scale } => *scale,
        FieldKind::Numeric => WIDE_SCALE,
        _ => 0,
    }
}

/// Writes a stored field, or NULL.
fn write_field(field: Option<&[u8]>, kind: &FieldKind, out: &mut Row) {
    match field {
        Some(field) => out.extend(field),
        None => kind.write_null(out),
    }
}

/// Writes a truth, or NULL while it is not known.
fn write_truth(is_known: bool, truth: bool, out: &mut Row) {
    FieldKind::Boolean.write(&if is_known { Value::Boolean(truth) } else { Value::Null }, out);
}

/// Writes texts one after another, or NULL when there are none.
fn write_text(texts: &[Value<'_>], separator: &str, out: &mut Row) {
    if texts.is_empty() {
        return FieldKind::Text.write_null(out);
    }
    let mut joined = String::new();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        if let Value::Text(text) = text {
            joined.push_str(text);
        }
    }
    FieldKind::Text.write(&Value::Text(joined.into()), out);
}

/// Writes a floating-point sum or mean, NULL for no values.
///
/// # Errors
/// A result beyond the range of a double.
fn write_float(kind: &AggregateKind, sum: &FloatSum, out: &mut Row) -> Result<(), AggregateError> {
    let result = match kind {
        _ if sum.count() == 0 => Ok(Value::Null),
        AggregateKind::FloatAverage => sum.mean().map(Value::Float),
        _ => sum.sum().map(Value::Float),
    };
    let overflow = |Overflow| AggregateError::FloatOverflow;
    FieldKind::Float64.write(&result.map_err(overflow)?, out);
    Ok(())
}

/// Writes a statistic of doubles, NULL where it is not defined.
///
/// # Errors
/// A result beyond the range of a double.
fn write_double(result: Result<Option<f64>, Overflow>, out: &mut Row) -> Result<(), AggregateError> {
    let value = result.map_err(|Overflow| AggregateError::FloatOverflow)?;
    FieldKind::Float64.write(&value.map_or(Value::Null, Value::Float), out);
    Ok(())
}

/// The error of a result that its column can't hold.
fn out_of_range(function: &'static str, output: &FieldKind) -> AggregateError {
    AggregateError::OutOfRange { function, output: output.clone() }
}

/// `10^(to - from)`; `None` when it is not an integer of 128 bits.
fn rescaling(from: i8, to: i8) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(i32::from(to) - i32::from(from)).ok()?)
}

/// Writes a number as NUMERIC.
///
/// # Errors
/// A number with more digits than a column holds.
fn write_numeric(
    number: Option<Numeric>,
    function: &'static str,
    output: &FieldKind,
    out: &mut Row,
) -> Result<(), AggregateError> {
    let units = number.and_then(|number| number.to_wide()).ok_or_else(|| out_of_range(function, output))?;
    output.write(&Value::Numeric(units), out);
    Ok(())
}

/// Writes a sum of units of `10^-from` in the result's units.
///
/// # Errors
/// A sum beyond the range of the result.
fn write_sum(total: Wide, from: i8, output: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
    let sum = || {
        let units = total.to_i128()?.checked_mul(rescaling(from, scale(output))?)?;
        in_range(units, output)
    };
    output.write(&sum().ok_or_else(|| out_of_range("sum", output))?, out);
    Ok(())
}

/// The number as a value of the result's kind, if it fits.
fn in_range(units: i128, output: &FieldKind) -> Option<Value<'static>> {
    match output {
        FieldKind::Int16 => i16::try_from(units).ok().map(|value| Value::Int(i64::from(value))),
        FieldKind::Int32 => i32::try_from(units).ok().map(|value| Value::Int(i64::from(value))),
        FieldKind::Int64 => i64::try_from(units).ok().map(Value::Int),
        FieldKind::UInt64 => u64::try_from(units).ok().map(Value::UInt),
        FieldKind::Decimal { scale } => {
            (units.unsigned_abs() < 10_u128.pow(DECIMAL_DIGITS_MAX)).then_some(Value::Decimal(units, *scale))
        }
        other => panic!("a sum was planned with the result {}", other.sql_name()),
    }
}

/// Writes a mean of units of `10^-from`, rounded half away from zero in the result's units. `count` is not 0.
///
/// # Errors
/// A mean beyond the range of the result.
fn write_average(total: Wide, count: Diff, from: i8, output: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
    if *output == FieldKind::Float64 {
        let one = rescaling(0, from).map_or(1.0, |one| one as f64);
        output.write(&Value::Float(total.to_f64() / one / count as f64), out);
        return Ok(());
    }
    let average = || {
        let (total, count, factor) = (total.to_i128()?, i128::from(count), rescaling(from, scale(output))?);
        let rest = (total % count).checked_mul(factor)?;
        let up = if (rest % count).abs() * 2 >= count.abs() { rest.signum() * count.signum() } else { 0 };
        in_range((total / count).checked_mul(factor)?.checked_add(rest / count + up)?, output)
    };
    output.write(&average().ok_or_else(|| out_of_range("average", output))?, out);
    Ok(())
}
