//! Reasons why a shape is not answered.

use crate::read::error::ReadError;
use crate::shapes::limits::{SHAPES_MAX, SHAPES_OF_CLIENT_MAX};
use crate::subscriptions::error::SubscriptionError;

/// Reason why a shape is not answered.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum ShapeError {
    #[error(transparent)]
    Subscription(SubscriptionError),
    #[error(
        "the view '{view}' is not public, and the answers of shapes are kept by caches, which know no reader: follow it with GET /v1/views/{view}/subscribe"
    )]
    NotPublic { view: String },
    #[error("'where' is not accepted: {fault}; write column = 'value' or column = $1, joined by AND")]
    BadCondition { fault: String },
    #[error("no index of '{view}' begins with the columns that 'where' compares")]
    NoIndex { view: String, indexes: Vec<String> },
    #[error("'{value}' is not accepted for '{name}': expected {expected}")]
    BadWord { name: &'static str, value: String, expected: &'static str },
    #[error(
        "'columns' lacks '{column}', by which rows are told apart: add it, or name other columns that tell them apart with 'key'"
    )]
    KeyNotSelected { column: String },
    #[error(
        "'key' names {key}, but several rows of '{view}' are equal in that: name columns that tell rows apart, or leave 'key' out"
    )]
    KeyNotUnique { view: String, key: String },
    #[error("{SHAPES_MAX} shapes are followed already, and each was asked for a moment ago: try again in a moment")]
    TooManyShapes,
    #[error(
        "{SHAPES_OF_CLIENT_MAX} shapes that this client has opened are followed already, and each was asked for a moment ago: \
         follow fewer, or try again in a moment"
    )]
    TooManyOfClient,
    #[error("the server has not yet read its data directory: try again in a moment")]
    Starting,
}

impl From<SubscriptionError> for ShapeError {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Read(ReadError::Anonymous { view }) => Self::NotPublic { view },
            error => Self::Subscription(error),
        }
    }
}

impl From<ReadError> for ShapeError {
    fn from(error: ReadError) -> Self {
        SubscriptionError::from(error).into()
    }
}
