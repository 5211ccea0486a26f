//! Counts of the values of a group that have each bit: the bitwise and, or and exclusive or of all values are read from them.
//!
//! Integers enter with how often they come or go; one integer leaves. Keeps a count per bit, so that a retraction needs no other value.

use schemas::aggregate::BitOperation;
use schemas::row::{Diff, Row};

use crate::encoding::{Reader, write_signed, write_unsigned};

const BITS: usize = i64::BITS as usize;

/// Counts of values, in two's complement of 64 bits: narrower integers repeat their sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BitCounts {
    count: Diff,
    /// values that have the bit, the least bit first
    set: [Diff; BITS],
}

impl Default for BitCounts {
    fn default() -> Self {
        Self { count: 0, set: [0; BITS] }
    }
}

impl BitCounts {
    /// Takes a value in `times` times.
    pub(super) fn add(&mut self, value: i64, times: Diff) {
        self.count = self.count.wrapping_add(times);
        for (_, count) in self.set.iter_mut().enumerate().filter(|(bit, _)| value >> bit & 1 == 1) {
            *count = count.wrapping_add(times);
        }
    }

    /// Returns the values combined; `None` of no values.
    pub(super) fn combined(&self, operation: BitOperation) -> Option<i64> {
        let has_bit = |count: Diff| match operation {
            BitOperation::And => count == self.count,
            BitOperation::Or => count > 0,
            BitOperation::Xor => count & 1 == 1,
        };
        let bits = self.set.iter().enumerate().filter(|(_, count)| has_bit(**count));
        (self.count > 0).then(|| bits.fold(0, |value, (bit, _)| value | 1 << bit))
    }

    /// Returns true if every value has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Appends the counts, without those behind the last that is not 0; [`read`](Self::read) reads them.
    pub(super) fn write(&self, out: &mut Row) {
        write_signed(self.count, out);
        let used = self.set.iter().rposition(|count| *count != 0).map_or(0, |last| last + 1);
        write_unsigned(used as u64, out);
        self.set[..used].iter().for_each(|count| write_signed(*count, out));
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut counts = Self { count: reader.signed()?, ..Self::default() };
        let used = usize::try_from(reader.unsigned()?).ok()?;
        for count in counts.set.get_mut(..used)? {
            *count = reader.signed()?;
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combines_negative_and_positive_values_and_takes_them_back() {
        let values = [12_i64, -7, i64::MIN, i64::MAX, 0, 5, 5];
        let mut counts = BitCounts::default();
        values.iter().for_each(|value| counts.add(*value, 1));
        let of = |counts: &BitCounts| [BitOperation::And, BitOperation::Or, BitOperation::Xor].map(|kind| counts.combined(kind));
        let fold = |combine: fn(i64, i64) -> i64| values.iter().copied().reduce(combine);
        assert_eq!(of(&counts), [fold(|a, b| a & b), fold(|a, b| a | b), fold(|a, b| a ^ b)]);
        let mut bytes = Row::empty();
        counts.write(&mut bytes);
        assert_eq!(BitCounts::read(&mut Reader::new(bytes.as_bytes())), Some(counts.clone()));
        values[1..].iter().for_each(|value| counts.add(*value, -1));
        assert_eq!(of(&counts), [Some(12); 3]);
        counts.add(12, -1);
        assert_eq!((of(&counts), counts.is_empty()), ([None; 3], true));
    }
}
