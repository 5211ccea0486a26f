//! Bounds of keys: what is shorter could be guessed or computed.

/// The fewest bytes of a secret (RFC 7518, 3.2: as long as the hash).
pub const SECRET_BYTES_MIN: usize = 32;
/// The fewest bits of a public key of RSA (RFC 7518, 3.3).
pub const RSA_BITS_MIN: usize = 2_048;
/// The most keys that are accepted at the same time: a token that names none may be tried with each.
pub const TOKEN_KEYS_MAX: usize = 100;
