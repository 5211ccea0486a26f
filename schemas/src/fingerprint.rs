//! Identities of plans and of the states that they keep, by which a later run finds them again.
//!
//! Owns [`Fingerprint`], the hash of a canonical description, and [`StateSpec`].

use std::fmt;

use sha2::{Digest, Sha256};

use crate::position::Topic;

/// Length of a fingerprint.
pub const FINGERPRINT_BYTES: usize = 32;

/// Identity of a plan or of one of its states: the SHA-256 of a description of what is computed and how.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; FINGERPRINT_BYTES]);

/// A state that a plan keeps across restarts: its identity, its name and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSpec {
    /// fingerprint of its computation
    pub fingerprint: Fingerprint,
    /// for people
    pub name: String,
    /// the topics that it is computed from
    pub topics: Vec<Topic>,
}

impl Fingerprint {
    /// Returns the fingerprint of a description.
    pub fn of(description: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(description.as_ref()).into())
    }
}

/// The first 16 hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
