//! The relations that a query reads, by name.
//!
//! A syntax tree enters, names leave: those in FROM, wherever a sub-query has one, without those that a WITH around it defines.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use super::rewrite::rewrite_query;
use super::tree::folded;

/// The names of the relations that a tree reads, without those that it defines itself.
pub fn relations(tree: &impl Visit) -> BTreeSet<String> {
    let mut reads = RelationReader::default();
    let _ = tree.visit(&mut reads);
    reads.names
}

/// The names of the relations that a query reads as it is written, with those that its windows are over; none when it can't be rewritten.
pub fn relations_of_written(query: &Query) -> BTreeSet<String> {
    let mut rewritten = query.clone();
    let Ok(windows) = rewrite_query(&mut rewritten, &BTreeSet::new()) else { return BTreeSet::new() };
    let mut names = relations(&rewritten);
    for session in windows.sessions {
        names.remove(&session.name);
        names.insert(session.relation);
    }
    names
}

/// A query that is being visited, and what its WITH has defined so far.
struct QueryScope {
    /// the queries of the WITH that are still to be visited, by their addresses, with the names that they define
    open: Vec<(*const Query, String)>,
    defined: BTreeSet<String>,
}

#[derive(Default)]
struct RelationReader {
    scopes: Vec<QueryScope>,
    names: BTreeSet<String>,
}

impl Visitor for RelationReader {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let open = tables.map(|table| (std::ptr::from_ref(table.query.as_ref()), folded(&table.alias.name)));
        self.scopes.push(QueryScope { open: open.collect(), defined: BTreeSet::new() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        // A query of a WITH does not see its own name, those behind it do.
        if let Some(around) = self.scopes.last_mut() {
            let here = std::ptr::from_ref(query);
            around.defined.extend(around.open.iter().filter(|(other, _)| *other == here).map(|(_, name)| name.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let Some(ident) = relation.0.last().and_then(|part| part.as_ident()) {
            let name = folded(ident);
            if !self.scopes.iter().any(|scope| scope.defined.contains(&name)) {
                self.names.insert(name);
            }
        }
        ControlFlow::Continue(())
    }
}
