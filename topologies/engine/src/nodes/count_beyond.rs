//! Rows with the number of positions beyond their bound.

use std::collections::BTreeMap;

use operators::Rows;
use operators::count_beyond::count_beyond;
use schemas::aggregate::Beyond;
use schemas::row::Row;

use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::local::{self, NodeInput, Unnumber};
use crate::provenance::origins::Origins;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{CountBeyond, NodeId, Operator, Side};

/// Appends to each row the number of positions beyond its bound.
pub fn render<'s>(renderer: &Renderer<'s, '_>, rows: &Side, bound: usize, positions: &Side, beyond: Beyond) -> Rows<'s> {
    let bounds = Slicer::new(&renderer.kinds[rows.input], &[bound]);
    let keys = Slicer::new(&renderer.kinds[rows.input], &rows.keys);
    let values = Slicer::new(&renderer.kinds[rows.input], &rows.values);
    let bounded = renderer.rows(rows.input).map(move |row| {
        let bytes = row.as_bytes();
        (keys.row(bytes), (bounds.row(bytes), values.row(bytes)))
    });
    count_beyond(bounded, renderer.keyed_side(positions), beyond)
}

/// Each row comes from its own row and from the positions that were counted.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    rows: &Side,
    bound: usize,
    (positions, beyond): (&Side, Beyond),
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let (keys, others) = (rows.keys.len(), rows.values.len());
    let of_rows = demand.pushed(&interpreter.kinds[node], |column| match column {
        key if key < keys => DemandedColumn::Column(rows.keys[key]),
        other if other < keys + others => DemandedColumn::Column(rows.values[other - keys]),
        _ => DemandedColumn::Elsewhere,
    });
    let of_positions = demand.pushed(&interpreter.kinds[node], |column| {
        positions.keys.get(column).map_or(DemandedColumn::Elsewhere, |&key| DemandedColumn::Column(key))
    });
    let (counted, found) = interpreter.both((rows, of_rows), (positions, of_positions))?;
    if counted.is_empty() || found.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = &interpreter.topology.graph.nodes;
    let values = rows.values.iter().copied().chain([interpreter.kinds[rows.input].len()]).collect();
    let numbered = NodeInput::numbered(&nodes[rows.input].columns, counted.iter().map(|derived| &derived.row));
    let plain = found.iter().map(|derived| derived.row.clone()).collect();
    let plain = NodeInput { columns: nodes[positions.input].columns.clone(), rows: plain };
    let operator = Operator::CountBeyond(CountBeyond {
        rows: Side { input: 0, keys: rows.keys.clone(), values },
        bound,
        positions: Side { input: 1, ..positions.clone() },
        beyond,
    });
    let mut columns = nodes[node].columns.clone();
    columns.insert(keys + others, local::number_column());
    let made = interpreter.run(operator, vec![numbered, plain], columns)?;
    let unnumber = Unnumber::new(&interpreter.kinds[node], &[keys + others]);
    let (row_keys, bounds) = (interpreter.slicer(rows.input, &rows.keys), interpreter.slicer(rows.input, &[bound]));
    let (position_keys, values) =
        (interpreter.slicer(positions.input, &positions.keys), interpreter.slicer(positions.input, &positions.values));
    let mut by_key: BTreeMap<Row, Vec<(Row, &Derived)>> = BTreeMap::new();
    for derived in found.iter() {
        let position = (values.row(derived.row.as_bytes()), derived);
        by_key.entry(position_keys.row(derived.row.as_bytes())).or_default().push(position);
    }
    let derived = made.iter().map(|(made, _)| {
        let (row, numbers) = unnumber.take(made);
        let counted = &counted[numbers[0]];
        let bound = bounds.row(counted.row.as_bytes());
        let here = by_key.get(&row_keys.row(counted.row.as_bytes())).map_or(&[][..], Vec::as_slice);
        let beyond = here.iter().filter(|(position, _)| lies(position, beyond, &bound)).map(|(_, derived)| &derived.origins);
        Derived { row, origins: Origins::union(std::iter::once(&counted.origins).chain(beyond)) }
    });
    Ok(derived.collect())
}

fn lies(position: &Row, beyond: Beyond, bound: &Row) -> bool {
    match beyond {
        Beyond::Greater => position > bound,
        Beyond::GreaterOrEqual => position >= bound,
        Beyond::Less => position < bound,
        Beyond::LessOrEqual => position <= bound,
    }
}
