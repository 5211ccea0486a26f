//! Declared sinks: the view that each follows, its connector with the options, and its content.
//!
//! Owns [`SinkDefinition`]. The language checks it against the view; a connector opens itself from it.

use crate::connector::{ContentKind, OptionKind, OptionValue, SEARCH, SinkConnector, SinkOptions};
use crate::key_template::KeyTemplate;
use crate::serving::SearchIndex;

/// Sink of a view's changes. Printing it reveals no secret of its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkDefinition {
    /// its name
    pub name: String,
    /// the view that it follows
    pub view: String,
    /// its connector
    pub connector: &'static SinkConnector,
    /// the options of its connector
    pub options: SinkOptions,
    /// its content, which the connector takes
    pub content: SinkContent,
}

/// Content of a sink. Columns are numbers of the view's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkContent {
    /// the last row of each key
    Upsert {
        /// columns of the key, which tell the rows of the view apart
        key: Vec<usize>,
    },
    /// every change
    Changelog,
    /// keys of a cache that became stale
    Invalidate {
        /// template of a key
        key: KeyTemplate,
    },
    /// the words of the rows
    Search(SearchIndex),
}

impl SinkContent {
    /// Returns its kind.
    pub fn kind(&self) -> ContentKind {
        match self {
            Self::Upsert { .. } | Self::Changelog => ContentKind::Rows,
            Self::Invalidate { .. } => ContentKind::Invalidations,
            Self::Search(_) => ContentKind::Words,
        }
    }
}

impl SinkDefinition {
    /// The sink that keeps a full-text index.
    pub fn of_index(index: &SearchIndex) -> Self {
        let name = format!("search:{}", index.name);
        let options = SinkOptions::new(&SEARCH, &name, [("index", OptionValue::Text(index.name.clone()))]);
        Self { name, view: index.view.clone(), connector: &SEARCH, options, content: SinkContent::Search(index.clone()) }
    }

    /// The derived topic that it writes, if it writes one.
    pub fn topic(&self) -> Option<&str> {
        let topic = self.connector.options.iter().find(|option| option.kind == OptionKind::Topic)?;
        Some(self.options.text(topic.name))
    }

    /// Returns the destination, for people.
    pub fn target_text(&self) -> String {
        self.options.fill(self.connector.target)
    }
}
