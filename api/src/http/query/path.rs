//! The name in the path of a request.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::Uri;

use super::error::QueryStringError;

/// The name, decoded.
pub(crate) fn name_in_path(name: Result<Path<String>, PathRejection>, uri: &Uri) -> Result<String, QueryStringError> {
    let Path(name) = name.map_err(|_| QueryStringError::BadEncoding { text: uri.path().to_owned() })?;
    Ok(name)
}
