//! The folds of a table: events of sources become its rows.
//!
//! Owns what the merges of a table have in common. Every event travels to its key with all values that depend on it alone; there the events of
//! a key are taken in the order of appending, whatever topics and partitions they lie in, each by the clauses of its own merge. Rows may be
//! there before the first event, and rows may end.

use datafusion_common::Result;
use operators::clear::to_all_workers;
use operators::fold::{FoldEvent, FoldLogic, FoldOutcome, FoldStep, LogOrder};
use operators::{Errors, Time};
use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use timely::dataflow::StreamVec;

use super::budget::Meter;
use super::columns::field_kinds;
use super::events::Events;
use super::fold_reader::FoldReader;
use super::merge::{Decided, MergeLogic};
use super::slicer::Slicer;
use super::transform::{Made, transform};
use language::topology::{RetentionRule, Table};

/// Reads what travels to the keys of a table, and the errors of rows.
pub fn travelling<'s>(
    events: StreamVec<'s, Time, Events>,
    reader: FoldReader,
    mut meter: Meter,
) -> (StreamVec<'s, Time, FoldEvent>, Errors<'s>) {
    let clears = reader.clears();
    let (folds, errors) = transform(events, "merge", move |batch: &mut Vec<Events>, time, made| {
        for events in batch.drain(..) {
            let Made { rows, errors } = &mut *made;
            let may_go_on = |bytes: usize| {
                meter.count(time, bytes);
                !meter.is_exceeded()
            };
            reader.read(&events, |event| rows.push((event, time, 1)), |error| errors.push((error, time, 1)), may_go_on);
        }
    });
    let events = timely::dataflow::operators::vec::Map::map(folds.inner, |(event, _, _)| event);
    (if clears { to_all_workers(events) } else { events }, errors)
}

/// All folds of a table.
pub struct TableLogic {
    /// in the order of their statements
    merges: Vec<MergeLogic>,
    /// the rows from before the first event, with their keys
    initial: Vec<(Row, Row)>,
    ends: Option<RowEnds>,
}

/// Reads of a row when it goes away.
struct RowEnds {
    time: Slicer,
    kind: FieldKind,
    micros: i64,
    /// the clock of events never falls, so what has ended has ended for all that come
    is_steady: bool,
}

impl RowEnds {
    fn end(&self, row: &[u8]) -> i64 {
        let time = self.time.row(row);
        match self.kind.read(time.as_bytes(), 0) {
            Value::Timestamp(micros) => micros.saturating_add(self.micros),
            other => panic!("a row has {other:?} in place of the time by which its retention counts"),
        }
    }
}

impl TableLogic {
    /// The folds of a table; its rows end by a clock of events that never falls if that `is_steady`.
    pub fn of(table: &Table, is_steady: bool) -> Result<Self> {
        let merges = table.merges.iter().map(|merge| MergeLogic::of(table, merge)).collect::<Result<_>>()?;
        let kinds = field_kinds(&table.columns);
        let ends = table.retention.map(|RetentionRule { column, micros }| RowEnds {
            time: Slicer::new(&kinds, &[column]),
            kind: kinds[column].clone(),
            micros,
            is_steady,
        });
        Ok(Self { merges, initial: Vec::new(), ends })
    }

    /// The same with the rows that are there before the first event.
    pub fn beginning_with(self, rows: impl Iterator<Item = (Row, Row)>) -> Self {
        Self { initial: rows.collect(), ..self }
    }

    /// Returns true if an event finds a row no more, because it is older than the retention.
    pub fn has_ended(&self, row: &[u8], order: &LogOrder) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.end(row) <= order.clock)
    }

    /// Appends the effect of each step, with the number of the clause of its merge that decided, if one did.
    pub fn decide_all(&self, steps: &[FoldStep<'_>], decided: &mut Vec<Decided>) {
        let found = |step: &FoldStep<'_>| step.current.filter(|row| !self.has_ended(row, &step.order)).is_some();
        if let [merge] = &self.merges[..]
            && steps.iter().all(|step| step.current.is_none() || found(step))
        {
            return merge.decide_all(steps, |outcome| decided.push(outcome));
        }
        let mut outcomes: Vec<Option<Decided>> = Vec::new();
        outcomes.resize_with(steps.len(), || None);
        for (number, merge) in self.merges.iter().enumerate() {
            let own: Vec<usize> = (0..steps.len()).filter(|&step| steps[step].order.statement as usize == number).collect();
            let of = |&place: &usize| {
                let FoldStep { key, order, event, current } = steps[place];
                FoldStep { key, order, event, current: current.filter(|row| !self.has_ended(row, &order)) }
            };
            let mut places = own.iter();
            merge.decide_all(&own.iter().map(of).collect::<Vec<_>>(), |outcome| {
                if let Some(&place) = places.next() {
                    outcomes[place] = Some(outcome);
                }
            });
        }
        let outcome =
            |outcome: Option<Decided>| outcome.unwrap_or_else(|| panic!("an event is for a statement that is not there"));
        decided.extend(outcomes.into_iter().map(outcome));
    }
}

impl FoldLogic for TableLogic {
    fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>) {
        let mut decided = Vec::with_capacity(steps.len());
        self.decide_all(steps, &mut decided);
        outcomes.extend(decided.into_iter().map(|(outcome, _)| outcome));
    }

    fn initial(&mut self) -> Vec<(Row, Row)> {
        std::mem::take(&mut self.initial)
    }

    fn end(&self, row: &[u8]) -> Option<i64> {
        self.ends.as_ref().filter(|ends| ends.is_steady).map(|ends| ends.end(row))
    }
}
