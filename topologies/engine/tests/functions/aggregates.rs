//! Every aggregate of the table against PostgreSQL: the same rows, which come, change and go, the same calls, the same results of every group and of
//! all rows, with one to three workers and after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::run::Options;
use language::plan::functions::aggregates::AGGREGATES;
use language::plan::functions::table::{Argument, CallForm, Entry, PostgresReference, SqlType, Syntax};
use schemas::field::Value;
use testkit::random::Random;

use super::compare::agrees;
use super::generator::Expression;
use super::theirs::as_text;
use crate::harness::{Deployment, options, topology};
use crate::postgres::Postgres;

/// Rows that there are at most at a time.
const ROWS: i64 = 40;
const GROUPS: u64 = 5;
/// Number of events that come before each comparison; none before the first.
const BATCHES: [usize; 5] = [0, 30, 60, 1, 90];
/// Before this batch the deployment stops and starts again.
const RESTART_BEFORE: usize = 3;
/// Number of calls of each form of an aggregate, over different columns.
const VARIANTS: usize = 2;
/// One value in so many is NULL.
const NULL_ONE_IN: usize = 7;
const DIFFERENCES_SHOWN: usize = 40;

/// A column: its name, its type, and texts of its values. The sums of DOUBLE PRECISION are such that PostgreSQL loses few places.
const COLUMNS: [(&str, SqlType, &[&str]); 13] = [
    ("g", SqlType::BigInt, &["0", "1", "2", "3", "4"]),
    ("s", SqlType::SmallInt, &["0", "1", "-1", "7", "-13", "32767", "-32768"]),
    ("i", SqlType::Integer, &["0", "1", "-1", "2", "5", "-17", "100", "99999"]),
    ("b", SqlType::BigInt, &["0", "1", "-1", "3", "12", "-250", "1000000000000"]),
    ("n", SqlType::Numeric, &["0", "1.5", "-2.5", "0.001", "4.750", "100", "1234.125"]),
    ("w", SqlType::Numeric, &["0", "1.5", "-0.333333", "100", "2.25", "0.0000001"]),
    (
        "d",
        SqlType::Double,
        &["0", "1", "0.5", "-1.5", "2.5", "123.5", "-40", "0.5", "1000.125", "2", "3", "-0.25", "NaN", "-Infinity"],
    ),
    ("e", SqlType::Double, &["0", "1", "0.5", "-1.5", "2.5", "123.5", "-40", "1000.125", "-0.25"]),
    ("h", SqlType::Double, &["0", "7", "0.125", "-12.5", "2.5", "30", "-4096"]),
    ("t", SqlType::Text, &["", "a", "abc", "B", "ä", "it's", "zz", "x,y"]),
    ("f", SqlType::Boolean, &["true", "false", "true"]),
    (
        "x",
        SqlType::Timestamptz,
        &["2024-02-29T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2024-03-31T01:30:00Z", "1969-12-31T23:59:59.5Z"],
    ),
    ("z", SqlType::Date, &["2024-02-29", "1970-01-01", "1969-12-31", "2999-12-31"]),
];

/// Calls that have no form in the table, the same for both, with the types of their results.
const MORE: &[(&str, SqlType)] = &[
    ("count(*)", SqlType::BigInt),
    ("count(*) FILTER (WHERE i > 0 AND f)", SqlType::BigInt),
    ("count(DISTINCT i)", SqlType::BigInt),
    ("count(DISTINCT t) FILTER (WHERE f)", SqlType::BigInt),
    ("count(DISTINCT (i, t))", SqlType::BigInt),
    ("sum(DISTINCT n) FILTER (WHERE NOT f)", SqlType::Numeric),
    ("sum(DISTINCT i)", SqlType::BigInt),
    ("avg(DISTINCT e) FILTER (WHERE f)", SqlType::Double),
    ("avg(DISTINCT b)", SqlType::Numeric),
    ("min(DISTINCT t)", SqlType::Text),
    ("max(DISTINCT n) FILTER (WHERE f)", SqlType::Numeric),
    ("stddev(DISTINCT i)", SqlType::Numeric),
    ("var_pop(DISTINCT e)", SqlType::Double),
    ("variance(DISTINCT n) FILTER (WHERE f)", SqlType::Numeric),
    ("bit_xor(DISTINCT i)", SqlType::Integer),
    ("every(DISTINCT f)", SqlType::Boolean),
    ("bool_or(DISTINCT f) FILTER (WHERE i > 1)", SqlType::Boolean),
    ("corr(e, h) FILTER (WHERE f)", SqlType::Double),
    ("percentile_cont(0.5) WITHIN GROUP (ORDER BY i DESC) FILTER (WHERE f)", SqlType::Double),
    ("percentile_cont(0) WITHIN GROUP (ORDER BY e)", SqlType::Double),
    ("percentile_disc(1) WITHIN GROUP (ORDER BY t)", SqlType::Text),
    ("(percentile_cont(ARRAY[0.25, 0.5, 1]) WITHIN GROUP (ORDER BY e))[2]", SqlType::Double),
    ("(percentile_cont(ARRAY[0.1, 0.95]) WITHIN GROUP (ORDER BY n DESC))[2]", SqlType::Double),
    ("percentile_disc(ARRAY[0.9, 0.5, 0.1]) WITHIN GROUP (ORDER BY t DESC)", SqlType::Texts),
    ("percentile_disc(ARRAY[1, 0]) WITHIN GROUP (ORDER BY b) FILTER (WHERE f)", SqlType::BigInts),
    ("mode() WITHIN GROUP (ORDER BY t DESC)", SqlType::Text),
    ("mode() WITHIN GROUP (ORDER BY i % 3) FILTER (WHERE f)", SqlType::Integer),
    ("array_agg(DISTINCT t ORDER BY t DESC)", SqlType::Texts),
    ("string_agg(DISTINCT t, '; ') FILTER (WHERE f)", SqlType::Text),
    ("sum(i) FILTER (WHERE f) - count(DISTINCT t)", SqlType::BigInt),
    ("round(stddev_pop(i), 3)", SqlType::Numeric),
    ("jsonb_agg(DISTINCT t)", SqlType::Json),
    ("jsonb_agg(i ORDER BY i DESC) FILTER (WHERE f)", SqlType::Json),
    ("jsonb_agg(f ORDER BY i, f)", SqlType::Json),
    ("jsonb_object_agg(coalesce(t, '-'), i ORDER BY i)", SqlType::Json),
    ("jsonb_object_agg(t, n ORDER BY n DESC) FILTER (WHERE t IS NOT NULL)", SqlType::Json),
    ("jsonb_object_agg(coalesce(i, 7), t ORDER BY t)", SqlType::Json),
];

/// Aggregates that PostgreSQL computes of no group with a NULL; they are among the other calls.
const WITHOUT_NULLS: [&str; 2] = ["jsonb_object_agg", "json_object_agg"];

/// The columns of a type, the first ones of which serve as the arguments of a variant.
fn columns(kind: SqlType) -> Vec<&'static str> {
    COLUMNS[1..].iter().filter(|(_, of, _)| *of == kind).map(|(name, _, _)| *name).collect()
}

/// Arguments of a form: each variant has other columns, where there are several.
fn arguments(form: &CallForm, variant: usize) -> Vec<String> {
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let column = |argument: &Argument| {
        let Argument::Of(kind) = argument else { panic!("aggregates have arguments of a type: {argument:?}") };
        let found = columns(*kind);
        assert!(!found.is_empty(), "there is no column of the type {}", kind.name());
        let place = used.entry(kind.name()).or_insert(variant);
        *place += 1;
        found[(*place - 1) % found.len()].to_owned()
    };
    form.arguments.iter().map(column).collect()
}

/// The calls of an aggregate, written for both.
fn calls(entry: &Entry) -> Vec<Expression> {
    let mut calls: Vec<Expression> = Vec::new();
    for (form, variant) in entry.forms.iter().flat_map(|form| (0..VARIANTS).map(move |variant| (form, variant))) {
        let arguments = arguments(form, variant);
        let theirs = match entry.name {
            // Any value is right, so none is compared but the one that it is here.
            "any_value" => format!("min({})", arguments[0]),
            _ => entry.write_reference(&arguments).expect("PostgreSQL has it"),
        };
        let mut ours = vec![(entry.write(&arguments), theirs.clone())];
        if entry.syntax == Syntax::Call {
            ours.extend(entry.aliases.iter().map(|alias| (format!("{alias}({})", arguments.join(", ")), theirs.clone())));
        }
        if variant > 0 && entry.reference == PostgresReference::Same {
            let filtered = |text: &str| format!("{text} FILTER (WHERE f)");
            ours = ours.iter().map(|(ours, theirs)| (filtered(ours), filtered(theirs))).collect();
        }
        for (ours, theirs) in ours {
            if calls.iter().all(|call| call.ours != ours) {
                calls.push(Expression { name: entry.name.to_owned(), ours, theirs, result: form.result });
            }
        }
    }
    calls
}

/// A view with some calls, per group or over all rows.
struct View {
    name: String,
    calls: Vec<Expression>,
    is_grouped: bool,
}

impl View {
    fn statement(&self) -> String {
        let items: Vec<String> =
            self.calls.iter().enumerate().map(|(place, call)| format!("{} AS c{place}", call.ours)).collect();
        let (key, group) = if self.is_grouped { ("g, ", " GROUP BY g") } else { ("", "") };
        format!("CREATE MATERIALIZED VIEW {} AS SELECT {key}{} FROM m{group};\n", self.name, items.join(", "))
    }

    fn question(&self) -> String {
        let items: Vec<String> = self.calls.iter().map(as_text).collect();
        let (key, group) = if self.is_grouped { ("g::TEXT, ", " GROUP BY g ORDER BY g") } else { ("", "") };
        format!("SELECT {key}{} FROM m{group}", items.join(", "))
    }
}

fn views() -> Vec<View> {
    let is_asked = |entry: &&Entry| entry.reference != PostgresReference::Nothing && !WITHOUT_NULLS.contains(&entry.name);
    let asked = AGGREGATES.iter().filter(is_asked);
    let mut views: Vec<View> = Vec::new();
    for entry in asked {
        views.push(View { name: format!("each_{}", entry.name), calls: calls(entry), is_grouped: true });
        views.push(View { name: format!("all_{}", entry.name), calls: calls(entry), is_grouped: false });
    }
    let same = |(text, result): &(&str, SqlType)| {
        let text = (*text).to_owned();
        Expression { name: text.clone(), ours: text.clone(), theirs: text, result: *result }
    };
    let more = || MORE.iter().map(same).collect();
    views.push(View { name: "each_more".to_owned(), calls: more(), is_grouped: true });
    views.push(View { name: "all_more".to_owned(), calls: more(), is_grouped: false });
    views
}

/// The declaration of a column: DOUBLE PRECISION comes as a text, since JSON has no infinities.
fn declared(name: &str, kind: SqlType, as_source: bool) -> String {
    match kind {
        SqlType::Double if as_source => format!("{name} TEXT"),
        SqlType::Numeric if name == "n" => format!("{name} NUMERIC(12, 3)"),
        _ => format!("{name} {}", kind.name()),
    }
}

fn statements() -> String {
    let list = |written: &dyn Fn(&str, SqlType) -> String| {
        COLUMNS.iter().map(|(name, kind, _)| written(name, *kind)).collect::<Vec<_>>().join(", ")
    };
    let value = |name: &str, kind: SqlType| match kind {
        SqlType::Double => format!("CAST(e.{name} AS DOUBLE PRECISION)"),
        _ => format!("e.{name}"),
    };
    format!(
        "CREATE SOURCE samples (id BIGINT NOT NULL, gone BOOLEAN NOT NULL, {})
           WITH (connector = 'log', topic = 'samples') FORMAT PLAIN ENCODE JSON;
         CREATE TABLE m (id BIGINT PRIMARY KEY, {});
         MERGE INTO m USING samples e ON m.id = e.id
           WHEN MATCHED AND e.gone THEN DELETE
           WHEN MATCHED THEN UPDATE SET {}
           WHEN NOT MATCHED AND NOT e.gone THEN INSERT VALUES (e.id, {});\n",
        list(&|name, kind| declared(name, kind, true)),
        list(&|name, kind| declared(name, kind, false)),
        list(&|name, kind| format!("{name} = {}", value(name, kind))),
        list(&value),
    )
}

/// The rows that are there, by their ids: a text for each column, or NULL.
#[derive(Default)]
struct World {
    rows: BTreeMap<i64, Vec<Option<&'static str>>>,
}

impl World {
    /// The next event, and its effect.
    fn event(&mut self, random: &mut Random) -> String {
        let id = random.below(ROWS);
        let is_gone = random.one_in(4);
        let mut row: Vec<Option<&'static str>> =
            COLUMNS.iter().map(|(_, _, texts)| (!random.one_in(NULL_ONE_IN)).then(|| *random.pick(texts))).collect();
        row[0] = Some(COLUMNS[0].2[random.below(GROUPS) as usize]);
        let mut members = vec![format!(r#""id":{id},"gone":{is_gone}"#)];
        for ((name, kind, _), value) in COLUMNS.iter().zip(&row) {
            let written = match (value, kind) {
                (None, _) => "null".to_owned(),
                (Some(text), SqlType::Boolean) => (*text).to_owned(),
                (Some(text), _) => serde_json::to_string(text).expect("a text is JSON"),
            };
            members.push(format!(r#""{name}":{written}"#));
        }
        if is_gone {
            self.rows.remove(&id);
        } else {
            self.rows.insert(id, row);
        }
        format!(r#"{{"topic":"samples","event":{{{}}}}}"#, members.join(","))
    }

    /// Replaces the rows of PostgreSQL's table.
    fn load(&self, postgres: &Postgres) {
        let mut script = String::from("DELETE FROM m;\n");
        for (id, row) in &self.rows {
            let values: Vec<String> = row
                .iter()
                .zip(COLUMNS)
                .map(|(value, (_, kind, _))| match value {
                    Some(text) => format!("CAST('{}' AS {})", text.replace('\'', "''"), kind.name()),
                    None => "NULL".to_owned(),
                })
                .collect();
            script.push_str(&format!("INSERT INTO m VALUES ({id}, {});\n", values.join(", ")));
        }
        postgres.execute(&script);
    }
}

fn prepare(postgres: &Postgres) {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind, _)| declared(name, *kind, false)).collect();
    postgres.execute(&format!("CREATE TABLE m (id BIGINT PRIMARY KEY, {});", columns.join(", ")));
}

/// Compares all views, and returns the differences.
fn differences(deployment: &Deployment, postgres: &Postgres, views: &[View]) -> Vec<String> {
    let questions: Vec<String> = views.iter().map(View::question).collect();
    let answers = postgres.answers(questions.iter().map(String::as_str));
    let mut differences = Vec::new();
    for (view, answer) in views.iter().zip(answers) {
        let expected = answer.unwrap_or_else(|error| panic!("PostgreSQL refuses {}: {error}", view.question()));
        let mut found = deployment.rows(&view.name);
        if view.is_grouped {
            found.sort_by_key(|row| if let Value::Int(group) = row[0] { group } else { panic!("a group is a number") });
        }
        let keys = usize::from(view.is_grouped);
        if found.len() != expected.len() {
            differences.push(format!("{} has {} rows instead of {}", view.name, found.len(), expected.len()));
            continue;
        }
        for (found, expected) in found.iter().zip(&expected) {
            for (place, call) in view.calls.iter().enumerate() {
                let (ours, theirs) = (&found[keys + place], expected[keys + place].as_deref());
                if !agrees(ours, theirs) {
                    let group = if view.is_grouped { format!("of group {:?} ", found[0]) } else { String::new() };
                    differences.push(format!("{} {group}is {ours:?} instead of {theirs:?}", call.ours));
                }
            }
        }
    }
    differences
}

#[test]
fn every_aggregate_answers_as_postgresql_does_while_rows_come_and_go() {
    let views = views();
    let statements: String = statements() + &views.iter().map(View::statement).collect::<String>();
    let planned = Arc::new(topology(&statements));
    let postgres = Postgres::start();
    prepare(&postgres);
    for (seed, workers) in [(1, 1), (2, 2), (3, 3)] {
        let (mut random, mut world, mut sent) = (Random::new(seed), World::default(), Vec::new());
        let mut deployment = Deployment::replay(Arc::clone(&planned), &[], Options { workers, ..options() });
        for (number, batch) in BATCHES.into_iter().enumerate() {
            if number == RESTART_BEFORE {
                deployment = deployment.restart(Arc::clone(&planned), Options { workers: 1 + workers % 3, ..options() });
            }
            let lines: Vec<String> = (0..batch).map(|_| world.event(&mut random)).collect();
            deployment.ingest(&lines);
            sent.extend(lines);
            world.load(&postgres);
            let differences = differences(&deployment, &postgres, &views);
            assert!(
                differences.is_empty(),
                "{} differences with {workers} workers after batch {number}:\n{}",
                differences.len(),
                differences[..differences.len().min(DIFFERENCES_SHOWN)].join("\n")
            );
            assert!(deployment.row_errors().is_empty(), "{:?}", deployment.row_errors());
        }
        assert!(world.rows.len() > 10, "the test is to have rows in the end");
        let straight = Deployment::replay(Arc::clone(&planned), &sent, options());
        straight.catch_up();
        assert!(straight.bytes() == deployment.bytes(), "{workers} workers and a restart lead to other rows than one run");
    }
}
