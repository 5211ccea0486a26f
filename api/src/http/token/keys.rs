//! The keys that may have signed a token, each with the one algorithm it is used for.
//!
//! Secrets and public keys enter; [`TokenKeys`] leave, which were checked: nothing about a key fails later.

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use sha2::{Digest as _, Sha256};

use super::bounds::{RSA_BITS_MIN, SECRET_BYTES_MIN, TOKEN_KEYS_MAX};
use super::error::TokenConfigError;
use super::pem::{RsaPublicKey, read_point, read_rsa};

/// The most bits of a public key of RSA.
const RSA_BITS_MAX: usize = 4_096;
/// The most bytes of the public exponent of RSA.
const RSA_EXPONENT_BYTES_MAX: usize = 4;
/// Bytes of a coordinate of a point on P-256.
const COORDINATE_BYTES: usize = 32;

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
        /// the public key, of 2,048 to 4,096 bits
        pem: Vec<u8>,
    },
    /// ECDSA on P-256
    Es256 {
        /// the public key
        pem: Vec<u8>,
    },
}

/// Keys that were checked.
#[derive(Default)]
pub struct TokenKeys {
    keys: Vec<CheckedKey>,
}

/// One of them.
pub(super) struct CheckedKey {
    /// the id by which a token may name it
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    /// Digest of all of it: the same key under the same id in a later set is this one.
    pub(super) fingerprint: [u8; 32],
}

impl TokenKeys {
    /// Adds a key, under an id that a token may name.
    pub fn add(&mut self, id: Option<String>, key: &TokenKey) -> Result<(), TokenConfigError> {
        match key {
            TokenKey::Hs256 { secret } => self.add_secret(id, secret),
            TokenKey::Rs256 { pem } => {
                let RsaPublicKey { modulus, exponent } = read_rsa(pem)?;
                self.add_rsa(id, &modulus, &exponent)
            }
            TokenKey::Es256 { pem } => self.add_point(id, &read_point(pem)?),
        }
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds a secret of HS256.
    pub(super) fn add_secret(&mut self, id: Option<String>, secret: &[u8]) -> Result<(), TokenConfigError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(TokenConfigError::ShortSecret { bytes: secret.len() });
        }
        self.push(id, Algorithm::HS256, DecodingKey::from_secret(secret), &[secret])
    }

    /// Adds a public key of RSA as its modulus and exponent, most significant byte first.
    pub(super) fn add_rsa(&mut self, id: Option<String>, modulus: &[u8], exponent: &[u8]) -> Result<(), TokenConfigError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(TokenConfigError::RsaLength { bits });
        }
        let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
        if !is_odd || exponent == [1] || exponent.len() > RSA_EXPONENT_BYTES_MAX {
            let source = jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into();
            return Err(TokenConfigError::BadKey { algorithm: "RS256", source });
        }
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        self.push(id, Algorithm::RS256, key, &[modulus, exponent])
    }

    /// Adds a public key of ECDSA as the coordinates of its point on P-256.
    pub(super) fn add_ec(&mut self, id: Option<String>, x: &[u8], y: &[u8]) -> Result<(), TokenConfigError> {
        let bad = |source| TokenConfigError::BadKey { algorithm: "ES256", source };
        if x.len() != COORDINATE_BYTES || y.len() != COORDINATE_BYTES {
            return Err(bad(jsonwebtoken::errors::ErrorKind::InvalidEcdsaKey.into()));
        }
        self.add_point(id, &[&[4][..], x, y].concat())
    }

    /// Adds a public key of ECDSA as its point (SEC 1, 2.3.3).
    fn add_point(&mut self, id: Option<String>, point: &[u8]) -> Result<(), TokenConfigError> {
        let key = DecodingKey::from_ec_der(point);
        // A point that is not on the curve is found when it is used first.
        crypto::verify("", b"", &key, Algorithm::ES256).map_err(|_| TokenConfigError::WrongCurve)?;
        self.push(id, Algorithm::ES256, key, &[point])
    }

    fn push(
        &mut self,
        id: Option<String>,
        algorithm: Algorithm,
        key: DecodingKey,
        material: &[&[u8]],
    ) -> Result<(), TokenConfigError> {
        if self.keys.len() == TOKEN_KEYS_MAX {
            return Err(TokenConfigError::ManyKeys);
        }
        if let Some(id) = id.as_ref().filter(|id| self.keys.iter().any(|known| known.id.as_ref() == Some(id))) {
            return Err(TokenConfigError::RepeatedId { id: id.clone() });
        }
        let fingerprint = fingerprint(id.as_deref(), algorithm, material);
        self.keys.push(CheckedKey { id, algorithm, key, fingerprint });
        Ok(())
    }

    /// The keys, in the order in which they were added.
    pub(super) fn into_keys(self) -> Vec<CheckedKey> {
        self.keys
    }
}

/// Digest of parts, each behind its length, so that no two lists of parts read alike.
fn fingerprint(id: Option<&str>, algorithm: Algorithm, material: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let name = format!("{algorithm:?} {id:?}");
    for part in std::iter::once(name.as_bytes()).chain(material.iter().copied()) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
