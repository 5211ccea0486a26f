//! The stored start of a trimmed partition: which offset is its earliest, and how far it reached then. Pure: bytes in, bytes out.
//!
//! It is filed right before the partition's batches. Its value, numbers little endian:
//!
//! ```text
//! checksum u32 | format u8 | earliest u64 | next u64 | newest timestamp i64
//! ```
//!
//! The checksum is the CRC-32 of the key and of all that follows it. `next` and `newest` are what a partition without batches goes on
//! from, and `next` gives away when batches at the end are missing.

use schemas::position::Offset;

use super::batch::{BatchPlace, checksum};
use crate::error::Damage;

/// The version of this form.
const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
const VALUE_BYTES: usize = CHECKSUM_BYTES + 1 + 8 + 8 + 8;

/// Start of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// the earliest offset that can be read
    pub earliest: Offset,
    /// the offset of the next record, at the time of trimming
    pub next: Offset,
    /// the greatest timestamp of the partition, at the time of trimming
    pub newest: i64,
}

impl Start {
    /// The start of a partition that was never trimmed.
    pub const UNTRIMMED: Self = Self { earliest: Offset(0), next: Offset(0), newest: i64::MIN };

    /// The value to store.
    pub fn encode(&self, place: BatchPlace) -> Vec<u8> {
        let mut value = vec![0; CHECKSUM_BYTES];
        value.push(FORMAT);
        value.extend_from_slice(&self.earliest.0.to_le_bytes());
        value.extend_from_slice(&self.next.0.to_le_bytes());
        value.extend_from_slice(&self.newest.to_le_bytes());
        let checksum = checksum(&place.start_key(), &value[CHECKSUM_BYTES..]);
        value[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
        value
    }

    /// Verifies and reads a stored value.
    pub fn decode(place: BatchPlace, value: &[u8]) -> Result<Self, Damage> {
        let (sum, rest) = value.split_first_chunk().ok_or(Damage::Format)?;
        if u32::from_le_bytes(*sum) != checksum(&place.start_key(), rest) {
            return Err(Damage::Checksum);
        }
        if value.len() != VALUE_BYTES || rest[0] != FORMAT {
            return Err(Damage::Format);
        }
        let (numbers, _) = rest[1..].as_chunks();
        let [earliest, next, newest] = numbers else { return Err(Damage::Format) };
        let earliest = Offset(u64::from_le_bytes(*earliest));
        let next = Offset(u64::from_le_bytes(*next));
        Ok(Self { earliest, next, newest: i64::from_le_bytes(*newest) })
    }
}

#[cfg(test)]
mod tests {
    use schemas::position::Partition;

    use super::*;
    use crate::record::TopicId;

    const PLACE: BatchPlace = BatchPlace { topic_id: TopicId(7), partition: Partition(3) };

    #[test]
    fn a_start_survives_its_stored_form_and_any_flipped_bit_is_found() {
        let start = Start { earliest: Offset(40), next: Offset(1 << 40), newest: -9 };
        let value = start.encode(PLACE);
        assert_eq!(Start::decode(PLACE, &value), Ok(start));
        for byte in 0..value.len() {
            let mut damaged = value.clone();
            damaged[byte] ^= 0x10;
            assert!(Start::decode(PLACE, &damaged).is_err(), "byte {byte}");
            assert!(Start::decode(PLACE, &value[..byte]).is_err(), "{byte} bytes");
        }
        let elsewhere = BatchPlace { partition: Partition(4), ..PLACE };
        assert_eq!(Start::decode(elsewhere, &value), Err(Damage::Checksum));
    }
}
