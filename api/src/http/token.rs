//! Verified bearer tokens: the identity of the caller.
//!
//! Owns [`Verifier`], the configured keys. The `Authorization` header enters, the reader's [`Claims`] leave. The algorithm is that of the
//! configured key, never the token's choice.

use axum::http::{HeaderMap, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::read::claims::Claims;

/// The fewest bytes of a secret (RFC 7518, 3.2: as long as the hash).
pub const SECRET_BYTES_MIN: usize = 32;

/// A key that tokens are verified with, and with it the one algorithm it is used for.
#[derive(Clone)]
pub enum TokenKey {
    /// HMAC with SHA-256
    Hs256 {
        /// the shared secret
        secret: Vec<u8>,
    },
    /// RSA with SHA-256
    Rs256 {
        /// the public key
        pem: Vec<u8>,
    },
    /// ECDSA on P-256
    Es256 {
        /// the public key
        pem: Vec<u8>,
    },
}

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
    #[error("the public key for {algorithm:?} can't be read: {source}")]
    BadKey {
        /// the algorithm it was configured for
        algorithm: Algorithm,
        /// the fault of the token
        source: jsonwebtoken::errors::Error,
    },
}

/// Reason why a caller may not do what it asks for.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum TokenError {
    #[error("{what} needs a bearer token: send it as 'Authorization: Bearer <token>'")]
    Needed { what: String },
    #[error("the bearer token is refused: {detail}")]
    Bad { detail: String },
    #[error("the token does not grant '{scope}', which {what} needs")]
    MissingScope { what: &'static str, scope: String },
}

impl TokenError {
    /// A token that was good before.
    pub(crate) fn expired() -> Self {
        Self::Bad { detail: "it has expired".to_owned() }
    }
}

/// Verifies bearer tokens; every token must expire.
pub struct Verifier {
    keys: Vec<(Algorithm, DecodingKey, Validation)>,
}

impl Verifier {
    /// A verifier that accepts what any of `keys` has signed. An audience or an issuer that is given must be in the token.
    pub fn new(keys: &[TokenKey], audience: Option<&str>, issuer: Option<&str>) -> Result<Self, TokenConfigError> {
        let keys = keys.iter().map(|key| {
            let (algorithm, key) = decoding_key(key)?;
            Ok((algorithm, key, validation(algorithm, audience, issuer)))
        });
        Ok(Self { keys: keys.collect::<Result<_, TokenConfigError>>()? })
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(|error| refused(error.kind()))?;
        let mut refusal = refused(&ErrorKind::InvalidAlgorithm);
        for (algorithm, key, validation) in self.keys.iter().filter(|(algorithm, ..)| *algorithm == header.alg) {
            debug_assert!(validation.algorithms == [*algorithm], "a key accepts another algorithm than its own");
            match decode::<Map<String, Value>>(token, key, validation) {
                Ok(data) => return Ok(Claims::verified(data.claims)),
                Err(error) => refusal = refused(error.kind()),
            }
        }
        Err(refusal)
    }
}

fn decoding_key(key: &TokenKey) -> Result<(Algorithm, DecodingKey), TokenConfigError> {
    let (algorithm, key) = match key {
        TokenKey::Hs256 { secret } if secret.len() < SECRET_BYTES_MIN => {
            return Err(TokenConfigError::ShortSecret { bytes: secret.len() });
        }
        TokenKey::Hs256 { secret } => (Algorithm::HS256, Ok(DecodingKey::from_secret(secret))),
        TokenKey::Rs256 { pem } => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
        TokenKey::Es256 { pem } => (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
    };
    Ok((algorithm, key.map_err(|source| TokenConfigError::BadKey { algorithm, source })?))
}

fn validation(algorithm: Algorithm, audience: Option<&str>, issuer: Option<&str>) -> Validation {
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp"];
    validation.validate_nbf = true;
    validation.validate_aud = audience.is_some();
    if let Some(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

fn refused(kind: &ErrorKind) -> TokenError {
    let detail = match kind {
        ErrorKind::ExpiredSignature => return TokenError::expired(),
        ErrorKind::ImmatureSignature => "it is not valid yet".to_owned(),
        ErrorKind::InvalidSignature => "its signature does not match".to_owned(),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "its algorithm is not the configured one".to_owned(),
        ErrorKind::InvalidAudience => "it is meant for another audience".to_owned(),
        ErrorKind::InvalidIssuer => "it was issued by somebody else".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("it has no claim '{claim}'"),
        _ => "it is not a JSON web token".to_owned(),
    };
    TokenError::Bad { detail }
}

/// The claims of the request's token; none when it sends none. A token that does not verify is refused wherever it is sent.
pub(crate) fn authenticate(verifier: Option<&Verifier>, headers: &HeaderMap) -> Result<Option<Claims>, TokenError> {
    let refuse = |detail: &str| TokenError::Bad { detail: detail.to_owned() };
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(refuse("there is more than one Authorization header"));
    }
    // What has no space in it has no scheme that is known.
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or(("", ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refuse("the Authorization header is not 'Bearer <token>'"));
    }
    let verifier = verifier.ok_or_else(|| refuse("no key to verify tokens with is configured here"))?;
    verifier.verify(token.trim()).map(Some)
}

/// Permission for actions that no view's policy decides: sending events, reading dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// anybody
    Open,
    /// whoever has a token with this scope
    Scope(String),
}

impl Permission {
    /// Refuses whoever may not do `what`.
    pub(crate) fn check(&self, what: &'static str, claims: Option<&Claims>) -> Result<(), TokenError> {
        match (self, claims) {
            (Self::Open, _) => Ok(()),
            (Self::Scope(_), None) => Err(TokenError::Needed { what: what.to_owned() }),
            (Self::Scope(scope), Some(claims)) if claims.grants(scope) => Ok(()),
            (Self::Scope(scope), Some(_)) => Err(TokenError::MissingScope { what, scope: scope.clone() }),
        }
    }
}
