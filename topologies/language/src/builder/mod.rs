//! Statement by statement, from an empty topology to a whole one.
//!
//! Owns the choice of what each kind of statement adds or takes away, and the views that a finished topology serves.

mod drop;
mod errors;
mod served;
mod sink;
mod source;
mod state;
mod table;
mod view;

use schemas::field::FieldKind;
use schemas::serving::{Access, Column, Index, IndexColumn, View};

use crate::parse::{Statement, StatementKind};
use crate::plan::search;
use crate::topology::{Declaration, RelationKind, Served, Topology};
use errors::{Outcome, place};
use state::Relation;

pub use errors::{Cause, StatementError};
pub use source::PARTITIONS_DEFAULT;
pub use state::Builder;

impl Builder {
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
                self.create_table(statement, name, columns, primary_key)
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
}
