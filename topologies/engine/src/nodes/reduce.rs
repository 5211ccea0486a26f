//! One row for each group.
//!
//! Owns the translation of a group's columns to the keyed rows that aggregates take, and the choice of the rows that made a result: those
//! that an aggregate adds up, of a minimum or maximum one row that has the value, of a most frequent value all that have it, and of a first
//! value the first row.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::Rows;
use operators::reduce::{AggregateSpec, ReduceSpec, reduce};
use schemas::aggregate::AggregateKind;
use schemas::field::{FieldKind, Value, is_null};
use schemas::row::Row;

use crate::provenance::demand::{Demand, DemandedColumn};
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::local::NodeInput;
use crate::provenance::origins::Origins;
use crate::render::arrangements::keyed;
use crate::render::renderer::Renderer;
use crate::render::slicer::Slicer;
use language::plan::graph::{Aggregate, NodeId, Operator, Reduce};

/// Makes one row of each group.
pub fn render<'s>(
    renderer: &mut Renderer<'s, '_>,
    node: NodeId,
    input: NodeId,
    keys: &[usize],
    aggregates: &[Aggregate],
    global: bool,
) -> Rows<'s> {
    let mut values: Vec<usize> = Vec::new();
    let mut place = |column: usize| match values.iter().position(|&other| other == column) {
        Some(place) => place,
        None => {
            values.push(column);
            values.len() - 1
        }
    };
    let columns = &renderer.topology.graph.nodes[node].columns;
    let specs = aggregates
        .iter()
        .zip(&columns[keys.len()..])
        .map(|(aggregate, column)| AggregateSpec {
            kind: aggregate.kind.clone(),
            input: aggregate.inputs.iter().map(|&input| place(input)).collect(),
            filter: aggregate.filter.map(&mut place),
            expression: column.name.clone(),
        })
        .collect();
    let kinds = &renderer.kinds[input];
    let spec = ReduceSpec {
        key_kinds: keys.iter().map(|&key| kinds[key].clone()).collect(),
        value_kinds: values.iter().map(|&value| kinds[value].clone()).collect(),
        aggregates: specs,
        global,
        append_only: renderer.topology.graph.nodes[input].append_only,
        relation: renderer.relation(node).to_owned(),
    };
    let rows = keyed(renderer.unkept_rows(node, input), &renderer.kinds[input], keys, &values);
    let (rows, errors) = reduce(rows, spec, renderer.node_state(node));
    renderer.errors.push(errors);
    rows
}

/// Each row comes from those rows of its group that count.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    node: NodeId,
    input: NodeId,
    (keys, aggregates, global): (&[usize], &[Aggregate], bool),
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let place = |column: usize| keys.get(column).map_or(DemandedColumn::Elsewhere, |&key| DemandedColumn::Column(key));
    let rows = interpreter.rows(input, &demand.pushed(&interpreter.kinds[node], place))?;
    if rows.is_empty() && !global {
        return Ok(Vec::new());
    }
    let nodes = &interpreter.topology.graph.nodes;
    let plain = NodeInput { columns: nodes[input].columns.clone(), rows: rows.iter().map(|row| row.row.clone()).collect() };
    let (own_keys, own_aggregates) = (keys.to_vec(), aggregates.to_vec());
    let operator = Operator::Reduce(Reduce { input: 0, keys: own_keys, aggregates: own_aggregates, global });
    let made = interpreter.run(operator, vec![plain], nodes[node].columns.clone())?;
    let of_input = interpreter.slicer(input, keys);
    let mut groups: BTreeMap<Row, Vec<&Derived>> = BTreeMap::new();
    for derived in rows.iter() {
        groups.entry(of_input.row(derived.row.as_bytes())).or_default().push(derived);
    }
    let of_result = interpreter.slicer(node, &(0..keys.len()).collect::<Vec<_>>());
    let contributions: Vec<Contribution<'_>> = aggregates
        .iter()
        .enumerate()
        .map(|(number, aggregate)| Contribution {
            kind: &aggregate.kind,
            arguments: needed(aggregate).into_iter().map(|column| interpreter.slicer(input, &[column])).collect(),
            place: ordering(aggregate, &|column| interpreter.slicer(input, &[column])),
            filter: aggregate.filter.map(|column| interpreter.slicer(input, &[column])),
            result: interpreter.slicer(node, &[keys.len() + number]),
        })
        .collect();
    let derived = made.into_iter().map(|(row, _)| {
        let group = groups.get(&of_result.row(row.as_bytes())).map_or(&[][..], Vec::as_slice);
        let origins = origins_of(group, &contributions, &row);
        Derived { row, origins }
    });
    Ok(derived.collect())
}

/// The columns in which a row must not have NULL to count.
fn needed(aggregate: &Aggregate) -> Vec<usize> {
    match aggregate.kind {
        AggregateKind::CountAll
        | AggregateKind::ArrayAgg { .. }
        | AggregateKind::JsonArray { .. }
        | AggregateKind::JsonObject { .. } => Vec::new(),
        // A row of several columns is not NULL, whatever its columns are.
        AggregateKind::CountDistinct if aggregate.inputs.len() > 1 => Vec::new(),
        AggregateKind::Regression(_) => aggregate.inputs.clone(),
        AggregateKind::First { needs_key, .. } => aggregate.inputs[1..].iter().copied().take(usize::from(needs_key)).collect(),
        _ => aggregate.inputs.iter().copied().take(1).collect(),
    }
}

/// The columns that order the rows of which the first counts, each with true if it is descending: the ordering columns, then the value.
fn ordering(aggregate: &Aggregate, slicer: &dyn Fn(usize) -> Slicer) -> Vec<(Slicer, bool)> {
    let AggregateKind::First { order, .. } = &aggregate.kind else { return Vec::new() };
    let (value, ordering) = aggregate.inputs.split_at(1);
    let ordering = ordering.iter().copied().zip(order.iter().copied());
    ordering.chain(value.iter().map(|column| (*column, false))).map(|(column, descending)| (slicer(column), descending)).collect()
}

/// The part of a row that an aggregate takes.
struct Contribution<'a> {
    kind: &'a AggregateKind,
    /// fields that must be there
    arguments: Vec<Slicer>,
    /// fields that decide which row is the first
    place: Vec<(Slicer, bool)>,
    filter: Option<Slicer>,
    /// its field of the result
    result: Slicer,
}

impl Contribution<'_> {
    /// The rows that made this result.
    fn rows<'d>(&self, group: &[&'d Derived], result: &Row) -> Vec<&'d Derived> {
        let taken = group.iter().copied().filter(|derived| self.takes(derived.row.as_bytes()));
        let has_result = |derived: &&Derived| {
            let found = self.result.row(result.as_bytes());
            self.arguments.first().is_some_and(|argument| argument.row(derived.row.as_bytes()) == found)
        };
        match self.kind {
            AggregateKind::Min | AggregateKind::Max => {
                taken.filter(has_result).min_by(|a, b| a.origins.cmp(&b.origins)).into_iter().collect()
            }
            AggregateKind::Mode { .. } => taken.filter(has_result).collect(),
            AggregateKind::First { .. } => {
                let place = |derived: &&Derived| (self.place_of(derived.row.as_bytes()), Rc::clone(&derived.origins));
                taken.min_by_key(place).into_iter().collect()
            }
            _ => taken.collect(),
        }
    }

    /// The bytes by which rows come one after the other.
    fn place_of(&self, row: &[u8]) -> Row {
        let mut place = Row::empty();
        for (slicer, descending) in &self.place {
            let start = place.len();
            place.extend(slicer.row(row).as_bytes());
            if *descending {
                place.tail_mut(start).iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        place
    }

    /// Returns true if a row counts.
    fn takes(&self, row: &[u8]) -> bool {
        let is_true = |filter: &Slicer| FieldKind::Boolean.read(filter.row(row).as_bytes(), 0) == Value::Boolean(true);
        self.filter.as_ref().is_none_or(is_true)
            && self.arguments.iter().all(|argument| !is_null(argument.row(row).as_bytes(), 0))
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
