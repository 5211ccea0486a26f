//! Filter and compute over byte rows.
//!
//! Owns the step from rows to rows. Only the columns that an expression reads are decoded; columns that pass through are copied as bytes. A
//! map that only chooses columns decodes nothing.

use datafusion_common::{DataFusionError, Result};
use schemas::dead_letter::RowError;
use schemas::field::FieldKind;
use schemas::row::{Row, RowCodec};

use super::row_printer::RowPrinter;
use super::slicer::{Ranges, Slicer};
use language::expression::evaluate::{Evaluator, Output};
use language::plan::graph::NodeColumn;
use language::plan::scalar::Scalar;

/// A filter and computed columns.
pub struct RowMap {
    evaluator: Evaluator,
    assembler: Assembler,
    codec: RowCodec,
    reader: Slicer,
    printer: RowPrinter,
    relation: String,
}

impl RowMap {
    /// For rows with these columns, of these kinds; `relation` names the view in errors.
    pub fn new(
        columns: &[NodeColumn],
        kinds: &[FieldKind],
        (predicates, outputs): (&[Scalar], &[Scalar]),
        relation: &str,
    ) -> Result<Self> {
        let evaluator = Evaluator::new(columns, predicates, outputs)?;
        let types: Vec<_> = evaluator.reads.iter().map(|&read| columns[read].data_type.clone()).collect();
        Ok(Self {
            assembler: Assembler::new(kinds, &evaluator.outputs),
            codec: RowCodec::new(&types).map_err(DataFusionError::from)?,
            reader: Slicer::new(kinds, &evaluator.reads),
            printer: RowPrinter::new(columns, kinds),
            relation: relation.to_owned(),
            evaluator,
        })
    }

    /// Returns true if nothing has to be evaluated: then [`choose`](Self::choose) does.
    pub fn is_choice(&self) -> bool {
        self.evaluator.is_trivial()
    }

    /// The chosen columns of a row.
    pub fn choose(&self, row: &[u8]) -> Row {
        self.assembler.row(row, |_| &[])
    }

    /// Emits what each row that passes becomes, in order, with its number; a row on which an expression fails is an error.
    pub fn apply<'r>(
        &self,
        rows: impl Iterator<Item = &'r Row> + Clone,
        mut emit: impl FnMut(usize, Row),
        mut fail: impl FnMut(usize, RowError),
    ) {
        if self.is_choice() {
            return rows.enumerate().for_each(|(number, row)| emit(number, self.choose(row.as_bytes())));
        }
        let inputs: Vec<&Row> = rows.clone().collect();
        let read: Vec<Row> = rows.map(|row| self.reader.row(row.as_bytes())).collect();
        let arrays = self.codec.decode(read.iter().map(Row::as_bytes));
        let evaluated = arrays.map_err(DataFusionError::from).and_then(|arrays| {
            self.evaluator.evaluate(arrays, inputs.len(), |failure| {
                let error = RowError {
                    relation: self.relation.clone(),
                    expression: failure.expression.to_owned(),
                    detail: failure.detail,
                    row: self.printer.json(inputs[failure.row].as_bytes()),
                };
                fail(failure.row, error);
            })
        });
        let evaluated =
            evaluated.unwrap_or_else(|error| panic!("the plan of '{}' does not fit its rows: {error}", self.relation));
        for (place, &number) in evaluated.rows.iter().enumerate() {
            let computed = |computed: usize| evaluated.computed[computed][place].as_bytes();
            emit(number, self.assembler.row(inputs[number].as_bytes(), computed));
        }
    }
}

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
