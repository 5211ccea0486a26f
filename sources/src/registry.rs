//! The registry of source connectors: one line each.
//!
//! A connector's name enters, as the source of a plan carries it; an open log leaves. Nothing outside of this file decides by the name.

use std::sync::Arc;

use crate::connector::{Connector, LogContext};
use crate::error::LogError;
use crate::log::Log;
use crate::{embedded, memory};

static CONNECTORS: [Connector; 2] = [embedded::CONNECTOR, memory::CONNECTOR];

/// Opens the log of a connector.
///
/// # Errors
/// A name that no connector has, and what the connector finds in the way.
pub fn open(name: &str, context: LogContext<'_>) -> Result<Arc<dyn Log>, LogError> {
    match CONNECTORS.iter().find(|connector| connector.spec.name == name) {
        Some(connector) => (connector.open)(context),
        None => Err(LogError::UnknownConnector { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use schemas::position::Topic;
    use schemas::source_connector::{Availability, SOURCES};

    use super::*;

    #[test]
    fn every_connector_of_the_table_that_is_not_planned_opens() {
        let directory = tempfile::tempdir().expect("a directory");
        let built: Vec<&str> = CONNECTORS.iter().map(|connector| connector.spec.name).collect();
        let named = SOURCES.iter().filter(|connector| connector.availability != Availability::Planned);
        assert_eq!(built, named.map(|connector| connector.name).collect::<Vec<_>>(), "the table and the registry differ");
        for name in built {
            let log = open(name, LogContext { directory: directory.path() }).expect("a log");
            log.create_topic(&Topic::new("a"), 1).expect("a topic");
        }
    }

    #[test]
    fn a_connector_that_nobody_has_is_refused_by_name() {
        for name in ["kafka", "nonsense"] {
            let Err(error) = open(name, LogContext { directory: std::path::Path::new("unused") }) else {
                panic!("'{name}' opened")
            };
            assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
        }
    }
}
