//! Names and options of connectors, as `WITH (connector = '...')` gives them.
//!
//! Owns the tables alone: a planner checks statements against them, and the registry of each side opens what they name. Nothing is opened
//! here. A connector has one line here and one in its registry; the tests of each registry hold both against each other.

/// One connector as a statement may name it.
#[derive(Debug, PartialEq, Eq)]
pub struct ConnectorSpec {
    /// its name, lower case
    pub name: &'static str,
    /// names of the options that it takes, in the order in which messages list them
    pub options: &'static [&'static str],
    /// its users
    pub availability: Availability,
}

/// Users of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// statements may name it
    Statements,
    /// only the program itself opens it, for tests of a topology; to statements it is unknown
    TestsOnly,
    /// nobody yet: a statement that names it is refused as not supported yet
    Planned,
}

/// Options that every source takes.
const SOURCE_OPTIONS: &[&str] = &["connector", "topic", "partitions", "deduplication", "event_time", "retention"];

/// The log that is built in: a directory of the process.
pub const SOURCE_LOG: ConnectorSpec =
    ConnectorSpec { name: "log", options: SOURCE_OPTIONS, availability: Availability::Statements };

/// A log that ends with its process.
pub const SOURCE_MEMORY: ConnectorSpec =
    ConnectorSpec { name: "memory", options: SOURCE_OPTIONS, availability: Availability::TestsOnly };

/// Every connector of a source.
pub static SOURCES: [ConnectorSpec; 3] =
    [SOURCE_LOG, SOURCE_MEMORY, ConnectorSpec { name: "kafka", options: SOURCE_OPTIONS, availability: Availability::Planned }];

/// Returns the connector of this name that statements may name, or may name later.
pub fn find(connectors: &'static [ConnectorSpec], name: &str) -> Option<&'static ConnectorSpec> {
    connectors.iter().find(|connector| connector.name == name && connector.availability != Availability::TestsOnly)
}

/// Names of the connectors that statements may name.
pub fn names(connectors: &'static [ConnectorSpec]) -> impl Iterator<Item = &'static str> + Clone {
    let available = connectors.iter().filter(|connector| connector.availability == Availability::Statements);
    available.map(|connector| connector.name)
}
