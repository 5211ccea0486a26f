//! PostgreSQL as the independent engine: the same tables, the same queries, and a form in which both engines' rows can be compared.

use schemas::field::Value;
use schemas::jsonb::shown;
use schemas::numeric::WIDE_SCALE;

use super::world::{Cell, World};
use crate::postgres::{Postgres, Row};

const TABLES: &str = "\
CREATE TABLE users (user_id BIGINT, username TEXT, bio TEXT);
CREATE TABLE follows (follower_id BIGINT, followee_id BIGINT);
CREATE TABLE posts (post_id BIGINT, author_id BIGINT, text TEXT, visibility TEXT, score BIGINT, reply_to BIGINT, pinned BOOLEAN, edits INT, video BIGINT, tags TEXT[]);
CREATE TABLE likes (post_id BIGINT, user_id BIGINT);
CREATE TABLE comments (post_id BIGINT, comment_id BIGINT, parent_id BIGINT, author_id BIGINT, text TEXT);
";

/// Significant digits by which numbers with a point are compared: not every engine divides to the same length.
const DIGITS: usize = 9;

pub struct Reference(Postgres);

impl Reference {
    pub fn start() -> Self {
        let postgres = Postgres::start();
        postgres.execute(TABLES);
        Self(postgres)
    }

    /// Replaces the contents of all tables.
    pub fn load(&self, world: &World) {
        let mut script = String::new();
        for (name, rows) in world.tables() {
            script += &format!("DELETE FROM {name};\n");
            let rows: Vec<String> = rows.values().map(|row| row.iter().map(literal).collect::<Vec<_>>().join(", ")).collect();
            if !rows.is_empty() {
                script += &format!("INSERT INTO {name} VALUES ({});\n", rows.join("), ("));
            }
        }
        self.0.execute(&script);
    }

    /// The rows of each query, sorted.
    pub fn rows<'q>(&self, queries: impl IntoIterator<Item = &'q str>) -> Vec<Result<Vec<Row>, String>> {
        let sorted = |rows: Vec<Row>| {
            let plain = |field: Option<String>| field.map(|text| canonical(&text));
            let mut rows: Vec<Row> = rows.into_iter().map(|row| row.into_iter().map(plain).collect()).collect();
            rows.sort();
            rows
        };
        self.0.answers(queries).into_iter().map(|answer| answer.map(sorted)).collect()
    }
}

fn literal(cell: &Cell) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(value) => value.to_string(),
        Cell::Truth(value) => value.to_string(),
        Cell::Text(text) => quoted(text),
        Cell::List(items) => {
            format!("ARRAY[{}]::TEXT[]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A field as PostgreSQL writes it, numbers with a point in few enough digits.
pub fn field(value: &Value<'_>) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Boolean(truth) => if *truth { "t" } else { "f" }.to_owned(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(units, scale) => decimal(*units, *scale),
        Value::Numeric(units) => decimal_digits(&units.to_string(), usize::from(WIDE_SCALE.unsigned_abs())),
        Value::Text(text) => text.clone().into_owned(),
        Value::Json(json) => shown(json),
        other => panic!("queries have no {other:?}"),
    };
    Some(canonical(&text))
}

fn decimal(units: i128, scale: i8) -> String {
    let places = usize::try_from(scale).expect("no generated query has a negative scale");
    decimal_digits(&units.to_string(), places)
}

/// Puts the point before the last `places` digits of a whole number.
fn decimal_digits(units: &str, places: usize) -> String {
    let (sign, digits) = units.strip_prefix('-').map_or(("", units), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let point = if places == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A number without what both engines may write differently; any other text as it is.
fn canonical(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return text.to_owned() };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole.trim_start_matches('-')) || !is_number(fraction) {
        return text.to_owned();
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return whole.to_owned();
    }
    match format!("{whole}.{fraction}").parse::<f64>() {
        Ok(number) => format!("{number:.DIGITS$e}"),
        Err(error) => panic!("'{text}' has the form of a number: {error}"),
    }
}

#[test]
fn numbers_are_compared_by_value_and_texts_by_letters() {
    assert_eq!(canonical("2.5000"), canonical("2.5"));
    assert_eq!(canonical("-3.0000"), "-3");
    assert_eq!(canonical("0.3333333333333333"), canonical("0.33333333333333333333"));
    assert_ne!(canonical("0.33333"), canonical("0.33334"));
    assert_eq!(canonical("9223372036854775807"), "9223372036854775807");
    assert_eq!(canonical("a.b"), "a.b");
    assert_eq!(field(&Value::Decimal(-5, 2)), Some(canonical("-0.05")));
}
