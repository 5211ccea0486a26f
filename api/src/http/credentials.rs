//! Credentials of a request, by which its sender is known: the token in `Authorization`, or, for the streams of a browser, which sends no
//! header of a page's with them, a ticket in the address or a token among the subprotocols of a WebSocket.
//!
//! A request enters; the claims of its sender leave. Tickets and subprotocols count where a stream is opened and nowhere else, and a request has
//! one credential: with two, it would be left open who asks.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request};
use axum::http::{HeaderMap, Method, header};

use super::caller::Authenticated;
use super::event_text::accepts_events;
use super::query::string::QueryString;
use super::state::ApiState;
use super::token::TokenError;

/// Parameter with a ticket.
pub(crate) const TICKET: &str = "ticket";
/// Subprotocol of subscriptions over a WebSocket, the only one that a server selects.
pub(crate) const SUBPROTOCOL: &str = "tidewater.v1";
/// Beginning of the subprotocol that carries a token.
const BEARER_PREFIX: &str = "bearer.";
const WEBSOCKET: &[u8] = b"websocket";

/// Routes of streams.
const SUBSCRIBE_ROUTE: &str = "/v1/views/{view}/subscribe";
const VIEW_ROUTE: &str = "/v1/views/{view}";
const INVALIDATIONS_ROUTE: &str = "/v1/invalidations/{sink}";
/// Name of the view in the first two.
const VIEW_PARAMETER: &str = "view";

/// The credentials of a request.
#[derive(Default)]
pub(crate) struct Credentials {
    is_in_header: bool,
    ticket: Option<String>,
    /// tokens among the subprotocols
    bearers: Vec<String>,
    /// the view whose rows are asked for
    view: Option<String>,
}

/// Returns true if a request asks for a WebSocket.
pub(crate) fn asks_for_socket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(WEBSOCKET))
}

/// The subprotocols that the client of a WebSocket offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Returns true if a client of a WebSocket offers a token and no subprotocol that it could be spoken with: its browser would close the
/// connection, because the server selects none.
pub(crate) fn lacks_subprotocol(headers: &HeaderMap) -> bool {
    offered(headers).any(|name| name.starts_with(BEARER_PREFIX)) && !offered(headers).any(|name| name == SUBPROTOCOL)
}

impl Credentials {
    /// Those of a request with this path.
    pub(crate) fn of(request: &Request, path: Result<RawPathParams, RawPathParamsRejection>) -> Self {
        let headers = request.headers();
        let credentials = Self { is_in_header: headers.contains_key(header::AUTHORIZATION), ..Self::default() };
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let is_stream = match route {
            SUBSCRIBE_ROUTE | INVALIDATIONS_ROUTE => true,
            VIEW_ROUTE => accepts_events(headers),
            _ => false,
        };
        // A preflight has the address of the request that it asks about.
        if !is_stream || *request.method() != Method::GET {
            return credentials;
        }
        let view = path.ok().and_then(|path| {
            let view = path.iter().find(|(name, _)| *name == VIEW_PARAMETER)?;
            Some(view.1.to_owned())
        });
        // A query that can't be read is the endpoint's to refuse.
        let query = QueryString::parse(request.uri().query()).ok();
        let ticket = query.as_ref().and_then(|query| query.one(TICKET).ok().flatten()).map(str::to_owned);
        let mut bearers = Vec::new();
        if route == SUBSCRIBE_ROUTE && asks_for_socket(headers) {
            bearers.extend(offered(headers).filter_map(|name| name.strip_prefix(BEARER_PREFIX)).map(str::to_owned));
        }
        Self { ticket, bearers, view, ..credentials }
    }

    /// Returns true if there is one, good or bad.
    pub(crate) fn is_some(&self) -> bool {
        self.has_token() || self.ticket.is_some()
    }

    /// Returns true if one of them is a token, which takes time to verify.
    pub(crate) fn has_token(&self) -> bool {
        self.is_in_header || !self.bearers.is_empty()
    }

    /// Returns true if one of them is a ticket.
    pub(crate) fn has_ticket(&self) -> bool {
        self.ticket.is_some()
    }

    /// Returns the claims of the sender of a request with these headers; a ticket is used then.
    pub(crate) fn authenticate(&self, state: &ApiState, headers: &HeaderMap) -> Authenticated {
        let given = usize::from(self.is_in_header) + usize::from(self.ticket.is_some()) + self.bearers.len();
        if given > 1 {
            let detail =
                "there is more than one of an Authorization header, a ticket and a 'bearer.' subprotocol: send one of them";
            return Err(TokenError::refused(detail));
        }
        match (&self.ticket, self.bearers.first()) {
            (Some(ticket), _) => state.tickets().redeem(ticket, self.view.as_deref()).map(Some),
            (None, Some(token)) => state.authenticate_token(token).map(Some),
            (None, None) => state.authenticate(headers),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn subprotocols_are_read_from_any_number_of_headers() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value))).collect()
        };
        let found = headers(&["tidewater.v1 ,bearer.a.b.c", "other"]);
        assert_eq!(offered(&found).collect::<Vec<_>>(), ["tidewater.v1", "bearer.a.b.c", "other"]);
        assert!(!lacks_subprotocol(&found) && !lacks_subprotocol(&headers(&["other"])) && !lacks_subprotocol(&headers(&[])));
        assert!(lacks_subprotocol(&headers(&["bearer.a.b.c", "tidewater.v2"])));
    }
}
