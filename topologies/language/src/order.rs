//! The order in which statements take effect: each behind those that make what it names.
//!
//! Owns [`Order`]. Statements enter in the order of their files, which may be any; the order of their dependencies leaves, in which
//! statements that do not depend on each other keep their places, and the statements that wait for what never comes.

use std::collections::{BTreeMap, BTreeSet};

use crate::parse::{DropKind, MergeSource, Statement, StatementKind, index_name, search_index_name};
use crate::plan::syntax::relations_read::{relations, relations_of_written};

/// Statements by their numbers, in the order of their dependencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// those that take effect, each behind those that it depends on
    pub ready: Vec<usize>,
    /// those that wait for something that is never there, or for each other, in the order of their files
    pub waiting: Vec<usize>,
}

/// Names that a statement needs and names that it makes.
enum Effect {
    /// makes a relation that reads others
    Create { name: String, reads: BTreeSet<String> },
    /// makes a table read a source
    Merge { table: String, reads: BTreeSet<String> },
    /// makes an index or a policy of a relation
    CreatePart { kind: PartKind, of: String, name: String },
    /// makes a sink of a relation
    CreateSink { name: String, view: String },
    /// uses relations
    Use { relations: BTreeSet<String> },
    /// takes something away
    Drop { kind: DropKind, name: String, if_exists: bool },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PartKind {
    Index,
    Policy,
}

impl Effect {
    fn of(statement: &Statement) -> Self {
        let plain = |name: &crate::parse::Name, reads| Self::Create { name: name.text.clone(), reads };
        match &statement.kind {
            StatementKind::CreateSource { name, .. } | StatementKind::CreateTable { name, .. } => plain(name, BTreeSet::new()),
            StatementKind::CreateView { name, query, .. } => plain(name, relations_of_written(query)),
            StatementKind::Merge { table, source, on, .. } => {
                let mut reads = relations(on);
                match source {
                    MergeSource::Relation(source) => drop(reads.insert(source.text.clone())),
                    MergeSource::Query(query) => reads.extend(relations_of_written(query)),
                }
                Self::Merge { table: table.text.clone(), reads }
            }
            StatementKind::CreateIndex { name, view, columns, .. } => {
                let name = index_name(name.as_ref(), view, columns.iter().map(|(column, _)| column));
                Self::CreatePart { kind: PartKind::Index, of: view.text.clone(), name }
            }
            StatementKind::CreateSearchIndex { name, view, searched, .. } => {
                let name = search_index_name(name.as_ref(), view, searched.iter());
                Self::CreatePart { kind: PartKind::Index, of: view.text.clone(), name }
            }
            StatementKind::CreatePolicy { name, view, .. } => {
                Self::CreatePart { kind: PartKind::Policy, of: view.text.clone(), name: name.text.clone() }
            }
            StatementKind::InsertRows { table, .. } => Self::Use { relations: BTreeSet::from([table.text.clone()]) },
            StatementKind::Grant { views } => Self::Use { relations: views.iter().map(|view| view.text.clone()).collect() },
            StatementKind::CreateSink { name, view, .. } => Self::CreateSink { name: name.text.clone(), view: view.text.clone() },
            StatementKind::Drop { kind, name, if_exists } => {
                Self::Drop { kind: *kind, name: name.text.clone(), if_exists: *if_exists }
            }
        }
    }
}

/// The names that are there after some statements.
#[derive(Default)]
struct KnownNames {
    /// relations, each with those that it reads
    relations: BTreeMap<String, BTreeSet<String>>,
    /// sinks, each with the relation that it follows
    sinks: BTreeMap<String, String>,
    /// indexes and policies: their relation and their name
    parts: BTreeSet<(PartKind, String, String)>,
}

impl KnownNames {
    /// Returns true if everything is there that a statement needs, and nothing that is in its way.
    fn allow(&self, effect: &Effect) -> bool {
        let is_there = |name: &String| self.relations.contains_key(name);
        match effect {
            Effect::Create { name, reads } => !is_there(name) && reads.iter().all(is_there),
            Effect::Merge { table, reads } => is_there(table) && reads.iter().all(is_there),
            Effect::CreatePart { kind, of, name } => is_there(of) && !self.parts.contains(&(*kind, of.clone(), name.clone())),
            Effect::CreateSink { name, view } => is_there(view) && !self.sinks.contains_key(name),
            Effect::Use { relations } => relations.iter().all(is_there),
            Effect::Drop { kind: DropKind::Sink, name, if_exists } => *if_exists || self.sinks.contains_key(name),
            Effect::Drop { kind: DropKind::Index, name, if_exists } => *if_exists || self.part(PartKind::Index, name).is_some(),
            Effect::Drop { kind: DropKind::Policy, name, if_exists } => *if_exists || self.part(PartKind::Policy, name).is_some(),
            Effect::Drop { name, if_exists, .. } => {
                let is_read =
                    self.relations.values().any(|reads| reads.contains(name)) || self.sinks.values().any(|view| view == name);
                if is_there(name) { !is_read } else { *if_exists }
            }
        }
    }

    /// The first relation with an index or a policy of a name.
    fn part(&self, kind: PartKind, name: &str) -> Option<(PartKind, String, String)> {
        self.parts.iter().find(|(other, _, part)| *other == kind && part == name).cloned()
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Create { name, reads } => drop(self.relations.insert(name.clone(), reads.clone())),
            Effect::Merge { table, reads } => {
                let table = self.relations.get_mut(table);
                table.unwrap_or_else(|| panic!("a MERGE takes effect before its table is made")).extend(reads.iter().cloned());
            }
            Effect::CreatePart { kind, of, name } => drop(self.parts.insert((*kind, of.clone(), name.clone()))),
            Effect::CreateSink { name, view } => drop(self.sinks.insert(name.clone(), view.clone())),
            Effect::Use { .. } => {}
            Effect::Drop { kind: DropKind::Sink, name, .. } => drop(self.sinks.remove(name)),
            Effect::Drop { kind: DropKind::Index, name, .. } => self.remove_part(PartKind::Index, name),
            Effect::Drop { kind: DropKind::Policy, name, .. } => self.remove_part(PartKind::Policy, name),
            Effect::Drop { name, .. } => {
                self.relations.remove(name);
                self.parts.retain(|(_, of, _)| of != name);
            }
        }
    }

    fn remove_part(&mut self, kind: PartKind, name: &str) {
        if let Some(part) = self.part(kind, name) {
            self.parts.remove(&part);
        }
    }
}

impl Order {
    /// Orders statements.
    pub fn of(statements: &[Statement]) -> Self {
        let effects: Vec<Effect> = statements.iter().map(Effect::of).collect();
        let mut names = KnownNames::default();
        let mut ready = Vec::with_capacity(effects.len());
        let mut waiting: Vec<usize> = (0..effects.len()).collect();
        // In rounds, so that statements keep the order of their files wherever they may. A round without one is the last.
        let mut placed = true;
        while placed {
            let before = ready.len();
            waiting.retain(|&number| {
                let is_ready = names.allow(&effects[number]);
                if is_ready {
                    names.apply(&effects[number]);
                    ready.push(number);
                }
                !is_ready
            });
            placed = ready.len() > before;
        }
        Self { ready, waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::parse::parse;

    fn order(text: &str) -> Order {
        let file = SourceFile { path: "order.sql".into(), text: text.into() };
        Order::of(&parse(&[file]).unwrap_or_else(|errors| panic!("{errors:?}")))
    }

    fn ready(text: &str) -> Vec<usize> {
        let order = order(text);
        assert!(order.waiting.is_empty(), "{text}: {:?}", order.waiting);
        order.ready
    }

    #[test]
    fn statements_take_effect_behind_what_they_name_and_else_in_the_order_of_their_files() {
        let backwards = "CREATE INDEX ON b (id); CREATE VIEW b AS SELECT id FROM a; CREATE VIEW a AS SELECT id FROM t; \
                         CREATE TABLE t (id BIGINT PRIMARY KEY); CREATE TABLE u (id BIGINT PRIMARY KEY);";
        assert_eq!(ready(backwards), [3, 4, 2, 1, 0]);
        let dropped = "DROP VIEW a; CREATE VIEW a AS SELECT id FROM t; DROP TABLE t; CREATE TABLE t (id BIGINT PRIMARY KEY);";
        assert_eq!(ready(dropped), [3, 1, 0, 2]);
        let again = "CREATE TABLE t (id BIGINT PRIMARY KEY); DROP TABLE IF EXISTS t; CREATE TABLE t (id BIGINT PRIMARY KEY);";
        assert_eq!(ready(again), [0, 1, 2]);
    }

    #[test]
    fn windows_and_subqueries_are_read_and_names_of_with_are_not() {
        let table = "CREATE TABLE t (id BIGINT PRIMARY KEY, moment TIMESTAMPTZ);";
        let session = format!("CREATE VIEW v AS SELECT id FROM SESSION(t, moment, INTERVAL '1 minute'); {table}");
        assert_eq!(ready(&session), [1, 0]);
        let tumble = format!("CREATE VIEW v AS SELECT id FROM TUMBLE(t, moment, INTERVAL '1 minute'); {table}");
        assert_eq!(ready(&tumble), [1, 0]);
        let nested = format!("CREATE VIEW v AS SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM T); {table}");
        assert_eq!(ready(&nested), [1, 0]);
        // `w` of the first view is its own; `t` within the definition of `t` is the table.
        let with = format!(
            "CREATE VIEW v AS WITH w AS (SELECT 1 AS one) SELECT one FROM w; CREATE VIEW w AS SELECT one FROM v; \
             CREATE VIEW x AS WITH t AS (SELECT id FROM t) SELECT id FROM t; {table}"
        );
        assert_eq!(ready(&with), [0, 1, 3, 2]);
    }

    #[test]
    fn statements_that_wait_in_vain_are_left_in_the_order_of_their_files() {
        let circle = "CREATE VIEW a AS SELECT x FROM b; CREATE VIEW b AS SELECT x FROM c; CREATE VIEW c AS SELECT x FROM a; \
                      CREATE VIEW d AS SELECT x FROM a; CREATE TABLE t (x BIGINT PRIMARY KEY); CREATE VIEW e AS SELECT x FROM nowhere; \
                      CREATE VIEW f AS SELECT x FROM f;";
        assert_eq!(order(circle), Order { ready: vec![4], waiting: vec![0, 1, 2, 3, 5, 6] });
    }
}
