//! The key of what clients hand back: cursors are encrypted and authenticated with it, ids of events and tags of answers are authenticated.
//!
//! Owns [`CursorKey`]. Bytes and the subject that they are good for enter; sealed bytes leave, of which a client learns nothing but their
//! length, and which it cannot change. Equal bytes for an equal subject are sealed equally (a synthetic nonce, as in RFC 5297), so an answer
//! whose rows did not change is the same bytes again.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of a key.
pub const CURSOR_KEY_BYTES: usize = 32;
/// Layout of what is sealed here; earlier layouts were not sealed.
const VERSION: u8 = 3;
/// Latest layout that was neither encrypted nor authenticated.
const VERSION_UNSEALED: u8 = 2;
/// Bytes that tell keys apart: a cursor of another server is known as such.
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// A key; clones share it.
#[derive(Clone)]
pub struct CursorKey(Arc<DerivedKeys>);

/// One key per purpose, all from the same 32 bytes.
struct DerivedKeys {
    bytes: [u8; CURSOR_KEY_BYTES],
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
    nonces: Hmac<Sha256>,
    tags: Hmac<Sha256>,
}

/// Reason why bytes can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSealed {
    /// they are as no server gives them out, or are for another subject
    Damaged,
    /// another key sealed them, or none did because they are of an earlier version
    OtherKey,
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A new key from the system's randomness.
    pub fn random() -> Self {
        let mut bytes = [0; CURSOR_KEY_BYTES];
        getrandom::fill(&mut bytes).expect("the system gives out random bytes once it has started");
        Self::from_bytes(bytes)
    }

    /// The key that these bytes are; they should be random.
    pub fn from_bytes(bytes: [u8; CURSOR_KEY_BYTES]) -> Self {
        let derived = |purpose: &str| -> [u8; 32] { digest(&keyed(&bytes), &[purpose.as_bytes()]) };
        let [a, b, c, d, ..] = derived("id of the key");
        Self(Arc::new(DerivedKeys {
            bytes,
            id: [a, b, c, d],
            cipher: XChaCha20Poly1305::new(&Key::from(derived("encryption of cursors"))),
            nonces: keyed(&derived("nonces of cursors")),
            tags: keyed(&derived("tags of answers and ids of events")),
        }))
    }

    /// Its bytes, to be kept where nobody else reads them.
    pub fn as_bytes(&self) -> &[u8; CURSOR_KEY_BYTES] {
        &self.0.bytes
    }

    /// Seals bytes for a subject.
    pub(crate) fn seal(&self, subject: &str, bytes: &[u8]) -> Vec<u8> {
        let keys = &self.0;
        let digest: [u8; 32] = digest(&keys.nonces, &[subject.as_bytes(), bytes]);
        let nonce: &[u8; NONCE_BYTES] = digest.first_chunk().expect("a digest has more bytes than a nonce");
        let payload = Payload { msg: bytes, aad: subject.as_bytes() };
        let sealed = keys
            .cipher
            .encrypt(&XNonce::from(*nonce), payload)
            .expect("what is sealed is shorter than the cipher's limit of 256 GiB");
        [&[VERSION], &keys.id[..], &nonce[..], &sealed].concat()
    }

    /// Opens what was sealed for a subject.
    pub(crate) fn open(&self, subject: &str, sealed: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let keys = &self.0;
        let (version, rest) = sealed.split_first().ok_or(NotSealed::Damaged)?;
        match *version {
            VERSION => {}
            VERSION_UNSEALED => return Err(NotSealed::OtherKey),
            _ => return Err(NotSealed::Damaged),
        }
        let (id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(NotSealed::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(NotSealed::Damaged)?;
        if *id != keys.id {
            return Err(NotSealed::OtherKey);
        }
        let payload = Payload { msg: sealed, aad: subject.as_bytes() };
        keys.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotSealed::Damaged)
    }

    /// A tag of parts, which nobody without the key can compute.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = digest(&self.0.tags, parts);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// Keyed digest of parts, each behind its length, so that no two lists of parts read alike.
fn digest(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> CursorKey {
        CursorKey::from_bytes([byte; CURSOR_KEY_BYTES])
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_for_the_same_subject_only() {
        let sealed = key(1).seal("posts", b"a secret");
        assert_eq!(key(1).open("posts", &sealed), Ok(b"a secret".to_vec()));
        assert_eq!(sealed, key(1).seal("posts", b"a secret"), "the same again is the same bytes");
        assert_ne!(sealed[5..], key(1).seal("users", b"a secret")[5..]);
        assert_ne!(sealed[5..29], key(1).seal("posts", b"a Secret")[5..29], "a nonce is for one text");
        assert_eq!(key(1).open("users", &sealed), Err(NotSealed::Damaged));
        assert_eq!(key(2).open("posts", &sealed), Err(NotSealed::OtherKey));
        assert_eq!(key(1).open("posts", &[2, 0, 0]), Err(NotSealed::OtherKey), "of an earlier version");
        assert!(!sealed.windows(6).any(|window| b"a secret".windows(6).any(|part| part == window)));
    }

    #[test]
    fn no_bit_of_what_is_sealed_can_be_changed() {
        let sealed = key(1).seal("posts", b"a secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open("posts", &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key(1).open("posts", &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn tags_depend_on_the_key_and_on_how_parts_are_cut() {
        assert_eq!(key(1).tag(&[b"a", b"b"]), key(1).tag(&[b"a", b"b"]));
        assert_ne!(key(1).tag(&[b"a", b"b"]), key(2).tag(&[b"a", b"b"]));
        assert_ne!(key(1).tag(&[b"a", b"b"]), key(1).tag(&[b"ab"]));
        assert_ne!(CursorKey::random().as_bytes(), CursorKey::random().as_bytes());
    }
}
