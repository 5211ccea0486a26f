//! Reasons why a request in PostgREST's conventions is refused, with its codes.

use axum::http::StatusCode;

use crate::http::problem::answer::{Problem, ToProblem};
use crate::http::query::error::QueryStringError;
use crate::read::error::ReadError;
use crate::read::expression_error::ExpressionError;

/// Reason why a request in PostgREST's conventions is refused.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum PostgrestError {
    #[error("failed to parse {part} '{text}' at character {at}: expected {expected}")]
    Syntax { part: &'static str, text: String, at: usize, expected: String },
    #[error("'{operator}' is not an operator that is served")]
    UnknownOperator { operator: String },
    #[error("could not find a relationship between '{view}' and '{name}'")]
    Embedding { view: String, name: String },
    #[error("'{name}' is not an embedded resource in this request")]
    NotEmbedded { name: String },
    #[error("use of aggregate functions is not allowed")]
    Aggregate { function: String },
    #[error("none of these media types are available: {asked}")]
    NotAcceptable { asked: String },
    #[error("invalid schema: {schema}")]
    UnknownSchema { schema: String },
    #[error("cannot coerce the result to a single JSON object")]
    NotOneRow { rows: String },
    #[error("requested range not satisfiable")]
    BadRange { detail: String, total: Option<u64> },
    #[error("invalid preferences given with handling=strict")]
    BadPreferences { given: String },
    #[error("{method} is not served: a view is derived and can't be written to")]
    Write { method: String },
    #[error("'{name}' is a parameter of requests that write, which views do not take")]
    WriteParameter { name: String },
    #[error("could not find the function '{function}'")]
    UnknownFunction { function: String },
    #[error("a count is of all rows that pass: ask for it without a cursor")]
    CountWithCursor,
    #[error("a cursor says where the page begins: leave out the offset")]
    OffsetWithCursor,
    #[error("more than {most} {what} are more than one request may have")]
    TooMany { what: &'static str, most: usize },
    #[error(transparent)]
    Query(#[from] QueryStringError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<ExpressionError> for PostgrestError {
    fn from(error: ExpressionError) -> Self {
        Self::Read(error.into())
    }
}

impl ToProblem for PostgrestError {
    fn to_problem(&self) -> Problem {
        use PostgrestError as E;
        let of = |status, slug, code: &str| Problem::new(status, slug, self).member("code", code);
        let bad = |slug, code| of(StatusCode::BAD_REQUEST, slug, code);
        match self {
            E::Syntax { part, .. } => bad("bad_syntax", "PGRST100").field(part),
            E::UnknownOperator { .. } => bad("bad_operator", "PGRST100").hint(
                "operators: eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is, isdistinct, cs, cd, ov; words are found by /v1/search",
            ),
            E::Embedding { .. } => {
                bad("no_embedding", "PGRST200").hint("rows of other views are not embedded: join them in a view of its own")
            }
            E::NotEmbedded { .. } => bad("no_embedding", "PGRST108").hint("put a column whose name has a point in double quotes"),
            E::Aggregate { function } => {
                bad("no_aggregates", "PGRST123").field(function).hint("declare a view that aggregates; it is kept current")
            }
            E::NotAcceptable { .. } => of(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "PGRST107").field("Accept").hint(
                "media types: application/json, application/vnd.pgrst.object+json, application/vnd.pgrst.array+json, text/csv, application/x-ndjson",
            ),
            E::UnknownSchema { .. } => of(StatusCode::NOT_ACCEPTABLE, "unknown_schema", "PGRST106")
                .field("Accept-Profile")
                .hint("only the following schemas are exposed: public"),
            E::NotOneRow { rows } => of(StatusCode::NOT_ACCEPTABLE, "not_one_row", "PGRST116")
                .member("details", format!("The result contains {rows} rows")),
            E::BadRange { detail, total } => of(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range", "PGRST103")
                .field("Range")
                .member("details", detail.clone())
                .content_range(*total),
            E::BadPreferences { given } => bad("bad_preferences", "PGRST122")
                .field("Prefer")
                .member("details", format!("Invalid preferences: {given}")),
            E::Write { .. } => of(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "PGRST117")
                .hint("send events to POST /v1/events; the views follow"),
            E::WriteParameter { name } => bad("unknown_parameter", "PGRST100").field(name),
            E::UnknownFunction { .. } => of(StatusCode::NOT_FOUND, "unknown_function", "PGRST202")
                .hint("there are no functions: declare a view, and read it under /rest/v1/{view}"),
            E::CountWithCursor => bad("bad_parameter", "PGRST100").field("Prefer"),
            E::OffsetWithCursor => bad("bad_parameter", "PGRST100").field("offset"),
            E::TooMany { .. } => bad("too_many_conditions", "54000"),
            E::Query(error) => error.to_problem(),
            E::Read(error) => error.to_problem(),
        }
    }
}
