//! Pairs of rows with equal keys.
//!
//! Owns the assembly of a join's output from key and values, byte by byte. Both sides are arranged, once for all joins that need the same.

use std::collections::BTreeMap;

use operators::Rows;
use operators::join::join;
use schemas::field::FieldKind;
use schemas::row::Row;

use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::{Derived, Found};
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::local::{self, NodeInput, Unnumber};
use crate::provenance::origins::Origins;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{Join, JoinField, NodeId, Operator, Side};

/// Pairs the rows of both sides.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, node: NodeId, left: &Side, right: &Side, output: &[JoinField]) -> Rows<'s> {
    let mut meter = renderer.meter(node);
    let pick = |node: NodeId, columns: &[usize]| -> Vec<FieldKind> {
        columns.iter().map(|&column| renderer.kinds[node][column].clone()).collect()
    };
    let fields = |kinds: Vec<FieldKind>, of: fn(JoinField) -> Option<usize>| {
        let places: Vec<usize> = output.iter().filter_map(|field| of(*field)).collect();
        Slicer::new(&kinds, &places)
    };
    let keys = fields(pick(left.input, &left.keys), |field| if let JoinField::Key(at) = field { Some(at) } else { None });
    let lefts = fields(pick(left.input, &left.values), |field| if let JoinField::Left(at) = field { Some(at) } else { None });
    let rights = fields(pick(right.input, &right.values), |field| if let JoinField::Right(at) = field { Some(at) } else { None });
    let output = output.to_vec();
    let (left, right) = (renderer.arrangement(left), renderer.arrangement(right));
    join(left, right, move |key, left, right, time, out| {
        if meter.is_exceeded() {
            return;
        }
        let (key_ranges, left_ranges, right_ranges) = (keys.ranges(key), lefts.ranges(left), rights.ranges(right));
        let (mut at_key, mut at_left, mut at_right) = (0, 0, 0);
        let mut row = Row::empty();
        for field in &output {
            row.extend(match field {
                JoinField::Key(_) => take(&mut at_key, |at| key_ranges.field(key, at)),
                JoinField::Left(_) => take(&mut at_left, |at| left_ranges.field(left, at)),
                JoinField::Right(_) => take(&mut at_right, |at| right_ranges.field(right, at)),
            });
        }
        meter.count(time, row.len());
        out.push(row);
    })
}

fn take<'r>(at: &mut usize, field: impl FnOnce(usize) -> &'r [u8]) -> &'r [u8] {
    *at += 1;
    field(*at - 1)
}

/// Each pair comes from both of its rows.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    left: &Side,
    right: &Side,
    output: &[JoinField],
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let of_left = demand.pushed(&interpreter.kinds[node], |column| match output[column] {
        JoinField::Key(at) => DemandedColumn::Column(left.keys[at]),
        JoinField::Left(at) => DemandedColumn::Column(left.values[at]),
        JoinField::Right(_) => DemandedColumn::Elsewhere,
    });
    let of_right = demand.pushed(&interpreter.kinds[node], |column| match output[column] {
        JoinField::Key(at) => DemandedColumn::Column(right.keys[at]),
        JoinField::Right(at) => DemandedColumn::Column(right.values[at]),
        JoinField::Left(_) => DemandedColumn::Elsewhere,
    });
    let (lefts, rights) = interpreter.both((left, of_left), (right, of_right))?;
    interpreter.check_rows(node, pairs(interpreter, (left, &lefts), (right, &rights)))?;
    if lefts.is_empty() || rights.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = &interpreter.topology.graph.nodes;
    let numbered = |input: usize, side: &Side| {
        let values = side.values.iter().copied().chain([interpreter.kinds[side.input].len()]).collect();
        Side { input, keys: side.keys.clone(), values }
    };
    let numbers = [JoinField::Left(left.values.len()), JoinField::Right(right.values.len())];
    let operator = Operator::Join(Join {
        left: numbered(0, left),
        right: numbered(1, right),
        output: output.iter().copied().chain(numbers).collect(),
    });
    let input =
        |side: &Side, rows: &Found| NodeInput::numbered(&nodes[side.input].columns, rows.iter().map(|derived| &derived.row));
    let columns = nodes[node].columns.iter().cloned().chain([local::number_column(), local::number_column()]).collect();
    let made = interpreter.run(operator, vec![input(left, &lefts), input(right, &rights)], columns)?;
    let width = output.len();
    let unnumber = Unnumber::new(&interpreter.kinds[node], &[width, width + 1]);
    let derived = made.iter().map(|(made, _)| {
        let (row, numbers) = unnumber.take(made);
        Derived { row, origins: Origins::union([&lefts[numbers[0]].origins, &rights[numbers[1]].origins]) }
    });
    Ok(derived.collect())
}

/// Returns the number of pairs that a join makes.
fn pairs(interpreter: &Interpreter<'_>, (left, lefts): (&Side, &[Derived]), (right, rights): (&Side, &[Derived])) -> usize {
    let left_keys = interpreter.slicer(left.input, &left.keys);
    let right_keys = interpreter.slicer(right.input, &right.keys);
    let mut counts: BTreeMap<Row, usize> = BTreeMap::new();
    lefts.iter().for_each(|derived| *counts.entry(left_keys.row(derived.row.as_bytes())).or_default() += 1);
    rights.iter().filter_map(|derived| counts.get(&right_keys.row(derived.row.as_bytes()))).sum()
}
