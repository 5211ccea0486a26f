//! Public keys in files: the text that openssl writes.
//!
//! A PEM file enters; the numbers of a key of RSA leave, or the point of a key of ECDSA, so that keys of files and of sets are held to the same
//! rules. A file with a private key is refused: whoever verifies tokens must not be able to make them.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::errors::{Error, ErrorKind};

use super::error::TokenConfigError;

/// End of the first line of every kind of private key.
const PRIVATE_LABEL: &[u8] = b"PRIVATE KEY-----";
/// Tag of a list in DER.
const SEQUENCE: u8 = 0x30;
/// Tag of a whole number in DER.
const INTEGER: u8 = 0x02;

/// A public key of RSA: its numbers, most significant byte first.
pub(super) struct RsaPublicKey {
    pub(super) modulus: Vec<u8>,
    pub(super) exponent: Vec<u8>,
}

/// Reads a public key of RSA.
pub(super) fn read_rsa(pem: &[u8]) -> Result<RsaPublicKey, TokenConfigError> {
    let bad = |source| TokenConfigError::BadKey { algorithm: "RS256", source };
    check_public(pem, "RS256")?;
    let key = DecodingKey::from_rsa_pem(pem).map_err(bad)?;
    let numbers = rsa_numbers(key.try_get_as_bytes().map_err(bad)?);
    numbers.ok_or_else(|| bad(Error::from(ErrorKind::InvalidKeyFormat)))
}

/// Reads the point of a public key of ECDSA, on whatever curve.
pub(super) fn read_point(pem: &[u8]) -> Result<Vec<u8>, TokenConfigError> {
    let bad = |source| TokenConfigError::BadKey { algorithm: "ES256", source };
    check_public(pem, "ES256")?;
    let key = DecodingKey::from_ec_pem(pem).map_err(bad)?;
    Ok(key.try_get_as_bytes().map_err(bad)?.to_vec())
}

fn check_public(pem: &[u8], algorithm: &'static str) -> Result<(), TokenConfigError> {
    match pem.windows(PRIVATE_LABEL.len()).any(|part| part == PRIVATE_LABEL) {
        true => Err(TokenConfigError::PrivateKey { algorithm }),
        false => Ok(()),
    }
}

/// The numbers of a public key in the form of PKCS #1 (RFC 8017, A.1.1): a list of modulus and exponent.
fn rsa_numbers(der: &[u8]) -> Option<RsaPublicKey> {
    let (list, rest) = element(SEQUENCE, der)?;
    let (modulus, numbers) = element(INTEGER, list)?;
    let (exponent, others) = element(INTEGER, numbers)?;
    let is_whole = rest.is_empty() && others.is_empty();
    is_whole.then(|| RsaPublicKey { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
}

/// The content of the first element of a text in DER, which has this tag, and what is behind it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    // A length of more than 127 is in the bytes that follow, whose number the first one has.
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let is_possible = (1..=size_of::<u32>()).contains(&bytes.len());
            (is_possible.then(|| bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)))?, rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_ends_where_its_length_says() {
        assert_eq!(element(INTEGER, &[2, 1, 5, 9]), Some((&[5][..], &[9][..])));
        let long = [&[2, 0x81, 200][..], &[7; 200]].concat();
        assert_eq!(element(INTEGER, &long), Some((&[7; 200][..], &[][..])));
        for broken in [&[][..], &[2], &[2, 2, 1], &[3, 1, 1], &[2, 0x80], &[2, 0x82, 1], &[2, 0x85, 0, 0, 0, 0, 1, 1]] {
            assert_eq!(element(INTEGER, broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_key_of_rsa_is_two_numbers_and_nothing_else() {
        let numbers = |der: &[u8]| rsa_numbers(der).map(|key| (key.modulus, key.exponent));
        assert_eq!(numbers(&[0x30, 6, 2, 1, 5, 2, 1, 3]), Some((vec![5], vec![3])));
        for other in [&[0x30, 9, 2, 1, 0, 2, 1, 5, 2, 1, 3][..], &[0x30, 6, 2, 1, 5, 2, 1, 3, 0], &[0x30, 3, 2, 1, 5]] {
            assert_eq!(numbers(other), None, "{other:?}");
        }
    }
}
