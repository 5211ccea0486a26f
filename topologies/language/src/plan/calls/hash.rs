//! Hashes: `md5` and the functions of the SHA-2 family.

use schemas::field::Value;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::definition::{Answer, Definition, Gives, Kind, Overload, made};
use super::text::bytes;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "md5",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: md5 },
            Overload { takes: &[Kind::Bytes], rest: None, gives: Gives::Kind(Kind::Text), call: md5 },
        ],
        strict: true,
        check: None,
    },
    of_bytes("sha224", &[of(sha224)]),
    of_bytes("sha256", &[of(sha256)]),
    of_bytes("sha384", &[of(sha384)]),
    of_bytes("sha512", &[of(sha512)]),
];

const fn of_bytes(name: &'static str, overloads: &'static [Overload]) -> Definition {
    Definition { name, aliases: &[], overloads, strict: true, check: None }
}

const fn of(call: fn(&[Value<'_>]) -> Answer) -> Overload {
    Overload { takes: &[Kind::Bytes], rest: None, gives: Gives::Kind(Kind::Bytes), call }
}

fn hashed<D: Digest>(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Bytes(D::digest(bytes(&arguments[0])).to_vec().into()))
}

fn sha224(arguments: &[Value<'_>]) -> Answer {
    hashed::<Sha224>(arguments)
}

fn sha256(arguments: &[Value<'_>]) -> Answer {
    hashed::<Sha256>(arguments)
}

fn sha384(arguments: &[Value<'_>]) -> Answer {
    hashed::<Sha384>(arguments)
}

fn sha512(arguments: &[Value<'_>]) -> Answer {
    hashed::<Sha512>(arguments)
}

fn md5(arguments: &[Value<'_>]) -> Answer {
    made(hex::encode(md5_digest(bytes(&arguments[0]))))
}

/// Bytes of a block.
const BLOCK: usize = 64;

/// Bits by which each step of a round rotates.
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// MD5 as RFC 1321 has it. It tells values apart and protects nothing.
fn md5_digest(input: &[u8]) -> [u8; 16] {
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let (blocks, rest) = input.as_chunks::<BLOCK>();
    blocks.iter().for_each(|block| md5_block(&mut state, block));
    // A bit, zeros, and the length in bits, which takes the last eight bytes.
    let mut last = [0_u8; 2 * BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let end = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
    last[end - 8..end].copy_from_slice(&(input.len() as u64).wrapping_mul(8).to_le_bytes());
    last[..end].as_chunks::<BLOCK>().0.iter().for_each(|block| md5_block(&mut state, block));
    let mut digest = [0; 16];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_le_bytes();
    }
    digest
}

fn md5_block(state: &mut [u32; 4], block: &[u8; BLOCK]) {
    let words: Vec<u32> = block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..BLOCK {
        let (mixed, word) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
            2 => (b ^ c ^ d, (3 * step + 5) % 16),
            _ => (c ^ (b | !d), (7 * step) % 16),
        };
        // The whole part of the sine of the step, in units of 2^-32.
        let sine = (libm::sin(step as f64 + 1.0).abs() * 4_294_967_296.0) as u32;
        let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(words[word]);
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(ROTATIONS[step / 16][step % 4]));
    }
    for (word, added) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn md5_is_that_of_the_standard() {
        for (text, expected) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(hex::encode(md5_digest(text.as_bytes())), expected, "{text}");
        }
    }
}
