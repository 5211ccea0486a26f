//! Requests to nowhere: no such path, or a path that does not answer the method.

use axum::http::{Method, Uri};

use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;

/// There is nothing at this path.
pub(crate) async fn unknown_path(uri: Uri) -> Problem {
    ResourceError::UnknownPath { path: uri.path().to_owned() }.into()
}

/// The path does not answer this method.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    ResourceError::MethodNotAllowed { method: method.to_string(), path: uri.path().to_owned() }.into()
}
