//! Every function and operator of the table against PostgreSQL: the same expression over the same rows, the same value or an error in both.
//!
//! `TIDEWATER_EXPRESSIONS` is how many expressions are tried, `TIDEWATER_EXPRESSION_SEED` the seed of the first, `TIDEWATER_FUNCTIONS` a
//! comma-separated list of names to try alone. The seed is printed. Expressions that answered otherwise once are in `fixed.txt` and are always
//! compared; `TIDEWATER_EXPRESSION_FILE` names a file of others. An expression that is refused is counted and printed, and there may not
//! be many.

mod aggregates;
mod compare;
mod fixed;
mod generator;
mod ours;
mod theirs;
mod world;

use std::collections::BTreeMap;

use language::plan::functions::documentation::page;
use language::plan::functions::table::{Entry, FAMILIES, PostgresReference};

use self::compare::{Outcome, compare};
use self::generator::{Expression, Generator};
use crate::golden;
use crate::postgres::Postgres;

const EXPRESSIONS_DEFAULT: u64 = 2_600;
/// Families of the table that are compared.
const COMPARED: [&str; 8] = [
    "Comparisons and conditions",
    "Numbers: operators",
    "Numbers: functions",
    "Casts between numbers",
    "Text",
    "Time",
    "Lists",
    "JSONB",
];
/// Expressions that are planned together.
const EXPRESSIONS_PER_BATCH: usize = 60;
/// Differences that are printed in full.
const DIFFERENCES_SHOWN: usize = 120;
/// Worlds of rows that the fixed expressions read, of the seeds from 1 on.
const FIXED_WORLDS: u64 = 6;
/// One expression in so many may be refused at most.
const REFUSED_ONE_IN: usize = 12;
/// One value in so many may be beyond what NUMERIC keeps here.
const BEYOND_ONE_IN: usize = 20;

/// One value in so many may depend on the sign of a zero.
const SIGNLESS_ONE_IN: usize = 200;
/// One value in so many may differ because a function was applied to the result of another.
const AMPLIFIED_ONE_IN: usize = 500;

#[test]
fn the_page_of_functions_is_what_the_table_says() {
    golden::check("../../../docs/FUNCTIONS.md", &page());
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

/// The entries that are tried.
fn entries() -> Vec<&'static Entry> {
    let chosen = std::env::var("TIDEWATER_FUNCTIONS").ok();
    let is_chosen = |entry: &Entry| match &chosen {
        Some(names) => names.split(',').any(|name| name.eq_ignore_ascii_case(entry.name)),
        None => true,
    };
    FAMILIES
        .iter()
        .filter(|family| chosen.is_some() || COMPARED.contains(&family.title))
        .flat_map(|family| family.entries)
        .filter(|entry| entry.reference != PostgresReference::Nothing && is_chosen(entry))
        .collect()
}

#[test]
fn every_function_of_the_table_answers_as_postgresql_does() {
    let seed = number("TIDEWATER_EXPRESSION_SEED", 1);
    let count = number("TIDEWATER_EXPRESSIONS", EXPRESSIONS_DEFAULT);
    println!("TIDEWATER_EXPRESSION_SEED={seed} TIDEWATER_EXPRESSIONS={count}");
    let all: Vec<&'static Entry> =
        FAMILIES.iter().filter(|family| COMPARED.contains(&family.title)).flat_map(|family| family.entries).collect();
    let generator = Generator::new(entries(), all);
    let postgres = Postgres::start();
    let world = world::rows(seed);
    theirs::prepare(&postgres, &world);
    let expressions: Vec<Expression> = (0..count).map(|number| generator.expression(seed, number)).collect();
    let mut total = Outcome::default();
    for batch in expressions.chunks(EXPRESSIONS_PER_BATCH * 10) {
        let expected = theirs::answers(&postgres, batch);
        for (batch, expected) in batch.chunks(EXPRESSIONS_PER_BATCH).zip(expected.chunks(EXPRESSIONS_PER_BATCH)) {
            for ((expression, ours), theirs) in batch.iter().zip(ours::answers(batch, &world)).zip(expected) {
                compare(expression, &ours, theirs, &mut total);
            }
        }
    }
    report(&total, expressions.len());
}

#[test]
fn fixed_expressions_answer_as_postgresql_does() {
    let expressions = fixed::expressions();
    let world: Vec<world::WorldRow> = (1..=FIXED_WORLDS).flat_map(world::rows).collect();
    let postgres = Postgres::start();
    theirs::prepare(&postgres, &world);
    let expected = theirs::answers(&postgres, &expressions);
    let mut total = Outcome::default();
    for ((expression, answers), expected) in expressions.iter().zip(ours::answers(&expressions, &world)).zip(&expected) {
        compare(expression, &answers, expected, &mut total);
    }
    assert!(total.refused.is_empty(), "these are refused, and PostgreSQL has them: {:#?}", total.refused);
    report(&total, expressions.len());
}

fn report(total: &Outcome, expressions: usize) {
    println!(
        "{expressions} expressions, {} values and {} errors agree; {} expressions are refused, {} values are beyond NUMERIC here, {} are \
         rounded otherwise, {} are amplified, {} are chosen before an error, {} depend on the sign of zero",
        total.equal,
        total.errors,
        total.refused.len(),
        total.beyond,
        total.rounded,
        total.amplified,
        total.lazy,
        total.signless
    );
    let mut reasons: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for (expression, reason) in &total.refused {
        let entry = reasons.entry(reason.chars().take(90).collect()).or_insert((0, expression));
        entry.0 += 1;
    }
    for (reason, (count, expression)) in &reasons {
        println!("refused {count} times: {reason}\n    {expression}");
    }
    let shown: Vec<&str> = total.differences.iter().take(DIFFERENCES_SHOWN).map(String::as_str).collect();
    assert!(
        total.differences.is_empty(),
        "{} expressions differ\n{}\n\nby function: {:?}",
        total.by_function.values().sum::<usize>(),
        shown.join("\n"),
        total.by_function
    );
    assert!(
        total.refused.len() * REFUSED_ONE_IN <= expressions.max(REFUSED_ONE_IN),
        "{} of {expressions} are refused",
        total.refused.len()
    );
    assert!(total.beyond * BEYOND_ONE_IN <= total.equal.max(BEYOND_ONE_IN), "{} values are beyond NUMERIC here", total.beyond);
    assert!(total.signless * SIGNLESS_ONE_IN <= total.equal, "{} values depend on the sign of zero", total.signless);
    assert!(total.amplified * AMPLIFIED_ONE_IN <= total.equal, "{} values differ in more than the last places", total.amplified);
    assert!(total.equal > 0, "nothing was compared");
}
