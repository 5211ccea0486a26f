//! Tables: the rows that events fold into, and which of the events gave a row what it holds.
//!
//! Owns the provenance of a fold. The events of the wanted keys enter in their order and go through the clauses of the merge as they do
//! in the dataflow. A row comes from the event that inserted it, and each column from the last one that changed it, with all that the value
//! and the condition of the clause depended on.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::clear::in_place;
use operators::fold::{FoldEvent, FoldOutcome, FoldStep, LogOrder};
use schemas::field::{FieldKind, Value};
use schemas::position::{Offset, Partition};
use schemas::row::Row;
use schemas::topic::changes::CHANGE_SEQUENCE;

use super::demand::Check;
use super::derived::Derived;
use super::error::{LineageError, Unfinished};
use super::origins::{Origin, Origins};
use super::scan::Scans;
use crate::epoch_clock::Clock;
use crate::render::columns::{field_kinds, source_columns};
use crate::render::fold_reader::{FoldReader, MergePlace};
use crate::render::slicer::Slicer;
use crate::render::table_logic::TableLogic;
use language::plan::merge::{Action, Clause, FoldValue, Merge};
use language::topology::{Table, Topology};

/// The rows of a table whose keys are wanted. Those from before the first event come from none.
pub fn rows(topology: &Topology, number: usize, keys: &Check, scans: &mut Scans<'_>) -> Result<Vec<Derived>, LineageError> {
    let table = &topology.tables[number];
    let mut first = first_rows(table, keys);
    let sources = table.sources(&topology.sources);
    let mut events = Vec::new();
    for (statement, topic) in table.merge_places(&topology.sources).into_iter().enumerate() {
        key_events(topology, (table, statement, topic), keys, scans, &mut events)?;
    }
    events.sort_unstable();
    // No key comes before the empty one of what takes all rows away.
    let keyless = events.partition_point(|(key, _, _)| key.is_empty());
    let clearings: Vec<LogOrder> = events.drain(..keyless).map(|(_, order, _)| order).collect();
    in_place(&mut events, &clearings, std::iter::empty());
    let begun = |events| Fold::new(events, &mut first);
    let mut folds: Vec<Fold<'_>> = events.chunk_by(|a, b| a.0 == b.0).map(begun).collect();
    let logic = TableLogic::of(table, scans.clock == Clock::System)?;
    let tracers: Vec<Tracer> = table.merges.iter().map(|merge| Tracer::new(table, merge)).collect();
    for round in 0.. {
        scans.check_time()?;
        let active: Vec<usize> = (0..folds.len()).filter(|&fold| round < folds[fold].events.len()).collect();
        if active.is_empty() {
            break;
        }
        let is_clearing = |fold: &usize| clearings.binary_search(&folds[*fold].events[round].1).is_ok();
        let (cleared, active): (Vec<usize>, Vec<usize>) = active.into_iter().partition(is_clearing);
        cleared.into_iter().for_each(|fold| folds[fold].state = None);
        let mut decided = Vec::with_capacity(active.len());
        active.iter().for_each(|&fold| folds[fold].end(round, &logic));
        let steps: Vec<FoldStep<'_>> = active.iter().map(|&fold| folds[fold].step(round)).collect();
        logic.decide_all(&steps, &mut decided);
        for (fold, (outcome, clause)) in active.into_iter().zip(decided) {
            let (_, order, fields) = &folds[fold].events[round];
            let source = sources[order.topic as usize];
            let origin = Origin { source, partition: Partition(order.partition), offset: Offset(order.offset) };
            let (tracer, fields) = (&tracers[order.statement as usize], fields.clone());
            tracer.apply(&mut folds[fold].state, outcome, clause, (origin, &fields));
        }
    }
    let untouched = first.into_values();
    Ok(folds.into_iter().filter_map(|fold| fold.state).chain(untouched).map(State::into_derived).collect())
}

/// The wanted rows from before the first event, by their keys.
fn first_rows(table: &Table, keys: &Check) -> BTreeMap<Row, State> {
    let wanted = table.rows.iter().filter(|(key, _)| keys.admits(key.as_bytes()));
    wanted.map(|(key, row)| (key.clone(), State::new(row.clone(), Rc::default(), table.columns.len()))).collect()
}

/// Adds the events of the wanted keys for one merge of a table.
fn key_events(
    topology: &Topology,
    (table, statement, topic): (&Table, usize, u32),
    keys: &Check,
    scans: &mut Scans<'_>,
    found: &mut Vec<FoldEvent>,
) -> Result<(), LineageError> {
    let merge = &table.merges[statement];
    let columns = source_columns(&topology.sources[merge.source]);
    let place = MergePlace { topic, statement: statement as u32 };
    let reader = FoldReader::new(&columns, &scans.decoded[merge.source], table, merge, place)?;
    let rows_max = scans.limits.rows;
    scans.each(merge.source, |events| {
        let each = |event: FoldEvent| {
            if event.0.is_empty() || keys.admits(event.0.as_bytes()) {
                found.push(event);
            }
        };
        let mut made = 0;
        let may_go_on = |_| {
            made += 1;
            made <= rows_max
        };
        reader.read(events, each, |_| (), may_go_on);
        let is_within = found.len().max(made) <= rows_max;
        if is_within { Ok(()) } else { Err(Unfinished::Rows { relation: table.name.clone(), rows_max }.into()) }
    })
}

/// The events of one key, and the row as it is after some of them.
struct Fold<'e> {
    events: &'e [FoldEvent],
    state: Option<State>,
}

impl<'e> Fold<'e> {
    /// Takes the row of the events' key from those before the first event.
    fn new(events: &'e [FoldEvent], first: &mut BTreeMap<Row, State>) -> Self {
        Self { events, state: events.first().and_then(|(key, _, _)| first.remove(key)) }
    }

    /// Drops the row if the next event finds it no more.
    fn end(&mut self, round: usize, logic: &TableLogic) {
        let order = self.events[round].1;
        self.state.take_if(|state| logic.has_ended(state.row.as_bytes(), &order));
    }

    fn step(&self, round: usize) -> FoldStep<'_> {
        let (key, order, fields) = &self.events[round];
        let current = self.state.as_ref().map(|state| state.row.as_bytes());
        FoldStep { key: key.as_bytes(), order: *order, event: fields.as_bytes(), current }
    }
}

/// A row, and where it and its columns come from.
struct State {
    row: Row,
    inserted: Rc<Origins>,
    columns: Vec<Rc<Origins>>,
}

impl State {
    /// A row of so many columns that comes from one place.
    fn new(row: Row, inserted: Rc<Origins>, width: usize) -> Self {
        Self { row, columns: vec![Rc::clone(&inserted); width], inserted }
    }

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
    fn new(clause: &Clause, is_traced: &impl Fn(&usize) -> bool) -> Self {
        let of = |value: &FoldValue| match value {
            FoldValue::Event(_) => Vec::new(),
            FoldValue::Late(scalar) => scalar.columns().into_iter().filter(|column| is_traced(column)).collect(),
        };
        let assigned = match &clause.action {
            Action::Update(assignments) => assignments.iter().map(|(column, value)| (*column, of(value))).collect(),
            Action::Insert(_) | Action::Delete | Action::Nothing | Action::Raise(_) => BTreeMap::new(),
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
    /// the column with the place of the last change, which nobody sees, and on which it does not depend what a row holds
    sequence: Option<usize>,
    fields: Vec<FieldKind>,
}

impl Tracer {
    fn new(table: &Table, merge: &Merge) -> Self {
        let width = table.columns.len();
        let all: Vec<usize> = (0..width).collect();
        let sequence = table.columns.iter().position(|column| column.name == CHANGE_SEQUENCE);
        let is_traced = |column: &usize| *column < width && Some(*column) != sequence;
        Self {
            clauses: merge.clauses.iter().map(|clause| Reads::new(clause, &is_traced)).collect(),
            columns: Slicer::new(&field_kinds(&table.columns), &all),
            width,
            sequence,
            fields: field_kinds(merge.fields.iter().map(|(_, column)| column)),
        }
    }

    fn apply(&self, state: &mut Option<State>, outcome: FoldOutcome, clause: Option<usize>, (origin, fields): (Origin, &Row)) {
        match (outcome, state.as_mut()) {
            (FoldOutcome::Keep | FoldOutcome::Fail(_) | FoldOutcome::Refuse(_), _) => {}
            (FoldOutcome::Delete, _) => *state = None,
            (FoldOutcome::Put(row), None) => {
                *state = Some(State::new(row, Origins::of(origin), self.width));
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
        let traced = (0..self.width).filter(|column| Some(*column) != self.sequence);
        let changed = traced.filter(has_changed).map(|column| {
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
