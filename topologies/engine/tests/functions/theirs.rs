//! Answers of PostgreSQL: one script asks for all expressions over all rows.

use language::plan::functions::table::SqlType;

use super::generator::Expression;
use super::world::{COLUMNS, WorldRow, table_sql};
use crate::postgres::Postgres;

/// Answer to an expression in one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Theirs {
    /// NULL
    Null,
    /// a value, as text
    Value(String),
    /// the error
    Error(String),
}

/// Makes the table, its rows, and the function that tries an expression.
pub fn prepare(postgres: &Postgres, rows: &[WorldRow]) {
    let mut script = table_sql();
    for (number, row) in rows.iter().enumerate() {
        let literals: Vec<String> = row
            .iter()
            .zip(COLUMNS)
            .map(|(text, (_, kind, _))| match text {
                Some(text) => format!("CAST('{}' AS {kind})", text.replace('\'', "''")),
                None => "NULL".to_owned(),
            })
            .collect();
        script.push_str(&format!("INSERT INTO t VALUES ({number}, {});\n", literals.join(", ")));
    }
    script.push_str(
        "CREATE FUNCTION attempt(expression TEXT) RETURNS TEXT[] AS $$
         DECLARE answers TEXT[] := '{}'; answer TEXT; row_id BIGINT;
         BEGIN
           BEGIN
             EXECUTE 'SELECT array_agg(coalesce(''='' || (' || expression || '), ''NULL'') ORDER BY id) FROM t' INTO answers;
             RETURN answers;
           EXCEPTION WHEN OTHERS THEN answers := '{}';
           END;
           FOR row_id IN SELECT id FROM t ORDER BY id LOOP
             BEGIN
               EXECUTE 'SELECT coalesce(''='' || (' || expression || '), ''NULL'') FROM t WHERE id = ' || row_id INTO answer;
             EXCEPTION WHEN OTHERS THEN answer := '!' || SQLSTATE || ' ' || SQLERRM;
             END;
             answers := answers || answer;
           END LOOP;
           RETURN answers;
         END $$ LANGUAGE plpgsql;
         CREATE TABLE questions (number BIGINT, expression TEXT);",
    );
    postgres.execute(&script);
}

/// The answers to some expressions, one list per expression with one answer per row.
pub fn answers(postgres: &Postgres, expressions: &[Expression]) -> Vec<Vec<Theirs>> {
    let mut script = String::from("DELETE FROM questions;\n");
    for (number, expression) in expressions.iter().enumerate() {
        script.push_str(&format!("INSERT INTO questions VALUES ({number}, $question${}$question$);\n", as_text(expression)));
    }
    postgres.execute(&script);
    let rows = postgres
        .rows("SELECT number, answer FROM questions, unnest(attempt(expression)) WITH ORDINALITY AS a (answer, place) ORDER BY number, place")
        .unwrap_or_else(|error| panic!("PostgreSQL was not asked: {error}"));
    let mut all = vec![Vec::new(); expressions.len()];
    for row in rows {
        let [Some(number), Some(answer)] = &row[..] else { panic!("a question and an answer: {row:?}") };
        let number: usize = number.parse().expect("a number");
        all[number].push(match answer.split_at(1) {
            ("=", text) => Theirs::Value(text.to_owned()),
            ("!", error) => Theirs::Error(error.to_owned()),
            _ => Theirs::Null,
        });
    }
    all
}

/// The expression as text that does not depend on how PostgreSQL prints the type.
pub fn as_text(expression: &Expression) -> String {
    let written = &expression.theirs;
    match expression.result {
        SqlType::Timestamptz | SqlType::Timestamp => format!("(EXTRACT(EPOCH FROM ({written})) * 1000000)::NUMERIC(40, 0)::TEXT"),
        SqlType::Date => format!("(({written}) - DATE '1970-01-01')::TEXT"),
        SqlType::Bytea => format!("encode(({written}), 'hex')"),
        SqlType::BigInts | SqlType::Texts => format!("array_to_json({written})::TEXT"),
        _ => format!("({written})::TEXT"),
    }
}
