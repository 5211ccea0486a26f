//! The table that expressions read: one column of each type or two, and rows with ordinary values, extremes and NULLs.

use language::plan::functions::table::SqlType;
use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use testkit::random::Random;

/// Rows of the table.
const ROWS: usize = 10;

/// A column: its name, its type as declared, and what it is for the generator.
pub const COLUMNS: [(&str, &str, SqlType); 25] = [
    ("s", "SMALLINT", SqlType::SmallInt),
    ("i", "INTEGER", SqlType::Integer),
    ("j", "INTEGER", SqlType::Integer),
    ("b", "BIGINT", SqlType::BigInt),
    ("c", "BIGINT", SqlType::BigInt),
    ("n", "NUMERIC(12, 3)", SqlType::Numeric),
    ("m", "NUMERIC(20, 0)", SqlType::Numeric),
    ("w", "NUMERIC", SqlType::Numeric),
    ("d", "DOUBLE PRECISION", SqlType::Double),
    ("e", "DOUBLE PRECISION", SqlType::Double),
    ("t", "TEXT", SqlType::Text),
    ("u", "TEXT", SqlType::Text),
    ("f", "BOOLEAN", SqlType::Boolean),
    ("g", "BOOLEAN", SqlType::Boolean),
    ("x", "TIMESTAMPTZ", SqlType::Timestamptz),
    ("y", "TIMESTAMPTZ", SqlType::Timestamptz),
    ("z", "DATE", SqlType::Date),
    ("bs", "BIGINT[]", SqlType::BigInts),
    ("ts", "TEXT[]", SqlType::Texts),
    ("by", "BYTEA", SqlType::Bytea),
    ("l", "TIMESTAMP", SqlType::Timestamp),
    ("iv", "INTERVAL", SqlType::Interval),
    ("jv", "INTERVAL", SqlType::Interval),
    ("js", "JSONB", SqlType::Json),
    ("jt", "JSONB", SqlType::Json),
];

/// The statement that makes the table, for both.
pub fn table_sql() -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind, _)| format!("\"{name}\" {kind}")).collect();
    format!("CREATE TABLE t (id BIGINT PRIMARY KEY, {});", columns.join(", "))
}

/// A row as SQL writes its values: a literal per column, NULL included.
pub type WorldRow = Vec<Option<String>>;

/// Texts of DOUBLE PRECISION values.
const DOUBLES: [&str; 15] = [
    "0",
    "-0",
    "1",
    "0.5",
    "-1.5",
    "2.5",
    "3.5",
    "1e300",
    "-1e-300",
    "NaN",
    "Infinity",
    "-Infinity",
    "0.1",
    "9007199254740992",
    "123.456",
];

/// Texts, some with letters of several bytes.
const TEXTS: [&str; 17] = [
    "",
    "a",
    "abc",
    "ABC",
    "a_c",
    "50% off",
    "ä",
    "Straße",
    "日本語",
    "  b ",
    "b,c,,d",
    "12",
    "-7.5",
    "e\u{301}x",
    "🙂🙂",
    "x\ny\tz",
    "\\",
];

/// Texts of JSON values, among them some that are not in canonical form.
const JSON: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "1.50",
    "-2.5",
    "1e3",
    "25E-2",
    "1234567890123456789012345.5",
    "\"a\"",
    "\"\"",
    r#""q\" \\ \u00e9 \n \u0001 / \/""#,
    "[]",
    "[1, \"a\", null, {\"a\": [1]}, [2]]",
    "[\"a\", \"b\", \"a\", 1.0]",
    "[1.00, 1, 2]",
    "{}",
    "{\"a\": 1}",
    "{\"a\": {\"b\": [1, 2, {\"c\": null}]}, \"b\": \"x\"}",
    "{ \"bb\" : 1, \"a\":\"ä, b: c\" , \"a\": 2.0}",
    "{\"a\": [1, 2.0], \"0\": false, \"\": null}",
    "{\"b\": null, \"a\": {\"b\": null, \"a\": 0.10}}",
];

/// Values of a type, as the text of a SQL literal without quotes.
pub fn texts(kind: SqlType) -> &'static [&'static str] {
    match kind {
        SqlType::Boolean => &["true", "false"],
        SqlType::SmallInt => &["0", "1", "-1", "7", "-13", "32767", "-32768"],
        SqlType::Integer => &["0", "1", "-1", "2", "5", "-17", "100", "2147483647", "-2147483648"],
        SqlType::BigInt => {
            &["0", "1", "-1", "3", "12", "-250", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
        }
        SqlType::Numeric => &["0", "0.0", "1.5", "-2.5", "0.001", "4.750", "-0.5", "100", "123456789.125", "-99999.999", "2.5"],
        SqlType::Double => &DOUBLES,
        SqlType::Text => &TEXTS,
        SqlType::Timestamptz => &[
            "2024-02-29 23:59:59.999999+00",
            "1970-01-01 00:00:00+00",
            "1969-12-31 23:59:59.5+00",
            "2000-01-01 00:00:00+00",
            "1600-03-01 12:00:00+00",
            "3000-12-31 00:00:00+00",
            "2024-03-31 01:30:00+00",
        ],
        SqlType::Timestamp => &[
            "2024-02-29 23:59:59.999999",
            "1970-01-01 00:00:00",
            "1969-12-31 23:59:59.5",
            "2024-03-31 02:30:00",
            "2024-10-27 02:30:00",
            "0044-03-15 12:00:00",
            "5000-01-01 00:00:00.000001",
        ],
        SqlType::Date => &["2024-02-29", "1970-01-01", "1969-12-31", "1582-10-15", "2999-12-31", "2000-01-31"],
        SqlType::BigInts => &["{}", "{1}", "{1,2,3}", "{3,NULL,1,3}", "{9223372036854775807,-9223372036854775808}", "{NULL}"],
        SqlType::Texts => &["{}", "{a}", "{a,b,a}", "{\"\",NULL,ä}", "{\"b c\"}"],
        SqlType::Bytea => &["\\x", "\\x00ff", "\\x616263"],
        SqlType::Json => &JSON,
        SqlType::Interval => &[
            "1 day",
            "-3 hours",
            "1 month",
            "1 month 2 days 03:04:05",
            "90 seconds",
            "0 seconds",
            "25 hours",
            "-1 month",
            "30 days",
            "24 hours",
            "400 days",
            "-14 months 3 days",
        ],
    }
}

/// The rows, in which about one value of six is NULL.
pub fn rows(seed: u64) -> Vec<WorldRow> {
    let mut random = Random::new(seed);
    // Columns that were added later do not change the others.
    let mut more = Random::new(seed.wrapping_add(77));
    let mut most = Random::new(seed.wrapping_add(78));
    (0..ROWS)
        .map(|_| {
            COLUMNS
                .iter()
                .enumerate()
                .map(|(column, (_, _, kind))| {
                    let random = match column {
                        0..20 => &mut random,
                        20..23 => &mut more,
                        _ => &mut most,
                    };
                    (!random.one_in(6)).then(|| (*random.pick(texts(*kind))).to_owned())
                })
                .collect()
        })
        .collect()
}

/// The rows as the program keeps them; the first column is their number.
pub fn encoded(rows: &[WorldRow], kinds: &[FieldKind]) -> Vec<Row> {
    let encode = |(number, row): (usize, &WorldRow)| {
        let mut out = Row::empty();
        FieldKind::Int64.write(&Value::Int(i64::try_from(number).expect("few rows")), &mut out);
        for ((text, kind), (_, _, of)) in row.iter().zip(&kinds[1..]).zip(COLUMNS) {
            match text {
                Some(text) => kind.write(&super::ours::value(text, of, kind), &mut out),
                None => kind.write_null(&mut out),
            }
        }
        out
    };
    rows.iter().enumerate().map(encode).collect()
}
