//! The caller of the request that is being answered: whose limits it counts against, and the token that was verified.
//!
//! The guard finds out once, before an endpoint runs, and an endpoint asks here for what it needs: the claims, a place for a stream or for
//! a wait, a request to a view. Without the guard, in a test of an endpoint alone, nobody is known and nothing is limited.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::peer::Peer;
use super::token::TokenError;
use crate::read::claims::Claims;

tokio::task_local! {
    /// the caller of the request that the current task answers
    static CALLER: Caller;
}

/// Somebody whose requests are limited together. Two subjects of one issuer are two clients, wherever they connect from; whoever sends no
/// token is one with everybody else from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// issuer and subject of a verified token, hashed with a key that is drawn at the start
    Subject(u64),
    /// the network of a connection
    Peer(Peer),
}

/// Outcome of looking at a request's token.
pub(crate) type Authenticated = Result<Option<Claims>, TokenError>;

/// The caller of a request.
pub(crate) struct Caller {
    /// `None` when neither a token nor a connection says who it is
    key: Option<ClientKey>,
    /// until the endpoint takes it
    authenticated: RefCell<Option<Authenticated>>,
}

impl ClientKey {
    /// The client that sent a request from this peer with these claims.
    pub(crate) fn of(claims: Option<&Claims>, peer: Option<Peer>) -> Option<Self> {
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let subject =
            claims.and_then(|claims| Some((claims.get("iss").map(ToString::to_string), claims.get("sub")?.to_string())));
        match subject {
            Some(subject) => Some(Self::Subject(KEYS.hash_one(subject))),
            None => peer.map(Self::Peer),
        }
    }
}

impl Caller {
    /// The caller with this key whose token was looked at.
    pub(crate) fn new(key: Option<ClientKey>, authenticated: Authenticated) -> Self {
        Self { key, authenticated: RefCell::new(Some(authenticated)) }
    }

    /// The client whose limits the request counts against, if it is known.
    pub(crate) fn key(&self) -> Option<ClientKey> {
        self.key
    }

    /// Answers a request of this caller.
    pub(crate) async fn answer<F: Future>(self, answer: F) -> F::Output {
        CALLER.scope(self, answer).await
    }
}

/// The client of the current request, if it is known.
pub(crate) fn client() -> Option<ClientKey> {
    CALLER.try_with(|caller| caller.key).ok().flatten()
}

/// Takes the outcome of looking at the token of the current request; `None` when it was not looked at, or is taken already.
pub(crate) fn take_authenticated() -> Option<Authenticated> {
    CALLER.try_with(|caller| caller.authenticated.take()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clients_are_subjects_by_issuer_or_else_peers() {
        let claims = |claims| Claims::for_test(claims);
        let peer = Some(Peer::of("192.0.2.7".parse().unwrap()));
        let of = |claims: &Claims| ClientKey::of(Some(claims), peer);
        let first = of(&claims(json!({ "iss": "a", "sub": "1" })));
        assert_eq!(first, of(&claims(json!({ "iss": "a", "sub": "1", "exp": 5 }))));
        for other in
            [json!({ "iss": "b", "sub": "1" }), json!({ "sub": "1" }), json!({ "iss": "a", "sub": "2" }), json!({ "iss": "a" })]
        {
            assert_ne!(first, of(&claims(other.clone())), "{other}");
        }
        assert_eq!(of(&claims(json!({ "iss": "a" }))), ClientKey::of(None, peer), "a token without a subject");
        assert_eq!(ClientKey::of(None, None), None);
    }
}
