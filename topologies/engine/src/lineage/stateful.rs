//! Groups: which of the rows of a group, a window or a count are the reason for what came out.
//!
//! Owns the provenance of aggregates. The results are the dataflow's ([`super::local`]); here is only which rows count: those that an
//! aggregate adds up, and of a minimum or maximum one row that has the value.

use std::collections::BTreeMap;
use std::rc::Rc;

use schemas::aggregate::AggregateKind;
use schemas::aggregate::Beyond;
use schemas::field::{FieldKind, Value, is_null};
use schemas::row::Row;

use super::demand::{Demand, Place};
use super::derived::Derived;
use super::error::LineageError;
use super::interpreter::Interpreter;
use super::local::{self, Input, Unnumber};
use super::origins::Origins;
use crate::render::slicer::Slicer;
use language::plan::graph::{Aggregate, CountBeyond, NodeId, Operator, Reduce, Side};

/// The column whose NULLs do not count; a row of several columns always counts.
fn argument(aggregate: &Aggregate) -> Option<usize> {
    let is_row = aggregate.kind == AggregateKind::CountDistinct && aggregate.inputs.len() > 1;
    aggregate.inputs.first().copied().filter(|_| !is_row)
}

impl Interpreter<'_> {
    /// Cuts columns out of the rows of a node.
    pub(super) fn slicer(&self, node: NodeId, columns: &[usize]) -> Slicer {
        Slicer::new(&self.kinds[node], columns)
    }

    pub(super) fn reduce(
        &mut self,
        node: NodeId,
        input: NodeId,
        keys: &[usize],
        aggregates: &[Aggregate],
        global: bool,
        demand: &Demand,
    ) -> Result<Vec<Derived>, LineageError> {
        let place = |column: usize| keys.get(column).map_or(Place::Elsewhere, |&key| Place::Column(key));
        let rows = self.rows(input, &demand.pushed(&self.kinds[node], place))?;
        if rows.is_empty() && !global {
            return Ok(Vec::new());
        }
        let nodes = &self.topology.graph.nodes;
        let plain = Input { columns: nodes[input].columns.clone(), rows: rows.iter().map(|row| row.row.clone()).collect() };
        let (own_keys, own_aggregates) = (keys.to_vec(), aggregates.to_vec());
        let operator = Operator::Reduce(Reduce { input: 0, keys: own_keys, aggregates: own_aggregates, global });
        let made = local::run(operator, vec![plain], nodes[node].columns.clone(), self.wall_micros)?;
        let of_input = self.slicer(input, keys);
        let mut groups: BTreeMap<Row, Vec<&Derived>> = BTreeMap::new();
        for derived in rows.iter() {
            groups.entry(of_input.row(derived.row.as_bytes())).or_default().push(derived);
        }
        let of_result = self.slicer(node, &(0..keys.len()).collect::<Vec<_>>());
        let contributions: Vec<Contribution<'_>> = aggregates
            .iter()
            .enumerate()
            .map(|(number, aggregate)| Contribution {
                kind: &aggregate.kind,
                argument: argument(aggregate).map(|column| self.slicer(input, &[column])),
                filter: aggregate.filter.map(|column| self.slicer(input, &[column])),
                result: self.slicer(node, &[keys.len() + number]),
            })
            .collect();
        let derived = made.into_iter().map(|(row, _)| {
            let group = groups.get(&of_result.row(row.as_bytes())).map_or(&[][..], Vec::as_slice);
            let origins = origins_of(group, &contributions, &row);
            Derived { row, origins }
        });
        Ok(derived.collect())
    }

    /// Every row of a session says when it began and ended, which all of its rows say together.
    pub(super) fn by_session(&self, node: NodeId, partition: &[usize], rows: Vec<Derived>) -> Vec<Derived> {
        let start = self.kinds[node].len() - 2;
        let session = self.slicer(node, &partition.iter().copied().chain([start]).collect::<Vec<_>>());
        let mut sessions: BTreeMap<Row, Vec<Derived>> = BTreeMap::new();
        for derived in rows {
            sessions.entry(session.row(derived.row.as_bytes())).or_default().push(derived);
        }
        let whole = |rows: Vec<Derived>| {
            let origins = Origins::union(rows.iter().map(|derived| &derived.origins));
            rows.into_iter().map(move |derived| Derived { origins: Rc::clone(&origins), ..derived })
        };
        sessions.into_values().flat_map(whole).collect()
    }

    pub(super) fn count_beyond(
        &mut self,
        node: NodeId,
        rows: &Side,
        bound: usize,
        (positions, beyond): (&Side, Beyond),
        demand: &Demand,
    ) -> Result<Vec<Derived>, LineageError> {
        let (keys, others) = (rows.keys.len(), rows.values.len());
        let of_rows = demand.pushed(&self.kinds[node], |column| match column {
            key if key < keys => Place::Column(rows.keys[key]),
            other if other < keys + others => Place::Column(rows.values[other - keys]),
            _ => Place::Elsewhere,
        });
        let of_positions = demand
            .pushed(&self.kinds[node], |column| positions.keys.get(column).map_or(Place::Elsewhere, |&key| Place::Column(key)));
        let (counted, found) = self.both((rows, of_rows), (positions, of_positions))?;
        if counted.is_empty() || found.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = &self.topology.graph.nodes;
        let values = rows.values.iter().copied().chain([self.kinds[rows.input].len()]).collect();
        let numbered = Input::numbered(&nodes[rows.input].columns, counted.iter().map(|derived| &derived.row));
        let plain = found.iter().map(|derived| derived.row.clone()).collect();
        let plain = Input { columns: nodes[positions.input].columns.clone(), rows: plain };
        let operator = Operator::CountBeyond(CountBeyond {
            rows: Side { input: 0, keys: rows.keys.clone(), values },
            bound,
            positions: Side { input: 1, ..positions.clone() },
            beyond,
        });
        let mut columns = nodes[node].columns.clone();
        columns.insert(keys + others, local::number_column());
        let made = local::run(operator, vec![numbered, plain], columns, self.wall_micros)?;
        let unnumber = Unnumber::new(&self.kinds[node], &[keys + others]);
        let (row_keys, bounds) = (self.slicer(rows.input, &rows.keys), self.slicer(rows.input, &[bound]));
        let (position_keys, values) =
            (self.slicer(positions.input, &positions.keys), self.slicer(positions.input, &positions.values));
        let mut by_key: BTreeMap<Row, Vec<(Row, &Derived)>> = BTreeMap::new();
        for derived in found.iter() {
            let position = (values.row(derived.row.as_bytes()), derived);
            by_key.entry(position_keys.row(derived.row.as_bytes())).or_default().push(position);
        }
        let derived = made.iter().map(|(made, _)| {
            let (row, numbers) = unnumber.take(made);
            let counted = &counted[numbers[0]];
            let bound = bounds.row(counted.row.as_bytes());
            let here = by_key.get(&row_keys.row(counted.row.as_bytes())).map_or(&[][..], Vec::as_slice);
            let beyond = here.iter().filter(|(position, _)| lies(position, beyond, &bound)).map(|(_, derived)| &derived.origins);
            Derived { row, origins: Origins::union(std::iter::once(&counted.origins).chain(beyond)) }
        });
        Ok(derived.collect())
    }
}

fn lies(position: &Row, beyond: Beyond, bound: &Row) -> bool {
    match beyond {
        Beyond::Greater => position > bound,
        Beyond::GreaterOrEqual => position >= bound,
        Beyond::Less => position < bound,
        Beyond::LessOrEqual => position <= bound,
    }
}

/// The part of a row that an aggregate takes.
struct Contribution<'a> {
    kind: &'a AggregateKind,
    argument: Option<Slicer>,
    filter: Option<Slicer>,
    /// its field of the result
    result: Slicer,
}

impl Contribution<'_> {
    /// The rows that made this result.
    fn rows<'d>(&self, group: &[&'d Derived], result: &Row) -> Vec<&'d Derived> {
        let taken = group.iter().copied().filter(|derived| self.takes(derived.row.as_bytes()));
        match (self.kind, &self.argument) {
            (AggregateKind::Min | AggregateKind::Max, Some(argument)) => {
                let best = self.result.row(result.as_bytes());
                let has_best = |derived: &&Derived| argument.row(derived.row.as_bytes()) == best;
                taken.filter(has_best).min_by(|a, b| a.origins.cmp(&b.origins)).into_iter().collect()
            }
            _ => taken.collect(),
        }
    }

    /// A NULL is no argument, but for what keeps it in a list.
    fn takes(&self, row: &[u8]) -> bool {
        let is_true = |filter: &Slicer| FieldKind::Boolean.read(filter.row(row).as_bytes(), 0) == Value::Boolean(true);
        let keeps_null = matches!(self.kind, AggregateKind::CountAll | AggregateKind::ArrayAgg { .. });
        let is_given = |argument: &Slicer| keeps_null || !is_null(argument.row(row).as_bytes(), 0);
        self.filter.as_ref().is_none_or(is_true) && self.argument.as_ref().is_none_or(is_given)
    }
}

/// The events of all rows that count; where none does, one row of the group is why the group is there.
fn origins_of(group: &[&Derived], contributions: &[Contribution<'_>], result: &Row) -> Rc<Origins> {
    let counting: Vec<&Derived> = contributions.iter().flat_map(|contribution| contribution.rows(group, result)).collect();
    if counting.is_empty() {
        return group.iter().map(|derived| &derived.origins).min().cloned().unwrap_or_default();
    }
    Origins::union(counting.into_iter().map(|derived| &derived.origins))
}
