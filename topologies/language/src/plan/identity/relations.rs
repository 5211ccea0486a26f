//! The canonical form of sources and tables, with the folds that fill them.

use std::collections::BTreeSet;

use schemas::event::Encoding;
use schemas::topic::TopicSchema;
use schemas::topic::changes::ChangeFormat;
use schemas::topic::column::{RecordPart, TextForm};
use schemas::topic::declared::DeclaredTopic;
use schemas::topic::message::DeclaredMessage;

use super::form::{ColumnForm, Form, by_number};
use super::layout::layout;
use super::{scalar, types};
use crate::plan::event_rows::EventStep;
use crate::plan::graph::Operator;
use crate::plan::merge::{Action, Clause, FoldValue, Merge};
use crate::plan::operators::definition::NodeReference;
use crate::topology::{RetentionRule, Source, Table};

/// Tells the columns of a source apart by their names: a message with more events numbers them otherwise.
pub fn by_name(source: &Source) -> impl Fn(&mut Form, usize) + '_ {
    move |form: &mut Form, column: usize| {
        form.tag(1);
        form.text(&source.schema.columns()[column].name);
    }
}

/// Writes a source as what reads some of its columns sees it.
pub fn source(form: &mut Form, source: &Source) {
    form.text(source.schema.topic());
    match (&source.schema, source.encoding) {
        (TopicSchema::Enveloped(_), Encoding::Json) => form.tag(1),
        (TopicSchema::Enveloped(_), Encoding::Protobuf) => form.tag(2),
        (TopicSchema::Declared(topic), _) => {
            form.tag(3);
            declared(form, topic);
        }
    }
    form.number(source.partitions);
    match source.deduplication_micros {
        Some(micros) => form.number(micros),
        None => form.tag(1),
    }
    if let TopicSchema::Enveloped(topic) = &source.schema
        && let Some(layout) = layout(topic)
    {
        form.tag(LAYOUT);
        form.text(&layout);
    }
}

/// Writes the declared columns by their names, the fields of a message each with its number and kind: two fields that swap their numbers swap
/// the values of old events. A value that does not fit a column takes its whole event away, also from those who read others.
fn declared(form: &mut Form, topic: &DeclaredTopic) {
    let wire = topic.message().map(DeclaredMessage::wire);
    let mut columns: Vec<usize> = (0..topic.columns().len()).collect();
    columns.sort_by_key(|&column| &topic.columns()[column].name);
    form.each(columns.into_iter(), |form, place| {
        let column = &topic.columns()[place];
        form.text(&column.name);
        types::data_type(form, &column.data_type);
        form.flag(column.nullable);
        match (wire.as_ref().and_then(|wire| wire.get(place)), topic.form(place)) {
            (Some((number, kind)), _) => {
                form.tag(4);
                form.number(*number);
                form.text(kind);
            }
            (None, TextForm::Plain) => form.tag(1),
            (None, TextForm::Uuid) => form.tag(2),
        }
    });
    let name = |column: usize| topic.columns()[column].name.as_str();
    form.optional(topic.event_time(), |form, column| form.text(name(column)));
    form.each(topic.told_apart_by().iter(), |form, &column| form.text(name(column)));
    form.optional(topic.message(), |form, message| form.text(message.name()));
    if let Some(changes) = topic.changes() {
        form.tag(CHANGES);
        form.tag(match changes.format {
            ChangeFormat::Upsert => 1,
            ChangeFormat::Debezium => 2,
        });
        form.each(changes.key.iter(), |form, &column| form.text(name(column)));
        let required = changes.required.iter().enumerate().filter(|(_, required)| **required).map(|(column, _)| name(column));
        let required: BTreeSet<&str> = required.collect();
        form.each(required.into_iter(), Form::text);
    }
    if topic.included().len() > 0 {
        form.tag(INCLUDED);
        form.each(topic.included(), |form, (part, column)| {
            form.text(name(column));
            form.tag(match part {
                RecordPart::Key => 1,
                RecordPart::Partition => 2,
                RecordPart::Offset => 3,
                RecordPart::Timestamp => 4,
                RecordPart::Payload => 5,
            });
        });
    }
}

/// Tags of what only some topics have: changes of rows, parts of records as columns, and a layout of events with the envelope.
const CHANGES: u8 = 20;
const INCLUDED: u8 = 21;
const LAYOUT: u8 = 22;

/// Writes the columns of a source, for what reads all of them.
pub fn source_columns(form: &mut Form, source: &Source) {
    form.each(source.schema.columns().iter(), |form, column| {
        form.text(&column.name);
        types::data_type(form, &column.data_type);
    });
}

/// Tag of the folds of a table that has several, or one of rows that are made of events: no flag has it.
const FOLDS: u8 = 2;
/// Tag of the rows of a table from before the first event, behind its folds.
const FIRST_ROWS: u8 = 3;
/// Tag of the age at which rows go away, behind all that.
const RETENTION: u8 = 4;

/// Writes a table with the folds that fill it.
pub fn table(form: &mut Form, table: &Table, sources: &[Source]) {
    form.each(table.columns.iter(), |form, column| types::data_type(form, &column.data_type));
    form.each(table.not_null.iter(), |form, not_null| form.flag(*not_null));
    form.counts(&table.primary_key);
    match &table.merges[..] {
        [] => form.flag(false),
        [merge] if merge.steps.is_empty() => {
            form.flag(true);
            fold(form, merge, &sources[merge.source]);
        }
        merges => {
            form.tag(FOLDS);
            form.each(merges.iter(), |form, merge| {
                source(form, &sources[merge.source]);
                steps(form, &merge.steps, &sources[merge.source]);
                fold(form, merge, &sources[merge.source]);
            });
        }
    }
    if !table.rows.is_empty() {
        form.tag(FIRST_ROWS);
        form.each(table.rows.values(), |form, row| form.bytes(row.as_bytes()));
    }
    if let Some(RetentionRule { column, micros }) = table.retention {
        form.tag(RETENTION);
        form.count(column);
        form.number(micros);
    }
}

/// Writes the way from the events of a source to rows.
fn steps(form: &mut Form, steps: &[EventStep], from: &Source) {
    let named = by_name(from);
    form.each(steps.iter().enumerate(), |form, (place, step)| {
        let is_by_name = place == 0 && matches!(step.operator, Operator::Map(_));
        if place == 0 && !is_by_name {
            // It numbers the columns of the source.
            source_columns(form, from);
        }
        let refer = |form: &mut Form, _: NodeReference| form.tag(3);
        let column: ColumnForm<'_> = if is_by_name { &named } else { &by_number };
        step.operator.write_form(form, &step.columns, &refer, column);
    });
}

fn fold(form: &mut Form, merge: &Merge, from: &Source) {
    source(form, from);
    let named = by_name(from);
    let column: ColumnForm<'_> = if merge.steps.is_empty() { &named } else { &by_number };
    form.each(merge.key.iter(), |form, key| scalar::write(form, key, column));
    form.each(merge.fields.iter(), |form, (field, of)| {
        scalar::write(form, field, column);
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
        Action::Raise(reason) => {
            form.tag(5);
            fold_value(form, reason);
        }
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
            scalar::write(form, late, &by_number);
        }
    }
}
