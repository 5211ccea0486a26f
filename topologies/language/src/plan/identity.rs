//! Identities: which states, views and nodes of two plans, perhaps of two versions of this program, are the same.
//!
//! Owns the canonical form, a sequence of bytes that is written by hand for everything that a result depends on: explicit tags, numbers and
//! lengths, never the text of a structure of ours or of DataFusion. Parts of a plan enter; forms and their fingerprints leave. What is only
//! for people (names of columns, texts of literals) is no part of a form.
//!
//! A form is never changed: states on disks are known by it. A new kind of part gets a new tag. What is computed otherwise than before gets
//! another number in [`expression::semantics`], or, when that affects everything, in [`FORM_VERSION`]: the states concerned are then
//! recomputed. `topologies/engine/tests/identities.rs` pins the fingerprints of a topology that has everything.

pub mod expression;
pub mod types;

use schemas::aggregate::AggregateKind;
use schemas::aggregate::Beyond;
use schemas::event::Encoding;
use schemas::fingerprint::Fingerprint;
use schemas::serving::{Column, Index, IndexColumn};

use super::graph::{Aggregate, JoinField, NodeColumn, NodeId, Operator, Side};
use super::merge::{Action, Clause, FoldValue, Merge};
use super::scalar::{Computed, Scalar, column_number};
use crate::topology::{Source, Table};

/// The version of the form. Another one makes every state another one.
pub const FORM_VERSION: u8 = 1;

/// A canonical form that is being written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form(Vec<u8>);

/// Subject of a form: forms of different kinds are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// the deduplication window of a source
    Deduplication = 1,
    /// a node with everything that it is computed from
    Node = 2,
    /// everything that is served
    Plan = 3,
    /// a served view
    View = 4,
    /// the rows of a served view
    Rows = 5,
    /// quarantined events
    DeadLetters = 6,
    /// errors of rows of streams
    RowErrors = 7,
    /// a sink
    Sink = 8,
    /// a full-text index
    Search = 9,
    /// a node among those of one plan
    Interned = 10,
    /// a scalar expression by itself
    Scalar = 11,
}

impl Form {
    /// An empty form of a subject.
    pub fn new(subject: Subject) -> Self {
        Self(vec![FORM_VERSION, subject as u8])
    }

    /// The fingerprint of what was written.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// Writes which of several kinds follows.
    pub fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    /// The same form, after a tag.
    pub fn tagged(&mut self, tag: u8) -> &mut Self {
        self.tag(tag);
        self
    }

    /// Writes a truth value.
    pub fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    /// Writes a number.
    pub fn number(&mut self, number: impl Into<i128>) {
        self.0.extend_from_slice(&number.into().to_le_bytes());
    }

    /// Writes a position or a length.
    pub fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_le_bytes());
    }

    /// Writes bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes a fingerprint.
    pub fn identity(&mut self, identity: Fingerprint) {
        self.0.extend_from_slice(&identity.0);
    }

    /// Writes how many items there are, and each.
    pub fn each<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.count(items.len());
        items.for_each(|item| write(self, item));
    }

    /// Writes whether there is an item, and it.
    pub fn optional<T>(&mut self, item: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }

    /// Writes positions.
    pub fn counts(&mut self, counts: &[usize]) {
        self.each(counts.iter(), |form, count| form.count(*count));
    }
}

/// Writer of the columns of an expression's input, so that they are told apart.
pub type ColumnForm<'a> = &'a dyn Fn(&mut Form, usize);

/// Tells columns apart by their numbers.
pub fn by_number(form: &mut Form, column: usize) {
    form.tag(0);
    form.count(column);
}

/// Tells the columns of a source apart by their names: a catalogue with more events numbers them otherwise.
pub fn by_name(source: &Source) -> impl Fn(&mut Form, usize) + '_ {
    move |form: &mut Form, column: usize| {
        form.tag(1);
        form.text(&source.schema.columns[column].name);
    }
}

/// A node that an operator reads, to be written by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// the events of a source
    Source(usize),
    /// the rows of a table
    Table(usize),
    /// the rows of a node
    Node(NodeId),
}

/// Writes an operator with the types of its columns. `refer` writes what it reads; `column` tells the columns of a map's input apart.
pub fn operator(
    form: &mut Form,
    operator: &Operator,
    columns: &[NodeColumn],
    refer: &dyn Fn(&mut Form, Reference),
    column: ColumnForm<'_>,
) {
    form.each(columns.iter(), |form, column| types::data_type(form, &column.data_type));
    match operator {
        Operator::Source(number) => refer(form.tagged(1), Reference::Source(*number)),
        Operator::Table(number) => refer(form.tagged(2), Reference::Table(*number)),
        Operator::Constant(rows) => form.tagged(3).each(rows.iter(), |form, row| form.bytes(row.as_bytes())),
        Operator::Map { input, predicates, outputs } => {
            refer(form.tagged(4), Reference::Node(*input));
            form.each(predicates.iter(), |form, predicate| scalar(form, predicate, column));
            form.each(outputs.iter(), |form, output| scalar(form, output, column));
        }
        Operator::TemporalFilter { input, from, until } => {
            refer(form.tagged(5), Reference::Node(*input));
            form.optional(*from, Form::count);
            form.optional(*until, Form::count);
        }
        Operator::Join { left, right, output } => {
            sides(form, 6, (left, right), refer);
            form.each(output.iter(), |form, field| join_field(form, *field));
        }
        Operator::Semijoin { left, right, anti } => {
            sides(form, 7, (left, right), refer);
            form.flag(*anti);
        }
        Operator::CountBeyond { rows, bound, positions, beyond } => {
            sides(form, 8, (rows, positions), refer);
            form.count(*bound);
            form.tag(beyond_tag(*beyond));
        }
        Operator::Reduce { input, keys, aggregates, global } => {
            refer(form.tagged(9), Reference::Node(*input));
            form.counts(keys);
            form.each(aggregates.iter(), aggregate);
            form.flag(*global);
        }
        Operator::Distinct(input) => refer(form.tagged(10), Reference::Node(*input)),
        Operator::TopK { input, partition, order, limit, offset, rank } => {
            refer(form.tagged(11), Reference::Node(*input));
            form.counts(partition);
            form.each(order.iter(), index_column);
            form.counts(&[*limit, *offset]);
            form.flag(*rank);
        }
        Operator::Union(inputs) => {
            form.tagged(12).each(inputs.iter(), |form, input| refer(form, Reference::Node(*input)));
        }
        Operator::Unnest { input, column, keep } => {
            refer(form.tagged(13), Reference::Node(*input));
            form.count(*column);
            form.counts(keep);
        }
        Operator::Session { input, partition, time, gap_micros } => {
            refer(form.tagged(14), Reference::Node(*input));
            form.counts(partition);
            form.count(*time);
            form.number(*gap_micros);
        }
        Operator::Repeat { input, copies } => {
            refer(form.tagged(15), Reference::Node(*input));
            form.count(*copies);
        }
    }
}

fn sides(form: &mut Form, tag: u8, (left, right): (&Side, &Side), refer: &dyn Fn(&mut Form, Reference)) {
    form.tag(tag);
    for side in [left, right] {
        refer(form, Reference::Node(side.input));
        form.counts(&side.keys);
        form.counts(&side.values);
    }
}

fn join_field(form: &mut Form, field: JoinField) {
    let (tag, at) = match field {
        JoinField::Key(at) => (1, at),
        JoinField::Left(at) => (2, at),
        JoinField::Right(at) => (3, at),
    };
    form.tag(tag);
    form.count(at);
}

fn beyond_tag(beyond: Beyond) -> u8 {
    match beyond {
        Beyond::Greater => 1,
        Beyond::GreaterOrEqual => 2,
        Beyond::Less => 3,
        Beyond::LessOrEqual => 4,
    }
}

fn index_column(form: &mut Form, column: &IndexColumn) {
    form.count(column.column);
    form.flag(column.descending);
}

fn aggregate(form: &mut Form, aggregate: &Aggregate) {
    aggregate_kind(form, &aggregate.kind);
    form.counts(&aggregate.inputs);
    form.optional(aggregate.filter, Form::count);
}

fn aggregate_kind(form: &mut Form, kind: &AggregateKind) {
    match kind {
        AggregateKind::CountAll => form.tag(1),
        AggregateKind::Count => form.tag(2),
        AggregateKind::Sum { output } => {
            form.tag(3);
            types::field_kind(form, output);
        }
        AggregateKind::Average { output } => {
            form.tag(4);
            types::field_kind(form, output);
        }
        AggregateKind::Min => form.tag(5),
        AggregateKind::Max => form.tag(6),
        AggregateKind::CountDistinct => form.tag(7),
        AggregateKind::ArrayAgg { item, order, distinct } => {
            form.tag(8);
            types::field_kind(form, item);
            form.each(order.iter(), |form, descending| form.flag(*descending));
            form.flag(*distinct);
        }
        AggregateKind::StringAgg { separator, order, distinct } => {
            form.tag(9);
            form.text(separator);
            form.each(order.iter(), |form, descending| form.flag(*descending));
            form.flag(*distinct);
        }
        AggregateKind::BoolAnd => form.tag(10),
        AggregateKind::BoolOr => form.tag(11),
        AggregateKind::DecayedSum { half_life_micros } => {
            form.tag(12);
            form.number(*half_life_micros);
        }
        AggregateKind::FloatSum => form.tag(13),
        AggregateKind::FloatAverage => form.tag(14),
        AggregateKind::OfDistinct(of) => {
            form.tag(15);
            aggregate_kind(form, of);
        }
    }
}

/// Writes a scalar expression.
pub fn scalar(form: &mut Form, scalar: &Scalar, column: ColumnForm<'_>) {
    match scalar {
        Scalar::Column(number) => {
            form.tag(1);
            column(form, *number);
        }
        Scalar::Constant { field, data_type, .. } => {
            form.tag(2);
            types::data_type(form, data_type);
            form.bytes(field.as_bytes());
        }
        Scalar::Computed(Computed { expression, inputs, data_type, .. }) => {
            form.tag(3);
            types::data_type(form, data_type);
            form.each(inputs.iter(), |form, (number, (data_type, _))| {
                column(form, *number);
                types::data_type(form, data_type);
            });
            let of_column =
                |form: &mut Form, named: &datafusion_common::Column| column_number(named).map(|number| column(form, number));
            let written = expression::write(form, expression, &of_column);
            written.unwrap_or_else(|error| panic!("an expression that was lowered has no canonical form: {error}"));
        }
    }
}

/// The form of a scalar expression by itself: two with the same compute the same.
pub fn scalar_form(expression: &Scalar) -> Form {
    let mut form = Form::new(Subject::Scalar);
    scalar(&mut form, expression, &by_number);
    form
}

/// Writes a source as what reads some of its columns sees it.
pub fn source(form: &mut Form, source: &Source) {
    form.text(&source.schema.topic);
    form.tag(match source.encoding {
        Encoding::Json => 1,
        Encoding::Protobuf => 2,
    });
    form.number(source.partitions);
    form.number(source.deduplication_micros);
}

/// Writes the columns of a source, for what reads all of them.
pub fn source_columns(form: &mut Form, source: &Source) {
    form.each(source.schema.columns.iter(), |form, column| {
        form.text(&column.name);
        types::data_type(form, &column.data_type);
    });
}

/// Writes a table with the fold that fills it; `from` is the source of that.
pub fn table(form: &mut Form, table: &Table, from: Option<&Source>) {
    form.each(table.columns.iter(), |form, column| types::data_type(form, &column.data_type));
    form.each(table.not_null.iter(), |form, not_null| form.flag(*not_null));
    form.counts(&table.primary_key);
    form.optional(table.merge.as_ref().zip(from), |form, (merge, from)| fold(form, merge, from));
}

fn fold(form: &mut Form, merge: &Merge, from: &Source) {
    source(form, from);
    let column = by_name(from);
    form.each(merge.key.iter(), |form, key| scalar(form, key, &column));
    form.each(merge.fields.iter(), |form, (field, of)| {
        scalar(form, field, &column);
        types::data_type(form, &of.data_type);
    });
    form.each(merge.clauses.iter(), clause);
}

fn clause(form: &mut Form, clause: &Clause) {
    form.flag(clause.matched);
    // The guard only spares events a way that they would make for nothing.
    form.optional(clause.condition.as_ref(), fold_value);
    match &clause.action {
        Action::Insert(values) => {
            form.tag(1);
            form.each(values.iter(), fold_value);
        }
        Action::Update(assignments) => {
            form.tag(2);
            form.each(assignments.iter(), |form, (column, value)| {
                form.count(*column);
                fold_value(form, value);
            });
        }
        Action::Delete => form.tag(3),
        Action::Nothing => form.tag(4),
    }
}

fn fold_value(form: &mut Form, value: &FoldValue) {
    match value {
        FoldValue::Event(field) => {
            form.tag(1);
            form.count(*field);
        }
        FoldValue::Late(late) => {
            form.tag(2);
            scalar(form, late, &by_number);
        }
    }
}

/// Writes the columns of a view: readers know them by their names.
pub fn view_columns(form: &mut Form, columns: &[Column]) {
    form.each(columns.iter(), |form, column| {
        form.text(&column.name);
        types::field_kind(form, &column.kind);
    });
}

/// Writes an index of a view.
pub fn index(form: &mut Form, index: &Index) {
    form.text(&index.name);
    form.each(index.columns.iter(), index_column);
    form.optional(index.limit, Form::count);
}

#[cfg(test)]
mod tests;
