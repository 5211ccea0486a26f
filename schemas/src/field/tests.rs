//! Holds the hand-written field encoding against `arrow-row`, to the byte.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array, Int16Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};

use super::*;
use crate::row::{RowCodec, one_form_of_each_number};
use crate::serving::{Column, Index, IndexColumn, IndexLayout};

const INTS: [i64; 9] = [i64::MIN, i64::MIN + 1, -256, -1, 0, 1, 255, i64::MAX - 1, i64::MAX];

/// Texts around the boundaries of the mini blocks and blocks, with bytes that sort before and after the padding.
fn texts() -> Vec<Option<String>> {
    let mut texts: Vec<Option<String>> = (0..=100).map(|length| Some("a".repeat(length))).collect();
    texts.extend((0..=100).map(|length| Some("\u{0}".repeat(length))));
    texts.extend(["é€𝄞", "z", "aaaaaaab", "aaaaaaa\u{1}", "\u{10ffff}"].map(|text| Some(text.to_owned())));
    texts.push(None);
    texts
}

fn column(values: &[Value<'static>], array: ArrayRef) -> (FieldKind, Vec<Value<'static>>, ArrayRef) {
    let kind = FieldKind::of(array.data_type()).expect("rows hold the type");
    assert_eq!(values.len(), array.len());
    (kind, values.to_vec(), array)
}

fn optional<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    values.iter().cloned().map(Some).chain([None]).collect()
}

fn values<T>(items: &[Option<T>], value: impl Fn(&T) -> Value<'static>) -> Vec<Value<'static>> {
    items.iter().map(|item| item.as_ref().map_or(Value::Null, &value)).collect()
}

/// A column of every kind, each as values and as the Arrow array of the same values.
fn columns() -> Vec<(FieldKind, Vec<Value<'static>>, ArrayRef)> {
    let mut all = number_columns();
    all.extend(text_and_list_columns());
    all
}

fn wide(text: &str) -> i256 {
    Numeric::parse(text).ok().and_then(|number| number.to_wide()).expect("a number that fits")
}

fn number_columns() -> Vec<(FieldKind, Vec<Value<'static>>, ArrayRef)> {
    let booleans = optional(&[true, false]);
    let ints = optional(&INTS);
    let int16 = optional(&[i16::MIN, -1, 0, 1, i16::MAX]);
    let int32 = optional(&[i32::MIN, -1, 0, 1, i32::MAX]);
    let uints = optional(&[0, 1, u64::MAX]);
    let floats =
        optional(&[f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, -0.0, 0.0, 1e-300, 1.5, f64::MAX, f64::INFINITY]);
    let wide = optional(&["-9e27", "-0.000000000000000000000000000000000000000000000001", "0", "1.5", "9e27"].map(wide));
    let decimals = optional(&[-(10_i128.pow(38) - 1), -1, 0, 1, 10_i128.pow(38) - 1]);
    vec![
        column(&values(&booleans, |v| Value::Boolean(*v)), Arc::new(BooleanArray::from(booleans.clone()))),
        column(&values(&ints, |v| Value::Int(*v)), Arc::new(Int64Array::from(ints.clone()))),
        column(&values(&int16, |v| Value::Int(i64::from(*v))), Arc::new(Int16Array::from(int16.clone()))),
        column(&values(&int32, |v| Value::Int(i64::from(*v))), Arc::new(Int32Array::from(int32.clone()))),
        column(&values(&uints, |v| Value::UInt(*v)), Arc::new(UInt64Array::from(uints.clone()))),
        column(&values(&floats, |v| Value::Float(*v)), Arc::new(Float64Array::from(floats.clone()))),
        column(
            &values(&decimals, |v| Value::Decimal(*v, 2)),
            Arc::new(Decimal128Array::from(decimals.clone()).with_precision_and_scale(38, 2).expect("38 digits")),
        ),
        column(
            &values(&wide, |v| Value::Numeric(*v)),
            Arc::new(Decimal256Array::from(wide.clone()).with_precision_and_scale(WIDE_DIGITS, WIDE_SCALE).expect("76 digits")),
        ),
        column(
            &values(&ints, |v| Value::Timestamp(*v)),
            Arc::new(TimestampMicrosecondArray::from(ints.clone()).with_timezone("+00:00")),
        ),
        column(&values(&int32, |v| Value::Date(*v)), Arc::new(Date32Array::from(int32.clone()))),
    ]
}

fn text_and_list_columns() -> Vec<(FieldKind, Vec<Value<'static>>, ArrayRef)> {
    let texts = texts();
    let text_values = values(&texts, |v| Value::Text(Cow::Owned(v.clone())));
    let byte_values = values(&texts, |v| Value::Bytes(Cow::Owned(v.clone().into_bytes())));
    let bytes: Vec<Option<&[u8]>> = texts.iter().map(|text| text.as_ref().map(|text| text.as_bytes())).collect();

    let mut text_list = ListBuilder::new(StringBuilder::new());
    let mut text_lists = Vec::new();
    for items in texts.chunks(3).chain([[].as_slice(), &[None], &[None, Some(String::new()), None]]) {
        text_list.append_value(items.iter().map(|item| item.as_deref()));
        text_lists.push(Value::List(values(items, |v| Value::Text(Cow::Owned(v.clone())))));
    }
    text_list.append_null();
    text_lists.push(Value::Null);

    let mut int_list = ListBuilder::new(Int64Builder::new());
    let mut int_lists = Vec::new();
    for items in [vec![], vec![None], optional(&INTS), vec![Some(1)], vec![Some(1), Some(2)], vec![Some(1), None]] {
        int_list.append_value(items.iter().copied());
        int_lists.push(Value::List(values(&items, |v| Value::Int(*v))));
    }
    int_list.append_null();
    int_lists.push(Value::Null);

    vec![
        column(&text_values, Arc::new(StringArray::from(texts.clone()))),
        column(&byte_values, Arc::new(BinaryArray::from(bytes))),
        column(&text_lists, Arc::new(text_list.finish())),
        column(&int_lists, Arc::new(int_list.finish())),
    ]
}

fn written(kind: &FieldKind, value: &Value<'_>) -> Row {
    let mut row = Row::empty();
    kind.write(value, &mut row);
    row
}

fn inverted(row: &Row) -> Vec<u8> {
    row.as_bytes().iter().map(|byte| !byte).collect()
}

#[test]
fn every_kind_is_written_as_arrow_writes_it() {
    for (kind, values, array) in columns() {
        let rows =
            RowCodec::new(&[array.data_type().clone()]).and_then(|codec| codec.encode(&[array], values.len())).expect("encodes");
        for (value, row) in values.iter().zip(&rows) {
            assert_eq!(&written(&kind, value), row, "{kind:?} {value:?}");
        }
    }
}

#[test]
fn every_kind_is_read_back_and_ends_where_the_next_field_starts() {
    for (kind, values, _) in columns() {
        for value in &values {
            let mut row = Row::from_bytes(&[7, 7, 7]);
            kind.write(value, &mut row);
            let end = row.len();
            row.extend(&[2, 9, 9]);
            assert_eq!(&kind.read(row.as_bytes(), 3), value, "{kind:?}");
            assert_eq!(kind.end(row.as_bytes(), 3), end, "{kind:?} {value:?}");
            assert_eq!(is_null(row.as_bytes(), 3), *value == Value::Null);
        }
    }
}

#[test]
fn arrow_reads_what_was_written() {
    for (kind, values, array) in columns() {
        let codec = RowCodec::new(&[array.data_type().clone()]).expect("rows hold the type");
        let rows: Vec<Row> = values.iter().map(|value| written(&kind, value)).collect();
        let decoded = codec.decode(rows.iter().map(Row::as_bytes)).expect("decodes");
        // Of the two zeros one is left.
        let array = one_form_of_each_number(&array).expect("a column of numbers");
        assert_eq!(decoded[0].to_data(), array.to_data(), "{kind:?}");
    }
}

#[test]
fn rows_compare_as_their_values_do() {
    for pair in INTS.windows(2) {
        assert!(written(&FieldKind::Int64, &Value::Int(pair[0])) < written(&FieldKind::Int64, &Value::Int(pair[1])));
    }
    let floats = [f64::NEG_INFINITY, -2.0, -1e-300, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
    for pair in floats.windows(2) {
        assert!(written(&FieldKind::Float64, &Value::Float(pair[0])) < written(&FieldKind::Float64, &Value::Float(pair[1])));
    }
    let mut texts: Vec<String> = texts().into_iter().flatten().collect();
    texts.sort();
    for pair in texts.windows(2) {
        let encoded = pair.iter().map(|text| written(&FieldKind::Text, &Value::Text(text.into()))).collect::<Vec<_>>();
        assert_eq!(encoded[0].cmp(&encoded[1]), pair[0].cmp(&pair[1]), "{pair:?}");
    }
    for (kind, values, _) in columns() {
        let null = written(&kind, &Value::Null);
        assert!(values.iter().all(|value| written(&kind, value) <= null), "{kind:?}: nulls come last");
    }
}

#[test]
fn an_inverted_field_is_found_and_restored_in_place() {
    for (kind, values, _) in columns() {
        for value in &values {
            let ascending = written(&kind, value);
            let mut row = Row::from_bytes(&inverted(&ascending));
            row.extend(&[1, 2, 3, 0xFF, 0]);
            assert_eq!(kind.invert_field(row.tail_mut(0), 0), ascending.len(), "{kind:?} {value:?}");
            assert_eq!(&row.as_bytes()[..ascending.len()], ascending.as_bytes());
            assert_eq!(&row.as_bytes()[ascending.len()..], &[1, 2, 3, 0xFF, 0]);
        }
    }
}

fn layout(kinds: &[FieldKind], index: &[(usize, bool)]) -> IndexLayout {
    let columns: Vec<Column> =
        kinds.iter().enumerate().map(|(at, kind)| Column { name: format!("c{at}"), kind: kind.clone() }).collect();
    let columns_of_index = index.iter().map(|&(column, descending)| IndexColumn { column, descending }).collect();
    IndexLayout::new(&columns, &Index { name: "by".into(), columns: columns_of_index, limit: None })
}

#[test]
fn a_stored_row_is_loaded_as_it_was() {
    let all = columns();
    let kinds: Vec<FieldKind> = all.iter().map(|(kind, ..)| kind.clone()).collect();
    let forward: Vec<(usize, bool)> = (0..kinds.len()).map(|column| (column, column % 2 == 0)).collect();
    let backward: Vec<(usize, bool)> = (0..kinds.len()).rev().map(|column| (column, true)).collect();
    for layout in [layout(&kinds, &forward), layout(&kinds, &backward), layout(&kinds, &[(9, true), (0, false), (9, false)])] {
        for at in 0..210 {
            let values: Vec<&Value<'_>> = all.iter().map(|(_, values, _)| &values[at % values.len()]).collect();
            let mut row = Row::empty();
            kinds.iter().zip(&values).for_each(|(kind, value)| kind.write(value, &mut row));

            let (loaded, ends) = layout.load(layout.store(row.as_bytes()).as_bytes());
            let mut start = 0;
            for (place, &column) in layout.order.iter().enumerate() {
                assert_eq!(&layout.kinds[place].read(loaded.as_bytes(), start), values[column]);
                start = ends[place];
            }
            assert_eq!(start, loaded.len());
            assert_eq!(field_ends(&layout.kinds, loaded.as_bytes()), ends);
        }
    }
}

#[test]
fn stored_rows_are_in_the_order_of_the_index() {
    let kinds = [FieldKind::Text, FieldKind::Int64];
    let layout = layout(&kinds, &[(0, true), (1, true)]);
    let mut rows: Vec<(String, i64)> =
        texts().into_iter().flatten().flat_map(|text| INTS.map(|int| (text.clone(), int))).collect();
    rows.sort();
    rows.reverse();
    let stored: Vec<Row> = rows
        .iter()
        .map(|(text, int)| {
            let mut row = written(&kinds[0], &Value::Text(text.into()));
            kinds[1].write(&Value::Int(*int), &mut row);
            layout.store(row.as_bytes())
        })
        .collect();
    assert!(stored.is_sorted());
    let (text, _) = &rows[0];
    assert!(stored[0].as_bytes().starts_with(layout.store_value(0, &Value::Text(text.into())).as_bytes()));
}

#[test]
fn values_are_printed_as_json() {
    let list = Value::List(vec![Value::Text("a\"\\\n\u{1}é".into()), Value::Null]);
    for (value, json) in [
        (list, r#"["a\"\\\n\u0001é",null]"#),
        (Value::Float(0.1), "0.1"),
        (Value::Float(f64::NAN), "null"),
        (Value::Numeric(wide("-4.50")), "\"-4.5\""),
        (Value::Decimal(-5, 2), "\"-0.05\""),
        (Value::Decimal(12, -2), "\"1200\""),
        (Value::Bytes(vec![0, 255].into()), r#""\\x00ff""#),
        (Value::Timestamp(1_704_067_200_002_000), "\"2024-01-01T00:00:00.002000Z\""),
        (Value::Date(-1), "\"1969-12-31\""),
    ] {
        let mut out = String::new();
        value.write_json(&mut out);
        assert_eq!(out, json);
    }
}

#[test]
fn a_number_has_one_form() {
    let forms = [(-0.0, 0.0), (f64::NAN, -f64::NAN), (f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001))];
    let codec = RowCodec::new(&[arrow_schema::DataType::Float64]).expect("rows hold the type");
    for (one, other) in forms {
        assert_eq!(written(&FieldKind::Float64, &Value::Float(one)), written(&FieldKind::Float64, &Value::Float(other)));
        let array: ArrayRef = Arc::new(Float64Array::from(vec![one, other]));
        let rows = codec.encode(&[array], 2).expect("the rows can be encoded");
        assert_eq!(rows[0], rows[1], "{one} {other}");
        assert_eq!(rows[0], written(&FieldKind::Float64, &Value::Float(one)));
    }
}
