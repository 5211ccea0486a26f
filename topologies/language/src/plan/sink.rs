//! Declared sinks: where the changes of a view go, checked against what the view is.
//!
//! Owns [`DeclaredSink`]. What a statement says enters; a sink leaves whose columns exist and whose keys are known to be unique, or the
//! reason why not.

use std::collections::BTreeSet;

use schemas::catalogue::catalogue;
use schemas::fingerprint::Fingerprint;
use schemas::position::{TOPIC_NAME_LENGTH_MAX, Topic};

use super::graph::{NodeId, Operator};
use super::identity::{Form, Subject};
use super::key_template::KeyTemplate;
use super::unique::is_unique;
use crate::diagnostic::{Diagnostic, suggestion};
use crate::parse::{Name, SinkFormat, SinkMode, SinkTarget, Text};
use crate::topology::Topology;

/// Prefix of topics of the process itself.
const RESERVED_TOPICS: &str = "tidewater.";

type Outcome<T> = Result<T, Box<Diagnostic>>;

/// Sink of a view's changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredSink {
    /// its name
    pub name: String,
    /// the view that it follows
    pub view: String,
    /// its destination
    pub target: Target,
    /// its content
    pub content: Content,
}

/// Destination of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// a topic of the embedded log
    Log {
        /// its name
        topic: String,
    },
    /// Redis
    Redis {
        /// channel that is told of each change
        channel: String,
        /// effect on a key
        mode: SinkMode,
    },
}

/// Content of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// the last row of each key
    Upsert {
        /// numbers of its columns
        key: Vec<usize>,
    },
    /// every change
    Changelog,
    /// keys of a cache that became stale
    Invalidate {
        /// template of a key
        key: KeyTemplate,
    },
}

/// The view that a sink is to follow.
pub struct Followed {
    /// its name
    pub view: String,
    /// its columns
    pub names: Vec<String>,
    /// its rows
    pub node: NodeId,
}

impl DeclaredSink {
    /// The identity of what it writes, given that of the rows of its view.
    pub fn fingerprint(&self, rows: Fingerprint) -> Fingerprint {
        let Self { name, view, target, content } = self;
        let mut form = Form::new(Subject::Sink);
        form.text(name);
        form.text(view);
        match target {
            Target::Log { topic } => {
                form.tag(1);
                form.text(topic);
            }
            Target::Redis { channel, mode } => {
                form.tag(2);
                form.text(channel);
                form.tag(match mode {
                    SinkMode::Delete => 1,
                    SinkMode::Version => 2,
                });
            }
        }
        match content {
            Content::Upsert { key } => {
                form.tag(1);
                form.counts(key);
            }
            Content::Changelog => form.tag(2),
            Content::Invalidate { key } => {
                form.tag(3);
                key.write_form(&mut form);
            }
        }
        form.identity(rows);
        form.fingerprint()
    }

    /// The derived topic that it writes, if it writes one.
    pub fn topic(&self) -> Option<&str> {
        if let Target::Log { topic } = &self.target { Some(topic) } else { None }
    }

    /// Returns the destination, for people.
    pub fn target_text(&self) -> String {
        match &self.target {
            Target::Log { topic } => format!("topic '{topic}'"),
            Target::Redis { channel, .. } => format!("redis, channel '{channel}'"),
        }
    }

    /// Returns the format, in a word.
    pub fn format_name(&self) -> &'static str {
        match self.content {
            Content::Upsert { .. } => "upsert",
            Content::Changelog => "changelog",
            Content::Invalidate { .. } => "invalidate",
        }
    }
}

/// Plans a sink.
pub fn plan<'a>(
    topology: &Topology,
    others: impl Iterator<Item = &'a DeclaredSink>,
    name: &Name,
    followed: &Followed,
    target: &SinkTarget,
    format: &SinkFormat,
) -> Outcome<DeclaredSink> {
    let target = match target {
        SinkTarget::Log { topic } => {
            check_topic(topology, others, topic)?;
            Target::Log { topic: topic.text.clone() }
        }
        SinkTarget::Redis { channel, mode } => {
            let channel = channel.clone().unwrap_or_else(|| format!("tidewater.{}", name.text));
            Target::Redis { channel, mode: *mode }
        }
    };
    let content = match format {
        SinkFormat::Upsert { key } => Content::Upsert { key: upsert_key(topology, followed, name, key.as_ref())? },
        SinkFormat::Changelog => Content::Changelog,
        SinkFormat::Invalidate { key } => {
            let kinds =
                topology.graph.kinds(followed.node).map_err(|error| refused_at(key, error.to_string(), "change the view"))?;
            let template = KeyTemplate::parse(&key.text, &followed.names, &kinds);
            Content::Invalidate { key: template.map_err(|(message, help)| refused_at(key, message, &help))? }
        }
    };
    Ok(DeclaredSink { name: name.text.clone(), view: followed.view.clone(), target, content })
}

fn refused_at(text: &Text, message: impl Into<String>, help: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(text.location.clone(), message).with_help(help))
}

/// A topic belongs to one writer: to producers of events, to this process, or to one sink.
fn check_topic<'a>(topology: &Topology, mut others: impl Iterator<Item = &'a DeclaredSink>, topic: &Text) -> Outcome<()> {
    let name = topic.text.as_str();
    let help = "choose another topic, such as 'derived.name'";
    if !Topic::is_name(name) {
        let message = format!("'{name}' is not a name of a topic");
        let help = format!("a name has 1 to {TOPIC_NAME_LENGTH_MAX} of the characters a-z, 0-9, '.', '_' and '-'");
        return Err(refused_at(topic, message, &help));
    }
    if let Some(source) = topology.source_of_topic(name) {
        let message =
            format!("topic '{name}' is read by source '{}' of this topology: what is derived would be read again", source.name);
        return Err(refused_at(topic, message, help));
    }
    if catalogue().topic(name).is_some() || name.starts_with(RESERVED_TOPICS) {
        return Err(refused_at(topic, format!("topic '{name}' is there for events, a sink can't write to it"), help));
    }
    match others.find(|other| matches!(&other.target, Target::Log { topic } if topic == name)) {
        Some(other) => Err(refused_at(topic, format!("sink '{}' writes to topic '{name}' already", other.name), help)),
        None => Ok(()),
    }
}

/// The columns of the key: those that are named, or the primary key of a table.
fn upsert_key(topology: &Topology, followed: &Followed, name: &Name, key: Option<&Text>) -> Outcome<Vec<usize>> {
    let Some(key) = key else {
        let table = match &topology.graph.nodes[followed.node].operator {
            Operator::Table(table) => &topology.tables[*table],
            _ => {
                let message = format!("the sink '{}' needs the option 'key'", name.text);
                let help = "add key = 'a, b' with the columns that tell the rows of the view apart, or write FORMAT CHANGELOG";
                return Err(Box::new(Diagnostic::new(name.location.clone(), message).with_help(help)));
            }
        };
        return Ok(table.primary_key.clone());
    };
    let mut columns = Vec::new();
    for part in key.text.split(',').map(str::trim) {
        let Some(column) = followed.names.iter().position(|name| name == part) else {
            let near = suggestion(part, followed.names.iter().map(String::as_str));
            let help =
                near.map_or_else(|| format!("it has {}", followed.names.join(", ")), |near| format!("did you mean '{near}'?"));
            return Err(refused_at(key, format!("'{}' has no column '{part}'", followed.view), &help));
        };
        if columns.contains(&column) {
            return Err(refused_at(key, format!("the column '{part}' is named twice"), "name it once"));
        }
        columns.push(column);
    }
    let set: BTreeSet<usize> = columns.iter().copied().collect();
    if !is_unique(&topology.graph, &topology.tables, followed.node, &set) {
        let message = format!("rows of '{}' are not known to differ in ({})", followed.view, key.text);
        let help =
            "add the columns of the GROUP BY, of the tables' primary keys or of the joins to the key, or write FORMAT CHANGELOG";
        return Err(refused_at(key, message, help));
    }
    Ok(columns)
}
