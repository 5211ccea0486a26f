//! `DROP`: what a statement takes away, unless something reads it.

use super::errors::{Outcome, fail};
use super::state::{Builder, Relation};
use crate::parse::{DropKind, Name};
use crate::topology::RelationKind;

impl Builder {
    pub(super) fn drop(&mut self, kind: DropKind, name: &Name, if_exists: bool) -> Outcome<()> {
        if matches!(kind, DropKind::Index | DropKind::Policy) {
            return self.drop_part(kind, name, if_exists);
        }
        if kind == DropKind::Sink {
            let is_gone = self.sinks.remove(&name.text).is_some() || if_exists;
            return if is_gone { Ok(()) } else { fail(name, format!("sink '{}' does not exist", name.text), "create it first") };
        }
        let Some(relation) = self.relations.get(&name.text) else {
            return if if_exists { Ok(()) } else { self.relation(name).map(|_| ()) };
        };
        let is = match relation.kind {
            RelationKind::Source => DropKind::Source,
            RelationKind::Table => DropKind::Table,
            RelationKind::View => DropKind::View,
            RelationKind::MaterializedView => DropKind::MaterializedView,
        };
        if is != kind {
            return fail(name, format!("'{}' is a {is:?}", name.text), "use the DROP of that kind");
        }
        let readers = self.relations.iter().filter(|(_, other)| other.reads.contains(&name.text)).map(|(user, _)| user);
        let followers = self.sinks.values().filter(|sink| sink.view == name.text).map(|sink| &sink.name);
        let users: Vec<String> = readers.chain(followers).map(|user| format!("'{user}'")).collect();
        if !users.is_empty() {
            return fail(name, format!("'{}' is still read by {}", name.text, users.join(", ")), "drop those first");
        }
        if let Some(changes) = self.changes_of(&name.text) {
            self.relations.remove(&changes);
        }
        self.relations.remove(&name.text);
        self.scans.remove(&name.text);
        self.sql.remove(&name.text);
        Ok(())
    }

    fn drop_part(&mut self, kind: DropKind, name: &Name, if_exists: bool) -> Outcome<()> {
        for relation in self.relations.values_mut() {
            let count = |relation: &Relation| relation.indexes.len() + relation.searches.len() + relation.policies.len();
            let before = count(relation);
            match kind {
                DropKind::Index => {
                    relation.indexes.retain(|index| index.name != name.text);
                    relation.searches.retain(|index| index.name != name.text);
                }
                _ => relation.policies.retain(|(policy, _)| policy != &name.text),
            }
            if count(relation) != before {
                return Ok(());
            }
        }
        if if_exists { Ok(()) } else { fail(name, format!("'{}' does not exist", name.text), "create it first") }
    }
}
