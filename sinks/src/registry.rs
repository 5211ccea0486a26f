//! Registry of connectors: the one place that knows all of them.
//!
//! A definition enters; the connector that it names checks and opens it. Adding a connector adds one line to [`CONNECTORS`] and its
//! declaration to [`schemas::connector::SINK_CONNECTORS`].

use schemas::serving::Column;
use schemas::sink::SinkDefinition;

use crate::connector::{Connections, Connector, OpenError, OpenedSink};
use crate::invalidations::stale_keys;
use crate::redis::RedisConnector;
use crate::search::SearchConnector;
use crate::topic::TopicConnector;

/// Every connector.
pub static CONNECTORS: [&dyn Connector; 3] = [&TopicConnector, &RedisConnector, &SearchConnector];

/// Refuses the first sink that can't be opened with these connections.
pub fn check(definitions: &[SinkDefinition], connections: &Connections) -> Result<(), OpenError> {
    definitions.iter().try_for_each(|definition| connector_of(definition).check(definition, connections))
}

/// Opens a sink of a view with these columns. Keys of caches that it makes stale are also told inside of this process.
pub fn open(definition: &SinkDefinition, columns: &[Column], connections: &Connections) -> Result<OpenedSink, OpenError> {
    let mut opened = connector_of(definition).open(definition, columns, connections)?;
    opened.effect = opened.effect.or_else(|| stale_keys(definition, columns, &connections.invalidations));
    Ok(opened)
}

/// Lets go of what sinks that are no longer declared have left behind.
pub fn retain(definitions: &[SinkDefinition], connections: &Connections) {
    connections.invalidations.retain(|name| definitions.iter().any(|definition| definition.name == name));
    for connector in CONNECTORS {
        let name = connector.declaration().name;
        let declared: Vec<&SinkDefinition> = definitions.iter().filter(|definition| definition.connector.name == name).collect();
        connector.retain(&declared, connections);
    }
}

/// The connector of a definition. Panics when the table names one that the registry lacks; a test compares the two.
fn connector_of(definition: &SinkDefinition) -> &'static dyn Connector {
    let name = definition.connector.name;
    let found = CONNECTORS.into_iter().find(|connector| connector.declaration().name == name);
    found.unwrap_or_else(|| panic!("the connector '{name}' is declared and not registered"))
}

#[cfg(test)]
mod tests {
    use schemas::connector::SINK_CONNECTORS;

    use super::*;

    #[test]
    fn every_declared_connector_is_registered_with_its_declaration() {
        let registered: Vec<_> = CONNECTORS.iter().map(|connector| connector.declaration()).collect();
        assert_eq!(registered, SINK_CONNECTORS);
    }
}
