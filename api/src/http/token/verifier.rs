//! Verification of a token: its header chooses among the accepted keys, one of them has signed it, and its claims follow the rules.
//!
//! Owns [`Verifier`]. The algorithm is that of the key, never the token's choice, and no key comes from a token: `jku`, `x5u` and `jwk` in its
//! header are not looked at. The keys may be replaced at any time; what was begun with a key that is gone then learns of it.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value};

use super::error::TokenError;
use super::keys::{CheckedKey, TokenKeys};
use super::rules::TokenRules;
use crate::read::claims::{Claims, KeyRevoker};

/// A key whose tokens are accepted.
struct AcceptedKey {
    key: CheckedKey,
    /// tells those who were let in with it when it is withdrawn
    revoker: KeyRevoker,
}

/// Verifies bearer tokens; every token must expire.
pub struct Verifier {
    rules: TokenRules,
    keys: RwLock<Arc<Vec<Arc<AcceptedKey>>>>,
    reads: Counter,
    failures: Counter,
}

/// Header of a token, as far as it matters.
struct TokenHeader {
    algorithm: Algorithm,
    /// the id of the key that has signed it, if it says so
    key_id: Option<String>,
}

impl Verifier {
    /// A verifier that accepts what any of `keys` has signed.
    pub fn new(keys: TokenKeys, rules: TokenRules) -> Self {
        let keys = keys.into_keys().into_iter().map(|key| Arc::new(AcceptedKey { key, revoker: KeyRevoker::default() }));
        let (reads, failures) = (Counter::default(), Counter::default());
        Self { rules, keys: RwLock::new(Arc::new(keys.collect())), reads, failures }
    }

    /// Accepts these keys from now on, and no others; returns the numbers of those that are new and of those that are gone. Streams that
    /// were opened with a key that is gone end.
    pub fn replace(&self, keys: TokenKeys) -> (usize, usize) {
        self.reads.inc();
        let mut accepted = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(&accepted);
        let (mut after, mut added) = (Vec::new(), 0);
        for key in keys.into_keys() {
            let known = before.iter().find(|known| known.key.fingerprint == key.fingerprint);
            added += usize::from(known.is_none());
            after.push(known.map_or_else(|| Arc::new(AcceptedKey { key, revoker: KeyRevoker::default() }), Arc::clone));
        }
        let is_gone = |known: &&Arc<AcceptedKey>| !after.iter().any(|key| Arc::ptr_eq(key, known));
        let gone: Vec<&Arc<AcceptedKey>> = before.iter().filter(is_gone).collect();
        gone.iter().for_each(|key| key.revoker.revoke());
        *accepted = Arc::new(after);
        (added, gone.len())
    }

    /// Counts keys that could not be read again; those that are accepted stay.
    pub fn reading_failed(&self) {
        self.failures.inc();
    }

    /// Adds its counters to the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("token_key_reads", "Times that keys of tokens were read again", self.reads.clone());
        let help = "Times that keys of tokens could not be read again, so that the earlier ones stay";
        registry.register("token_key_read_failures", help, self.failures.clone());
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let not_a_token = || TokenError::refused("it is not a JSON web token");
        let (message, signature) = token.rsplit_once('.').ok_or_else(not_a_token)?;
        let (head, payload) = message.split_once('.').ok_or_else(not_a_token)?;
        let header = header_of(&decoded(head).ok_or_else(not_a_token)?)?;
        let key = self.signer(&header, message.as_bytes(), signature)?;
        let claims = decoded(payload).ok_or_else(not_a_token)?;
        let expires_at = self.rules.check(&claims)?;
        Ok(Claims::verified(claims, expires_at, key.revoker.standing()))
    }

    /// The key that has signed a message.
    fn signer(&self, header: &TokenHeader, message: &[u8], signature: &str) -> Result<Arc<AcceptedKey>, TokenError> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let named = header.key_id.as_ref().and_then(|id| keys.iter().find(|known| known.key.id.as_ref() == Some(id)));
        let candidates: Vec<&Arc<AcceptedKey>> = match (named, &header.key_id) {
            (Some(named), _) => vec![named],
            // A key without an id may be the one that is meant.
            (None, Some(_)) => keys.iter().filter(|known| known.key.id.is_none()).collect(),
            (None, None) => keys.iter().collect(),
        };
        if candidates.is_empty() {
            return Err(TokenError::refused("no accepted key has the id that its header names ('kid')"));
        }
        let mut refusal = TokenError::refused("its algorithm is not the configured one");
        for candidate in candidates.into_iter().filter(|candidate| candidate.key.algorithm == header.algorithm) {
            // An error is a signature that can't be read, since the key was checked.
            if crypto::verify(signature, message, &candidate.key.key, candidate.key.algorithm).unwrap_or(false) {
                return Ok(Arc::clone(candidate));
            }
            refusal = TokenError::WrongSignature;
        }
        Err(refusal)
    }
}

/// The part of a token as a JSON object.
fn decoded(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Reads a header. What it calls critical is not understood here, so the token must be refused (RFC 7515, 4.1.11).
fn header_of(header: &Map<String, Value>) -> Result<TokenHeader, TokenError> {
    if header.contains_key("crit") {
        return Err(TokenError::refused("its header has 'crit', and no extension of tokens is understood here"));
    }
    let algorithm = match header.get("alg").and_then(Value::as_str) {
        Some("HS256") => Algorithm::HS256,
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        _ => return Err(TokenError::refused("its algorithm is not the configured one")),
    };
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(TokenError::refused("the 'kid' of its header is not a text")),
    };
    Ok(TokenHeader { algorithm, key_id })
}

/// The claims of the request's token; none when it sends none. A token that does not verify is refused wherever it is sent.
pub(crate) fn authenticate(verifier: Option<&Verifier>, headers: &HeaderMap) -> Result<Option<Claims>, TokenError> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(TokenError::refused("there is more than one Authorization header"));
    }
    // What has no space in it has no scheme that is known.
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or(("", ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::refused("the Authorization header is not 'Bearer <token>'"));
    }
    authenticate_token(verifier, token.trim()).map(Some)
}

/// The claims of a token.
pub(crate) fn authenticate_token(verifier: Option<&Verifier>, token: &str) -> Result<Claims, TokenError> {
    let verifier = verifier.ok_or_else(|| TokenError::refused("no key to verify tokens with is configured here"))?;
    verifier.verify(token)
}
