//! Answers of the program: expressions are planned as columns of views over the table and evaluated on its rows.

use language::expression::evaluate::{Evaluator, Output};
use language::load::{build, inline};
use language::plan::functions::table::SqlType;
use language::plan::graph::{Map, Operator};
use language::topology::Topology;
use schemas::field::{FieldKind, Value};
use schemas::interval::Interval;
use schemas::numeric::Numeric;
use schemas::row::RowCodec;
use schemas::time::parse_timestamp;

use super::generator::Expression;
use super::world::{WorldRow, encoded, table_sql};

/// Answer to an expression in one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Ours {
    /// a value, NULL included
    Value(Value<'static>),
    /// the error
    Error(String),
}

/// Answers to one expression: the reason of a refusal, or an answer per row.
pub type Answers = Result<Vec<Ours>, String>;

/// The answers to some expressions.
pub fn answers(expressions: &[Expression], rows: &[WorldRow]) -> Vec<Answers> {
    match planned(expressions) {
        Ok(topology) => (0..expressions.len()).map(|number| evaluate(&topology, number, rows)).collect(),
        Err(_) if expressions.len() > 1 => {
            let (first, second) = expressions.split_at(expressions.len() / 2);
            let mut all = answers(first, rows);
            all.extend(answers(second, rows));
            all
        }
        Err(reason) => vec![Err(reason)],
    }
}

fn planned(expressions: &[Expression]) -> Result<Topology, String> {
    let mut files = vec![inline("table.sql", &table_sql())];
    for (number, expression) in expressions.iter().enumerate() {
        let view = format!("CREATE MATERIALIZED VIEW q{number} AS SELECT id, {} AS answer FROM t;", expression.ours);
        files.push(inline("view.sql", &view));
    }
    build(&files).map_err(|all| all.first().map_or_else(String::new, |first| first.message.clone()))
}

fn evaluate(topology: &Topology, number: usize, rows: &[WorldRow]) -> Answers {
    let name = format!("q{number}");
    let node = topology.relations[&name];
    let Operator::Map(Map { input, predicates, outputs }) = &topology.graph.nodes[node].operator else {
        panic!("'{name}' is not one map: {:?}", topology.graph.nodes[node].operator);
    };
    assert!(matches!(topology.graph.nodes[*input].operator, Operator::Table(_)), "'{name}' reads the table");
    let columns = &topology.graph.nodes[*input].columns;
    let kinds = topology.graph.kinds(*input).expect("rows hold the columns");
    let kind = topology.graph.kinds(node).expect("rows hold the columns")[1].clone();
    let evaluator = match Evaluator::new(columns, predicates, outputs) {
        Ok(evaluator) => evaluator,
        Err(error) => panic!("'{name}' was planned, but can't be evaluated: {error}"),
    };
    let stored = encoded(rows, &kinds);
    let mut answers = vec![None; rows.len()];
    let types: Vec<_> = columns.iter().map(|column| column.data_type.clone()).collect();
    let codec = RowCodec::new(&types).expect("rows hold the columns");
    let arrays = codec.decode(stored.iter().map(|row| row.as_bytes())).expect("the rows are of these types");
    let read = evaluator.reads.iter().map(|&column| arrays[column].clone()).collect();
    let evaluated = evaluator
        .evaluate(read, rows.len(), |failure| answers[failure.row] = Some(Ours::Error(failure.detail.clone())))
        .unwrap_or_else(|error| panic!("'{name}' does not fit its rows: {error}"));
    for (place, &row) in evaluated.rows.iter().enumerate() {
        let field = match &evaluator.outputs[1] {
            Output::Constant(field) => field.clone(),
            Output::Computed(computed) => evaluated.computed[*computed][place].clone(),
            Output::Column(column) => {
                let ends = schemas::field::field_ends(&kinds, stored[row].as_bytes());
                schemas::row::Row::from_bytes(
                    &stored[row].as_bytes()[if *column == 0 { 0 } else { ends[column - 1] }..ends[*column]],
                )
            }
        };
        answers[row] = Some(Ours::Value(kind.read(field.as_bytes(), 0).into_owned()));
    }
    Ok(answers.into_iter().map(|answer| answer.expect("every row has a value or an error")).collect())
}

/// A value of the table, from the text of its literal.
pub fn value(text: &str, kind: SqlType, field: &FieldKind) -> Value<'static> {
    let owned = text.to_owned();
    match kind {
        SqlType::Boolean => Value::Boolean(text == "true"),
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => Value::Int(text.parse().expect("a whole number")),
        SqlType::Numeric => {
            let number = Numeric::parse(text).expect("a number");
            match field {
                FieldKind::Decimal { scale } => {
                    let scale = u32::try_from(*scale).expect("no negative scale");
                    let units = number.round(scale.into()).units_exactly(scale).expect("it was rounded");
                    Value::Decimal(i128::try_from(units).expect("a small number"), i8::try_from(scale).expect("a small scale"))
                }
                _ => Value::Numeric(number.to_wide().expect("a small number")),
            }
        }
        SqlType::Double => Value::Float(text.parse().expect("a number")),
        SqlType::Text => Value::Text(owned.into()),
        SqlType::Json => Value::Json(schemas::jsonb::canonical(text).expect("JSON").into()),
        SqlType::Timestamptz => {
            let text = owned.replace(' ', "T").replace("+00", "Z");
            Value::Timestamp(parse_timestamp(&text).unwrap_or_else(|| panic!("'{text}' is a time")))
        }
        SqlType::Date => {
            let midnight = parse_timestamp(&format!("{text}T00:00:00Z")).unwrap_or_else(|| panic!("'{text}' is a day"));
            Value::Date(i32::try_from(midnight.div_euclid(86_400_000_000)).expect("a day"))
        }
        SqlType::BigInts => list(text, |item| Value::Int(item.parse().expect("a whole number"))),
        SqlType::Texts => list(text, |item| Value::Text(item.trim_matches('"').to_owned().into())),
        SqlType::Bytea => {
            let digits = &text[2..];
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
            Value::Bytes((0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>().into())
        }
        SqlType::Timestamp => {
            let time = parse_timestamp(text).unwrap_or_else(|| panic!("'{text}' is a time"));
            Value::LocalTimestamp(time)
        }
        SqlType::Interval => Value::Interval(interval(text)),
    }
}

fn list(text: &str, item: impl Fn(&str) -> Value<'static>) -> Value<'static> {
    let inside = text.trim_start_matches('{').trim_end_matches('}');
    let items = inside.split(',').filter(|part| !part.is_empty());
    Value::List(items.map(|part| if part == "NULL" { Value::Null } else { item(part) }).collect())
}

/// An interval of whole units, or of a clock.
fn interval(text: &str) -> Interval {
    let mut total = Interval::default();
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        if word.contains(':') {
            total.micros += Interval::parse(word).expect("a time of day").micros;
            continue;
        }
        let count: i64 = word.parse().expect("a number");
        let small = i32::try_from(count).expect("a small number");
        match words.next().expect("a unit").trim_end_matches('s') {
            "month" => total.months += small,
            "day" => total.days += small,
            "hour" => total.micros += count * 3_600_000_000,
            "second" => total.micros += count * 1_000_000,
            unit => panic!("'{unit}' is no unit here"),
        }
    }
    total
}
