//! Requests to nowhere: no such path, or a path that does not answer the method. `OPTIONS` is answered with the methods that it does.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::http::error::resource::ResourceError;
use crate::http::problem::answer::Problem;

/// There is nothing at this path.
pub(crate) async fn unknown_path(uri: Uri) -> Problem {
    ResourceError::UnknownPath { path: uri.path().to_owned() }.into()
}

/// The path does not answer this method. The router adds the methods that it does answer.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Result<Response, Problem> {
    if method == Method::OPTIONS {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(ResourceError::MethodNotAllowed { method: method.to_string(), path: uri.path().to_owned() }.into())
}

/// Names `OPTIONS` beside the methods that the router knows of.
pub(crate) async fn name_options(mut response: Response) -> Response {
    let allowed = response.headers().get(header::ALLOW).and_then(|allowed| allowed.to_str().ok()).unwrap_or_default();
    if !allowed.is_empty() && !allowed.contains("OPTIONS") {
        let allowed = format!("{allowed},OPTIONS");
        if let Ok(allowed) = HeaderValue::from_str(&allowed) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
    }
    response
}
