//! Maps: filter and compute over byte rows.
//!
//! Owns the step from rows to rows. Only the columns that an expression reads are decoded; columns that pass through are copied as
//! bytes. A map that only chooses columns decodes nothing, and one over a source runs on the decoded events.

use datafusion_common::{DataFusionError, Result};
use operators::Rows;
use schemas::dead_letter::RowError;
use schemas::field::FieldKind;
use schemas::row::{Row, RowCodec};

use super::source;
use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::render::renderer::Renderer;
use crate::render::row_printer::RowPrinter;
use crate::render::slicer::{Ranges, Slicer};
use crate::render::transform::transform;
use language::expression::evaluate::{Evaluator, Output};
use language::plan::graph::{Map, NodeId, Operator, SourceScan};
use language::plan::scalar::Scalar;

/// Builds output rows from the input row and computed fields.
struct Assembler {
    slicer: Slicer,
    parts: Vec<Part>,
}

enum Part {
    Column(usize),
    Constant(Row),
    Computed(usize),
}

impl Assembler {
    /// For rows of these kinds.
    fn new(kinds: &[FieldKind], outputs: &[Output]) -> Self {
        let mut columns = Vec::new();
        let parts = outputs
            .iter()
            .map(|output| match output {
                Output::Column(column) => {
                    columns.push(*column);
                    Part::Column(columns.len() - 1)
                }
                Output::Constant(field) => Part::Constant(field.clone()),
                Output::Computed(number) => Part::Computed(*number),
            })
            .collect();
        Self { slicer: Slicer::new(kinds, &columns), parts }
    }

    /// One output row.
    fn row<'c>(&self, input: &[u8], computed: impl Fn(usize) -> &'c [u8]) -> Row {
        let ranges: Ranges<'_> = self.slicer.ranges(input);
        let mut out = Row::empty();
        for part in &self.parts {
            out.extend(match part {
                Part::Column(place) => ranges.field(input, *place),
                Part::Constant(field) => field.as_bytes(),
                Part::Computed(number) => computed(*number),
            });
        }
        out
    }
}

/// Filters and computes, on the decoded events where the input is a source.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    predicates: &[Scalar],
    outputs: &[Scalar],
) -> Result<Rows<'s>> {
    let below = &renderer.topology.graph.nodes[input];
    if let Operator::Source(SourceScan { source: number, .. }) = below.operator {
        return source::render_events(renderer, node, (input, number), predicates, outputs);
    }
    let (columns, kinds, relation) = (&below.columns, &renderer.kinds[input], renderer.relation(node).to_owned());
    let evaluator = Evaluator::new(columns, predicates, outputs)?;
    let assembler = Assembler::new(kinds, &evaluator.outputs);
    let rows = renderer.rows(input);
    if evaluator.is_trivial() {
        return Ok(rows.map(move |row| assembler.row(row.as_bytes(), |_| &[])));
    }
    let types: Vec<_> = evaluator.reads.iter().map(|&read| columns[read].data_type.clone()).collect();
    let codec = RowCodec::new(&types).map_err(DataFusionError::from)?;
    let reader = Slicer::new(kinds, &evaluator.reads);
    let describe = RowPrinter::new(columns, kinds);
    let (rows, errors) = transform(rows.inner, "map", move |batch, _, made| {
        let read: Vec<Row> = batch.iter().map(|(row, _, _)| reader.row(row.as_bytes())).collect();
        let arrays = codec.decode(read.iter().map(Row::as_bytes));
        let evaluated = arrays.map_err(DataFusionError::from).and_then(|arrays| {
            evaluator.evaluate(arrays, batch.len(), |failure| {
                let (row, time, diff) = &batch[failure.row];
                let error = RowError {
                    relation: relation.clone(),
                    expression: failure.expression.to_owned(),
                    detail: failure.detail,
                    row: describe.json(row.as_bytes()),
                };
                made.errors.push((error, *time, *diff));
            })
        });
        let evaluated = evaluated.unwrap_or_else(|error| panic!("the plan of '{relation}' does not fit its rows: {error}"));
        for (place, &number) in evaluated.rows.iter().enumerate() {
            let (row, time, diff) = &batch[number];
            let made_row = assembler.row(row.as_bytes(), |computed| evaluated.computed[computed][place].as_bytes());
            made.rows.push((made_row, *time, *diff));
        }
        batch.clear();
    });
    renderer.errors.push(errors);
    Ok(rows)
}

/// Each row comes from one row of the input.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    predicates: &[Scalar],
    outputs: &[Scalar],
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    if let Operator::Source(SourceScan { source: number, .. }) = interpreter.topology.graph.nodes[input].operator {
        return source::explain_events(interpreter, node, (input, number), (predicates, outputs), demand);
    }
    let wanted = demand.pushed(&interpreter.kinds[node], |column| match &outputs[column] {
        Scalar::Column(below) => DemandedColumn::Column(*below),
        Scalar::Constant { field, .. } => DemandedColumn::Constant(field.clone()),
        Scalar::Computed(_) => DemandedColumn::Elsewhere,
    });
    let rows = interpreter.rows(input, &wanted)?;
    let number = interpreter.kinds[input].len();
    let outputs = outputs.iter().cloned().chain([Scalar::Column(number)]).collect();
    let operator = Operator::Map(Map { input: 0, predicates: predicates.to_vec(), outputs });
    interpreter.carry((input, node), &rows, operator, interpreter.kinds[node].len())
}
