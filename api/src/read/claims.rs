//! Claims of a reader who is known: the identity that policies compare.
//!
//! A protocol verifies them before they enter; they are only looked up here. With them comes the standing of the key that vouches for them,
//! for answers that take long: a key may be withdrawn meanwhile.

use serde_json::{Map, Value};
use tokio::sync::watch;

/// Claims of a verified reader.
pub(crate) struct Claims {
    claims: Map<String, Value>,
    /// end of their validity in seconds since 1970
    expires_at: f64,
    key: KeyStanding,
}

/// Withdraws a key; dropping it does not.
#[derive(Debug)]
pub(crate) struct KeyRevoker(watch::Sender<bool>);

/// Standing of a key: accepted, until it is withdrawn.
#[derive(Clone, Debug)]
pub(crate) struct KeyStanding(watch::Receiver<bool>);

impl Default for KeyRevoker {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl KeyRevoker {
    /// The standing of the key, now and later.
    pub(crate) fn standing(&self) -> KeyStanding {
        KeyStanding(self.0.subscribe())
    }

    /// Withdraws the key.
    pub(crate) fn revoke(&self) {
        self.0.send_replace(true);
    }
}

impl KeyStanding {
    /// Returns true if the key is no longer accepted.
    pub(crate) fn is_withdrawn(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the key is no longer accepted.
    pub(crate) async fn withdrawn(&mut self) {
        if self.0.wait_for(|is_withdrawn| *is_withdrawn).await.is_err() {
            // Nobody is left who could withdraw it.
            std::future::pending().await
        }
    }
}

impl Claims {
    /// The claims of a reader; whoever calls this has verified them with a key of this standing. They end at `expires_at`, in seconds since
    /// 1970, for pages and streams alike.
    pub(crate) fn verified(claims: Map<String, Value>, expires_at: f64, key: KeyStanding) -> Self {
        Self { claims, expires_at, key }
    }

    /// One claim.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// End of their validity in seconds since 1970.
    pub(crate) fn expires_at(&self) -> f64 {
        self.expires_at
    }

    /// Standing of the key that vouches for them.
    pub(crate) fn key(&self) -> &KeyStanding {
        &self.key
    }

    /// Returns true if the claim `scope`, a text of words or a list, has this scope.
    pub(crate) fn grants(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// The scopes of the claim `scope`, a text of words or a list.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        let (words, list) = match self.claims.get("scope") {
            Some(Value::String(words)) => (words.as_str(), &[][..]),
            Some(Value::Array(list)) => ("", list.as_slice()),
            _ => ("", &[][..]),
        };
        words.split(' ').filter(|word| !word.is_empty()).chain(list.iter().filter_map(Value::as_str))
    }

    #[cfg(test)]
    pub(crate) fn for_test(claims: Value) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object, not {claims}") };
        Self { claims, expires_at: f64::MAX, key: KeyRevoker::default().standing() }
    }
}
