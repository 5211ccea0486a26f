//! Identity of an epoch.
//!
//! Owns [`Chain`]. The number of an epoch does not identify it (after a restore, 100 may bind other records); the hash of its binding
//! does, because it covers everything that was bound before.

use std::fmt;

/// The bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// The identity of an epoch: the hash of its binding and, through that, of all bindings before it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(pub [u8; HASH_BYTES]);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
