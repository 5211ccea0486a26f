//! The canonical form of sources and tables, with the folds that fill them.

use schemas::event::Encoding;
use schemas::topic::TopicSchema;
use schemas::topic::column::TextForm;
use schemas::topic::declared::DeclaredTopic;
use schemas::topic::message::DeclaredMessage;

use super::form::{Form, by_number};
use super::{scalar, types};
use crate::plan::merge::{Action, Clause, FoldValue, Merge};
use crate::topology::{Source, Table};

/// Tells the columns of a source apart by their names: a catalogue with more events numbers them otherwise.
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
        match (&wire, topic.form(place)) {
            (Some(wire), _) => {
                let (number, kind) = &wire[place];
                form.tag(4);
                form.number(*number);
                form.text(kind);
            }
            (None, TextForm::Plain) => form.tag(1),
            (None, TextForm::Uuid) => form.tag(2),
            (None, TextForm::Json) => form.tag(3),
        }
    });
    let name = |column: usize| topic.columns()[column].name.as_str();
    form.optional(topic.event_time(), |form, column| form.text(name(column)));
    form.each(topic.told_apart_by().iter(), |form, &column| form.text(name(column)));
    form.optional(topic.message(), |form, message| form.text(message.name()));
}

/// Writes the columns of a source, for what reads all of them.
pub fn source_columns(form: &mut Form, source: &Source) {
    form.each(source.schema.columns().iter(), |form, column| {
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
    form.each(merge.key.iter(), |form, key| scalar::write(form, key, &column));
    form.each(merge.fields.iter(), |form, (field, of)| {
        scalar::write(form, field, &column);
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
            scalar::write(form, late, &by_number);
        }
    }
}
