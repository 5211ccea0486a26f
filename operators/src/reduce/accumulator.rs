//! State of one aggregate in one group, or of several that are read from the same: takes changes in, is kept as bytes. What is read from it is in
//! `result`.

use num_bigint::BigInt;
use schemas::aggregate::AggregateKind;
use schemas::field::{FieldEnds, FieldKind, Value, is_null};
use schemas::row::{Diff, Row};

use super::bits::BitCounts;
use super::decayed::DecayedSum;
use super::exact_moments::ExactMoments;
use super::float_moments::{FloatMoments, PairMoments};
use super::float_sum::FloatSum;
use super::multiset::Multiset;
use super::ordered::{FirstEntry, Ordered};
use super::spec::AggregateSpec;
use super::wide::Wide;
use crate::encoding::{Reader, write_bytes, write_signed, write_unsigned};
use crate::hash::RowMap;

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

    /// An integer or a decimal in units of its scale, which may be too many for [`number`](Self::number); 0 for NULL.
    fn units(&self, field: usize) -> BigInt {
        match self.value(field) {
            Value::Numeric(units) => BigInt::from_signed_bytes_le(&units.to_le_bytes()),
            _ => self.number(field).map_or(BigInt::ZERO, BigInt::from),
        }
    }

    /// A floating-point number.
    fn float(&self, field: usize) -> f64 {
        match self.value(field) {
            Value::Float(value) => value,
            other => panic!("an aggregate over floating-point numbers was planned over {other:?}"),
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
    /// all values by their places
    Multiset(Multiset),
    /// the first row in order so far, of input that is never retracted
    First(FirstEntry),
    /// integers or decimals with their squares
    ExactMoments(Box<ExactMoments>),
    /// `Float64` with their squares
    FloatMoments(Box<FloatMoments>),
    /// pairs of `Float64` with their squares and products
    PairMoments(Box<PairMoments>),
    /// the number of values that have each bit
    Bits(Box<BitCounts>),
}

impl Accumulator {
    /// The accumulator of an aggregate before its first row.
    pub(super) fn new(spec: &AggregateSpec, append_only: bool) -> Self {
        Self::of_kind(&spec.kind, &spec.expression, append_only)
    }

    /// Chooses the form: an exact sum without a bound where the result has none, one of 192 bits elsewhere; one value for extremes and the first
    /// of input that is never retracted, all values otherwise.
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
            AggregateKind::First { .. } if append_only => Self::First(FirstEntry::default()),
            AggregateKind::First { .. } | AggregateKind::JsonArray { .. } | AggregateKind::JsonObject { .. } => {
                Self::Ordered(Ordered::default())
            }
            AggregateKind::Percentile(_) | AggregateKind::Mode { .. } => Self::Multiset(Multiset::default()),
            AggregateKind::Deviation(_) => Self::ExactMoments(Box::default()),
            AggregateKind::FloatDeviation(_) => Self::FloatMoments(Box::default()),
            AggregateKind::Regression(_) => Self::PairMoments(Box::default()),
            AggregateKind::Bits(_) => Self::Bits(Box::default()),
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
            Self::Multiset(values) => values.is_empty(),
            Self::First(first) => first.is_empty(),
            Self::ExactMoments(moments) => moments.is_empty(),
            Self::FloatMoments(moments) => moments.is_empty(),
            Self::PairMoments(moments) => moments.is_empty(),
            Self::Bits(counts) => counts.is_empty(),
        }
    }

    /// Takes one row in `diff` times.
    pub(super) fn add(&mut self, spec: &AggregateSpec, fields: &Fields<'_>, diff: Diff) {
        if !takes(spec, fields) {
            return;
        }
        let Some(&argument) = spec.input.first() else {
            assert!(matches!(spec.kind, AggregateKind::CountAll), "'{}' was planned without an argument", spec.expression);
            return self.add_count(diff);
        };
        match self {
            Self::Count(_) => self.add_count(diff),
            Self::Sum { count, total } => {
                if let Some(value) = fields.number(argument) {
                    *count = count.wrapping_add(diff);
                    total.add_product(value, diff);
                }
            }
            Self::Exact { count, total } => {
                *count = count.wrapping_add(diff);
                *total += fields.units(argument) * diff;
            }
            Self::FloatSum(sum) => sum.add(fields.float(argument), diff),
            Self::Truths { yes, no } => {
                let count = if fields.is_true(argument) { yes } else { no };
                *count = count.wrapping_add(diff);
            }
            Self::Best(_) | Self::First(_) => self.add_first(spec, fields, diff),
            Self::Ordered(ordered) => {
                let (item, order) = spec.input.split_at(items(&spec.kind));
                let order = order.iter().map(|field| fields.bytes(*field)).zip(descending(&spec.kind).iter().copied());
                match item {
                    [argument] => ordered.add(order, fields.bytes(*argument), diff),
                    several => ordered.add(order, joined(several, fields).as_bytes(), diff),
                }
            }
            Self::Distinct { counts, present } if spec.input.len() > 1 => {
                *present += add_distinct(counts, joined(&spec.input, fields).as_bytes(), diff);
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
            Self::Multiset(values) => values.add(fields.bytes(argument), diff),
            Self::ExactMoments(moments) => moments.add(&fields.units(argument), diff),
            Self::FloatMoments(moments) => moments.add(fields.float(argument), diff),
            Self::PairMoments(moments) => moments.add(fields.float(argument), fields.float(spec.input[1]), diff),
            Self::Bits(counts) => match fields.value(argument) {
                Value::Int(value) => counts.add(value, diff),
                other => panic!("'{}' was planned over integers, not {other:?}", spec.expression),
            },
        }
    }

    /// Takes a row of input that is never retracted in, of which only the first one in order is kept.
    fn add_first(&mut self, spec: &AggregateSpec, fields: &Fields<'_>, diff: Diff) {
        assert!(diff > 0, "'{}' was planned over append-only input, but a row was retracted", spec.expression);
        let value = fields.bytes(spec.input[0]);
        match self {
            Self::Best(best) => {
                let is_min = spec.kind == AggregateKind::Min;
                if best.as_ref().is_none_or(|best| if is_min { value < best.as_bytes() } else { value > best.as_bytes() }) {
                    *best = Some(Row::from_bytes(value));
                }
            }
            Self::First(first) => {
                let order = spec.input[1..].iter().map(|field| fields.bytes(*field));
                first.add(order.zip(descending(&spec.kind).iter().copied()), value);
            }
            _ => panic!("'{}' keeps more than its first row", spec.expression),
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
            Self::Multiset(values) => values.write(out),
            Self::First(first) => first.write(out),
            Self::ExactMoments(moments) => moments.write(out),
            Self::FloatMoments(moments) => moments.write(out),
            Self::PairMoments(moments) => moments.write(out),
            Self::Bits(counts) => counts.write(out),
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
            Self::Multiset(values) => *values = Multiset::read(reader)?,
            Self::First(first) => *first = FirstEntry::read(reader)?,
            Self::ExactMoments(moments) => **moments = ExactMoments::read(reader)?,
            Self::FloatMoments(moments) => **moments = FloatMoments::read(reader)?,
            Self::PairMoments(moments) => **moments = PairMoments::read(reader)?,
            Self::Bits(counts) => **counts = BitCounts::read(reader)?,
        }
        Some(())
    }

    /// Counts a row `diff` times.
    fn add_count(&mut self, diff: Diff) {
        if let Self::Count(count) = self {
            *count = count.wrapping_add(diff);
        }
    }
}

/// Returns true if a row counts: a NULL is no argument, but for what keeps it.
fn takes(spec: &AggregateSpec, fields: &Fields<'_>) -> bool {
    let is_given = |place: usize| spec.input.get(place).is_none_or(|field| !fields.is_null(*field));
    match &spec.kind {
        AggregateKind::ArrayAgg { .. } | AggregateKind::JsonArray { .. } | AggregateKind::JsonObject { .. } => true,
        // A row of several fields is not NULL, whatever its fields are.
        AggregateKind::CountDistinct if spec.input.len() > 1 => true,
        AggregateKind::Regression(_) => is_given(0) && is_given(1),
        AggregateKind::First { needs_key, .. } => !needs_key || is_given(1),
        _ => is_given(0),
    }
}

/// Number of fields that make an item; those behind them order it.
fn items(kind: &AggregateKind) -> usize {
    if matches!(kind, AggregateKind::JsonObject { .. }) { 2 } else { 1 }
}

/// Fields one after another.
fn joined(places: &[usize], fields: &Fields<'_>) -> Row {
    let mut row = Row::empty();
    places.iter().for_each(|&field| row.extend(fields.bytes(field)));
    row
}

/// Directions of the ordering fields.
fn descending(kind: &AggregateKind) -> &[bool] {
    match kind {
        AggregateKind::ArrayAgg { order, .. }
        | AggregateKind::StringAgg { order, .. }
        | AggregateKind::First { order, .. }
        | AggregateKind::JsonArray { order, .. }
        | AggregateKind::JsonObject { order } => order,
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
