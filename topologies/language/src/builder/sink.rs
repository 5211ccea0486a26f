//! `CREATE SINK`: where the changes of a view go, checked against what the view is.
//!
//! What a statement says enters; a sink leaves whose columns exist and whose keys are known to be unique, or the reason why not.

use std::collections::BTreeSet;

use schemas::connector::{OptionKind, SinkConnector, SinkOptions};
use schemas::key_template::KeyTemplate;
use schemas::position::{TOPIC_NAME_LENGTH_MAX, Topic};
use schemas::server_url::masked;
use schemas::sink::{SinkContent, SinkDefinition};

use super::errors::{Outcome, StatementError};
use crate::diagnostic::{Diagnostic, suggestion};
use crate::parse::{GivenOption, Name, SinkFormat, Text};
use crate::plan::graph::{Map, NodeId, Operator, TemporalFilter};
use crate::plan::scalar::Scalar;
use crate::plan::unique::is_unique;
use crate::topology::Topology;

/// Prefix of topics of the process itself.
pub(super) const RESERVED_TOPICS: &str = "tidewater.";

/// The view that a sink is to follow.
pub struct Followed {
    /// its name
    pub view: String,
    /// its columns
    pub names: Vec<String>,
    /// its rows
    pub node: NodeId,
}

/// Plans a sink of a connector with the options that the statement gives it.
pub fn plan<'a>(
    topology: &Topology,
    others: impl Iterator<Item = &'a SinkDefinition> + Clone,
    name: &Name,
    followed: &Followed,
    (connector, given): (&'static SinkConnector, &[GivenOption]),
    format: &SinkFormat,
) -> Outcome<SinkDefinition> {
    for option in given.iter().filter(|given| given.option.kind == OptionKind::Topic) {
        let topic = Text { text: option.value.to_string(), location: option.location.clone() };
        check_topic(topology, others.clone(), &topic)?;
    }
    let content = match format {
        SinkFormat::Upsert { key } => SinkContent::Upsert { key: upsert_key(topology, followed, name, key.as_ref())? },
        SinkFormat::Changelog => SinkContent::Changelog,
        SinkFormat::Invalidate { key } => {
            let kinds =
                topology.graph.kinds(followed.node).map_err(|error| refused_at(key, error.to_string(), "change the view"))?;
            let template = KeyTemplate::parse(&key.text, &followed.names, &kinds);
            SinkContent::Invalidate { key: template.map_err(|(message, help)| refused_at(key, message, &help))? }
        }
    };
    let values = given.iter().map(|given| (given.option.name, given.value.clone()));
    let options = SinkOptions::new(connector, &name.text, values);
    Ok(SinkDefinition { name: name.text.clone(), view: followed.view.clone(), connector, options, content })
}

/// Refuses the value of an option. A message that quotes it shows no password in it.
fn refused_at(text: &Text, message: impl AsRef<str>, help: &str) -> Box<StatementError> {
    Box::from(Diagnostic::new(text.location.clone(), masked(message.as_ref())).with_help(help))
}

/// A topic belongs to one writer: to producers of the events that a source reads, to this process, or to one sink.
fn check_topic<'a>(topology: &Topology, mut others: impl Iterator<Item = &'a SinkDefinition>, topic: &Text) -> Outcome<()> {
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
    if name.starts_with(RESERVED_TOPICS) {
        return Err(refused_at(topic, format!("topic '{name}' is one of the process itself, a sink can't write to it"), help));
    }
    match others.find(|other| other.topic() == Some(name)) {
        Some(other) => Err(refused_at(topic, format!("sink '{}' writes to topic '{name}' already", other.name), help)),
        None => Ok(()),
    }
}

/// The primary key of the table whose rows a node gives, if its columns have their places: one that is filled from a topic, or has a retention,
/// is read through maps.
fn primary_key(topology: &Topology, node: NodeId) -> Option<Vec<usize>> {
    let key = &topology.tables[topology.table_at(node)?].primary_key;
    let mut node = node;
    loop {
        node = match &topology.graph.nodes[node].operator {
            Operator::Map(Map { input, outputs, .. }) => {
                let is_kept = |&column: &usize| matches!(outputs.get(column), Some(Scalar::Column(kept)) if *kept == column);
                key.iter().all(is_kept).then_some(*input)?
            }
            Operator::TemporalFilter(TemporalFilter { input, .. }) => *input,
            _ => return Some(key.clone()),
        };
    }
}

/// The columns of the key: those that are named, or the primary key of a table.
fn upsert_key(topology: &Topology, followed: &Followed, name: &Name, key: Option<&Text>) -> Outcome<Vec<usize>> {
    let Some(key) = key else {
        return primary_key(topology, followed.node).ok_or_else(|| {
            let message = format!("the sink '{}' needs the option 'key'", name.text);
            let help = "add key = 'a, b' with the columns that tell the rows of the view apart, or write FORMAT CHANGELOG";
            Box::from(Diagnostic::new(name.location.clone(), message).with_help(help))
        });
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
