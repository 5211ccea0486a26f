//! Declared sinks: where the changes of a view go, and which of them.
//!
//! Owns [`DeclaredSink`], with the identity of what it writes.

use schemas::fingerprint::Fingerprint;

use super::identity::form::{Form, Subject};
use super::key_template::KeyTemplate;
use crate::parse::SinkMode;

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
