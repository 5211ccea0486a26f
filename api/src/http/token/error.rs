//! Reasons why keys can't be used, and why a token is not accepted.

use super::bounds::{RSA_BITS_MIN, SECRET_BYTES_MIN, TOKEN_KEYS_MAX};

/// A configuration of tokens that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenConfigError {
    /// a secret that could be guessed
    #[error("the token secret has {bytes} bytes: use at least {SECRET_BYTES_MIN} random ones")]
    ShortSecret {
        /// its length
        bytes: usize,
    },
    /// not a public key of the algorithm
    #[error("the public key for {algorithm} can't be read: {source}")]
    BadKey {
        /// the algorithm it was configured for
        algorithm: &'static str,
        /// the fault of the key
        source: jsonwebtoken::errors::Error,
    },
    /// a private key where a public one is expected
    #[error(
        "the key for {algorithm} is a private key, which only the issuer of tokens may have: write the public one to a file with \
         'openssl pkey -in PRIVATE -pubout -out PUBLIC', and name that"
    )]
    PrivateKey {
        /// the algorithm it was configured for
        algorithm: &'static str,
    },
    /// a public key of ECDSA on another curve
    #[error(
        "the public key for ES256 is not a point on the curve P-256 (prime256v1): keys on other curves are for other algorithms"
    )]
    WrongCurve,
    /// a key of RSA that could be computed, or that takes too long
    #[error("the public key for RS256 has {bits} bits: use one of {RSA_BITS_MIN} to 4096")]
    RsaLength {
        /// bits of its modulus
        bits: usize,
    },
    /// two keys with one id: a token could not say which it means
    #[error("two keys have the id '{id}': give each key an id of its own")]
    RepeatedId {
        /// the id
        id: String,
    },
    /// not a set of keys
    #[error("the key set is not a JSON object with a list 'keys' (RFC 7517): {detail}")]
    BadKeySet {
        /// the fault
        detail: String,
    },
    /// a key of a set lacks something
    #[error("key {number} of the key set{} has no usable '{member}'", named(.id))]
    BadMember {
        /// its number, from 1
        number: usize,
        /// its id
        id: Option<String>,
        /// the member
        member: &'static str,
    },
    /// a key of a set can't be used
    #[error("key {number} of the key set{} can't be used: {source}", named(.id))]
    BadSetKey {
        /// its number, from 1
        number: usize,
        /// its id
        id: Option<String>,
        /// the fault
        source: Box<TokenConfigError>,
    },
    /// a set without a key for tokens
    #[error("the key set has no key that tokens can be verified with (RSA, EC on P-256 or oct, not for encryption)")]
    NoKey,
    /// more keys than are tried
    #[error("there are more than {TOKEN_KEYS_MAX} keys: remove those that sign no tokens any more")]
    ManyKeys,
}

fn named(id: &Option<String>) -> String {
    id.as_ref().map_or_else(String::new, |id| format!(" ('{id}')"))
}

/// Reason why a caller may not do what it asks for.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum TokenError {
    #[error("{what} needs a bearer token: send it as 'Authorization: Bearer <token>'")]
    Needed { what: String },
    #[error("the bearer token is refused: {detail}")]
    Bad { detail: String },
    #[error("the bearer token is refused: its signature does not match")]
    WrongSignature,
    #[error("the ticket is refused: {detail}; POST /v1/tickets gives one out")]
    BadTicket { detail: &'static str },
    #[error("the token does not grant '{scope}', which {what} needs")]
    MissingScope { what: &'static str, scope: String },
    #[error("the token has no claim '{claim}' that names who sends, which {what} needs here")]
    MissingClaim { what: &'static str, claim: String },
}

impl TokenError {
    /// A token that is refused for this reason.
    pub(crate) fn refused(detail: &str) -> Self {
        Self::Bad { detail: detail.to_owned() }
    }

    /// A ticket that is refused for this reason.
    pub(crate) fn bad_ticket(detail: &'static str) -> Self {
        Self::BadTicket { detail }
    }

    /// A token that was good before.
    pub(crate) fn expired() -> Self {
        Self::refused("it has expired")
    }

    /// A token whose key was good before.
    pub(crate) fn key_withdrawn() -> Self {
        Self::refused("the key that it was signed with is no longer accepted")
    }
}
