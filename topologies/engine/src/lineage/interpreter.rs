//! The plan, evaluated for a few rows: each with the events that it was made of.
//!
//! Owns [`Interpreter`]. What is wanted of a node goes down to what that needs of its inputs, as far as columns pass through; of a join the
//! side with fewer wanted values is evaluated first, and its keys are then what is wanted of the other. So a scan keeps few rows.
//! What operators make of rows is not known here: [`super::local`] lets the dataflow do it, and [`super::stateful`] says which of a
//! group's rows count.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use schemas::field::{FieldKind, Value};
use schemas::position::{Offset, Partition};
use schemas::row::Row;

use super::demand::{Demand, Place};
use super::derived::{Derived, Found};
use super::error::{LineageError, Unfinished};
use super::fold;
use super::local::{self, Input, Unnumber};
use super::origins::{Origin, Origins};
use super::scan::Scans;
use crate::render::slicer::Slicer;
use crate::render::source::EventReader;
use language::plan::graph::{
    Constant, CountBeyond, Distinct, Join, JoinField, Map, NodeId, Operator, Reduce, Repeat, Semijoin, Session, Side, SourceScan,
    TableScan, TemporalFilter, TopK, Union, Unnest,
};
use language::plan::scalar::Scalar;
use language::topology::Topology;

/// Evaluates nodes.
pub struct Interpreter<'q> {
    pub(super) topology: &'q Topology,
    pub(super) kinds: Vec<Vec<FieldKind>>,
    /// the log
    pub scans: Scans<'q>,
    pub(super) wall_micros: i64,
    owners: Vec<String>,
    known: BTreeMap<(NodeId, Demand), Found>,
    rows: usize,
}

impl<'q> Interpreter<'q> {
    /// Evaluates a plan over the log, at a wall clock.
    pub fn new(topology: &'q Topology, scans: Scans<'q>, wall_micros: i64) -> Self {
        let nodes = 0..topology.graph.nodes.len();
        let kinds = nodes.map(|node| crate::render::kinds_of(topology, node)).collect();
        Self { topology, kinds, scans, wall_micros, owners: topology.owners(), known: BTreeMap::new(), rows: 0 }
    }

    /// The wanted rows of a node: all of them, and no others.
    pub fn rows(&mut self, node: NodeId, demand: &Demand) -> Result<Found, LineageError> {
        if demand.is_nothing() {
            return Ok(Rc::default());
        }
        let key = (node, demand.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(Rc::clone(known));
        }
        self.scans.check_time()?;
        let mut rows = self.evaluate(node, demand)?;
        let check = demand.check(&self.kinds[node]);
        rows.retain(|derived| check.admits(derived.row.as_bytes()));
        self.rows += rows.len();
        self.check_rows(node, self.rows)?;
        let rows = Rc::new(rows);
        self.known.insert(key, Rc::clone(&rows));
        Ok(rows)
    }

    /// Refuses more rows than a question may hold.
    pub(super) fn check_rows(&self, node: NodeId, rows: usize) -> Result<(), LineageError> {
        check_rows(rows, self.scans.limits.rows, &self.owners[node])
    }

    fn evaluate(&mut self, node: NodeId, demand: &Demand) -> Result<Vec<Derived>, LineageError> {
        let topology = self.topology;
        match &topology.graph.nodes[node].operator {
            Operator::Source(SourceScan { source: number, .. }) => {
                let all: Vec<Scalar> = (0..self.kinds[node].len()).map(Scalar::Column).collect();
                self.events(node, (node, *number), &[], &all, demand)
            }
            Operator::Table(TableScan { table: number }) => self.table(node, *number, demand),
            Operator::Constant(Constant { rows }) => {
                Ok(rows.iter().map(|row| Derived { row: row.clone(), origins: Rc::default() }).collect())
            }
            Operator::Map(Map { input, predicates, outputs }) => match topology.graph.nodes[*input].operator {
                Operator::Source(SourceScan { source: number, .. }) => {
                    self.events(node, (*input, number), predicates, outputs, demand)
                }
                _ => self.map(node, *input, predicates, outputs, demand),
            },
            Operator::TemporalFilter(TemporalFilter { input, from, until }) => {
                let input = self.rows(*input, demand)?;
                self.carried(node, &input, Operator::TemporalFilter(TemporalFilter { input: 0, from: *from, until: *until }))
            }
            Operator::Join(Join { left, right, output }) => self.join(node, left, right, output, demand),
            Operator::Semijoin(Semijoin { left, right, anti }) => self.semijoin(left, right, *anti, demand),
            Operator::CountBeyond(CountBeyond { rows, bound, positions, beyond }) => {
                self.count_beyond(node, rows, *bound, (positions, *beyond), demand)
            }
            Operator::Reduce(Reduce { input, keys, aggregates, global }) => {
                self.reduce(node, *input, keys, aggregates, *global, demand)
            }
            Operator::Distinct(Distinct { input }) => Ok(first_of_each(&self.rows(*input, demand)?)),
            Operator::TopK(TopK { input, partition, order, limit, offset, rank }) => {
                let (order, limit, offset, rank) = (order.clone(), *limit, *offset, *rank);
                let wanted = self.within(node, partition, demand);
                let rows = self.rows(*input, &wanted)?;
                self.carried(
                    node,
                    &rows,
                    Operator::TopK(TopK { input: 0, partition: partition.clone(), order, limit, offset, rank }),
                )
            }
            Operator::Union(Union { inputs }) => {
                let mut all = Vec::new();
                for &input in inputs {
                    all.extend(self.rows(input, demand)?.iter().cloned());
                }
                Ok(all)
            }
            Operator::Unnest(Unnest { input, column, keep }) => {
                let place = |column: usize| keep.get(column).map_or(Place::Elsewhere, |&kept| Place::Column(kept));
                let rows = self.rows(*input, &demand.pushed(&self.kinds[node], place))?;
                let number = self.kinds[*input].len();
                let numbered = keep.iter().copied().chain([number]).collect();
                let operator = Operator::Unnest(Unnest { input: 0, column: *column, keep: numbered });
                self.carry((*input, node), &rows, operator, keep.len())
            }
            Operator::Repeat(Repeat { input, copies }) => {
                let rows = self.rows(*input, demand)?;
                self.copies(node, &rows, &self.slicer(*input, &[*copies]))
            }
            Operator::Session(Session { input, partition, time, gap_micros }) => {
                let wanted = self.within(node, partition, demand);
                let rows = self.rows(*input, &wanted)?;
                let (partition, time, gap_micros) = (partition.clone(), *time, *gap_micros);
                let rows = self.carried(
                    node,
                    &rows,
                    Operator::Session(Session { input: 0, partition: partition.clone(), time, gap_micros }),
                )?;
                Ok(self.by_session(node, &partition, rows))
            }
        }
    }

    /// Each row as often as its count says.
    fn copies(&self, node: NodeId, rows: &[Derived], count: &Slicer) -> Result<Vec<Derived>, LineageError> {
        let mut copies = Vec::new();
        for derived in rows {
            let times = match FieldKind::Int64.read(count.row(derived.row.as_bytes()).as_bytes(), 0) {
                Value::Int(times) => usize::try_from(times).unwrap_or(0),
                _ => 0,
            };
            self.check_rows(node, self.rows.saturating_add(copies.len()).saturating_add(times))?;
            copies.extend(std::iter::repeat_n(derived.clone(), times));
        }
        Ok(copies)
    }

    /// Returns the wanted input of a node whose partitions have to be whole.
    fn within(&self, node: NodeId, partition: &[usize], demand: &Demand) -> Demand {
        let place = |column: usize| if partition.contains(&column) { Place::Column(column) } else { Place::Elsewhere };
        demand.pushed(&self.kinds[node], place)
    }

    /// Rows straight from the events of a source.
    fn events(
        &mut self,
        node: NodeId,
        (input, number): (NodeId, usize),
        predicates: &[Scalar],
        outputs: &[Scalar],
        demand: &Demand,
    ) -> Result<Vec<Derived>, LineageError> {
        let columns = &self.topology.graph.nodes[input].columns;
        let reader = EventReader::new(columns, &self.scans.decoded[number], predicates, outputs, &self.owners[node])?;
        let check = demand.check(&self.kinds[node]);
        let mut found = Vec::new();
        let (relation, rows_max) = (&self.owners[node], self.scans.limits.rows);
        self.scans.each(number, |events| {
            let emit = |event: usize, row: Row| {
                if check.admits(row.as_bytes()) {
                    let (partition, offset): (Partition, Offset) = events.places[event];
                    found.push(Derived { row, origins: Origins::of(Origin { source: number, partition, offset }) });
                }
            };
            reader.read(events, emit, |_| ());
            check_rows(found.len(), rows_max, relation)
        })?;
        Ok(found)
    }

    fn table(&mut self, node: NodeId, number: usize, demand: &Demand) -> Result<Vec<Derived>, LineageError> {
        let key = &self.topology.tables[number].primary_key;
        let place = |column: usize| key.iter().position(|&other| other == column).map_or(Place::Elsewhere, Place::Column);
        let keys = demand.pushed(&self.kinds[node], place);
        let kinds: Vec<FieldKind> = key.iter().map(|&column| self.kinds[node][column].clone()).collect();
        fold::rows(self.topology, number, &keys.check(&kinds), &mut self.scans)
    }

    fn map(
        &mut self,
        node: NodeId,
        input: NodeId,
        predicates: &[Scalar],
        outputs: &[Scalar],
        demand: &Demand,
    ) -> Result<Vec<Derived>, LineageError> {
        let wanted = demand.pushed(&self.kinds[node], |column| match &outputs[column] {
            Scalar::Column(below) => Place::Column(*below),
            Scalar::Constant { field, .. } => Place::Constant(field.clone()),
            Scalar::Computed(_) => Place::Elsewhere,
        });
        let rows = self.rows(input, &wanted)?;
        let number = self.kinds[input].len();
        let outputs = outputs.iter().cloned().chain([Scalar::Column(number)]).collect();
        let operator = Operator::Map(Map { input: 0, predicates: predicates.to_vec(), outputs });
        self.carry((input, node), &rows, operator, self.kinds[node].len())
    }

    /// An operator that gives out rows of its input, perhaps with more columns behind.
    fn carried(&self, node: NodeId, rows: &[Derived], operator: Operator) -> Result<Vec<Derived>, LineageError> {
        let input = self.topology.graph.nodes[node].operator.inputs()[0];
        self.carry((input, node), rows, operator, self.kinds[input].len())
    }

    /// An operator that makes each of its rows of one row of its input, whose number ends up at `place`.
    fn carry(
        &self,
        (input, node): (NodeId, NodeId),
        rows: &[Derived],
        operator: Operator,
        place: usize,
    ) -> Result<Vec<Derived>, LineageError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = &self.topology.graph.nodes;
        let numbered = Input::numbered(&nodes[input].columns, rows.iter().map(|derived| &derived.row));
        let mut columns = nodes[node].columns.clone();
        columns.insert(place, local::number_column());
        let unnumber = Unnumber::new(&self.kinds[node], &[place]);
        let made = local::run(operator, vec![numbered], columns, self.wall_micros)?;
        let derived = made.iter().map(|(made, _)| {
            let (row, numbers) = unnumber.take(made);
            Derived { row, origins: Origins::union(numbers.iter().map(|&number| &rows[number].origins)) }
        });
        Ok(derived.collect())
    }

    fn join(
        &mut self,
        node: NodeId,
        left: &Side,
        right: &Side,
        output: &[JoinField],
        demand: &Demand,
    ) -> Result<Vec<Derived>, LineageError> {
        let of_left = demand.pushed(&self.kinds[node], |column| match output[column] {
            JoinField::Key(at) => Place::Column(left.keys[at]),
            JoinField::Left(at) => Place::Column(left.values[at]),
            JoinField::Right(_) => Place::Elsewhere,
        });
        let of_right = demand.pushed(&self.kinds[node], |column| match output[column] {
            JoinField::Key(at) => Place::Column(right.keys[at]),
            JoinField::Right(at) => Place::Column(right.values[at]),
            JoinField::Left(_) => Place::Elsewhere,
        });
        let (lefts, rights) = self.both((left, of_left), (right, of_right))?;
        self.check_rows(node, self.pairs((left, &lefts), (right, &rights)))?;
        if lefts.is_empty() || rights.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = &self.topology.graph.nodes;
        let numbered = |input: usize, side: &Side| {
            let values = side.values.iter().copied().chain([self.kinds[side.input].len()]).collect();
            Side { input, keys: side.keys.clone(), values }
        };
        let numbers = [JoinField::Left(left.values.len()), JoinField::Right(right.values.len())];
        let operator = Operator::Join(Join {
            left: numbered(0, left),
            right: numbered(1, right),
            output: output.iter().copied().chain(numbers).collect(),
        });
        let input =
            |side: &Side, rows: &Found| Input::numbered(&nodes[side.input].columns, rows.iter().map(|derived| &derived.row));
        let columns = nodes[node].columns.iter().cloned().chain([local::number_column(), local::number_column()]).collect();
        let made = local::run(operator, vec![input(left, &lefts), input(right, &rights)], columns, self.wall_micros)?;
        let width = output.len();
        let unnumber = Unnumber::new(&self.kinds[node], &[width, width + 1]);
        let derived = made.iter().map(|(made, _)| {
            let (row, numbers) = unnumber.take(made);
            Derived { row, origins: Origins::union([&lefts[numbers[0]].origins, &rights[numbers[1]].origins]) }
        });
        Ok(derived.collect())
    }

    /// Both sides of a join: the narrower first, and of the other only what has its keys.
    pub(super) fn both(
        &mut self,
        (left, of_left): (&Side, Demand),
        (right, of_right): (&Side, Demand),
    ) -> Result<(Found, Found), LineageError> {
        let width = |demand: &Demand| demand.width().unwrap_or(usize::MAX);
        if width(&of_right) < width(&of_left) {
            let rights = self.rows(right.input, &of_right)?;
            let lefts = self.rows(left.input, &of_left.with(&left.keys, self.keys(right, &rights)))?;
            return Ok((lefts, rights));
        }
        let lefts = self.rows(left.input, &of_left)?;
        let rights = self.rows(right.input, &of_right.with(&right.keys, self.keys(left, &lefts)))?;
        Ok((lefts, rights))
    }

    /// The keys of rows.
    pub(super) fn keys(&self, side: &Side, rows: &[Derived]) -> BTreeSet<Row> {
        let keys = self.slicer(side.input, &side.keys);
        rows.iter().map(|derived| keys.row(derived.row.as_bytes())).collect()
    }

    /// Returns the number of pairs that a join makes.
    fn pairs(&self, (left, lefts): (&Side, &[Derived]), (right, rights): (&Side, &[Derived])) -> usize {
        let (left_keys, right_keys) = (self.slicer(left.input, &left.keys), self.slicer(right.input, &right.keys));
        let mut counts: BTreeMap<Row, usize> = BTreeMap::new();
        lefts.iter().for_each(|derived| *counts.entry(left_keys.row(derived.row.as_bytes())).or_default() += 1);
        rights.iter().filter_map(|derived| counts.get(&right_keys.row(derived.row.as_bytes()))).sum()
    }

    /// Names, among matches, the one made of the fewest events: one is enough. A missing match has no event.
    fn semijoin(&mut self, left: &Side, right: &Side, anti: bool, demand: &Demand) -> Result<Vec<Derived>, LineageError> {
        let lefts = self.rows(left.input, demand)?;
        let rights = self.rows(right.input, &Demand::default().with(&right.keys, self.keys(left, &lefts)))?;
        let (left_keys, right_keys) = (self.slicer(left.input, &left.keys), self.slicer(right.input, &right.keys));
        let mut matches: BTreeMap<Row, &Rc<Origins>> = BTreeMap::new();
        for derived in rights.iter() {
            let first = matches.entry(right_keys.row(derived.row.as_bytes())).or_insert(&derived.origins);
            *first = (*first).min(&derived.origins);
        }
        let kept = lefts.iter().filter_map(|derived| {
            let Derived { row, origins } = derived;
            match matches.get(&left_keys.row(row.as_bytes())) {
                Some(_) if anti => None,
                None if !anti => None,
                found => Some(Derived { row: row.clone(), origins: Origins::union([origins].into_iter().chain(found.copied())) }),
            }
        });
        Ok(kept.collect())
    }
}

fn check_rows(rows: usize, rows_max: usize, relation: &str) -> Result<(), LineageError> {
    if rows <= rows_max { Ok(()) } else { Err(Unfinished::Rows { relation: relation.to_owned(), rows_max }.into()) }
}

/// Each row once, with the fewest of its origins.
fn first_of_each(rows: &[Derived]) -> Vec<Derived> {
    let mut firsts: BTreeMap<&Row, &Rc<Origins>> = BTreeMap::new();
    for derived in rows {
        let first = firsts.entry(&derived.row).or_insert(&derived.origins);
        *first = (*first).min(&derived.origins);
    }
    firsts.into_iter().map(|(row, origins)| Derived { row: row.clone(), origins: Rc::clone(origins) }).collect()
}
