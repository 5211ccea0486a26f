//! Addresses where nothing is, or nothing of the kind.

/// Reason why there is nothing at an address for a request.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum ResourceError {
    #[error(
        "there is nothing at '{path}'; the API is /v1/events, /v1/topics, /v1/views, /v1/views/{{view}}, /v1/shape, /rest/v1/{{view}}, /v1/search/{{index}}, /v1/tickets, /v1/topology, /v1/dead-letters, /v1/deployments and /v1/status; /openapi.json describes it; there are pages at / and /docs"
    )]
    UnknownPath { path: String },
    #[error("{method} is not answered at '{path}'; the Allow header names what is")]
    MethodNotAllowed { method: String, path: String },
    #[error("the connection can't become a WebSocket: {detail}")]
    BadUpgrade { detail: String },
    #[error(
        "there is no dead letter {id} on the list: it was sent again or discarded before, or never was; GET /v1/dead-letters lists those that are"
    )]
    UnknownDeadLetter { id: u64 },
    #[error(
        "'{after}' is of an earlier run of the process, which had other ids: read the list from its beginning, without 'after'"
    )]
    EarlierRun { after: String },
    #[error("there is no sink '{sink}' of type 'invalidate'; GET /v1/status lists the sinks")]
    UnknownSink { sink: String },
    #[error("there is no topic '{topic}' that takes events; GET /v1/topics lists those that do")]
    UnknownEventTopic { topic: String },
    #[error("there is no derived topic '{topic}'; GET /v1/status lists the sinks and where they write")]
    UnknownTopic { topic: String },
}
