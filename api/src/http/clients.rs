//! Limits of each client: requests over time, streams that are open, requests that wait or bring events, and bad tokens.
//!
//! The client of the current request ([`caller`](super::caller)) enters; places leave, or an error with the time to wait.

use std::sync::Arc;
use std::time::Instant;

use super::caller::{ClientKey, client};
use super::error::limit::LimitError;
use super::limits::{Limits, RateLimit, RatePeriod};
use super::peer::Peer;
use super::places::{Place, Places};
use super::rates::{Rates, TooFast};

/// Limits of all clients, and what they use of them.
pub(crate) struct Clients {
    /// limits of all requests
    requests: Vec<RateLimit>,
    /// limits of requests to a view, by its name
    views: Vec<(String, RateLimit)>,
    /// limit of tokens with a wrong signature; `None` for none
    bad_tokens: Option<RateLimit>,
    rates: Rates<(ClientKey, Counted)>,
    streams: Arc<Places<ClientKey>>,
    waits: Arc<Places<ClientKey>>,
    producers: Arc<Places<ClientKey>>,
}

/// Requests that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    All,
    /// those to a view, by the place of its limit
    View(usize),
    BadTokens,
}

/// A place of a client that is known.
pub(crate) type ClientPlace = Option<Place<ClientKey>>;

impl Clients {
    /// Clients with these limits; requests are counted unless nobody is known by a token.
    pub(crate) fn new(limits: &Limits, is_keyless: bool) -> Self {
        let of = |requests: u32, period| (requests > 0).then_some(RateLimit { requests, period });
        let per_second = of(limits.client_requests_per_second, RatePeriod::Second);
        let requests = per_second.into_iter().chain(of(limits.client_requests_per_hour, RatePeriod::Hour));
        Self {
            requests: requests.filter(|_| !is_keyless).collect(),
            views: limits.view_limits.iter().map(|limit| (limit.view.clone(), limit.limit)).collect(),
            bad_tokens: of(limits.client_bad_tokens_per_second, RatePeriod::Second),
            rates: Rates::new(),
            streams: Places::new(usize::MAX, limits.client_streams),
            waits: Places::new(usize::MAX, limits.client_waits),
            producers: Places::new(usize::MAX, limits.client_producer_requests),
        }
    }

    /// Counts a request of a client.
    pub(crate) fn count_request(&self, client: Option<ClientKey>) -> Result<(), LimitError> {
        let Some(client) = client else { return Ok(()) };
        let counted = self.rates.count((client, Counted::All), &self.requests, Instant::now());
        counted.map_err(|TooFast { limit, retry_after }| LimitError::TooManyRequests { limit, retry_after })
    }

    /// Refuses a request of a client that would be beyond a limit, and counts nothing.
    pub(crate) fn check_requests(&self, client: Option<ClientKey>) -> Result<(), LimitError> {
        let Some(client) = client else { return Ok(()) };
        for limit in &self.requests {
            let checked = self.rates.check((client, Counted::All), *limit, Instant::now());
            checked.map_err(|TooFast { limit, retry_after }| LimitError::TooManyRequests { limit, retry_after })?;
        }
        Ok(())
    }

    /// Counts a request of the current client to a view, if that has limits of its own.
    pub(crate) fn count_view(&self, view: &str) -> Result<(), LimitError> {
        let Some(client) = client() else { return Ok(()) };
        for (place, (_, limit)) in self.views.iter().enumerate().filter(|(_, (limited, _))| limited == view) {
            let counted = self.rates.count((client, Counted::View(place)), &[*limit], Instant::now());
            counted.map_err(|TooFast { limit, retry_after }| LimitError::TooManyOfView {
                view: view.to_owned(),
                limit,
                retry_after,
            })?;
        }
        Ok(())
    }

    /// Refuses to verify a token from where too many came whose signature was wrong.
    pub(crate) fn check_bad_tokens(&self, peer: Option<Peer>) -> Result<(), LimitError> {
        let (Some(peer), Some(limit)) = (peer, self.bad_tokens) else { return Ok(()) };
        let checked = self.rates.check((ClientKey::Peer(peer), Counted::BadTokens), limit, Instant::now());
        checked.map_err(|TooFast { retry_after, .. }| LimitError::TooManyBadTokens { retry_after })
    }

    /// Counts a token whose signature was wrong.
    pub(crate) fn count_bad_token(&self, peer: Option<Peer>) {
        if let (Some(peer), Some(limit)) = (peer, self.bad_tokens) {
            // Refused or not: the next one is.
            let _ = self.rates.count((ClientKey::Peer(peer), Counted::BadTokens), &[limit], Instant::now());
        }
    }

    /// A place for a stream of the current client, to be kept for as long as the stream is open.
    pub(crate) fn stream(&self) -> Result<ClientPlace, LimitError> {
        let refused = |_| LimitError::TooManyStreams { streams_max: self.streams.key_max() };
        client().map(|client| self.streams.take(client)).transpose().map_err(refused)
    }

    /// A place for a request with events of the current client, to be kept until it is answered.
    pub(crate) fn producer(&self) -> Result<ClientPlace, LimitError> {
        let refused = |_| LimitError::TooManyProducerRequests { requests_max: self.producers.key_max() };
        client().map(|client| self.producers.take(client)).transpose().map_err(refused)
    }

    /// A place for a request of the current client that waits, to be kept until it has waited.
    pub(crate) fn wait(&self) -> Result<ClientPlace, LimitError> {
        let refused = |_| LimitError::TooManyWaits { waits_max: self.waits.key_max() };
        client().map(|client| self.waits.take(client)).transpose().map_err(refused)
    }
}
