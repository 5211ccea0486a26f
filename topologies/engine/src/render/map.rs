//! Maps: filter and compute over byte rows.
//!
//! Owns the step from rows to rows. Only the columns that an expression reads are decoded; columns that pass through are copied as
//! bytes. A map that only chooses columns decodes nothing.

use datafusion_common::{DataFusionError, Result};
use operators::{Errors, Rows};
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, json_string};
use schemas::row::{Row, RowCodec};

use super::slicer::{Ranges, Slicer};
use super::transform::transform;
use language::expression::evaluate::{Evaluator, Output};
use language::plan::graph::NodeColumn;

/// Builds output rows from the input row and computed fields.
pub struct Assembler {
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
    pub fn new(kinds: &[FieldKind], outputs: &[Output]) -> Self {
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
    pub fn row<'c>(&self, input: &[u8], computed: impl Fn(usize) -> &'c [u8]) -> Row {
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

/// Renders a map over rows with these columns; `relation` names it in errors.
pub fn render<'s>(
    rows: Rows<'s>,
    columns: &[NodeColumn],
    kinds: &[FieldKind],
    evaluator: Evaluator,
    relation: String,
) -> Result<(Rows<'s>, Option<Errors<'s>>)> {
    let assembler = Assembler::new(kinds, &evaluator.outputs);
    if evaluator.is_trivial() {
        return Ok((rows.map(move |row| assembler.row(row.as_bytes(), |_| &[])), None));
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
    Ok((rows, Some(errors)))
}

/// Most bytes of a row that an error carries.
pub const ROW_TEXT_BYTES_MAX: usize = 4_096;

/// Prints rows for errors.
pub struct RowPrinter {
    names: Vec<String>,
    kinds: Vec<FieldKind>,
}

impl RowPrinter {
    /// For rows with these columns.
    pub fn new(columns: &[NodeColumn], kinds: &[FieldKind]) -> Self {
        Self { names: columns.iter().map(|column| column.name.clone()).collect(), kinds: kinds.to_vec() }
    }

    /// The row as a JSON object; a long one is cut.
    pub fn json(&self, row: &[u8]) -> String {
        let mut out = String::from("{");
        let mut at = 0;
        for (place, (name, kind)) in self.names.iter().zip(&self.kinds).enumerate() {
            if place > 0 {
                out.push(',');
            }
            json_string(name, &mut out);
            out.push(':');
            kind.read(row, at).write_json(&mut out);
            at = kind.end(row, at);
        }
        out.push('}');
        if out.len() > ROW_TEXT_BYTES_MAX {
            let mut end = ROW_TEXT_BYTES_MAX;
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push_str("...");
        }
        out
    }
}
