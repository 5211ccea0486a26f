//! Everything that can be wrong with a request, or with the world while it is answered.
//!
//! Owns [`ApiError`]; [`crate::problem`] turns it into the answer. Fields, not prose: the message is made in one place.

use schemas::dead_letter::Fault;
use schemas::position::BadPosition;
use sinks::search::QueryError;
use sinks::views::{Hydration, WaitError};

use crate::host::deployments::DeployRefusal;
use crate::host::ingest::{IngestError, Refusal};
use crate::read::limits::{
    HYDRATION_RETRY_SECONDS, HYDRATION_RETRY_SECONDS_MAX, QUERY_PARAMETERS_MAX, RANGES_MAX, SCAN_ROWS_MAX,
};

/// Reason why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub enum ApiError {
    #[error(
        "there is nothing at '{path}'; the API is /v1/events, /v1/topics, /v1/views, /v1/views/{{view}}, /v1/search/{{index}}, /v1/topology, /v1/dead-letters, /v1/deployments and /v1/status; there is a page at /"
    )]
    UnknownPath { path: String },
    #[error("{method} is not answered at '{path}'; the Allow header names what is")]
    MethodNotAllowed { method: String, path: String },
    #[error("there is no view '{view}' that you may read{}", meant(.suggestion))]
    UnknownView { view: String, suggestion: Option<String> },
    #[error("'{column}' is neither a column of '{view}' nor a parameter{}", meant(.suggestion))]
    UnknownColumn { view: String, column: String, suggestion: Option<String> },
    #[error("'{name}' is not a parameter here; there are: {known}{}", meant(.suggestion))]
    UnknownParameter { name: String, known: String, suggestion: Option<String> },
    #[error("'{given}' is not a condition on '{column}': write {column}=eq.<value>, in.(a,b), gt., gte., lt., lte. or is.null")]
    BadOperator { column: String, given: String },
    #[error("'{value}' can't be compared with '{column}', which is {kind}: expected {expected}")]
    BadValue { column: String, value: String, kind: String, expected: String },
    #[error("'{value}' is not accepted for '{name}': expected {expected}")]
    BadParameter { name: &'static str, value: String, expected: String },
    #[error("'{name}' is given more than once: send it once")]
    RepeatedParameter { name: &'static str },
    #[error("{found} parameters are more than the {QUERY_PARAMETERS_MAX} that one request may have")]
    TooManyParameters { found: usize },
    #[error("'{text}' can't be decoded: percent-encode UTF-8")]
    BadEncoding { text: String },
    #[error("no index of '{view}' keeps the order '{order}' under these conditions; order by an index, or by its exact reverse")]
    BadOrder { view: String, order: String, indexes: Vec<String> },
    #[error("the conditions name more than {RANGES_MAX} keys: ask for fewer values at a time")]
    TooManyRanges { column: String },
    #[error(
        "more than {SCAN_ROWS_MAX} rows of '{view}' were looked at without filling the page: add an index that leads with the columns of the conditions"
    )]
    ScanLimit { view: String, indexes: Vec<String> },
    #[error("the cursor {reason}: send the 'next' of the previous page with an otherwise equal query, or no cursor")]
    BadCursor { reason: &'static str },
    #[error(
        "the cursor is of an earlier definition of '{view}', whose rows were laid out otherwise: start again without a cursor"
    )]
    OutdatedCursor { view: String },
    #[error("there is no full-text index '{index}' that you may search{}", meant(.suggestion))]
    UnknownIndex { index: String, suggestion: Option<String> },
    #[error("'{column}' is not included in the full-text index '{index}', so {what} can't use it: {}", one_of(.columns))]
    NotIncluded { index: String, column: String, what: &'static str, columns: Vec<String> },
    #[error("the full-text index '{index}' is still being built: try again in {HYDRATION_RETRY_SECONDS} s")]
    IndexBuilding { index: String },
    #[error("{source}")]
    Query { name: &'static str, source: QueryError },
    #[error("the search could not be finished: {detail}")]
    SearchFailed { detail: String },
    #[error("the view '{view}' is still being filled, {done} of {total} rows are in: try again in {seconds} s",
        done = hydration.done, total = hydration.total, seconds = seconds_left(hydration))]
    Hydrating { view: String, hydration: Hydration },
    #[error("not all views are filled yet: {}", views.iter().map(|(name, _)| format!("'{name}'")).collect::<Vec<_>>().join(", "))]
    NotReady { views: Vec<(String, Hydration)> },
    #[error(
        "the request is not a deployment: {detail}; send {{\"action\":\"deploy\",\"files\":[...]}}, or the action 'rollback', 'replay' or 'drop'"
    )]
    BadDeployment { detail: String },
    #[error("this process runs one topology only")]
    NoDeployments,
    #[error("{}", refusal(.0))]
    Deploy(DeployRefusal),
    #[error(transparent)]
    BadPosition(#[from] BadPosition),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error("{what} needs a bearer token: send it as 'Authorization: Bearer <token>'")]
    NoToken { what: String },
    #[error("the bearer token is refused: {detail}")]
    BadToken { detail: String },
    #[error("the token does not grant '{scope}', which {what} needs")]
    MissingScope { what: &'static str, scope: String },
    #[error("the body is longer than the {bytes_max} bytes that one request may have: send fewer events at a time")]
    BodyTooLarge { bytes_max: usize },
    #[error("the body has {lines} lines, and one request may have {lines_max}: send fewer events at a time")]
    TooManyLines { lines: usize, lines_max: usize },
    #[error("the body is empty: send one event as a JSON object, or one a line")]
    EmptyBody,
    #[error("the body could not be read: {detail}")]
    BrokenBody { detail: String },
    #[error("'{found}' is not accepted: send 'Content-Type: application/json' or 'application/x-ndjson'")]
    UnsupportedMediaType { found: String },
    #[error("the event was rejected: {fault}")]
    Rejected { fault: Fault, answer: serde_json::Value },
    #[error("{refusal}")]
    Refused { refusal: Refusal, answer: serde_json::Value },
    #[error("the address of {bytes} bytes is longer than the {bytes_max} that are accepted")]
    UriTooLong { bytes: usize, bytes_max: usize },
    #[error("{bytes} bytes of headers are more than the {bytes_max} that are accepted")]
    HeadersTooLarge { bytes: usize, bytes_max: usize },
    #[error("{subscriptions_max} subscriptions are open already: close those that nobody reads, or try again in a moment")]
    TooManySubscriptions { subscriptions_max: usize },
    #[error("'{view}' was replaced by a view of other columns: subscribe again")]
    ReplacedView { view: String },
    #[error(
        "more changes while the rows are sent than the connection takes: subscribe again with conditions that leave fewer rows"
    )]
    SlowReader,
    #[error("the connection can't become a WebSocket: {detail}")]
    BadUpgrade { detail: String },
    #[error("{requests_max} requests are being answered already: try again in a moment")]
    Busy { requests_max: usize },
    #[error("no answer was ready within {seconds} s: try again, and ask for less")]
    Timeout { seconds: u64 },
    #[error("the views are catching up with the log: {records_done} of {records_total} records are in")]
    CatchingUp { records_done: u64, records_total: u64 },
    #[error("the views are no longer kept current, since a source is halted: {reason}; GET /v1/status says what to do")]
    Halted { reason: String },
    #[error("the views are not kept current for now: {reason}; it is tried again and again")]
    Stalled { reason: String },
    #[error(
        "there is no dead letter {id} on the list: it was sent again before, or never was; GET /v1/dead-letters lists those that are"
    )]
    UnknownDeadLetter { id: u64 },
    #[error("there is no sink '{sink}' of type 'invalidate'; GET /v1/status lists the sinks")]
    UnknownSink { sink: String },
    #[error("there is no derived topic '{topic}'; GET /v1/status lists the sinks and where they write")]
    UnknownTopic { topic: String },
    #[error("name the row of '{view}' that you ask about by conditions, such as {}=eq.<value>", column.as_deref().unwrap_or("column"))]
    NoRowNamed { view: String, column: Option<String> },
    #[error("'{view}' was replaced while the events of its row were looked for: ask again")]
    WhyReplaced { view: String },
    #[error("the events could not be found: {detail}")]
    WhyFailed { detail: String },
    #[error("this process can't say which events made a row")]
    NoProvenance,
    #[error("the views are no longer kept current: the process is stopping")]
    Stopping,
    #[error("the metrics could not be written: {detail}")]
    Metrics { detail: String },
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Seconds after which it is worth asking again for a view that is being filled.
pub(crate) fn seconds_left(hydration: &Hydration) -> u64 {
    hydration.seconds_left.unwrap_or(HYDRATION_RETRY_SECONDS).clamp(1, HYDRATION_RETRY_SECONDS_MAX)
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

fn refusal(refusal: &DeployRefusal) -> String {
    match refusal {
        DeployRefusal::Invalid { text, .. } => text.clone(),
        DeployRefusal::NotFound { detail } | DeployRefusal::Conflict { detail } | DeployRefusal::Storage { detail } => {
            detail.clone()
        }
    }
}

fn one_of(columns: &[String]) -> String {
    if columns.is_empty() { "there is none that can be used".to_owned() } else { format!("use one of {}", columns.join(", ")) }
}
