//! Reasons why a group has no result, and the limits of lists: data that the result's type or a limit cannot hold.

use schemas::field::FieldKind;
use schemas::jsonb::JsonbError;

/// The most items in one list or text that an aggregate makes: a group with more becomes an error row.
pub const AGGREGATE_ITEMS_MAX: usize = 65_536;

/// The most bytes of all items and what stands between them, as they are kept: as much as any other value that is computed.
pub const AGGREGATE_BYTES_MAX: usize = 1 << 20;

/// Reason why an aggregate has no result for a group. Its text is the detail of the error row.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum AggregateError {
    /// the column cannot hold the number
    #[error("the {function} is out of range for {}: cast the argument to a wider type", output.sql_name())]
    OutOfRange {
        /// the function, in a word
        function: &'static str,
        /// type of the result
        output: FieldKind,
    },
    /// a sum of doubles beyond the range of doubles
    #[error("value out of range: overflow: the result is beyond DOUBLE PRECISION")]
    FloatOverflow,
    /// a list that would have too many items
    #[error("the group has more than {AGGREGATE_ITEMS_MAX} items: filter or limit what is aggregated")]
    TooManyItems,
    /// a list or a text that would be too long
    #[error("the items of the group have more than {AGGREGATE_BYTES_MAX} bytes: filter, limit or shorten what is aggregated")]
    TooManyBytes,
    /// a name of a JSON object that is NULL
    #[error("field name must not be null: leave such rows out with FILTER")]
    NullName,
    /// a value that JSON can't hold
    #[error("{0}")]
    Json(#[from] JsonbError),
}
