//! Statement by statement, from an empty topology to a whole one.
//!
//! Owns [`Builder`]: the names that are taken, who depends on whom, and what each kind of statement adds or takes away.

mod drop;
mod served;
mod source;
mod table;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use datafusion_common::{DataFusionError, Result};
use datafusion_sql::sqlparser::ast::{Visit, VisitMut};
use schemas::field::FieldKind;
use schemas::serving::{Access, Column, Index, IndexColumn, Policy, SearchIndex, View};

use crate::diagnostic::{Diagnostic, Location, suggestion};
use crate::parse::{Name, Statement, StatementKind};
use crate::plan::blame::blame;
use crate::plan::graph::NodeId;
use crate::plan::lower::Scans;
use crate::plan::patience::Patience;
use crate::plan::rewrite::RewriteError;
use crate::plan::search;
use crate::plan::sql::Relations;
use crate::topology::{Declaration, RelationKind, Served, Topology, place};
use schemas::sink::SinkDefinition;

/// Partitions of a topic unless the source says otherwise.
pub const PARTITIONS_DEFAULT: u32 = 4;

type Outcome<T> = Result<T, Box<Diagnostic>>;

/// Meaning of a name.
#[derive(Clone, Debug)]
struct Relation {
    kind: RelationKind,
    node: NodeId,
    names: Vec<String>,
    reads: BTreeSet<String>,
    indexes: Vec<Index>,
    searches: Vec<SearchIndex>,
    policies: Vec<(String, Policy)>,
    granted: bool,
}

/// Collects statements into a topology.
pub struct Builder {
    topology: Topology,
    sql: Relations,
    patience: Patience,
    scans: Scans,
    relations: BTreeMap<String, Relation>,
    sinks: BTreeMap<String, SinkDefinition>,
    payload_columns: BTreeSet<String>,
}

impl Builder {
    /// No statements yet; none is planned when the patience is over.
    pub fn new(patience: Patience) -> Self {
        Self {
            topology: Topology::default(),
            sql: Relations::new(patience.clone()),
            patience,
            scans: Scans::default(),
            relations: BTreeMap::new(),
            sinks: BTreeMap::new(),
            payload_columns: BTreeSet::new(),
        }
    }

    /// Applies one statement.
    pub fn add(&mut self, statement: &Statement) -> Outcome<()> {
        self.patience.check().map_err(|error| place(statement, &error))?;
        match &statement.kind {
            StatementKind::CreateSource { name, .. } => {
                self.refuse_taken(name)?;
                self.create_source(statement)
            }
            StatementKind::CreateTable { name, columns, primary_key } => {
                self.refuse_taken(name)?;
                self.create_table(name, columns, primary_key)
            }
            StatementKind::Merge { .. } => self.merge(statement),
            StatementKind::CreateView { name, materialized, columns, query } => {
                self.refuse_taken(name)?;
                self.create_view(statement, name, *materialized, columns, query)
            }
            StatementKind::CreateIndex { name, view, columns, limit } => self.create_index(name.as_ref(), view, columns, *limit),
            StatementKind::CreateSearchIndex { name, view, searched, included, options } => {
                self.create_search_index(statement, name.as_ref(), view, (searched, included), options)
            }
            StatementKind::CreatePolicy { name, view, using } => self.create_policy(statement, name, view, using),
            StatementKind::Grant { views } => views.iter().try_for_each(|view| {
                self.servable(view)?.granted = true;
                Ok(())
            }),
            StatementKind::CreateSink { name, view, connector, options, format } => {
                self.create_sink(name, view, (connector, options), format)
            }
            StatementKind::Drop { kind, name, if_exists } => self.drop(*kind, name, *if_exists),
        }
    }

    /// The topology, once every statement was applied.
    pub fn finish(mut self) -> Topology {
        for (name, relation) in &self.relations {
            self.topology.relations.insert(name.clone(), relation.node);
            self.topology.declarations.insert(name.clone(), self.declaration(relation));
            let is_followed = self.sinks.values().any(|sink| &sink.view == name);
            let has_indexes = !relation.indexes.is_empty() || !relation.searches.is_empty();
            let kept = has_indexes || relation.kind == RelationKind::MaterializedView || is_followed;
            if !kept || matches!(relation.kind, RelationKind::Source | RelationKind::View) {
                continue;
            }
            let columns = match self.topology.graph.served_columns(relation.node, &relation.names) {
                Ok(columns) => columns,
                Err(_) => continue,
            };
            let mut indexes = relation.indexes.clone();
            if indexes.is_empty() {
                let columns = (0..relation.names.len()).map(|column| IndexColumn { column, descending: false }).collect();
                indexes.push(Index { name: format!("{name}_rows"), columns, limit: None });
            }
            let access = match (relation.granted, relation.policies.is_empty()) {
                (true, _) => Access::Public,
                (false, true) => Access::Denied,
                (false, false) => Access::Policies(relation.policies.iter().map(|(_, policy)| policy.clone()).collect()),
            };
            for mut index in relation.searches.iter().cloned() {
                search::guard(&mut index, &access);
                self.topology.searches.push(index);
            }
            let view = View { name: name.clone(), columns, indexes, access };
            self.topology.served.push(Served { view, node: relation.node });
        }
        self.topology.sinks = self.sinks.into_values().collect();
        self.topology
    }

    fn declaration(&self, relation: &Relation) -> Declaration {
        let Relation { kind, node, names, reads, .. } = relation;
        let types = self.topology.graph.nodes[*node].columns.iter().map(|column| FieldKind::of(&column.data_type));
        let column = |(name, kind): (&String, Option<FieldKind>)| Some(Column { name: name.clone(), kind: kind? });
        Declaration { kind: *kind, columns: names.iter().zip(types).filter_map(column).collect(), reads: reads.clone() }
    }

    fn refuse_taken(&self, name: &Name) -> Outcome<()> {
        if self.relations.contains_key(&name.text) {
            return fail(name, format!("'{}' already exists", name.text), "choose another name, or DROP it first");
        }
        Ok(())
    }

    fn relation(&mut self, name: &Name) -> Outcome<&mut Relation> {
        if !self.relations.contains_key(&name.text) {
            let hint = suggestion(&name.text, self.relations.keys().map(String::as_str));
            let help = hint.map_or("it must be created before it is used".to_owned(), |near| format!("did you mean '{near}'?"));
            return fail(name, format!("relation '{}' does not exist", name.text), help);
        }
        self.relations.get_mut(&name.text).ok_or_else(|| Box::new(Diagnostic::new(name.location.clone(), "the relation is gone")))
    }

    /// A relation that can have indexes, policies and grants.
    fn servable(&mut self, name: &Name) -> Outcome<&mut Relation> {
        let relation = self.relation(name)?;
        match relation.kind {
            RelationKind::Table | RelationKind::MaterializedView => Ok(relation),
            RelationKind::View => {
                fail(name, format!("'{}' is a view that is not kept", name.text), "declare it with CREATE MATERIALIZED VIEW")
            }
            RelationKind::Source => fail(
                name,
                format!("'{}' is a source: its events are not kept as rows", name.text),
                "fold it into a table or select from it in a materialized view",
            ),
        }
    }

    fn insert(&mut self, name: &str, kind: RelationKind, node: NodeId, names: Vec<String>, reads: BTreeSet<String>) {
        let fields: Vec<Field> = self.topology.graph.nodes[node]
            .columns
            .iter()
            .zip(&names)
            .map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable))
            .collect();
        self.sql.add(name, Arc::new(Schema::new(fields)));
        self.scans.insert(name.to_owned(), node);
        let relation = Relation {
            kind,
            node,
            names,
            reads,
            indexes: Vec::new(),
            searches: Vec::new(),
            policies: Vec::new(),
            granted: false,
        };
        self.relations.insert(name.to_owned(), relation);
    }
}

fn fail<T>(name: &Name, message: String, help: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Diagnostic::new(name.location.clone(), message).with_help(help)))
}

/// A planning error at its own place, or at the name of the view that it is in.
fn at_name(statement: &Statement, name: &Name, error: &DataFusionError) -> Box<Diagnostic> {
    let mut diagnostic = place(statement, error);
    if diagnostic.location == statement.location {
        diagnostic.location = name.location.clone();
    }
    diagnostic
}

/// An error of planning a tree: at its own place, else at the expression that makes the difference, else at `otherwise`.
fn blamed<T: Visit + VisitMut + Clone>(
    statement: &Statement,
    tree: &T,
    error: &DataFusionError,
    attempt: impl Fn(T) -> Result<()>,
    otherwise: &Location,
) -> Box<Diagnostic> {
    let mut diagnostic = place(statement, error);
    if diagnostic.location == statement.location {
        diagnostic.location = blame(tree, error, attempt).map_or_else(|| otherwise.clone(), |span| statement.locate(span));
    }
    diagnostic
}

fn refused(statement: &Statement, error: &RewriteError) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(statement.locate(error.span), error.message.clone()))
}
