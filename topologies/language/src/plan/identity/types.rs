//! The canonical form of types: those of Arrow, and those of fields of rows.
//!
//! Every type has a tag that no other ever gets; types that hold others are followed by theirs.

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit, UnionMode};
use schemas::field::FieldKind;

use super::form::Form;

/// Writes a type.
pub fn data_type(form: &mut Form, data_type: &DataType) {
    form.tag(tag(data_type));
    match data_type {
        DataType::Timestamp(of, zone) => {
            form.tag(unit(*of));
            form.optional(zone.as_deref(), Form::text);
        }
        DataType::Time32(of) | DataType::Time64(of) | DataType::Duration(of) => form.tag(unit(*of)),
        DataType::Interval(of) => form.tag(match of {
            IntervalUnit::YearMonth => 1,
            IntervalUnit::DayTime => 2,
            IntervalUnit::MonthDayNano => 3,
        }),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            form.number(*precision);
            form.number(*scale);
        }
        DataType::FixedSizeBinary(size) => form.number(*size),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            self::data_type(form, item.data_type())
        }
        DataType::FixedSizeList(item, size) => {
            self::data_type(form, item.data_type());
            form.number(*size);
        }
        DataType::Struct(fields) => form.each(fields.iter(), |form, of| field(form, of)),
        DataType::Union(fields, mode) => {
            let fields: Vec<_> = fields.iter().collect();
            form.each(fields.into_iter(), |form, (number, of)| {
                form.number(number);
                field(form, of);
            });
            form.flag(*mode == UnionMode::Dense);
        }
        DataType::Dictionary(key, value) => {
            self::data_type(form, key);
            self::data_type(form, value);
        }
        DataType::Map(entries, is_sorted) => {
            field(form, entries);
            form.flag(*is_sorted);
        }
        DataType::RunEndEncoded(ends, values) => {
            field(form, ends);
            field(form, values);
        }
        // The tag says everything.
        _ => {}
    }
}

fn field(form: &mut Form, field: &Field) {
    form.text(field.name());
    data_type(form, field.data_type());
}

fn unit(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 2,
        TimeUnit::Microsecond => 3,
        TimeUnit::Nanosecond => 4,
    }
}

fn tag(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Null => 1,
        DataType::Boolean => 2,
        DataType::Int8 => 3,
        DataType::Int16 => 4,
        DataType::Int32 => 5,
        DataType::Int64 => 6,
        DataType::UInt8 => 7,
        DataType::UInt16 => 8,
        DataType::UInt32 => 9,
        DataType::UInt64 => 10,
        DataType::Float16 => 11,
        DataType::Float32 => 12,
        DataType::Float64 => 13,
        DataType::Timestamp(..) => 14,
        DataType::Date32 => 15,
        DataType::Date64 => 16,
        DataType::Time32(_) => 17,
        DataType::Time64(_) => 18,
        DataType::Duration(_) => 19,
        DataType::Interval(_) => 20,
        DataType::Binary => 21,
        DataType::FixedSizeBinary(_) => 22,
        DataType::LargeBinary => 23,
        DataType::BinaryView => 24,
        DataType::Utf8 => 25,
        DataType::LargeUtf8 => 26,
        DataType::Utf8View => 27,
        DataType::List(_) => 28,
        DataType::ListView(_) => 29,
        DataType::FixedSizeList(..) => 30,
        DataType::LargeList(_) => 31,
        DataType::LargeListView(_) => 32,
        DataType::Struct(_) => 33,
        DataType::Union(..) => 34,
        DataType::Dictionary(..) => 35,
        DataType::Decimal32(..) => 36,
        DataType::Decimal64(..) => 37,
        DataType::Decimal128(..) => 38,
        DataType::Decimal256(..) => 39,
        DataType::Map(..) => 40,
        DataType::RunEndEncoded(..) => 41,
    }
}

/// Writes the kind of a field of a row.
pub fn field_kind(form: &mut Form, kind: &FieldKind) {
    match kind {
        FieldKind::Boolean => form.tag(1),
        FieldKind::Int16 => form.tag(2),
        FieldKind::Int32 => form.tag(3),
        FieldKind::Int64 => form.tag(4),
        FieldKind::UInt64 => form.tag(5),
        FieldKind::Float64 => form.tag(6),
        FieldKind::Decimal { scale } => {
            form.tag(7);
            form.number(*scale);
        }
        FieldKind::Text => form.tag(8),
        FieldKind::Bytes => form.tag(9),
        FieldKind::Timestamp => form.tag(10),
        FieldKind::Date => form.tag(11),
        FieldKind::List(item) => {
            form.tag(12);
            field_kind(form, item);
        }
        FieldKind::Numeric => form.tag(13),
        FieldKind::LocalTimestamp => form.tag(14),
        FieldKind::Interval => form.tag(15),
        FieldKind::Json => form.tag(16),
    }
}
