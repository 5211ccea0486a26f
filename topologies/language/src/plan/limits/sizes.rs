//! Sizes of results, known from the arguments of a function before anything is allocated.
//!
//! Owns [`Growth`]: how the size of a function's result follows from its arguments. Arguments enter, a number of bytes leaves that the
//! result does not exceed. Lists count the bytes of their items and [`ITEM_BYTES`] for each.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, IntervalMonthDayNanoType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use datafusion_common::Result;
use datafusion_expr::ColumnarValue;
use schemas::jsonb::canonical;

/// Bytes that an item of a list needs beside its own.
pub const ITEM_BYTES: u64 = 8;
const NANOS_PER_DAY: i128 = 86_400_000_000_000;
/// Bytes around an escaped text: quotes, and an E before them.
const ESCAPED_EXTRA_BYTES: u64 = 64;
/// Days of the shortest month.
const MONTH_DAYS_MIN: i128 = 28;

/// Growth of a result with the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Growth {
    /// a text, filled up to a number of characters
    Pad,
    /// a text so many times
    Repeat,
    /// a text in which each occurrence of another becomes a third
    Replace,
    /// the same with a pattern
    RegexpReplace,
    /// a value so many times, as a list
    ListRepeat,
    /// a list, filled up to a number of items
    ListResize,
    /// all numbers or times between two
    Range,
    /// a list as one text
    ListToText,
    /// a list in which items become another value
    ListReplace,
    /// lists side by side: each as long as the longest
    Zip,
    /// a text in which each character may become so many, and a few around it
    Escaped(u64),
    /// not more than all arguments together
    Sum,
    /// the same with the first between all others
    Join,
    /// a text as JSONB, whose numbers lose their exponents
    Json,
}

/// The growth of the function with this name; `None` when its result is about as large as its largest argument.
pub fn growth_of(name: &str) -> Option<Growth> {
    Some(match name {
        "lpad" | "rpad" => Growth::Pad,
        "repeat" => Growth::Repeat,
        "replace" => Growth::Replace,
        "regexp_replace" => Growth::RegexpReplace,
        "quote_literal" | "quote_ident" | "like_escape" | "text_of" => Growth::Escaped(2),
        "encode" => Growth::Escaped(4),
        "array_repeat" => Growth::ListRepeat,
        "array_resize" => Growth::ListResize,
        "range" | "generate_series" => Growth::Range,
        "array_to_string" => Growth::ListToText,
        "array_replace" | "array_replace_n" | "array_replace_all" => Growth::ListReplace,
        "arrays_zip" => Growth::Zip,
        "concat" | "array_concat" | "array_append" | "array_prepend" | "array_union" | "make_array" | "overlay" | "map" => {
            Growth::Sum
        }
        "concat_ws" => Growth::Join,
        "jsonb_of" => Growth::Json,
        _ => return None,
    })
}

/// One argument: a value for every row, or one for all.
pub struct SizedArgument {
    values: ArrayRef,
    is_constant: bool,
}

impl SizedArgument {
    /// The argument of a call.
    pub fn new(value: &ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(values) => Self { values: ArrayRef::clone(values), is_constant: false },
            ColumnarValue::Scalar(scalar) => Self { values: scalar.to_array()?, is_constant: true },
        })
    }

    fn place(&self, row: usize) -> Option<usize> {
        let place = if self.is_constant { 0 } else { row };
        self.values.is_valid(place).then_some(place)
    }

    fn text(&self, row: usize) -> Option<&str> {
        let place = self.place(row)?;
        match self.values.data_type() {
            DataType::Utf8 => Some(self.values.as_string::<i32>().value(place)),
            DataType::LargeUtf8 => Some(self.values.as_string::<i64>().value(place)),
            DataType::Utf8View => Some(self.values.as_string_view().value(place)),
            _ => None,
        }
    }

    fn number(&self, row: usize) -> Option<i64> {
        let place = self.place(row)?;
        match self.values.data_type() {
            DataType::Int64 => Some(self.values.as_primitive::<Int64Type>().value(place)),
            DataType::Int32 => Some(self.values.as_primitive::<arrow_array::types::Int32Type>().value(place).into()),
            DataType::UInt64 => {
                let number = self.values.as_primitive::<arrow_array::types::UInt64Type>().value(place);
                Some(i64::try_from(number).unwrap_or(i64::MAX))
            }
            _ => None,
        }
    }

    /// A date or time in nanoseconds since 1970.
    fn nanos(&self, row: usize) -> Option<i128> {
        use arrow_array::types as t;
        let place = self.place(row)?;
        Some(match self.values.data_type() {
            DataType::Date32 => i128::from(self.values.as_primitive::<t::Date32Type>().value(place)) * NANOS_PER_DAY,
            DataType::Date64 => i128::from(self.values.as_primitive::<t::Date64Type>().value(place)) * 1_000_000,
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => i128::from(self.values.as_primitive::<t::TimestampSecondType>().value(place)) * 1_000_000_000,
                TimeUnit::Millisecond => {
                    i128::from(self.values.as_primitive::<t::TimestampMillisecondType>().value(place)) * 1_000_000
                }
                TimeUnit::Microsecond => {
                    i128::from(self.values.as_primitive::<t::TimestampMicrosecondType>().value(place)) * 1_000
                }
                TimeUnit::Nanosecond => self.values.as_primitive::<t::TimestampNanosecondType>().value(place).into(),
            },
            _ => return None,
        })
    }

    /// The shortest step of an interval, with its sign; zero when it may be none at all.
    fn step_nanos(&self, row: usize) -> Option<i128> {
        let place = self.place(row)?;
        let DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano) = self.values.data_type() else { return None };
        let interval = self.values.as_primitive::<IntervalMonthDayNanoType>().value(place);
        let parts = [
            i128::from(interval.months) * MONTH_DAYS_MIN * NANOS_PER_DAY,
            i128::from(interval.days) * NANOS_PER_DAY,
            i128::from(interval.nanoseconds),
        ];
        let is_mixed = parts.iter().any(|part| *part > 0) && parts.iter().any(|part| *part < 0);
        Some(if is_mixed { 0 } else { parts.iter().sum() })
    }

    fn bytes(&self, row: usize) -> u64 {
        self.place(row).map_or(0, |place| slice_bytes(self.values.as_ref(), place, 1))
    }

    fn items(&self, row: usize) -> u64 {
        let Some(place) = self.place(row) else { return 0 };
        match self.values.data_type() {
            DataType::List(_) => self.values.as_list::<i32>().value_length(place) as u64,
            DataType::LargeList(_) => self.values.as_list::<i64>().value_length(place) as u64,
            DataType::FixedSizeList(_, length) => *length as u64,
            _ => 1,
        }
    }

    /// The most characters that an item takes as text beyond its own bytes.
    fn digits(&self) -> u64 {
        match self.values.data_type() {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => match item.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 0,
                DataType::Boolean => 5,
                integer if integer.is_integer() => 20,
                _ => 40,
            },
            _ => 0,
        }
    }
}

/// Bytes of `length` values from `from` on.
pub fn slice_bytes(array: &dyn Array, from: usize, length: usize) -> u64 {
    let to = from + length;
    let between = |start: i64, end: i64| (end - start).unsigned_abs();
    match array.data_type() {
        DataType::Utf8 => offsets(array.as_string::<i32>().value_offsets(), from, to).1,
        DataType::Binary => offsets(array.as_binary::<i32>().value_offsets(), from, to).1,
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().value_offsets();
            between(offsets[from], offsets[to])
        }
        DataType::LargeBinary => {
            let offsets = array.as_binary::<i64>().value_offsets();
            between(offsets[from], offsets[to])
        }
        DataType::Utf8View => (from..to).map(|at| array.as_string_view().value(at).len() as u64).sum(),
        DataType::BinaryView => (from..to).map(|at| array.as_binary_view().value(at).len() as u64).sum(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (start, items) = offsets(list.value_offsets(), from, to);
            items * ITEM_BYTES + slice_bytes(list.values().as_ref(), start, items as usize)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let (start, end) = (list.value_offsets()[from], list.value_offsets()[to]);
            let items = between(start, end);
            items * ITEM_BYTES + slice_bytes(list.values().as_ref(), start as usize, items as usize)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| slice_bytes(column.as_ref(), from, length)).sum(),
        other => length as u64 * other.primitive_width().unwrap_or(1) as u64,
    }
}

/// Returns the beginning of the values, and the number of units they take.
fn offsets(offsets: &[i32], from: usize, to: usize) -> (usize, u64) {
    (offsets[from] as usize, (offsets[to] - offsets[from]).unsigned_abs().into())
}

/// True for types whose values differ in size.
pub fn is_of_any_size(kind: &DataType) -> bool {
    kind.primitive_width().is_none() && !matches!(kind, DataType::Boolean | DataType::Null)
}

impl Growth {
    /// Bytes that the result for a row does not exceed; `u64::MAX` when the arguments set no bound.
    pub fn bytes(self, arguments: &[SizedArgument], row: usize) -> u64 {
        self.known(arguments, row).unwrap_or(0)
    }

    /// `None` where an argument is NULL or missing: then there is nothing to make.
    fn known(self, arguments: &[SizedArgument], row: usize) -> Option<u64> {
        let argument = |place: usize| arguments.get(place);
        let bytes = |place: usize| argument(place).map_or(0, |argument| argument.bytes(row));
        let times = |place: usize| argument(place)?.number(row).map(|number| number.max(0).unsigned_abs());
        Some(match self {
            Self::Pad => {
                let (text, length) = (argument(0)?.text(row)?, times(1)?);
                let fill = argument(2).map_or(Some(" "), |fill| fill.text(row))?;
                let widest = fill.chars().map(char::len_utf8).max().unwrap_or(0) as u64;
                let missing = length.saturating_sub(text.chars().count() as u64);
                (text.len() as u64).saturating_add(missing.saturating_mul(widest))
            }
            Self::Repeat => bytes(0).saturating_mul(times(1)?),
            Self::Replace => {
                let (text, from, to) = (argument(0)?.text(row)?, argument(1)?.text(row)?, argument(2)?.text(row)?);
                let longer = to.len().saturating_sub(from.len()) as u64;
                let found = if longer == 0 { 0 } else { text.matches(from).count() as u64 };
                (text.len() as u64).saturating_add(found.saturating_mul(longer))
            }
            Self::RegexpReplace => regexp_replaced(
                argument(0)?.text(row)?,
                argument(1)?.text(row)?,
                argument(2)?.text(row)?,
                argument(3).map_or(Some(""), |flags| flags.text(row))?,
            ),
            Self::ListRepeat => (bytes(0) + ITEM_BYTES).saturating_mul(times(1)?),
            Self::ListResize => bytes(0).saturating_add((bytes(2) + ITEM_BYTES).saturating_mul(times(1)?)),
            Self::Range => range_items(arguments, row)?.saturating_mul(ITEM_BYTES),
            Self::ListToText => {
                let list = argument(0)?;
                list.items(row).saturating_mul(bytes(1) + bytes(2) + list.digits()).saturating_add(list.bytes(row))
            }
            Self::ListReplace => bytes(0).saturating_add(argument(0)?.items(row).saturating_mul(bytes(2))),
            Self::Zip => {
                let longest = arguments.iter().map(|list| list.items(row)).max()?;
                let all: u64 = arguments.iter().map(|list| list.bytes(row)).sum();
                all.saturating_add(longest.saturating_mul(ITEM_BYTES * arguments.len() as u64))
            }
            Self::Escaped(times) => bytes(0).saturating_mul(times).saturating_add(ESCAPED_EXTRA_BYTES),
            Self::Sum => arguments.iter().map(|argument| argument.bytes(row)).sum(),
            Self::Json => {
                let text = argument(0)?.text(row)?;
                // What is no JSON is an error of the function's own, and what is too long is one before it is long.
                let is_longer = text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E'));
                if is_longer { canonical(text).map_or(0, |json| json.len() as u64) } else { text.len() as u64 }
            }
            Self::Join => {
                let own: u64 = arguments.iter().map(|argument| argument.bytes(row)).sum();
                own.saturating_add(bytes(0).saturating_mul(arguments.len().saturating_sub(2) as u64))
            }
        })
    }

    /// True when no row and no batch can exceed its limit, because all arguments together do not.
    pub fn is_surely_within(self, arguments: &[SizedArgument], rows: usize, (value_max, batch_max): (u64, u64)) -> bool {
        let factor = match self {
            Self::Sum | Self::Join => arguments.len() as u64,
            _ => return false,
        };
        let (mut value, mut batch): (u64, u64) = (0, 0);
        for argument in arguments {
            let bytes = (argument.values.get_buffer_memory_size() as u64).saturating_mul(factor);
            value = value.saturating_add(bytes);
            batch = batch.saturating_add(if argument.is_constant { bytes.saturating_mul(rows as u64) } else { bytes });
        }
        value <= value_max && batch <= batch_max
    }
}

/// All that a pattern's matches become: counted only where the cheap bound is not enough to tell.
fn regexp_replaced(text: &str, pattern: &str, replacement: &str, flags: &str) -> u64 {
    const CHEAP_BYTES_MAX: u64 = 64 * 1024;
    let length = text.len() as u64;
    // The groups of different matches do not overlap, so each mention adds the whole text at most once.
    let mentions = replacement.matches(['$', '\\']).count() as u64;
    let own = length.saturating_add(mentions.saturating_mul(length));
    let at_most = |matches: u64| own.saturating_add(matches.saturating_mul(replacement.len() as u64));
    if !flags.contains('g') {
        return at_most(1);
    }
    let bound = at_most(length + 1);
    if bound <= CHEAP_BYTES_MAX {
        return bound;
    }
    let flags = flags.replace('g', "");
    let pattern = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    match regex::Regex::new(&pattern) {
        Ok(pattern) => at_most(pattern.find_iter(text).count() as u64),
        // A pattern of another language than this one's: the function itself stops at its limit.
        Err(_) => own,
    }
}

fn range_items(arguments: &[SizedArgument], row: usize) -> Option<u64> {
    let first = arguments.first()?;
    let items = |span: i128, step: i128| {
        if step == 0 {
            return u64::MAX;
        }
        if span.signum() * step.signum() < 0 { 0 } else { u64::try_from(span / step).unwrap_or(u64::MAX).saturating_add(1) }
    };
    if matches!(first.values.data_type(), DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)) {
        let span = arguments.get(1)?.nanos(row)? - first.nanos(row)?;
        return Some(items(span, arguments.get(2)?.step_nanos(row)?));
    }
    let number = |place: usize| arguments.get(place).map(|argument| argument.number(row));
    let (start, stop) = match number(1) {
        None => (0, number(0)??),
        Some(stop) => (number(0)??, stop?),
    };
    let step = number(2).unwrap_or(Some(1))?;
    // A step of zero is an error of the function's own.
    Some(if step == 0 { 0 } else { items(i128::from(stop) - i128::from(start), step.into()) })
}
