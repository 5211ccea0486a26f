//! State of one aggregate in one group: takes changes in, writes the result as a field.

use num_bigint::BigInt;
use schemas::field::{FieldEnds, FieldKind, Value, is_null};
use schemas::numeric::{Numeric, WIDE_SCALE};
use schemas::row::{Diff, Row};

use super::decayed::DecayedSum;
use super::error::AggregateError;
use super::float_sum::{FloatSum, Overflow};
use super::ordered::Ordered;
use super::spec::AggregateSpec;
use super::wide::Wide;
use crate::encoding::{Reader, write_bytes, write_signed, write_unsigned};
use crate::hash::RowMap;
use schemas::aggregate::AggregateKind;

/// The greatest number of digits of a NUMERIC.
const DECIMAL_DIGITS_MAX: u32 = 38;

/// A value row and where its fields are.
pub(super) struct Fields<'a> {
    pub(super) row: &'a [u8],
    pub(super) ends: &'a FieldEnds,
    pub(super) kinds: &'a [FieldKind],
}

impl<'a> Fields<'a> {
    /// Place in the row where a field begins.
    fn start(&self, field: usize) -> usize {
        field.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// A field as it is stored.
    fn bytes(&self, field: usize) -> &'a [u8] {
        &self.row[self.start(field)..self.ends[field]]
    }

    /// A field as a value.
    fn value(&self, field: usize) -> Value<'a> {
        self.kinds[field].read(self.row, self.start(field))
    }

    /// Returns true if a boolean field is true; NULL is not.
    pub(super) fn is_true(&self, field: usize) -> bool {
        matches!(self.value(field), Value::Boolean(true))
    }

    /// Returns true if a field is NULL.
    fn is_null(&self, field: usize) -> bool {
        is_null(self.row, self.start(field))
    }

    /// An integer, or a decimal in units of its scale.
    fn number(&self, field: usize) -> Option<i128> {
        match self.value(field) {
            Value::Null => None,
            Value::Int(value) => Some(i128::from(value)),
            Value::UInt(value) => Some(i128::from(value)),
            Value::Decimal(units, _) => Some(units),
            other => panic!("an aggregate over integers or decimals was planned over {other:?}"),
        }
    }
}

/// The state of one aggregate of one group.
///
/// Invariant: taking a row in `diff` times and then `-diff` times leaves what was there before, to the bit. Counts wrap around for that, sums
/// are exact, and values that decide about an extreme are all kept. So the state depends on the rows that are there and not on the order in
/// which they came and went.
pub(super) enum Accumulator {
    /// number of rows
    Count(Diff),
    /// integers, or decimals in units of their scale
    Sum { count: Diff, total: Wide },
    /// numbers whose sum has no bound
    Exact { count: Diff, total: BigInt },
    /// `Float64` without rounding
    FloatSum(Box<FloatSum>),
    /// number of true and of false values
    Truths { yes: Diff, no: Diff },
    /// the least or the greatest value so far, of input that is never retracted
    Best(Option<Row>),
    /// all values in order, as often as they are there
    Ordered(Ordered),
    /// multiplicity of each value, and the number of those that are there
    Distinct { counts: RowMap<Diff>, present: Diff },
    /// multiplicity of each value, and the aggregate over the distinct ones
    OfDistinct { counts: RowMap<Diff>, inner: Box<Accumulator> },
    /// weights by half lives
    Decayed(DecayedSum),
}

impl Accumulator {
    /// The accumulator of an aggregate before its first row.
    pub(super) fn new(spec: &AggregateSpec, append_only: bool) -> Self {
        Self::of_kind(&spec.kind, &spec.expression, append_only)
    }

    /// Chooses the form: an exact sum without a bound where the result has none, one of 192 bits elsewhere; one value for extremes of input that
    /// is never retracted, all values otherwise.
    fn of_kind(kind: &AggregateKind, expression: &str, append_only: bool) -> Self {
        match kind {
            AggregateKind::CountAll | AggregateKind::Count => Self::Count(0),
            AggregateKind::Sum { output: FieldKind::Numeric } | AggregateKind::Average { output: FieldKind::Numeric } => {
                Self::Exact { count: 0, total: BigInt::ZERO }
            }
            AggregateKind::Sum { .. } | AggregateKind::Average { .. } => Self::Sum { count: 0, total: Wide::default() },
            AggregateKind::FloatSum | AggregateKind::FloatAverage => Self::FloatSum(Box::default()),
            AggregateKind::Min | AggregateKind::Max if append_only => Self::Best(None),
            AggregateKind::Min | AggregateKind::Max | AggregateKind::ArrayAgg { .. } | AggregateKind::StringAgg { .. } => {
                Self::Ordered(Ordered::default())
            }
            AggregateKind::CountDistinct => Self::Distinct { counts: RowMap::default(), present: 0 },
            AggregateKind::OfDistinct(kind) => {
                Self::OfDistinct { counts: RowMap::default(), inner: Box::new(Self::of_kind(kind, expression, append_only)) }
            }
            AggregateKind::BoolAnd | AggregateKind::BoolOr => Self::Truths { yes: 0, no: 0 },
            AggregateKind::DecayedSum { half_life_micros } => {
                assert!(*half_life_micros > 0, "'{expression}' was planned with a half life that is not positive");
                Self::Decayed(DecayedSum::default())
            }
        }
    }

    /// Returns true if everything that was taken in has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Count(count) => *count == 0,
            Self::Sum { count, total } => *count == 0 && total.is_zero(),
            Self::Exact { count, total } => *count == 0 && *total == BigInt::ZERO,
            Self::FloatSum(sum) => sum.is_empty(),
            Self::Truths { yes, no } => *yes == 0 && *no == 0,
            Self::Best(best) => best.is_none(),
            Self::Ordered(ordered) => ordered.is_empty(),
            Self::Distinct { counts, .. } | Self::OfDistinct { counts, .. } => counts.is_empty(),
            Self::Decayed(sum) => sum.is_empty(),
        }
    }

    /// Takes one row in `diff` times.
    pub(super) fn add(&mut self, spec: &AggregateSpec, fields: &Fields<'_>, diff: Diff) {
        // A row of several fields is not NULL, whatever its fields are.
        let is_row = spec.kind == AggregateKind::CountDistinct && spec.input.len() > 1;
        let keeps_null = is_row || matches!(spec.kind, AggregateKind::ArrayAgg { .. });
        let Some(&argument) = spec.input.first() else {
            assert!(matches!(spec.kind, AggregateKind::CountAll), "'{}' was planned without an argument", spec.expression);
            return self.add_count(diff);
        };
        if fields.is_null(argument) && !keeps_null {
            return;
        }
        match self {
            Self::Count(_) => self.add_count(diff),
            Self::Sum { count, total } => {
                if let Some(value) = fields.number(argument) {
                    *count = count.wrapping_add(diff);
                    total.add_product(value, diff);
                }
            }
            Self::Exact { count, total } => {
                let units = match fields.value(argument) {
                    Value::Numeric(units) => BigInt::from_signed_bytes_le(&units.to_le_bytes()),
                    _ => fields.number(argument).map_or(BigInt::ZERO, BigInt::from),
                };
                *count = count.wrapping_add(diff);
                *total += units * diff;
            }
            Self::FloatSum(sum) => match fields.value(argument) {
                Value::Float(value) => sum.add(value, diff),
                other => panic!("'{}' was planned over floating-point numbers, not {other:?}", spec.expression),
            },
            Self::Truths { yes, no } => {
                let count = if fields.is_true(argument) { yes } else { no };
                *count = count.wrapping_add(diff);
            }
            Self::Best(best) => {
                assert!(diff > 0, "'{}' was planned over append-only input, but a row was retracted", spec.expression);
                let value = fields.bytes(argument);
                let is_min = spec.kind == AggregateKind::Min;
                if best.as_ref().is_none_or(|best| if is_min { value < best.as_bytes() } else { value > best.as_bytes() }) {
                    *best = Some(Row::from_bytes(value));
                }
            }
            Self::Ordered(ordered) => {
                let order = spec.input[1..].iter().map(|field| fields.bytes(*field)).zip(descending(&spec.kind).iter().copied());
                ordered.add(order, fields.bytes(argument), diff);
            }
            Self::Distinct { counts, present } if is_row => {
                let mut row = Row::empty();
                spec.input.iter().for_each(|&field| row.extend(fields.bytes(field)));
                *present += add_distinct(counts, row.as_bytes(), diff);
            }
            Self::Distinct { counts, present } => *present += add_distinct(counts, fields.bytes(argument), diff),
            Self::OfDistinct { counts, inner } => match add_distinct(counts, fields.bytes(argument), diff) {
                0 => {}
                change => inner.add(spec, fields, change),
            },
            Self::Decayed(sum) => {
                if let (AggregateKind::DecayedSum { half_life_micros }, Some(weight), Value::Timestamp(time)) =
                    (&spec.kind, fields.number(argument), fields.value(spec.input[1]))
                {
                    sum.add(weight, time, *half_life_micros, diff);
                }
            }
        }
    }

    /// Appends what is kept, which [`read`](Self::read) reads. Equal accumulators are equal bytes.
    pub(super) fn write(&self, out: &mut Row) {
        match self {
            Self::Count(count) => write_signed(*count, out),
            Self::Sum { count, total } => {
                write_signed(*count, out);
                total.write(out);
            }
            Self::Exact { count, total } => {
                write_signed(*count, out);
                write_bytes(&total.to_signed_bytes_le(), out);
            }
            Self::FloatSum(sum) => sum.write(out),
            Self::Truths { yes, no } => {
                write_signed(*yes, out);
                write_signed(*no, out);
            }
            Self::Best(best) => {
                out.push(u8::from(best.is_some()));
                best.iter().for_each(|best| write_bytes(best.as_bytes(), out));
            }
            Self::Ordered(ordered) => ordered.write(out),
            Self::Distinct { counts, .. } => write_counts(counts, out),
            Self::OfDistinct { counts, inner } => {
                write_counts(counts, out);
                inner.write(out);
            }
            Self::Decayed(sum) => sum.write(out),
        }
    }

    /// Becomes what was written of an accumulator of the same kind; `None` when it was of another.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match self {
            Self::Count(count) => *count = reader.signed()?,
            Self::Sum { count, total } => (*count, *total) = (reader.signed()?, Wide::read(reader)?),
            Self::Exact { count, total } => (*count, *total) = (reader.signed()?, BigInt::from_signed_bytes_le(reader.bytes()?)),
            Self::FloatSum(sum) => **sum = FloatSum::read(reader)?,
            Self::Truths { yes, no } => (*yes, *no) = (reader.signed()?, reader.signed()?),
            Self::Best(best) => {
                let [is_some] = reader.array()?;
                *best = if is_some == 0 { None } else { Some(Row::from_bytes(reader.bytes()?)) };
            }
            Self::Ordered(ordered) => *ordered = Ordered::read(reader)?,
            Self::Distinct { counts, present } => {
                for _ in 0..reader.unsigned()? {
                    *present += add_distinct(counts, reader.bytes()?, reader.signed()?);
                }
            }
            Self::OfDistinct { counts, inner } => {
                for _ in 0..reader.unsigned()? {
                    add_distinct(counts, reader.bytes()?, reader.signed()?);
                }
                inner.read(reader)?;
            }
            Self::Decayed(sum) => *sum = DecayedSum::read(reader)?,
        }
        Some(())
    }

    /// Counts a row `diff` times.
    fn add_count(&mut self, diff: Diff) {
        if let Self::Count(count) = self {
            *count = count.wrapping_add(diff);
        }
    }

    /// Appends the result.
    ///
    /// # Errors
    /// A result that its column or a limit cannot hold.
    pub(super) fn finish(&self, spec: &AggregateSpec, kinds: &[FieldKind], out: &mut Row) -> Result<(), AggregateError> {
        self.finish_as(&spec.kind, spec.input.first().map_or(&FieldKind::Int64, |field| &kinds[*field]), out)
    }

    /// Writes the result as that of a kind of aggregate, over an argument of this kind.
    fn finish_as(&self, kind: &AggregateKind, argument: &FieldKind, out: &mut Row) -> Result<(), AggregateError> {
        match (kind, self) {
            (AggregateKind::OfDistinct(kind), Self::OfDistinct { inner, .. }) => inner.finish_as(kind, argument, out)?,
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
            (AggregateKind::Min, Self::Ordered(ordered)) => write_field(ordered.first(), argument, out),
            (AggregateKind::Max, Self::Ordered(ordered)) => write_field(ordered.last(), argument, out),
            (AggregateKind::ArrayAgg { item, distinct, .. }, Self::Ordered(ordered)) => {
                let items = ordered.items(item, *distinct, 0)?;
                let list = FieldKind::List(Box::new(item.clone()));
                if items.is_empty() { list.write_null(out) } else { list.write(&Value::List(items), out) }
            }
            (AggregateKind::StringAgg { separator, distinct, .. }, Self::Ordered(ordered)) => {
                write_text(&ordered.items(&FieldKind::Text, *distinct, separator.len())?, separator, out);
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

/// Directions of the ordering fields.
fn descending(kind: &AggregateKind) -> &[bool] {
    match kind {
        AggregateKind::ArrayAgg { order, .. } | AggregateKind::StringAgg { order, .. } => order,
        _ => &[],
    }
}

/// Counts a value; returns 1 when it is there now and was not, -1 when it no longer is, and 0 otherwise.
fn add_distinct(counts: &mut RowMap<Diff>, value: &[u8], diff: Diff) -> Diff {
    let count = counts.entry(Row::from_bytes(value)).or_default();
    let was = *count > 0;
    *count = count.wrapping_add(diff);
    let change = Diff::from(*count > 0) - Diff::from(was);
    if *count == 0 {
        counts.remove(value);
    }
    change
}

/// Writes values with their counts, in order of value: a hash map has none of its own.
fn write_counts(counts: &RowMap<Diff>, out: &mut Row) {
    let mut sorted: Vec<(&Row, &Diff)> = counts.iter().collect();
    sorted.sort_unstable();
    write_unsigned(sorted.len() as u64, out);
    for (value, count) in sorted {
        write_bytes(value.as_bytes(), out);
        write_signed(*count, out);
    }
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

/// The error of a result that its column can't hold.
fn out_of_range(function: &'static str, output: &FieldKind) -> AggregateError {
    AggregateError::OutOfRange { function, output: output.clone() }
}

/// `10^(to - from)`; `None` when it is no integer of 128 bits.
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
