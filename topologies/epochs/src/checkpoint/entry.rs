//! The bytes of an entry in a block.
//!
//! A key and its value enter and leave as: how many bytes of the key before it shares, how many follow, the length of the value plus one
//! (0: the key was deleted), the rest of the key, the value. The three numbers take seven bits a byte.

use std::ops::Range;

/// Appends an entry; `previous` is the key before it in the block and becomes this one.
pub(super) fn encode(block: &mut Vec<u8>, previous: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    let shared = previous.iter().zip(key).take_while(|(left, right)| left == right).count();
    let rest = &key[shared..];
    encode_number(block, shared as u64);
    encode_number(block, rest.len() as u64);
    encode_number(block, value.map_or(0, |value| value.len() as u64 + 1));
    block.extend_from_slice(rest);
    block.extend_from_slice(value.unwrap_or(&[]));
    previous.truncate(shared);
    previous.extend_from_slice(rest);
}

/// Reads the entry at `at`, which moves behind it, and turns the key before it into its key. The place of its value leaves, where it
/// has one; `None` when the bytes are no entry.
pub(super) fn decode(block: &[u8], at: &mut usize, key: &mut Vec<u8>) -> Option<Option<Range<usize>>> {
    let shared = decode_number(block, at)?;
    let rest = decode_number(block, at)?;
    let value = decode_number(block, at)?;
    if shared > key.len() {
        return None;
    }
    let key_end = at.checked_add(rest)?;
    let rest = block.get(*at..key_end)?;
    key.truncate(shared);
    key.extend_from_slice(rest);
    let end = key_end.checked_add(value.saturating_sub(1))?;
    if end > block.len() {
        return None;
    }
    *at = end;
    Some((value > 0).then_some(key_end..end))
}

/// Appends a number in groups of seven bits, least first.
fn encode_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads such a number; `None` when it does not end or is too large.
fn decode_number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return usize::try_from(number).ok();
        }
    }
    None
}
