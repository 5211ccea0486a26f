//! Expressions that answered otherwise once: they are compared with PostgreSQL in every run, whatever the seed.
//!
//! Owns the form of `fixed.txt`: one expression a line behind the type of its result, a line with `#` names the kind of those below it.

use language::plan::functions::table::SqlType;

use super::generator::Expression;

const TYPES: [SqlType; 15] = [
    SqlType::Boolean,
    SqlType::SmallInt,
    SqlType::Integer,
    SqlType::BigInt,
    SqlType::Numeric,
    SqlType::Double,
    SqlType::Text,
    SqlType::Bytea,
    SqlType::Timestamptz,
    SqlType::Timestamp,
    SqlType::Date,
    SqlType::Interval,
    SqlType::Texts,
    SqlType::BigInts,
    SqlType::Json,
];

/// The expressions of the file.
pub fn expressions() -> Vec<Expression> {
    let path = std::env::var("TIDEWATER_EXPRESSION_FILE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/functions/fixed.txt").to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path} is not read: {error}"));
    let mut kind = String::new();
    let mut expressions = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            kind = title.to_owned();
            continue;
        }
        let Some((name, written)) = line.split_once(": ") else { panic!("'{line}' is not a type and an expression") };
        let Some(result) = TYPES.into_iter().find(|of| of.name() == name) else { panic!("'{name}' is not a type") };
        expressions.push(Expression { name: kind.clone(), ours: written.to_owned(), theirs: written.to_owned(), result });
    }
    assert!(!expressions.is_empty(), "{path} has no expressions");
    expressions
}
