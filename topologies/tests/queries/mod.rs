//! Random queries against an independent engine: the same events, the same SQL, the same rows at every epoch.
//!
//! `TIDEWATER_QUERIES` is how many queries are tried, `TIDEWATER_QUERY_SEED` the seed of the first: with a count of 1, one query alone.

pub mod generator;
mod sqlite;
pub mod world;

use schemas::field::Value;
use schemas::numeric::Numeric;
use topologies::run::Options;
use topologies::topology::{Topology, build, inline};

use self::sqlite::{Reference, real};
use self::world::{Cell, TABLES_SQL, World};
use crate::harness::{Deployment, options};

const QUERIES_DEFAULT: u64 = 600;
/// How many views one topology has.
const VIEWS_PER_TOPOLOGY: u64 = 40;
/// How many events come before each comparison; none before the first.
const BATCHES: [usize; 6] = [0, 40, 120, 1, 120, 200];
/// Failures that are printed in full.
const FAILURES_SHOWN: usize = 8;
/// Rows of each side that are printed.
const ROWS_SHOWN: usize = 6;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn generated_queries_agree_with_sqlite_at_every_epoch() {
    let first = number("TIDEWATER_QUERY_SEED", 0);
    let end = first + number("TIDEWATER_QUERIES", QUERIES_DEFAULT);
    let mut outcome = Outcome::default();
    for from in (first..end).step_by(usize::try_from(VIEWS_PER_TOPOLOGY).expect("a small number")) {
        let queries =
            (from..end.min(from + VIEWS_PER_TOPOLOGY)).map(|seed| Query { seed, sql: generator::query(seed) }).collect();
        compare(from, queries, &mut outcome);
    }
    let Outcome { failures, filled } = outcome;
    let shown: Vec<&str> = failures.iter().take(FAILURES_SHOWN).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {} queries failed\n\n{}", failures.len(), end - first, shown.join("\n\n"));
    let enough = end - first < VIEWS_PER_TOPOLOGY || filled * 2 >= end - first;
    assert!(enough, "only {filled} of {} queries had rows in the end", end - first);
}

/// What came of all queries.
#[derive(Default)]
struct Outcome {
    failures: Vec<String>,
    /// how many queries had rows in the end: the others prove little
    filled: u64,
}

struct Query {
    seed: u64,
    sql: String,
}

impl Query {
    fn view(&self) -> String {
        format!("q{}", self.seed)
    }

    fn statement(&self) -> String {
        format!("CREATE MATERIALIZED VIEW {} AS {};\n", self.view(), self.sql)
    }

    fn failure(&self, what: &str) -> String {
        format!("query {}: {what}\n{}", self.seed, self.sql)
    }
}

fn planned(queries: &[Query]) -> Result<Topology, String> {
    let views: String = queries.iter().map(Query::statement).collect();
    let topology = build(&[inline("tables.sql", TABLES_SQL), inline("queries.sql", &views)])
        .map_err(|all| all.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>().join("\n"))?;
    topologies::render::check::check(&topology).map_err(|error| format!("it was planned, but can't be rendered: {error}"))?;
    Ok(topology)
}

/// Runs the queries as views of one topology.
fn compare(seed: u64, mut queries: Vec<Query>, outcome: &mut Outcome) {
    let Outcome { failures, filled } = outcome;
    let topology = planned(&queries).unwrap_or_else(|_| {
        queries.retain(|query| match planned(std::slice::from_ref(query)) {
            Ok(_) => true,
            Err(error) => {
                failures.push(query.failure(&format!("is refused: {error}")));
                false
            }
        });
        planned(&queries).unwrap_or_else(|error| panic!("each query can be planned, but not all of them together: {error}"))
    });
    let workers = [1, 2, 3][usize::try_from(seed / VIEWS_PER_TOPOLOGY % 3).expect("a small number")];
    let deployment = Deployment::start(topology, Options { workers, ..options() });
    let reference = Reference::new();
    let mut world = World::new(seed);
    for batch in BATCHES {
        deployment.ingest(&world.events(batch));
        reference.load(&world);
        queries.retain(|query| match check(query, &deployment, &reference) {
            Ok(()) => true,
            Err(difference) => {
                failures.push(query.failure(&format!("{difference}after {batch} events more")));
                false
            }
        });
    }
    let errors = deployment.row_errors();
    if !errors.is_empty() {
        failures.push(format!("queries from {seed} on: there are row errors, the first is {:?}", errors[0]));
    }
    *filled += queries.iter().filter(|query| !deployment.rows(&query.view()).is_empty()).count() as u64;
}

fn check(query: &Query, deployment: &Deployment, reference: &Reference) -> Result<(), String> {
    let expected =
        reference.query(&query.sql).unwrap_or_else(|error| panic!("SQLite refuses query {}: {error}\n{}", query.seed, query.sql));
    let rows = deployment.rows(&query.view());
    let mut found: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    found.sort();
    if found == expected {
        return Ok(());
    }
    let missing = without(&expected, &found);
    let surplus = without(&found, &expected);
    Err(format!(
        "{} rows instead of {}; {} are missing: {:?}; {} are too much: {:?}; ",
        found.len(),
        expected.len(),
        missing.len(),
        &missing[..missing.len().min(ROWS_SHOWN)],
        surplus.len(),
        &surplus[..surplus.len().min(ROWS_SHOWN)]
    ))
}

/// The rows of a sorted list that are not in another, each as often as it is missing there.
fn without(rows: &[Vec<Cell>], others: &[Vec<Cell>]) -> Vec<Vec<Cell>> {
    let mut others = others.iter().peekable();
    let mut rest = Vec::new();
    for row in rows {
        while others.next_if(|other| *other < row).is_some() {}
        if others.next_if(|other| *other == row).is_none() {
            rest.push(row.clone());
        }
    }
    rest
}

fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Boolean(truth) => Cell::Int(i64::from(*truth)),
        Value::Int(value) => Cell::Int(*value),
        Value::UInt(value) => Cell::Int(i64::try_from(*value).expect("a small number")),
        Value::Float(value) => real(*value),
        Value::Numeric(units) => real(Numeric::from_wide(*units).to_f64()),
        Value::Text(text) => Cell::Text(text.clone().into_owned()),
        other => panic!("SQLite has no {other:?}"),
    }
}
