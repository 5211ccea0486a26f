//! Uses of a relation's rows: `CREATE INDEX`, `CREATE POLICY`, `CREATE SINK`.
//!
//! Statements enter; the relation has an order, a full-text index, a rule for its readers or a follower more.

use datafusion_sql::sqlparser::ast;
use schemas::connector::SinkConnector;
use schemas::serving::{Index, IndexColumn};

use super::errors::{Outcome, StatementError, fail, place};
use super::sink;
use super::state::{Builder, Relation};
use crate::diagnostic::{Diagnostic, suggestion};
use crate::parse::{GivenOption, Name, SearchOptions, SinkFormat, Statement, index_name, search_index_name};
use crate::plan::jsonb::contains_json;
use crate::plan::unique::key_of;
use crate::plan::{policy, search};

/// Remedy where only rows can be compared with a reader.
const ROWS_FOR_READERS: &str = "index a view that has a row for each reader, with a policy such as user_id = jwt('sub')";

impl Builder {
    pub(super) fn create_index(
        &mut self,
        name: Option<&Name>,
        view: &Name,
        columns: &[(Name, bool)],
        limit: Option<usize>,
    ) -> Outcome<()> {
        let node = self.servable(view)?.node;
        let is_json: Vec<bool> =
            self.topology.graph.nodes[node].columns.iter().map(|column| contains_json(&column.data_type)).collect();
        let relation = self.servable(view)?;
        let mut parts = Vec::with_capacity(columns.len());
        for (column, descending) in columns {
            let Some(number) = relation.names.iter().position(|name| name == &column.text) else {
                let hint = suggestion(&column.text, relation.names.iter().map(String::as_str));
                let help = hint
                    .map_or_else(|| format!("it has {}", relation.names.join(", ")), |near| format!("did you mean '{near}'?"));
                return fail(column, format!("'{}' has no column '{}'", view.text, column.text), help);
            };
            if is_json[number] {
                let help = "index a view with a part of it, such as a column of content ->> 'name'";
                return fail(column, format!("'{}' is JSONB, which has no order for an index", column.text), help);
            }
            parts.push(IndexColumn { column: number, descending: *descending });
        }
        let text = index_name(name, view, columns.iter().map(|(column, _)| column));
        if relation.indexes.iter().any(|index| index.name == text) {
            return fail(name.unwrap_or(view), format!("index '{text}' already exists"), "name it differently");
        }
        relation.indexes.push(Index { name: text, columns: parts, limit });
        Ok(())
    }

    pub(super) fn create_search_index(
        &mut self,
        statement: &Statement,
        name: Option<&Name>,
        view: &Name,
        (searched, included): (&[Name], &[Name]),
        options: &SearchOptions,
    ) -> Outcome<()> {
        let text = search_index_name(name, view, searched.iter());
        let relation = self.servable(view)?.clone();
        // A search names the index alone, so its name is taken for all relations.
        let is_taken = |other: &Relation| other.searches.iter().any(|index| index.name == text);
        if self.relations.values().any(is_taken) || relation.indexes.iter().any(|index| index.name == text) {
            return fail(name.unwrap_or(view), format!("index '{text}' already exists"), "name it differently");
        }
        let kinds = self.topology.graph.kinds(relation.node).map_err(|error| place(statement, &error))?;
        let key = key_of(&self.topology.graph, &self.topology.tables, relation.node).unwrap_or_default();
        let indexed = search::Indexed { view: &view.text, names: &relation.names, kinds: &kinds, key };
        let index = search::plan(indexed, text, searched, included, options)?;
        let relation = self.servable(view)?;
        if relation.policies.iter().any(|(_, policy)| policy.looks_into_lists()) {
            return fail(
                view,
                format!("a policy of '{}' looks into a list, which an index of words can't", view.text),
                ROWS_FOR_READERS,
            );
        }
        relation.searches.push(index);
        Ok(())
    }

    pub(super) fn create_policy(&mut self, statement: &Statement, name: &Name, view: &Name, using: &ast::Expr) -> Outcome<()> {
        let names = self.servable(view)?.names.clone();
        let node = self.servable(view)?.node;
        let kinds = self.topology.graph.kinds(node).map_err(|error| place(statement, &error))?;
        let policy = policy::plan(using, &names, &kinds).map_err(|(message, span)| {
            let help = "a policy compares columns with jwt('claim') or constants: USING (user_id = jwt('sub'))";
            Box::<StatementError>::from(Diagnostic::new(statement.locate(span), message).with_help(help))
        })?;
        let relation = self.servable(view)?;
        if policy.looks_into_lists() && !relation.searches.is_empty() {
            let text = format!("the policy '{}' looks into a list, which the index of words of '{}' can't", name.text, view.text);
            return fail(name, text, ROWS_FOR_READERS);
        }
        if relation.policies.iter().any(|(other, _)| other == &name.text) {
            return fail(name, format!("policy '{}' of '{}' already exists", name.text, view.text), "name it differently");
        }
        relation.policies.push((name.text.clone(), policy));
        Ok(())
    }

    pub(super) fn create_sink(
        &mut self,
        name: &Name,
        view: &Name,
        target: (&'static SinkConnector, &[GivenOption]),
        format: &SinkFormat,
    ) -> Outcome<()> {
        if self.sinks.contains_key(&name.text) {
            return fail(name, format!("sink '{}' already exists", name.text), "choose another name, or DROP it first");
        }
        let relation = self.servable(view)?;
        let followed = sink::Followed { view: view.text.clone(), names: relation.names.clone(), node: relation.node };
        let sink = sink::plan(&self.topology, self.sinks.values(), name, &followed, target, format)?;
        self.sinks.insert(name.text.clone(), sink);
        Ok(())
    }
}
