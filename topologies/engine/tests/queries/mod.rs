//! Random queries against PostgreSQL: the same events, the same SQL, the same rows at every epoch.
//!
//! `TIDEWATER_QUERIES` is how many queries are tried, `TIDEWATER_QUERY_SEED` the seed of the first: with a count of 1, one query alone.

mod expressions;
mod fixed;
pub mod generator;
mod reference;
mod scope;
mod subqueries;
mod windows;
pub mod world;

use std::sync::Arc;

use engine::run::Options;
use language::load::{build, inline, inline_beside};
use language::topology::Topology;

use self::reference::{Reference, field};
use self::world::{TABLES_SQL, World};
use crate::harness::{Deployment, options};
use crate::postgres::Row;

const QUERIES_DEFAULT: u64 = 600;
/// Number of views that one topology has.
const VIEWS_PER_TOPOLOGY: u64 = 40;
/// Number of events that come before each comparison; none before the first.
const BATCHES: [usize; 6] = [0, 40, 120, 1, 120, 200];
/// Before this batch the deployment stops and starts again.
const RESTART_BEFORE: usize = 3;
/// Failures that are printed in full.
const FAILURES_SHOWN: usize = 8;
/// Rows of each side that are printed.
const ROWS_SHOWN: usize = 6;
/// Number of queries among which one may be refused.
const REFUSED_ONE_IN: u64 = 25;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn generated_queries_agree_with_postgres_at_every_epoch() {
    let first = number("TIDEWATER_QUERY_SEED", 0);
    let count = number("TIDEWATER_QUERIES", QUERIES_DEFAULT);
    println!("{count} queries from seed {first} on: TIDEWATER_QUERY_SEED={first} TIDEWATER_QUERIES={count}");
    let reference = Reference::start();
    let mut outcome = Outcome::default();
    let end = first + count;
    for from in (first..end).step_by(usize::try_from(VIEWS_PER_TOPOLOGY).expect("a small number")) {
        let queries =
            (from..end.min(from + VIEWS_PER_TOPOLOGY)).map(|seed| Query { seed, sql: generator::query(seed) }).collect();
        compare(&reference, from, queries, &mut outcome);
    }
    let Outcome { failures, refused, filled } = outcome;
    println!("{} of {count} queries failed, {} were refused, {filled} had rows in the end", failures.len(), refused.len());
    let shown = |texts: &[String]| texts.iter().take(FAILURES_SHOWN).cloned().collect::<Vec<_>>().join("\n\n");
    println!("{}", shown(&refused));
    assert!(failures.is_empty(), "{} of {count} queries failed\n\n{}", failures.len(), shown(&failures));
    let few = (refused.len() as u64) * REFUSED_ONE_IN <= count || count < VIEWS_PER_TOPOLOGY;
    assert!(few, "{} of {count} queries were refused\n\n{}", refused.len(), shown(&refused));
    assert!(count < VIEWS_PER_TOPOLOGY || filled * 2 >= count, "only {filled} of {count} queries had rows in the end");
}

#[test]
fn fixed_queries_agree_with_postgres_at_every_epoch() {
    let reference = Reference::start();
    let numbered = fixed::queries().into_iter().zip(0..);
    let queries: Vec<Query> = numbered.map(|(sql, seed)| Query { seed, sql }).collect();
    let count = queries.len() as u64;
    // The seed chooses the events and the number of workers.
    for seed in [0, VIEWS_PER_TOPOLOGY, 2 * VIEWS_PER_TOPOLOGY] {
        let mut outcome = Outcome::default();
        compare(&reference, seed, queries.clone(), &mut outcome);
        let Outcome { failures, refused, filled } = outcome;
        assert!(failures.is_empty() && refused.is_empty(), "{}\n\n{}", failures.join("\n\n"), refused.join("\n\n"));
        assert!(filled * 4 >= count * 3, "only {filled} of {count} queries had rows in the end");
    }
}

/// Results over all queries.
#[derive(Default)]
struct Outcome {
    failures: Vec<String>,
    refused: Vec<String>,
    /// number of queries that had rows in the end: the others prove little
    filled: u64,
}

#[derive(Clone)]
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
    let mut files = inline_beside("tables.sql", TABLES_SQL, &testkit::social::proto_files());
    files.push(inline("queries.sql", &views));
    let topology = build(&files)
        .map_err(|all| all.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>().join("\n"))?;
    language::expression::check::check(&topology)
        .unwrap_or_else(|error| panic!("it was planned, but can't be rendered: {error}"));
    Ok(topology)
}

/// Runs the queries as views of one topology.
fn compare(reference: &Reference, seed: u64, mut queries: Vec<Query>, outcome: &mut Outcome) {
    let Outcome { failures, refused, filled } = outcome;
    let topology = planned(&queries).unwrap_or_else(|_| {
        queries.retain(|query| match planned(std::slice::from_ref(query)) {
            Ok(_) => true,
            Err(error) => {
                refused.push(query.failure(&format!("is refused: {error}")));
                false
            }
        });
        planned(&queries).unwrap_or_else(|error| panic!("each query can be planned, but not all of them together: {error}"))
    });
    let topology = Arc::new(topology);
    let workers = [1, 2, 3][usize::try_from(seed / VIEWS_PER_TOPOLOGY % 3).expect("a small number")];
    let options = || Options { workers, ..options() };
    let mut deployment = Deployment::replay(Arc::clone(&topology), &[], options());
    let mut world = World::new(seed);
    for (number, batch) in BATCHES.into_iter().enumerate() {
        if number == RESTART_BEFORE {
            deployment = deployment.restart(Arc::clone(&topology), options());
        }
        deployment.ingest(&world.events(batch));
        reference.load(&world);
        let answers = reference.rows(queries.iter().map(|query| query.sql.as_str()));
        let mut answers = answers.into_iter();
        queries.retain(|query| {
            let answer = answers.next().expect("an answer for each query");
            let expected =
                answer.unwrap_or_else(|error| panic!("PostgreSQL refuses query {}: {error}\n{}", query.seed, query.sql));
            match check(query, &deployment, &expected) {
                Ok(()) => true,
                Err(difference) => {
                    failures.push(query.failure(&format!("{difference}after batch {number} of {batch} events")));
                    false
                }
            }
        });
    }
    let errors = deployment.row_errors();
    if !errors.is_empty() {
        failures.push(format!("queries from {seed} on: there are row errors, the first is {:?}", errors[0]));
    }
    *filled += queries.iter().filter(|query| !deployment.rows(&query.view()).is_empty()).count() as u64;
}

fn check(query: &Query, deployment: &Deployment, expected: &[Row]) -> Result<(), String> {
    let rows = deployment.rows(&query.view());
    let mut found: Vec<Row> = rows.iter().map(|row| row.iter().map(field).collect()).collect();
    found.sort();
    if found == expected {
        return Ok(());
    }
    let (missing, surplus) = (without(expected, &found), without(&found, expected));
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
fn without(rows: &[Row], others: &[Row]) -> Vec<Row> {
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
