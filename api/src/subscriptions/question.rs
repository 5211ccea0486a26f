//! Questions of subscribers, which a protocol understands for a view as it is served.

use sinks::views::ServedView;

use super::error::SubscriptionError;
use crate::read::access::Rule;
use crate::read::claims::Claims;
use crate::read::projection::{BigintForm, Projection};
use crate::read::request::RowsRequest;

/// A question in the words of a protocol.
///
/// It is asked when the subscription begins, and again whenever its view is replaced, from the task of the connection; it may not block.
pub(crate) trait Question: Send + 'static {
    /// An error of the protocol, which ends the subscription.
    type Error: From<SubscriptionError> + Send;

    /// Translates the question for a view and the rows of it that the reader may see.
    fn understand(&self, served: &ServedView, rule: &Rule) -> Result<SubscriptionQuery, Self::Error>;
}

/// A view, a question to it, and its reader.
pub(crate) struct SubscriptionRequest<Q> {
    /// the view
    pub(crate) view: String,
    /// the question
    pub(crate) question: Q,
    /// claims of the reader
    pub(crate) claims: Option<Claims>,
}

/// A question that is understood.
pub(crate) struct SubscriptionQuery {
    /// conditions and order
    pub(crate) rows: RowsRequest,
    /// the columns of a row
    pub(crate) select: Projection,
    /// the columns by which the client knows a row
    pub(crate) key: Option<(Vec<usize>, Projection)>,
    /// the most rows
    pub(crate) limit: Option<usize>,
    /// texts of the selection and of the key: an event's id is good for a question of the same words only
    pub(crate) words: [Option<String>; 2],
    /// the form of BIGINT, for which the same holds
    pub(crate) bigints: BigintForm,
}
