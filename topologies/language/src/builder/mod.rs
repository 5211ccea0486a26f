//! Statement by statement, from an empty topology to a whole one.
//!
//! Owns the choice of what each kind of statement adds or takes away, and the views that a finished topology serves.

mod drop;
mod errors;
mod included;
mod merge;
mod proto_files;
mod rows;
mod served;
mod sink;
mod source;
mod source_events;
mod state;
mod table;
mod topic_table;
mod view;

use schemas::serving::{Access, Index, IndexColumn, View};

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
            StatementKind::CreateTable { name, topic, .. } => {
                self.refuse_taken(name)?;
                match topic {
                    Some(topic) => self.create_topic_table(statement, topic),
                    None => self.create_table(statement),
                }
            }
            StatementKind::InsertRows { table, .. } => {
                self.refuse_topic_table(table)?;
                self.insert_rows(statement)
            }
            StatementKind::Merge { table, .. } => {
                self.refuse_topic_table(table)?;
                self.merge(statement)
            }
            StatementKind::CreateView { name, materialized, columns, max_age, retention, query } => {
                self.refuse_taken(name)?;
                self.create_view(statement, name, (*materialized, retention.as_ref()), columns, query)?;
                if max_age.is_some() {
                    self.servable(name)?.max_age = *max_age;
                }
                Ok(())
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
    ///
    /// # Panics
    /// When a relation was planned whose columns rows do not hold.
    pub fn finish(mut self) -> Topology {
        for (name, relation) in &self.relations {
            self.topology.relations.insert(name.clone(), relation.node);
            let declaration = self.declaration(name, relation);
            let columns = declaration.columns.clone();
            self.topology.declarations.insert(name.clone(), declaration);
            let is_followed = self.sinks.values().any(|sink| &sink.view == name);
            let has_indexes = !relation.indexes.is_empty() || !relation.searches.is_empty();
            let kept = has_indexes || relation.kind == RelationKind::MaterializedView || is_followed;
            if !kept || matches!(relation.kind, RelationKind::Source | RelationKind::View) {
                continue;
            }
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
            let view = View { name: name.clone(), columns, indexes, access, max_age: relation.max_age };
            self.topology.served.push(Served { view, node: relation.node });
        }
        self.topology.sinks = self.sinks.into_values().collect();
        self.topology
    }

    /// The relation as its statement declares it.
    fn declaration(&self, name: &str, relation: &Relation) -> Declaration {
        let Relation { kind, node, names, reads, .. } = relation;
        // The types of declared columns, and those of each query's rows, were checked when the statement was planned.
        let columns = self.topology.graph.served_columns(*node, names);
        let columns = columns.unwrap_or_else(|error| panic!("'{name}' was planned with a column that rows do not hold: {error}"));
        Declaration { kind: *kind, columns, reads: reads.clone() }
    }
}
