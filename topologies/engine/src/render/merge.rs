//! The continuous MERGE: what an event does to the row of its key.
//!
//! Owns the clauses of a merge at run time: the first that applies decides. Values that depend on the row found are evaluated for all keys of
//! a round at once.

use arrow_array::ArrayRef;
use datafusion_common::{DataFusionError, Result};
use operators::fold::{FoldOutcome, FoldStep};
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value, is_null};
use schemas::row::{Row, RowCodec};

use super::columns::field_kinds;
use super::fold_reader::{field_columns, is_true};
use super::row_printer::RowPrinter;
use super::slicer::Slicer;
use language::expression::evaluate::{Evaluator, Output};
use language::plan::graph::NodeColumn;
use language::plan::merge::{Action, Clause, FoldValue, Merge};
use language::plan::scalar::Scalar;
use language::topology::Table;

/// The most bytes of the reason of a RAISE; a longer one is cut.
const REASON_BYTES_MAX: usize = 4_096;

/// The reason of a RAISE that computes none.
const NO_REASON: &str = "NULL";

/// The clauses of one merge.
pub struct MergeLogic {
    clauses: Vec<Clause>,
    table: Slicer,
    columns: usize,
    fields: Slicer,
    not_null: Vec<bool>,
    names: Vec<String>,
    relation: String,
    printer: RowPrinter,
    late: Option<Late>,
    /// each late value by itself, for events on which some value fails: only those that the event's clause needs count
    single: Vec<Late>,
}

/// Values that depend on the row found, over the table's columns followed by the event's fields.
struct Late {
    evaluator: Evaluator,
    /// decoders for the columns that are read: those of the table, and those of the event
    table: (Slicer, RowCodec),
    event: (Slicer, RowCodec),
    null_row: Row,
}

impl MergeLogic {
    /// The clauses of a merge into a table.
    pub fn of(table: &Table, merge: &Merge) -> Result<Self> {
        let fields = field_columns(merge);
        Self::new(table, merge, field_kinds(&table.columns), &fields, field_kinds(&fields))
    }

    fn new(
        table: &Table,
        merge: &Merge,
        table_kinds: Vec<FieldKind>,
        field_columns: &[NodeColumn],
        field_kinds: Vec<FieldKind>,
    ) -> Result<Self> {
        let (clauses, late_values) = number_late_values(&merge.clauses);
        let all_table: Vec<usize> = (0..table_kinds.len()).collect();
        let all_fields: Vec<usize> = (0..field_kinds.len()).collect();
        let late = |values: &[Scalar]| Late::new(table, &table_kinds, field_columns, &field_kinds, values);
        let single = late_values.iter().map(|value| late(std::slice::from_ref(value))).collect::<Result<Vec<_>>>()?;
        let late = if late_values.is_empty() { None } else { Some(late(&late_values)?) };
        Ok(Self {
            clauses,
            table: Slicer::new(&table_kinds, &all_table),
            columns: table_kinds.len(),
            fields: Slicer::new(&field_kinds, &all_fields),
            not_null: table.not_null.clone(),
            names: table.columns.iter().map(|column| column.name.clone()).collect(),
            relation: table.name.clone(),
            printer: RowPrinter::new(field_columns, &field_kinds),
            late,
            single,
        })
    }

    fn decide(&self, step: &FoldStep<'_>, late: &dyn Fn(usize) -> Computed) -> Decided {
        self.outcome(step, late).unwrap_or_else(|error| (FoldOutcome::Fail(error), None))
    }

    fn outcome(&self, step: &FoldStep<'_>, late: &dyn Fn(usize) -> Computed) -> Result<Decided, RowError> {
        let event = self.fields.ranges(step.event);
        let value = |value: &FoldValue| -> Computed {
            match value {
                FoldValue::Event(field) => Ok(Row::from_bytes(event.field(step.event, *field))),
                FoldValue::Late(Scalar::Constant { field, .. }) => Ok(field.clone()),
                FoldValue::Late(Scalar::Column(number)) => late(*number),
                FoldValue::Late(Scalar::Computed(_)) => panic!("a value of '{}' was not numbered", self.relation),
            }
        };
        let clauses = self.clauses.iter().enumerate();
        for (number, clause) in clauses.filter(|(_, clause)| clause.matched == step.current.is_some()) {
            if let Some(condition) = &clause.condition
                && !is_true(value(condition)?.as_bytes())
            {
                continue;
            }
            let outcome = match (&clause.action, step.current) {
                (Action::Nothing, _) | (Action::Update(_), None) => FoldOutcome::Keep,
                (Action::Delete, _) => FoldOutcome::Delete,
                (Action::Raise(reason), _) => FoldOutcome::Refuse(reason_text(&value(reason)?)),
                (Action::Insert(values), _) => self.checked(step, values.iter().map(value))?,
                (Action::Update(assignments), Some(current)) => {
                    let ranges = self.table.ranges(current);
                    let columns =
                        (0..self.columns).map(|column| match assignments.iter().find(|(assigned, _)| *assigned == column) {
                            Some((_, assigned)) => value(assigned),
                            None => Ok(Row::from_bytes(ranges.field(current, column))),
                        });
                    self.checked(step, columns)?
                }
            };
            return Ok((outcome, Some(number)));
        }
        Ok((FoldOutcome::Keep, None))
    }

    /// Returns the effect of each step and the number of the clause that decided, if one did.
    pub fn decide_all(&self, steps: &[FoldStep<'_>], mut decided: impl FnMut(Decided)) {
        let Some(late) = &self.late else {
            return steps.iter().for_each(|step| decided(self.decide(step, &|_| Ok(Row::empty()))));
        };
        let (values, errors) = late.evaluate(steps, &self.relation, &self.printer);
        for ((step, values), error) in steps.iter().zip(&values).zip(errors) {
            decided(match error {
                Some(_) => self.decide(step, &|number| self.single(step, number)),
                None => self.decide(step, &|number| Ok(values[number].clone())),
            });
        }
    }

    fn checked(&self, step: &FoldStep<'_>, values: impl Iterator<Item = Computed>) -> Result<FoldOutcome, RowError> {
        let mut row = Row::empty();
        for (column, value) in values.enumerate() {
            let value = value?;
            if self.not_null[column] && is_null(value.as_bytes(), 0) {
                return Err(RowError {
                    relation: self.relation.clone(),
                    expression: self.names[column].clone(),
                    detail: format!("NULL in column '{}', which is NOT NULL", self.names[column]),
                    row: self.printer.json(step.event),
                });
            }
            row.extend(value.as_bytes());
        }
        Ok(FoldOutcome::Put(row))
    }

    /// One late value of one step.
    fn single(&self, step: &FoldStep<'_>, number: usize) -> Computed {
        let (mut values, mut errors) = self.single[number].evaluate(std::slice::from_ref(step), &self.relation, &self.printer);
        match errors.swap_remove(0) {
            Some(error) => Err(error),
            None => Ok(values.swap_remove(0).swap_remove(0)),
        }
    }
}

/// The text of a reason.
fn reason_text(field: &Row) -> String {
    let Value::Text(text) = FieldKind::Text.read(field.as_bytes(), 0) else { return NO_REASON.to_owned() };
    let mut text = text.into_owned();
    let mut end = text.len().min(REASON_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Effect of an event on its row, and the number of the deciding clause.
pub type Decided = (FoldOutcome, Option<usize>);

/// A value that was computed, or why it could not be.
type Computed = Result<Row, RowError>;

/// Replaces every late value that needs evaluation by its number.
fn number_late_values(clauses: &[Clause]) -> (Vec<Clause>, Vec<Scalar>) {
    let mut late = Vec::new();
    let mut numbered = clauses.to_vec();
    let mut number = |value: &mut FoldValue| {
        if let FoldValue::Late(scalar @ (Scalar::Column(_) | Scalar::Computed(_))) = value {
            late.push(scalar.clone());
            *value = FoldValue::Late(Scalar::Column(late.len() - 1));
        }
    };
    for clause in &mut numbered {
        clause.condition.as_mut().map(&mut number);
        match &mut clause.action {
            Action::Insert(values) => values.iter_mut().for_each(&mut number),
            Action::Update(assignments) => assignments.iter_mut().for_each(|(_, value)| number(value)),
            Action::Raise(reason) => number(reason),
            Action::Delete | Action::Nothing => {}
        }
    }
    (numbered, late)
}

impl Late {
    fn new(
        table: &Table,
        table_kinds: &[FieldKind],
        fields: &[NodeColumn],
        field_kinds: &[FieldKind],
        values: &[Scalar],
    ) -> Result<Self> {
        let columns: Vec<NodeColumn> = table.columns.iter().chain(fields).cloned().collect();
        let forced: Vec<Scalar> = values.iter().map(computed_always(&columns)).collect();
        let evaluator = Evaluator::new(&columns, &[], &forced)?;
        let width = table_kinds.len();
        let (of_table, of_event): (Vec<usize>, Vec<usize>) = evaluator.reads.iter().partition(|&&read| read < width);
        let of_event: Vec<usize> = of_event.into_iter().map(|read| read - width).collect();
        let codec = |columns: &[NodeColumn], read: &[usize]| {
            let types: Vec<_> = read.iter().map(|&column| columns[column].data_type.clone()).collect();
            RowCodec::new(&types).map_err(DataFusionError::from)
        };
        let mut null_row = Row::empty();
        of_table.iter().for_each(|&column| table_kinds[column].write_null(&mut null_row));
        Ok(Self {
            evaluator,
            table: (Slicer::new(table_kinds, &of_table), codec(&table.columns, &of_table)?),
            event: (Slicer::new(field_kinds, &of_event), codec(fields, &of_event)?),
            null_row,
        })
    }

    /// The values of every step; a step on which one fails has an error instead.
    fn evaluate(&self, steps: &[FoldStep<'_>], relation: &str, printer: &RowPrinter) -> (Vec<Vec<Row>>, Vec<Option<RowError>>) {
        let tables: Vec<Row> = steps
            .iter()
            .map(|step| step.current.map_or_else(|| self.null_row.clone(), |current| self.table.0.row(current)))
            .collect();
        let events: Vec<Row> = steps.iter().map(|step| self.event.0.row(step.event)).collect();
        let decode = |codec: &RowCodec, rows: &[Row]| -> Result<Vec<ArrayRef>> {
            codec.decode(rows.iter().map(Row::as_bytes)).map_err(DataFusionError::from)
        };
        let mut errors: Vec<Option<RowError>> = vec![None; steps.len()];
        let arrays = decode(&self.table.1, &tables).and_then(|mut arrays| {
            arrays.extend(decode(&self.event.1, &events)?);
            self.evaluator.evaluate(arrays, steps.len(), |failure| {
                errors[failure.row] = Some(RowError {
                    relation: relation.to_owned(),
                    expression: failure.expression.to_owned(),
                    detail: failure.detail,
                    row: printer.json(steps[failure.row].event),
                });
            })
        });
        let evaluated = arrays.unwrap_or_else(|error| panic!("the plan of '{relation}' does not fit its rows: {error}"));
        let mut values: Vec<Vec<Row>> = vec![Vec::new(); steps.len()];
        for (place, &step) in evaluated.rows.iter().enumerate() {
            values[step] = self
                .evaluator
                .outputs
                .iter()
                .map(|output| match output {
                    Output::Computed(computed) => evaluated.computed[*computed][place].clone(),
                    Output::Constant(field) => field.clone(),
                    Output::Column(_) => panic!("a column of '{relation}' was not computed"),
                })
                .collect();
        }
        (values, errors)
    }
}

/// Columns become expressions, so that all values of a step come from one place.
fn computed_always(columns: &[NodeColumn]) -> impl Fn(&Scalar) -> Scalar + '_ {
    move |scalar| match scalar {
        Scalar::Column(column) => Scalar::Computed(language::plan::scalar::Computed {
            expression: datafusion_expr::Expr::Column(language::plan::scalar::numbered(*column)),
            inputs: [(*column, (columns[*column].data_type.clone(), true))].into(),
            data_type: columns[*column].data_type.clone(),
            nullable: true,
        }),
        other => other.clone(),
    }
}
