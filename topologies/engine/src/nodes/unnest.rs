//! One row for each element of a list.

use operators::Rows;
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value};

use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::row_printer::RowPrinter;
use crate::render::slicer::Slicer;
use crate::render::transform::transform;
use language::plan::graph::{NodeId, Operator, Unnest};

/// The most bytes of the rows that unnesting makes of one row.
const UNNEST_BYTES_MAX: usize = 64 << 20;

/// Makes a row of each element. A row that would make too much is an error of its own.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, node: NodeId, input: NodeId, column: usize, keep: &[usize]) -> Rows<'s> {
    let kinds = renderer.kinds[input].clone();
    let (lists, kept) = (Slicer::new(&kinds, &[column]), Slicer::new(&kinds, keep));
    let FieldKind::List(element) = kinds[column].clone() else {
        panic!("column {column} of node {input} was planned as a list");
    };
    let list = kinds[column].clone();
    let below = &renderer.topology.graph.nodes[input];
    let (relation, printer) = (renderer.relation(node).to_owned(), RowPrinter::new(&below.columns, &kinds));
    let expression = format!("unnest({})", below.columns[column].name);
    let mut meter = renderer.meter(node);
    let (rows, errors) = transform(renderer.rows(input).inner, "unnest", move |batch, _, made| {
        for (row, time, diff) in batch.drain(..) {
            let field = lists.row(row.as_bytes());
            let Value::List(values) = list.read(field.as_bytes(), 0) else { continue };
            let kept = kept.row(row.as_bytes());
            let bytes = values.len() * kept.len() + field.len();
            if bytes > UNNEST_BYTES_MAX {
                let detail = format!(
                    "it would make {} rows with {bytes} bytes of one row, which may make {UNNEST_BYTES_MAX}",
                    values.len()
                );
                let (relation, expression, row) = (relation.clone(), expression.clone(), printer.json(row.as_bytes()));
                made.errors.push((RowError { relation, expression, detail, row }, time, diff));
                continue;
            }
            for value in values {
                let mut out = kept.clone();
                element.write(&value, &mut out);
                meter.count(time, out.len());
                made.rows.push((out, time, diff));
            }
            if meter.is_exceeded() {
                made.rows.clear();
            }
        }
    });
    renderer.errors.push(errors);
    rows
}

/// Each row comes from the row that has the list.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    column: usize,
    keep: &[usize],
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let place = |column: usize| keep.get(column).map_or(DemandedColumn::Elsewhere, |&kept| DemandedColumn::Column(kept));
    let rows = interpreter.rows(input, &demand.pushed(&interpreter.kinds[node], place))?;
    let number = interpreter.kinds[input].len();
    let numbered = keep.iter().copied().chain([number]).collect();
    interpreter.carry((input, node), &rows, Operator::Unnest(Unnest { input: 0, column, keep: numbered }), keep.len())
}
