//! Hash functions for bytes: a stable one that distributes keys over workers, and a seeded one for the hash maps of operators.
//!
//! The stable hash decides on which worker a key lives, in every process and after every restart, so it must never change. The
//! seeded one only finds entries in memory: a stranger who chooses keys can't make them collide. What is taken out of a whole
//! map is sorted before it counts, so no result depends on the seed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use schemas::row::Row;

/// The seed of [`exchange_hash`]: the first 64 bits of the fraction of pi.
///
/// Seed of the hash by which keys find their worker; also the start of the fold.
const EXCHANGE_SEED: u64 = 0x243F_6A88_85A3_08D3;
/// An odd number without pattern: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Bytes that are folded at once.
const WORD: usize = size_of::<u64>();

/// A map from rows, for lookups only.
pub(crate) type RowMap<V> = HashMap<Row, V, SeededHash>;

/// The hash by which a key finds its worker (modulo the number of workers). Fixed: the same in every process and version.
pub fn exchange_hash(key: &[u8]) -> u64 {
    hash_bytes(EXCHANGE_SEED, key)
}

/// Hashes with one seed per map.
#[derive(Clone)]
pub(crate) struct SeededHash(u64);

impl Default for SeededHash {
    fn default() -> Self {
        Self(RandomState::new().hash_one(EXCHANGE_SEED))
    }
}

impl SeededHash {
    /// The hash of these bytes.
    pub(crate) fn of(&self, bytes: &[u8]) -> u64 {
        hash_bytes(self.0, bytes)
    }
}

impl BuildHasher for SeededHash {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

/// The state of one seeded hash.
pub(crate) struct SeededHasher(u64);

impl Hasher for SeededHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(self.0, bytes);
    }

    // A row feeds its length and then its bytes; the length is part of the hash of the bytes already.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Folds words into a state by multiplying to 128 bits: each bit of the input reaches the low bits, by which workers are chosen.
fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ bytes.len() as u64;
    let (words, tail) = bytes.as_chunks::<WORD>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; WORD];
    last[..tail.len()].copy_from_slice(tail);
    fold(fold(state ^ u64::from_le_bytes(last)))
}

/// Multiplies and folds the two halves of the product together.
fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ EXCHANGE_SEED) * u128::from(MULTIPLIER);
    (product as u64) ^ (product >> u64::BITS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchange_hash_is_fixed() {
        // Stored state is distributed by these values: they may not change.
        let hashes = [exchange_hash(b""), exchange_hash(b"key"), exchange_hash(b"a longer key")];
        assert_eq!(hashes, [16_250_260_098_581_018_180, 9_349_869_146_561_079_611, 15_896_064_077_833_551_293]);
    }

    #[test]
    fn keys_spread_over_workers() {
        for workers in [2_u64, 3, 8] {
            let mut counts = vec![0; workers as usize];
            for id in 0..30_000_u64 {
                let mut key = vec![1];
                key.extend((id ^ (1 << 63)).to_be_bytes());
                counts[(exchange_hash(&key) % workers) as usize] += 1;
            }
            let even = 30_000 / workers as usize;
            assert!(counts.iter().all(|count| usize::abs_diff(*count, even) < even / 20), "{workers} workers got {counts:?}");
        }
    }
}
