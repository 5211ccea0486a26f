//! Connectors of sinks: their names, and the options that a statement gives them.
//!
//! Owns the table [`SINK_CONNECTORS`]. It lies below the language, which validates statements by it, and below the connectors, which read
//! their options by it; a test of theirs compares the two. Adding a connector adds one entry here.

use std::collections::BTreeMap;
use std::fmt;

use crate::server_url::ServerUrl;

/// Kind of content, as far as a connector has to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// rows: the last one of each key, or every change
    Rows,
    /// keys of a cache that became stale
    Invalidations,
    /// the words of rows
    Words,
}

/// Declaration of a connector.
#[derive(Debug, PartialEq, Eq)]
pub struct SinkConnector {
    /// its name, as in `connector = '...'`
    pub name: &'static str,
    /// its number in the identity of a sink; never given to another connector
    pub tag: u8,
    /// statement that declares its sinks
    pub statement: &'static str,
    /// contents that it takes
    pub contents: &'static [ContentKind],
    /// subject and remedy of the error for other contents: "{subject} is not supported yet"
    pub refused_content: (&'static str, &'static str),
    /// its options, in the order in which they enter the identity of a sink
    pub options: &'static [SinkOption],
    /// destination for people; the name of an option in braces stands for its value
    pub target: &'static str,
}

/// Declaration of an option.
#[derive(Debug, PartialEq, Eq)]
pub struct SinkOption {
    /// its name
    pub name: &'static str,
    /// another name, by which users of other systems know it
    pub alias: Option<&'static str>,
    /// type of its value
    pub kind: OptionKind,
    /// value of an option that is not given; `{sink}` stands for the name of the sink
    pub default: Option<&'static str>,
    /// true if a sink without it is refused
    pub is_needed: bool,
    /// one line for people: how to write it, and its meaning
    pub help: &'static str,
}

/// Type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// a topic of the log that no source reads and no other sink writes
    Topic,
    /// a text that is not empty
    Text,
    /// one of these words; its place counts from 1 in the identity of a sink
    Word(&'static [&'static str]),
    /// the address of a server with one of these schemes; it is no part of the identity of a sink, and it is never printed with its secret
    Url(&'static [&'static str]),
}

/// The connector of derived topics.
pub const LOG: SinkConnector = SinkConnector {
    name: "log",
    tag: 1,
    statement: CREATE_SINK,
    contents: &[ContentKind::Rows, ContentKind::Invalidations],
    refused_content: ("a sink with such content in the log", "write FORMAT UPSERT or FORMAT CHANGELOG"),
    options: &[SinkOption {
        name: "topic",
        alias: None,
        kind: OptionKind::Topic,
        default: None,
        is_needed: true,
        help: "topic = 'name of the topic in the log'",
    }],
    target: "topic '{topic}'",
};

/// Schemes of addresses of Redis: those of our client. It is built without TLS, so `rediss` and `valkeys` are none of them.
pub const REDIS_SCHEMES: &[&str] = &["redis", "valkey", "unix", "redis+unix", "valkey+unix"];

/// The connector of caches in Redis.
pub const REDIS: SinkConnector = SinkConnector {
    name: "redis",
    tag: 2,
    statement: CREATE_SINK,
    contents: &[ContentKind::Invalidations],
    refused_content: ("a sink that keeps rows in Redis", "add type = 'invalidate' and key = 'name:{column}'"),
    options: &[
        SinkOption {
            name: "channel",
            alias: None,
            kind: OptionKind::Text,
            default: Some("tidewater.{sink}"),
            is_needed: false,
            help: "channel = 'name of the channel that stale keys are published on'",
        },
        SinkOption {
            name: "mode",
            alias: None,
            kind: OptionKind::Word(&["delete", "version"]),
            default: Some("delete"),
            is_needed: false,
            help: "mode = 'version' to set the position from which on a key may be filled again",
        },
        SinkOption {
            name: "url",
            alias: Some("redis.url"),
            kind: OptionKind::Url(REDIS_SCHEMES),
            default: None,
            is_needed: false,
            help: "url = 'redis://[user:password@]host[:port][/database]'; without it the sink uses that of --redis-url",
        },
    ],
    target: "redis, channel '{channel}'",
};

/// The connector of full-text indexes.
pub const SEARCH: SinkConnector = SinkConnector {
    name: "search",
    tag: 3,
    statement: "CREATE INDEX ... USING FULLTEXT",
    contents: &[ContentKind::Words],
    refused_content: ("a full-text index as a sink", "write CREATE INDEX ... USING FULLTEXT"),
    options: &[SinkOption {
        name: "index",
        alias: None,
        kind: OptionKind::Text,
        default: None,
        is_needed: true,
        help: "index = 'name of the index'",
    }],
    target: "full-text index '{index}'",
};

/// The statement of sinks that have options.
pub const CREATE_SINK: &str = "CREATE SINK";

/// Every connector of sinks.
pub static SINK_CONNECTORS: [&SinkConnector; 3] = [&LOG, &REDIS, &SEARCH];

/// The connectors that CREATE SINK names.
pub fn declarable() -> impl Iterator<Item = &'static SinkConnector> + Clone {
    SINK_CONNECTORS.into_iter().filter(|connector| connector.statement == CREATE_SINK)
}

impl SinkConnector {
    /// The option of this name or alias.
    pub fn option(&self, name: &str) -> Option<&'static SinkOption> {
        let options: &'static [SinkOption] = self.options;
        options.iter().find(|option| option.names().any(|known| known == name))
    }
}

impl SinkOption {
    /// Its name, then its alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        std::iter::once(self.name).chain(self.alias)
    }
}

/// Value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// value of a topic, a text or a word
    Text(String),
    /// value of an address
    Url(ServerUrl),
}

/// Options of one sink: every needed one is there, and every one that has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkOptions(BTreeMap<&'static str, OptionValue>);

impl SinkOptions {
    /// Completes the options that a statement gives with the defaults of the connector.
    ///
    /// Panics when a needed option is missing or an unknown one is there: the language refuses both.
    pub fn new(connector: &SinkConnector, sink: &str, given: impl IntoIterator<Item = (&'static str, OptionValue)>) -> Self {
        let mut values: BTreeMap<&'static str, OptionValue> = given.into_iter().collect();
        for name in values.keys() {
            assert!(connector.options.iter().any(|option| option.name == *name), "'{}' has no option '{name}'", connector.name);
        }
        for option in connector.options {
            if let (None, Some(default)) = (values.get(option.name), option.default) {
                values.insert(option.name, OptionValue::Text(default.replace("{sink}", sink)));
            }
            assert!(values.contains_key(option.name) || !option.is_needed, "the sink '{sink}' has no option '{}'", option.name);
        }
        Self(values)
    }

    /// The value of an option that is needed or has a default. Panics for another one: the connector asks for what it never declared.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(OptionValue::Text(text)) => text,
            other => panic!("the option '{name}' is read as a text, and it is {other:?}"),
        }
    }

    /// The address that the sink gives, if it gives one.
    pub fn url(&self, name: &str) -> Option<&ServerUrl> {
        match self.0.get(name)? {
            OptionValue::Url(url) => Some(url),
            OptionValue::Text(_) => panic!("the option '{name}' is read as an address, and it is a text"),
        }
    }

    /// The destination for people: the template of the connector with the values in it.
    pub fn fill(&self, template: &str) -> String {
        self.0.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Url(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_tags_are_given_once() {
        let names: BTreeSet<&str> = SINK_CONNECTORS.iter().map(|connector| connector.name).collect();
        let tags: BTreeSet<u8> = SINK_CONNECTORS.iter().map(|connector| connector.tag).collect();
        assert_eq!((names.len(), tags.len()), (SINK_CONNECTORS.len(), SINK_CONNECTORS.len()));
        for connector in SINK_CONNECTORS {
            let options: BTreeSet<&str> = connector.options.iter().flat_map(SinkOption::names).collect();
            assert_eq!(options.len(), connector.options.iter().flat_map(SinkOption::names).count(), "{}", connector.name);
            for option in connector.options {
                assert!(option.help.starts_with(&format!("{} = '", option.name)), "{}", option.help);
                let is_word = |words: &&[&str]| option.default.is_none_or(|default| words.contains(&default));
                assert!(!matches!(&option.kind, OptionKind::Word(words) if !is_word(words)), "{}", option.name);
            }
        }
    }

    #[test]
    fn options_are_completed_and_their_secrets_stay_hidden() {
        let url = ServerUrl::parse("redis://u:secret@h:1", REDIS_SCHEMES).expect("an address");
        let options = SinkOptions::new(&REDIS, "pages", [("url", OptionValue::Url(url.clone()))]);
        assert_eq!((options.text("channel"), options.text("mode")), ("tidewater.pages", "delete"));
        assert_eq!(options.url("url"), Some(&url));
        assert!(!format!("{options:?}").contains("secret") && !options.fill("to {url}").contains("secret"));
        assert_eq!(options.fill(REDIS.target), "redis, channel 'tidewater.pages'");
        assert_eq!(SinkOptions::new(&REDIS, "pages", []).url("url"), None);
    }
}
