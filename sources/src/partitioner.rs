//! Partition of a key: what Kafka's default partitioner answers, so that a topic is partitioned alike in every log.
//!
//! The function is part of the stored format. It may not change: records with equal keys would lose their order.

use schemas::position::Partition;

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of a key among `partitions`: the 31 low bits of its 32-bit murmur2 hash, modulo the number of partitions. An empty
/// key is a key like any other.
///
/// # Panics
/// If there are no partitions.
///
/// ```
/// use schemas::position::Partition;
/// assert_eq!(sources::partitioner::partition_of(b"foobar", 8), Partition(6));
/// ```
pub fn partition_of(key: &[u8], partitions: u32) -> Partition {
    assert!(partitions > 0, "a key was to be placed in a topic without partitions");
    Partition((murmur2(key) & 0x7fff_ffff) % partitions)
}

/// Austin Appleby's MurmurHash2 of 32 bits, with Kafka's seed.
fn murmur2(bytes: &[u8]) -> u32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ (word ^ (word >> SHIFT)).wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let rest = tail.iter().rev().fold(0, |rest, byte| (rest << 8) | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected hashes are those that Kafka's own clients publish for interoperability.
    #[test]
    fn hashes_are_those_of_kafka() {
        let expected: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in expected {
            assert_eq!(murmur2(key) as i32, hash, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn every_partition_gets_its_share() {
        let mut counts = [0_u32; 8];
        for key in 0..8_000_u64 {
            counts[partition_of(&key.to_be_bytes(), 8).0 as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}
