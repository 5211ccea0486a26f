//! Declared sinks: all of a topology, and the identity of what each writes.
//!
//! A [`SinkDefinition`] enters; its fingerprint leaves.

use schemas::connector::OptionKind;
use schemas::fingerprint::Fingerprint;
use schemas::key_template::{KeyPart, KeyTemplate};
use schemas::serving::{Language, SearchIndex};
use schemas::sink::{SinkContent, SinkDefinition};

use super::identity::form::{Form, Subject};
use crate::topology::Topology;

/// Every sink of a topology: those that are declared, then those of the full-text indexes.
pub fn definitions(topology: &Topology) -> impl Iterator<Item = SinkDefinition> {
    topology.sinks.iter().cloned().chain(topology.searches.iter().map(SinkDefinition::of_index))
}

/// The identity of what a sink writes, given that of the rows of its view. The address of its server is no part of it.
pub fn fingerprint(sink: &SinkDefinition, rows: Fingerprint) -> Fingerprint {
    let SinkDefinition { name, view, connector, options, content } = sink;
    if let SinkContent::Search(index) = content {
        return search_fingerprint(index, rows);
    }
    let mut form = Form::new(Subject::Sink);
    form.text(name);
    form.text(view);
    form.tag(connector.tag);
    for option in connector.options {
        match option.kind {
            OptionKind::Topic | OptionKind::Text => form.text(options.text(option.name)),
            OptionKind::Word(words) => {
                let word = options.text(option.name);
                let place = words.iter().position(|known| *known == word);
                let place = place.unwrap_or_else(|| panic!("the option '{}' has the value '{word}'", option.name));
                form.tag(u8::try_from(place + 1).unwrap_or_else(|_| panic!("the option '{}' has too many words", option.name)));
            }
            OptionKind::Url(_) => {}
        }
    }
    match content {
        SinkContent::Upsert { key } => {
            form.tag(1);
            form.counts(key);
        }
        SinkContent::Changelog => form.tag(2),
        SinkContent::Invalidate { key } => {
            form.tag(3);
            write_key(key, &mut form);
        }
        SinkContent::Search(_) => unreachable!("its identity was returned above"),
    }
    form.identity(rows);
    form.fingerprint()
}

fn write_key(key: &KeyTemplate, form: &mut Form) {
    form.each(key.parts().iter(), |form, part| match part {
        KeyPart::Literal(text) => {
            form.tag(1);
            form.text(text);
        }
        KeyPart::Column(column) => {
            form.tag(2);
            form.count(*column);
        }
    });
}

/// The identity of the words that a full-text index holds.
fn search_fingerprint(index: &SearchIndex, rows: Fingerprint) -> Fingerprint {
    let SearchIndex { name, view, searched, included, guarded, key, stemmer, prefix_letters, suggested, popularity } = index;
    let mut form = Form::new(Subject::Search);
    form.text(name);
    form.text(view);
    [searched, included, guarded, key].into_iter().for_each(|columns| form.counts(columns));
    let codes = Language::ALL.iter().filter(|(language, ..)| Some(*language) == *stemmer).map(|(_, code, _)| *code);
    form.optional(codes.last(), Form::text);
    form.count(*prefix_letters);
    form.optional(*suggested, Form::count);
    form.optional(*popularity, Form::count);
    form.identity(rows);
    form.fingerprint()
}
