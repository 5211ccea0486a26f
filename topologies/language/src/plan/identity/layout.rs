//! The layout of a topic whose events have the envelope: all that decides which records are events, and what their fields mean.
//!
//! Owns its text, and which topics have none in their form. A topic enters; its layout leaves.

use std::fmt::Write as _;

use schemas::fingerprint::Fingerprint;
use schemas::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind};

/// Fingerprints of the layouts that earlier versions had built in, in the order of their topics' names. States on disks are known by forms
/// without them.
const BUILT_IN: [&str; 10] = [
    "cfc7e0fb6c56c2d9",
    "a11dafca65a6f242",
    "4f9349f51c32f784",
    "0789cc945df06f24",
    "6b88696138291b07",
    "e3f0636be0493760",
    "122a9beabf5d8140",
    "a744708126f8d6ac",
    "1df4715b4928ba03",
    "3e5f990b49a3c02b",
];

/// The layout of a topic, where it is part of the form of what reads it: a record that is an event for one layout may be none for another, and a
/// state that was computed with one must not go on with another.
pub(super) fn layout(topic: &EnvelopedTopic) -> Option<String> {
    let layout = text(topic);
    let fingerprint = Fingerprint::of(&layout).to_string();
    (!BUILT_IN.contains(&fingerprint.as_str())).then_some(layout)
}

fn text(topic: &EnvelopedTopic) -> String {
    let mut text = match topic.aggregate {
        AggregateIdKind::Id => "id\n".to_owned(),
        AggregateIdKind::Text => "text\n".to_owned(),
    };
    for event in &topic.events {
        // Any text may be the type of an event.
        let _ = writeln!(text, "{} {} {}:{}", event.tag, event.name, event.event_type.len(), event.event_type);
        for field in &event.fields {
            let (optional, key) = (if field.nullable { " optional" } else { "" }, if field.key { " key" } else { "" });
            let _ = writeln!(text, " {} {} {}{optional}{key}", field.tag, field.name, kind(field.kind));
        }
    }
    text
}

fn kind(kind: EventFieldKind) -> &'static str {
    match kind {
        EventFieldKind::Id => "id",
        EventFieldKind::Int => "int",
        EventFieldKind::Float => "float",
        EventFieldKind::Boolean => "boolean",
        EventFieldKind::Text => "text",
        EventFieldKind::Time => "time",
        EventFieldKind::Ids => "ids",
        EventFieldKind::Texts => "texts",
    }
}

#[cfg(test)]
mod tests {
    use schemas::testing::{enveloped_topics, social_topics};
    use schemas::topic::TopicSet;

    use super::*;

    fn fingerprints(topics: &TopicSet) -> Vec<String> {
        enveloped_topics(topics).into_iter().map(|topic| Fingerprint::of(text(topic)).to_string()).collect()
    }

    #[test]
    fn the_files_of_the_social_network_have_the_layouts_that_were_built_in() {
        assert_eq!(fingerprints(&social_topics(testkit::social::proto_files())), BUILT_IN);
    }

    #[test]
    fn every_other_layout_is_part_of_the_form() {
        for (from, to) in [
            ("string text = 2;", "string text = 9;"),
            ("string text = 2;", "optional string text = 2;"),
            ("string text = 2;", "string text = 2; optional string mood = 9;"),
            ("int64 author_id = 1 [(tidewater.v1.meaning) = MEANING_ID]", "int64 author_id = 1"),
            ("event_type) = \"post.created\"", "event_type) = \"post.made\""),
            ("PostCreated created = 10", "PostCreated created = 40"),
            ("PostCreated created = 10", "PostCreated made = 10"),
        ] {
            let mut files = testkit::social::proto_files();
            for (name, text) in files.iter_mut().filter(|(name, _)| name == "post.proto") {
                assert!(text.contains(from), "{name} has no '{from}'");
                *text = text.replacen(from, to, 1);
            }
            let topics = social_topics(files);
            let topics = enveloped_topics(&topics).into_iter();
            let with_layout: Vec<&str> = topics.filter(|topic| layout(topic).is_some()).map(|topic| topic.topic.as_str()).collect();
            assert_eq!(with_layout, ["social.post"], "{to}");
        }
    }
}
