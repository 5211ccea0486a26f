//! The rows of each event on their way to the keys of a table, with their keys and the values that depend on the event alone.
//!
//! Owns [`FoldReader`]. Decoded events enter; the rows that some clause may be for leave, in the order in which an event makes them, or an
//! error of the row.

use arrow_array::{Array as _, StringArray};
use datafusion_common::Result;
use operators::fold::{FoldEvent, LogOrder};
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value, is_null};
use schemas::row::Row;
use schemas::topic::changes::{CHANGE_OPERATION, CHANGE_SEQUENCE, CHANGE_TRUNCATE};

use super::columns::field_kinds;
use super::events::{EventReader, Events};
use super::row_map::RowMap;
use super::row_unnest::RowUnnest;
use super::slicer::Slicer;
use language::plan::event_rows::EventStep;
use language::plan::graph::{Map, NodeColumn, Operator, Unnest};
use language::plan::merge::{Clause, FoldValue, Merge};
use language::plan::scalar::Scalar;
use language::topology::Table;

/// The fields that travel with the rows of a merge.
pub fn field_columns(merge: &Merge) -> Vec<NodeColumn> {
    merge.fields.iter().map(|(_, column)| column.clone()).collect()
}

/// Place of a merge among those of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergePlace {
    /// number of its source among the sources of the table, in the order of their topics
    pub topic: u32,
    /// number of the merge
    pub statement: u32,
}

/// Takes from decoded events what travels to the keys of a table.
pub struct FoldReader {
    reader: EventReader,
    steps: Vec<RowStep>,
    key_kinds: Vec<FieldKind>,
    applicable: Applicable,
    relation: String,
    place: MergePlace,
    /// true if an event may take all rows away
    clears: bool,
}

/// A step from rows to rows.
enum RowStep {
    Map(RowMap),
    Unnest(RowUnnest),
}

impl FoldReader {
    /// For batches that hold the columns `decoded` of a source.
    pub fn new(columns: &[NodeColumn], decoded: &[usize], table: &Table, merge: &Merge, place: MergePlace) -> Result<Self> {
        let fields = merge.fields.iter().map(|(scalar, _)| scalar.clone());
        let travels: Vec<Scalar> = merge.key.iter().cloned().chain(fields).collect();
        let (predicates, outputs, rest) = first_step(columns, &merge.steps, travels.clone())?;
        let table_kinds = field_kinds(&table.columns);
        Ok(Self {
            reader: EventReader::new(columns, decoded, &predicates, &outputs, &table.name)?,
            steps: later_steps(columns, &merge.steps, rest, &travels, &table.name)?,
            key_kinds: table.primary_key.iter().map(|&key| table_kinds[key].clone()).collect(),
            applicable: Applicable::new(&merge.clauses, &field_kinds(&field_columns(merge))),
            relation: table.name.clone(),
            place,
            clears: columns.iter().any(|column| column.name == CHANGE_SEQUENCE),
        })
    }

    /// Returns true if an event may take all rows away: it is read as one with an empty key.
    pub fn clears(&self) -> bool {
        self.clears
    }

    /// The rows that some clause may be for, each with its key; a key that is NULL is an error of the row. `may_go_on` is told the bytes of
    /// each row that is made of a list, and may end the reading.
    pub fn read(
        &self,
        events: &Events,
        mut emit: impl FnMut(FoldEvent),
        mut fail: impl FnMut(RowError),
        mut may_go_on: impl FnMut(usize) -> bool,
    ) {
        let mut rows: Vec<(usize, Row)> = Vec::new();
        self.reader.read(events, |number, row| rows.push((number, row)), &mut fail);
        for step in &self.steps {
            rows = step.apply(&rows, &mut fail, &mut may_go_on);
        }
        let mut counter = RowCounter::default();
        let operations = events.batch.column_by_name(CHANGE_OPERATION).filter(|_| self.clears);
        let operations = operations.and_then(|column| column.as_any().downcast_ref::<StringArray>());
        for (number, row) in rows {
            // Rows that no clause is for have a number too: what another clause takes does not change the order.
            let order = self.order(events, number, counter.next(number));
            if operations.is_some_and(|operations| operations.is_valid(number) && operations.value(number) == CHANGE_TRUNCATE) {
                emit((Row::empty(), order, Row::empty()));
                continue;
            }
            let bytes = row.as_bytes();
            let mut at = 0;
            let mut has_null = false;
            for kind in &self.key_kinds {
                has_null |= is_null(bytes, at);
                at = kind.end(bytes, at);
            }
            if !self.applicable.any(&bytes[at..]) {
                continue;
            }
            if has_null {
                fail(self.null_key(&order));
                continue;
            }
            emit((Row::from_bytes(&bytes[..at]), order, Row::from_bytes(&bytes[at..])));
        }
    }

    fn order(&self, events: &Events, number: usize, row: u32) -> LogOrder {
        let MergePlace { topic, statement } = self.place;
        let (partition, offset) = events.places[number];
        let (appended, clock) = (events.appended[number], events.clock[number]);
        LogOrder { appended, topic, partition: partition.0, offset: offset.0, statement, row, clock }
    }

    fn null_key(&self, order: &LogOrder) -> RowError {
        RowError {
            relation: self.relation.clone(),
            expression: "ON".to_owned(),
            detail: "the primary key is NULL".to_owned(),
            row: format!("{{\"partition\":{},\"offset\":{}}}", order.partition, order.offset),
        }
    }
}

/// Numbers the rows of each event.
#[derive(Default)]
struct RowCounter {
    event: Option<usize>,
    rows: u32,
}

impl RowCounter {
    fn next(&mut self, event: usize) -> u32 {
        self.rows = if self.event == Some(event) { self.rows.saturating_add(1) } else { 0 };
        self.event = Some(event);
        self.rows
    }
}

/// The filters and columns that are computed of the decoded events, and the number of the steps that they make up for.
type FirstStep = (Vec<Scalar>, Vec<Scalar>, usize);

/// The step that reads the decoded events; a map that is the only step is one with what travels.
fn first_step(columns: &[NodeColumn], steps: &[EventStep], travels: Vec<Scalar>) -> Result<FirstStep> {
    match steps.first().map(|step| &step.operator) {
        None => Ok((Vec::new(), travels, 0)),
        Some(Operator::Map(Map { predicates, outputs, .. })) if steps.len() == 1 && is_small(&travels, outputs) => {
            let travels = travels.iter().map(|scalar| scalar.substitute(outputs)).collect::<Result<_>>()?;
            Ok((predicates.clone(), travels, 1))
        }
        Some(Operator::Map(Map { predicates, outputs, .. })) => Ok((predicates.clone(), outputs.clone(), 1)),
        Some(_) => Ok((Vec::new(), (0..columns.len()).map(Scalar::Column).collect(), 0)),
    }
}

/// The most parts of an expression that is evaluated at once with what it reads.
const FUSED_PARTS_MAX: usize = 256;

fn is_small(travels: &[Scalar], outputs: &[Scalar]) -> bool {
    let size = |scalar: &Scalar| scalar.substituted_size(outputs);
    travels.iter().map(size).all(|size| size.parts <= FUSED_PARTS_MAX && size.depth <= FUSED_PARTS_MAX)
}

/// The steps behind the first, and the one that computes what travels; none where the first computes it.
fn later_steps(
    columns: &[NodeColumn],
    steps: &[EventStep],
    done: usize,
    travels: &[Scalar],
    relation: &str,
) -> Result<Vec<RowStep>> {
    let is_fused = match steps {
        [] => true,
        [EventStep { operator: Operator::Map(Map { outputs, .. }), .. }] => is_small(travels, outputs),
        _ => false,
    };
    if is_fused {
        return Ok(Vec::new());
    }
    let mut made = Vec::with_capacity(steps.len());
    let mut columns = steps[..done].last().map_or(columns, |step| &step.columns);
    for EventStep { operator, columns: own } in &steps[done..] {
        let kinds = field_kinds(columns);
        made.push(match operator {
            Operator::Map(Map { predicates, outputs, .. }) => {
                RowStep::Map(RowMap::new(columns, &kinds, (predicates, outputs), relation)?)
            }
            Operator::Unnest(Unnest { columns: lists, keep, .. }) => {
                RowStep::Unnest(RowUnnest::new(columns, &kinds, (lists, keep), relation))
            }
            other => panic!("'{relation}' was planned to fold rows of another step: {other:?}"),
        });
        columns = own;
    }
    made.push(RowStep::Map(RowMap::new(columns, &field_kinds(columns), (&[], travels), relation)?));
    Ok(made)
}

impl RowStep {
    /// The rows that rows of numbered events become, in order.
    fn apply(
        &self,
        rows: &[(usize, Row)],
        mut fail: impl FnMut(RowError),
        mut may_go_on: impl FnMut(usize) -> bool,
    ) -> Vec<(usize, Row)> {
        let mut made = Vec::with_capacity(rows.len());
        match self {
            Self::Map(map) => {
                let emit = |number: usize, row| made.push((rows[number].0, row));
                map.apply(rows.iter().map(|(_, row)| row), emit, |_, error| fail(error));
            }
            Self::Unnest(unnest) => {
                for (event, row) in rows {
                    let mut is_over = false;
                    let emit = |row: Row| {
                        is_over |= !may_go_on(row.len());
                        made.push((*event, row));
                    };
                    unnest.apply(row, emit).unwrap_or_else(&mut fail);
                    if is_over {
                        return Vec::new();
                    }
                }
            }
        }
        made
    }
}

/// Tells events that no clause is for before they travel.
struct Applicable {
    /// the guard's field of each clause; none when some clause may be for any event
    guards: Option<Slicer>,
    count: usize,
}

impl Applicable {
    fn new(clauses: &[Clause], field_kinds: &[FieldKind]) -> Self {
        let fields: Option<Vec<usize>> = clauses
            .iter()
            .map(|clause| match &clause.guard {
                Some(FoldValue::Event(field)) => Some(*field),
                _ => None,
            })
            .collect();
        let count = fields.as_ref().map_or(0, Vec::len);
        Self { guards: fields.map(|fields| Slicer::new(field_kinds, &fields)), count }
    }

    fn any(&self, event: &[u8]) -> bool {
        let Some(slicer) = &self.guards else { return true };
        let ranges = slicer.ranges(event);
        (0..self.count).any(|place| is_true(ranges.field(event, place)))
    }
}

/// Returns true for the field of a condition that holds.
pub fn is_true(field: &[u8]) -> bool {
    FieldKind::Boolean.read(field, 0) == Value::Boolean(true)
}
