//! Session windows.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::Rows;
use operators::session::session;
use schemas::row::Row;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::origins::Origins;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{NodeId, Operator, Session};

/// Appends to each row the first and the last instant of its session.
pub fn render<'s>(renderer: &Renderer<'s, '_>, input: NodeId, partition: &[usize], time: usize, gap_micros: i64) -> Rows<'s> {
    let kinds = &renderer.kinds[input];
    let keys = Slicer::new(kinds, partition);
    let times = Slicer::new(kinds, &[time]);
    let timed = renderer.rows(input).map(move |row| {
        let time = times.row(row.as_bytes());
        (keys.row(row.as_bytes()), Row::concat(time.as_bytes(), row.as_bytes()))
    });
    session(timed, gap_micros)
}

/// Every row of a session says when it began and ended, which all of its rows say together.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    (partition, time, gap_micros): (&[usize], usize, i64),
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let rows = interpreter.rows(input, &interpreter.within(node, partition, demand))?;
    let operator = Operator::Session(Session { input: 0, partition: partition.to_vec(), time, gap_micros });
    let rows = interpreter.carried((input, node), &rows, operator)?;
    let start = interpreter.kinds[node].len() - 2;
    let session = interpreter.slicer(node, &partition.iter().copied().chain([start]).collect::<Vec<_>>());
    let mut sessions: BTreeMap<Row, Vec<Derived>> = BTreeMap::new();
    for derived in rows {
        sessions.entry(session.row(derived.row.as_bytes())).or_default().push(derived);
    }
    let whole = |rows: Vec<Derived>| {
        let origins = Origins::union(rows.iter().map(|derived| &derived.origins));
        rows.into_iter().map(move |derived| Derived { origins: Rc::clone(&origins), ..derived })
    };
    Ok(sessions.into_values().flat_map(whole).collect())
}
