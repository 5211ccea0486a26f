//! Events that are no CloudEvents, or that are sent where none are taken.

use std::fmt;

/// Reason why a request with CloudEvents is refused: nothing of it is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{fault}")]
pub(crate) struct CloudEventError {
    /// the event that is to blame
    pub place: CloudEventPlace,
    /// its fault
    pub fault: CloudEventFault,
}

/// An event of a request: the only one, or one of a batch with its number from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CloudEventPlace(pub Option<usize>);

impl fmt::Display for CloudEventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "event {number} of the batch: "),
            None => Ok(()),
        }
    }
}

/// Fault of an event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum CloudEventFault {
    #[error(
        "'{found}' is a form of CloudEvents that is not read: send 'application/cloudevents+json', 'application/cloudevents-batch+json', \
         or the attributes in headers"
    )]
    Form { found: String },
    #[error("a CloudEvent has the attribute '{attribute}', and it is not there")]
    Missing { attribute: &'static str },
    #[error("CloudEvents of 'specversion' '1.0' are read, not '{found}'")]
    Version { found: String },
    #[error("the attribute '{attribute}' is a text that is not empty")]
    NotText { attribute: String },
    #[error("the attribute '{attribute}' is a text, a number or a truth value: put anything else into the data")]
    NotPlain { attribute: String },
    #[error("'{attribute}' can't be the name of an attribute: a name has lower case letters and digits alone")]
    Name { attribute: String },
    #[error("the header 'ce-{attribute}' is there twice")]
    Twice { attribute: String },
    #[error("the header 'ce-{attribute}' is not UTF-8 in percent-encoding")]
    Encoding { attribute: String },
    #[error("the header 'ce-{attribute}' is none of an event: {instead}")]
    Header { attribute: String, instead: &'static str },
    #[error("an event has 'data' or 'data_base64', not both")]
    TwoData,
    #[error("the member 'data_base64' is not base64")]
    NotBase64,
    #[error("the body is not JSON, as its Content-Type says: {detail}")]
    DataNotJson { detail: String },
    #[error("it is not a JSON object: {detail}")]
    NotAnObject { detail: String },
    #[error("the event has more than {bytes_max} bytes: put what is so large elsewhere, and its address into the event")]
    TooLarge { bytes_max: usize },
    #[error("the batch has more than the {events_max} events that one request may have: send fewer at a time")]
    TooMany { events_max: usize },
    #[error("a batch is a JSON array of events: {detail}")]
    NotABatch { detail: String },
    #[error(
        "the event does not say its topic: send it to /v1/topics/{{topic}}, or give it the extension attribute 'topic' (the header ce-topic)"
    )]
    NoTopic,
    #[error(
        "events of topic '{topic}' have another form, which a CloudEvent can't have: a source that takes CloudEvents declares columns, \
         such as id TEXT, source TEXT, type TEXT, data JSONB, FORMAT PLAIN ENCODE JSON"
    )]
    OtherEvents { topic: String },
}

impl CloudEventFault {
    /// The attribute or member that is to blame.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Form { .. } => "Content-Type",
            Self::Missing { attribute } => attribute,
            Self::Version { .. } => "specversion",
            Self::NotText { attribute }
            | Self::NotPlain { attribute }
            | Self::Name { attribute }
            | Self::Twice { attribute }
            | Self::Encoding { attribute }
            | Self::Header { attribute, .. } => attribute,
            Self::TwoData | Self::DataNotJson { .. } => "data",
            Self::NotBase64 => "data_base64",
            Self::NotAnObject { .. } | Self::NotABatch { .. } | Self::TooLarge { .. } | Self::TooMany { .. } => "body",
            Self::NoTopic | Self::OtherEvents { .. } => "topic",
        }
    }
}
