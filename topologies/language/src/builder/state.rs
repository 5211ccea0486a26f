//! The state of a builder: the names that are taken, and who depends on whom.
//!
//! Owns [`Builder`]. The files beside this one add to it what each kind of statement does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use schemas::serving::{Index, Policy, SearchIndex};
use schemas::topic::message::ProtoFile;

use super::errors::{Outcome, fail, no_relation};
use super::proto_files::ProtoFiles;
use crate::parse::Name;
use crate::plan::errors::missing_relation::MissingRelation;
use crate::plan::graph::NodeId;
use crate::plan::limits::patience::Patience;
use crate::plan::lower::Scans;
use crate::plan::sql::Relations;
use crate::topology::{RelationKind, Topology};
use schemas::sink::SinkDefinition;

/// Meaning of a name.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) kind: RelationKind,
    pub(super) node: NodeId,
    pub(super) names: Vec<String>,
    pub(super) reads: BTreeSet<String>,
    pub(super) indexes: Vec<Index>,
    pub(super) searches: Vec<SearchIndex>,
    pub(super) policies: Vec<(String, Policy)>,
    pub(super) granted: bool,
    /// seconds for which a page may be used without asking again
    pub(super) max_age: Option<u32>,
}

/// Collects statements into a topology.
pub struct Builder {
    pub(super) topology: Topology,
    pub(super) sql: Relations,
    pub(super) patience: Patience,
    pub(super) scans: Scans,
    pub(super) relations: BTreeMap<String, Relation>,
    pub(super) sinks: BTreeMap<String, SinkDefinition>,
    pub(super) payload_columns: BTreeSet<String>,
    pub(super) proto_files: ProtoFiles,
    /// places of the statements of each table's folds, by its number: file, line and column
    pub(super) merge_places: BTreeMap<usize, Vec<(String, usize, usize)>>,
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
            proto_files: ProtoFiles::default(),
            merge_places: BTreeMap::new(),
        }
    }

    /// The same with the `.proto` files that lie beside the statements.
    pub fn with_proto_files(self, proto_files: Vec<ProtoFile>) -> Self {
        Self { proto_files: ProtoFiles::of(proto_files), ..self }
    }

    pub(super) fn refuse_taken(&self, name: &Name) -> Outcome<()> {
        if self.relations.contains_key(&name.text) {
            return fail(name, format!("'{}' already exists", name.text), "choose another name, or DROP it first");
        }
        Ok(())
    }

    pub(super) fn relation(&mut self, name: &Name) -> Outcome<&mut Relation> {
        if !self.relations.contains_key(&name.text) {
            let known = self.relations.keys().map(String::as_str);
            return Err(no_relation(name, MissingRelation::new(&name.text, known)));
        }
        let relation = self.relations.get_mut(&name.text);
        Ok(relation.unwrap_or_else(|| panic!("the relation '{}' was found and is gone", name.text)))
    }

    /// The number of the source that is read under a name. Its node says so: a dropped source may have had the same name.
    pub(super) fn source_number(&self, name: &str) -> Option<usize> {
        let relation = self.relations.get(name).filter(|relation| relation.kind == RelationKind::Source)?;
        self.topology.sources_of(relation.node).first().copied()
    }

    /// The number of the table with a name. Its node says so: a dropped table may have had the same name.
    pub(super) fn table_number(&self, name: &str) -> Option<usize> {
        let relation = self.relations.get(name).filter(|relation| relation.kind == RelationKind::Table)?;
        self.topology.table_at(relation.node)
    }

    /// A relation that can have indexes, policies and grants.
    pub(super) fn servable(&mut self, name: &Name) -> Outcome<&mut Relation> {
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

    pub(super) fn insert(&mut self, name: &str, kind: RelationKind, node: NodeId, names: Vec<String>, reads: BTreeSet<String>) {
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
            max_age: None,
        };
        self.relations.insert(name.to_owned(), relation);
    }
}
