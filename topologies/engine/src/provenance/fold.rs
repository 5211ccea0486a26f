//! Tables: the rows that events fold into, and which of the events gave a row what it holds.
//!
//! Owns the provenance of a fold. The events of the wanted keys enter in their order and go through the clauses of the merge as they do
//! in the dataflow. A row comes from the event that inserted it, and each column from the last one that changed it, with all that the value
//! and the condition of the clause depended on.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::fold::{FoldEvent, FoldOutcome, FoldStep};
use schemas::field::{FieldKind, Value};
use schemas::position::{Offset, Partition};
use schemas::row::Row;

use super::demand::Check;
use super::derived::Derived;
use super::error::{LineageError, Unfinished};
use super::origins::{Origin, Origins};
use super::scan::Scans;
use crate::render::columns::{field_kinds, source_columns};
use crate::render::merge::{FoldReader, MergeLogic};
use crate::render::slicer::Slicer;
use language::plan::merge::{Action, Clause, FoldValue, Merge};
use language::topology::{Table, Topology};

/// The rows of a table whose keys are wanted.
pub fn rows(topology: &Topology, number: usize, keys: &Check, scans: &mut Scans<'_>) -> Result<Vec<Derived>, LineageError> {
    let table = &topology.tables[number];
    let Some(merge) = &table.merge else { return Ok(Vec::new()) };
    let mut events = key_events(topology, table, merge, keys, scans)?;
    events.sort_unstable();
    let mut folds: Vec<Fold<'_>> = events.chunk_by(|a, b| a.0 == b.0).map(Fold::new).collect();
    let logic = MergeLogic::of(table, merge)?;
    let tracer = Tracer::new(table, merge);
    for round in 0.. {
        scans.check_time()?;
        let active: Vec<usize> = (0..folds.len()).filter(|&fold| round < folds[fold].events.len()).collect();
        if active.is_empty() {
            break;
        }
        let mut decided = Vec::with_capacity(active.len());
        let steps: Vec<FoldStep<'_>> = active.iter().map(|&fold| folds[fold].step(round)).collect();
        logic.decide_all(&steps, |outcome| decided.push(outcome));
        for (fold, (outcome, clause)) in active.into_iter().zip(decided) {
            let (_, order, fields) = &folds[fold].events[round];
            let origin = Origin { source: merge.source, partition: Partition(order.partition), offset: Offset(order.offset) };
            let fields = fields.clone();
            tracer.apply(&mut folds[fold].state, outcome, clause, (origin, &fields));
        }
    }
    Ok(folds.into_iter().filter_map(|fold| fold.state).map(State::into_derived).collect())
}

fn key_events(
    topology: &Topology,
    table: &Table,
    merge: &Merge,
    keys: &Check,
    scans: &mut Scans<'_>,
) -> Result<Vec<FoldEvent>, LineageError> {
    let columns = source_columns(&topology.sources[merge.source]);
    let reader = FoldReader::new(&columns, &scans.decoded[merge.source], table, merge)?;
    let rows_max = scans.limits.rows;
    let mut found = Vec::new();
    scans.each(merge.source, |events| {
        let each = |event: FoldEvent| {
            if keys.admits(event.0.as_bytes()) {
                found.push(event);
            }
        };
        reader.read(events, each, |_| ());
        if found.len() <= rows_max { Ok(()) } else { Err(Unfinished::Rows { relation: table.name.clone(), rows_max }.into()) }
    })?;
    Ok(found)
}

/// The events of one key, and the row as it is after some of them.
struct Fold<'e> {
    events: &'e [FoldEvent],
    state: Option<State>,
}

impl<'e> Fold<'e> {
    fn new(events: &'e [FoldEvent]) -> Self {
        Self { events, state: None }
    }

    fn step(&self, round: usize) -> FoldStep<'_> {
        let (key, _, fields) = &self.events[round];
        let current = self.state.as_ref().map(|state| state.row.as_bytes());
        FoldStep { key: key.as_bytes(), event: fields.as_bytes(), current }
    }
}

/// A row, and where it and its columns come from.
struct State {
    row: Row,
    inserted: Rc<Origins>,
    columns: Vec<Rc<Origins>>,
}

impl State {
    fn into_derived(self) -> Derived {
        let origins = Origins::union(std::iter::once(&self.inserted).chain(&self.columns));
        Derived { row: self.row, origins }
    }

    fn of<'s>(&'s self, columns: &'s [usize]) -> impl Iterator<Item = &'s Rc<Origins>> {
        columns.iter().map(|&column| &self.columns[column])
    }
}

/// Columns of the row that a clause reads.
struct Reads {
    is_for_matched: bool,
    condition: Vec<usize>,
    /// the event's field that says whether the clause may be for it at all
    guard: Option<usize>,
    /// the columns that each assigned one is computed from
    assigned: BTreeMap<usize, Vec<usize>>,
}

impl Reads {
    fn new(clause: &Clause, width: usize) -> Self {
        let of = |value: &FoldValue| match value {
            FoldValue::Event(_) => Vec::new(),
            FoldValue::Late(scalar) => scalar.columns().into_iter().filter(|column| *column < width).collect(),
        };
        let assigned = match &clause.action {
            Action::Update(assignments) => assignments.iter().map(|(column, value)| (*column, of(value))).collect(),
            Action::Insert(_) | Action::Delete | Action::Nothing => BTreeMap::new(),
        };
        let guard = match &clause.guard {
            Some(FoldValue::Event(field)) => Some(*field),
            _ => None,
        };
        let condition = clause.condition.as_ref().map(of).unwrap_or_default();
        Self { is_for_matched: clause.matched, condition, guard, assigned }
    }
}

/// Follows what each event does to a row.
struct Tracer {
    clauses: Vec<Reads>,
    columns: Slicer,
    width: usize,
    fields: Vec<FieldKind>,
}

impl Tracer {
    fn new(table: &Table, merge: &Merge) -> Self {
        let width = table.columns.len();
        let all: Vec<usize> = (0..width).collect();
        Self {
            clauses: merge.clauses.iter().map(|clause| Reads::new(clause, width)).collect(),
            columns: Slicer::new(&field_kinds(&table.columns), &all),
            width,
            fields: field_kinds(merge.fields.iter().map(|(_, column)| column)),
        }
    }

    fn apply(&self, state: &mut Option<State>, outcome: FoldOutcome, clause: Option<usize>, (origin, fields): (Origin, &Row)) {
        match (outcome, state.as_mut()) {
            (FoldOutcome::Keep | FoldOutcome::Fail(_), _) => {}
            (FoldOutcome::Delete, _) => *state = None,
            (FoldOutcome::Put(row), None) => {
                let inserted = Origins::of(origin);
                *state = Some(State { row, columns: vec![Rc::clone(&inserted); self.width], inserted });
            }
            (FoldOutcome::Put(row), Some(state)) => self.update(state, row, clause, (origin, fields)),
        }
    }

    fn update(&self, state: &mut State, row: Row, clause: Option<usize>, (origin, fields): (Origin, &Row)) {
        let decided = self.decided_by(clause, fields);
        let (before, after) = (self.columns.ranges(state.row.as_bytes()), self.columns.ranges(row.as_bytes()));
        let has_changed = |&column: &usize| before.field(state.row.as_bytes(), column) != after.field(row.as_bytes(), column);
        let event = Origins::of(origin);
        let none = Vec::new();
        let changed = (0..self.width).filter(has_changed).map(|column| {
            let read = clause.and_then(|clause| self.clauses[clause].assigned.get(&column)).unwrap_or(&none);
            let origins = std::iter::once(&event).chain(state.of(&decided)).chain(state.of(read));
            (column, Origins::union(origins))
        });
        for (column, origins) in changed.collect::<Vec<_>>() {
            state.columns[column] = origins;
        }
        state.row = row;
    }

    /// The columns on which it depended that this clause acted: those of its condition, and of the conditions before it that the event
    /// alone did not exclude.
    fn decided_by(&self, clause: Option<usize>, fields: &Row) -> Vec<usize> {
        let Some(last) = clause else { return Vec::new() };
        let is_for_event = |guard: usize| {
            let guard = Slicer::new(&self.fields, &[guard]).row(fields.as_bytes());
            FieldKind::Boolean.read(guard.as_bytes(), 0) == Value::Boolean(true)
        };
        let asked = self.clauses[..=last].iter().filter(|reads| reads.is_for_matched && reads.guard.is_none_or(is_for_event));
        asked.flat_map(|reads| reads.condition.iter().copied()).collect()
    }
}
