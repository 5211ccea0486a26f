//! The row that a document keeps: what a hit shows.

use schemas::row::Row;
use tantivy::schema::Value as _;
use tantivy::{DocAddress, Searcher, TantivyDocument, TantivyError};

use super::document::Layout;
use super::error::QueryError;

/// The columns of a hit.
pub(super) fn kept_row(layout: &Layout, searcher: &Searcher, address: DocAddress) -> Result<Row, QueryError> {
    let document: TantivyDocument = searcher.doc(address)?;
    let bytes = document.get_first(layout.row).and_then(|value| value.as_bytes().map(Row::from_bytes));
    bytes.ok_or_else(|| QueryError::Engine(TantivyError::InternalError("a document has no row".to_owned())))
}
