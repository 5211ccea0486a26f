//! Dropping: the statement that takes a view or a sink of the running topology away.
//!
//! A name enters; a file of one statement and the origin of a generation leave. The planner refuses it later if something reads the view.

use api::{DeployRefusal, Dropped};
use language::diagnostic::{SourceFile, suggestion};
use language::topology::{RelationKind, Topology};

use super::store::{DroppedKind, Generation, Origin, drop_statement};

/// Prefix of the name that the status has for a full-text index.
const INDEX_PREFIX: &str = "search:";

/// Returns the statement that drops something, and the origin of the generation without it.
///
/// # Errors
/// Nothing has the name, or a view and a sink have it.
pub(super) fn statement_to_drop(
    dropped: Dropped,
    current: &Generation,
    topology: &Topology,
) -> Result<(SourceFile, Origin), DeployRefusal> {
    let (name, kind) = match dropped {
        Dropped::View(name) => found(relation(topology, &name), name, "view", served_names(topology))?,
        Dropped::Sink(name) => found(sink(topology, &name), name, "sink", sink_names(topology))?,
        Dropped::Name(name) => match (relation(topology, &name), sink(topology, &name)) {
            (Some(_), Some(_)) => {
                let detail = format!("there is a view and a sink '{name}': drop the sink first, with --sink {name}");
                return Err(DeployRefusal::Conflict { detail });
            }
            (of_relation, of_sink) => {
                let names = served_names(topology).chain(sink_names(topology));
                found(of_relation.or(of_sink), name, "view or sink", names)?
            }
        },
    };
    let name = name.strip_prefix(INDEX_PREFIX).filter(|_| kind == DroppedKind::Index).map_or(name.clone(), str::to_owned);
    Ok((drop_statement(current, &name, kind), Origin::Drop { name, kind }))
}

/// The names of the served views.
pub(super) fn served_names(topology: &Topology) -> impl Iterator<Item = &str> {
    topology.served.iter().map(|served| served.view.name.as_str())
}

/// The names of the sinks, as the status has them.
fn sink_names(topology: &Topology) -> impl Iterator<Item = &str> {
    topology.sinks.iter().map(|sink| sink.name.as_str())
}

/// The refusal of a name that nothing has.
pub(super) fn not_found<'n>(what: String, name: &str, known: impl Iterator<Item = &'n str>) -> DeployRefusal {
    let meant = suggestion(name, known).map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
    DeployRefusal::NotFound { detail: format!("{what}{meant}") }
}

fn found<'n>(
    kind: Option<DroppedKind>,
    name: String,
    what: &str,
    known: impl Iterator<Item = &'n str>,
) -> Result<(String, DroppedKind), DeployRefusal> {
    match kind {
        Some(kind) => Ok((name, kind)),
        None => Err(not_found(format!("there is no {what} '{name}'"), &name, known)),
    }
}

fn relation(topology: &Topology, name: &str) -> Option<DroppedKind> {
    // Tables that were dropped are still listed, and their names may be those of views by now.
    let is_table = topology.declarations.get(name).is_some_and(|declared| declared.kind == RelationKind::Table);
    let kind = if is_table { DroppedKind::Table } else { DroppedKind::View };
    served_names(topology).any(|served| served == name).then_some(kind)
}

fn sink(topology: &Topology, name: &str) -> Option<DroppedKind> {
    if topology.sinks.iter().any(|sink| sink.name == name) {
        return Some(DroppedKind::Sink);
    }
    let index = name.strip_prefix(INDEX_PREFIX)?;
    topology.searches.iter().any(|search| search.name == index).then_some(DroppedKind::Index)
}

#[cfg(test)]
mod tests {
    use language::load::{build, inline};

    use super::*;

    #[test]
    fn a_view_that_took_the_name_of_a_dropped_table_is_dropped_as_a_view() {
        let statements = "CREATE TABLE t (k BIGINT PRIMARY KEY, n BIGINT); CREATE TABLE u (k BIGINT PRIMARY KEY, n BIGINT); DROP TABLE t; \
                          CREATE MATERIALIZED VIEW t AS SELECT k, n FROM u; CREATE INDEX ON t (k); CREATE INDEX ON u (k);";
        let topology = build(&[inline("t.sql", statements)]).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!((relation(&topology, "t"), relation(&topology, "u")), (Some(DroppedKind::View), Some(DroppedKind::Table)));
    }
}
