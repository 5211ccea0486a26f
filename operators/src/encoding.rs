//! Encoding of numbers and byte strings in the values of kept entries.
//!
//! Numbers enter and leave as LEB128, signed ones in zigzag order, so that the small counts of most groups take one byte. One number has
//! one encoding: equal state has equal bytes.

use schemas::row::Row;

/// Bits of a number in one byte.
const PAYLOAD_BITS: u32 = 7;
/// The bits of a byte that belong to the number.
const PAYLOAD: u8 = 0x7F;
/// The bit that says that another byte follows.
const CONTINUES: u8 = 0x80;

/// Appends a number.
///
/// One to ten bytes: seven bits each, the least significant first.
pub(crate) fn write_unsigned(mut number: u64, out: &mut Row) {
    while number > u64::from(PAYLOAD) {
        out.push(number as u8 | CONTINUES);
        number >>= PAYLOAD_BITS;
    }
    out.push(number as u8);
}

/// Appends a number that may be negative.
///
/// 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4, so that small numbers of either sign are short.
pub(crate) fn write_signed(number: i64, out: &mut Row) {
    let sign = number >> (i64::BITS - 1);
    write_unsigned((number.wrapping_shl(1) ^ sign) as u64, out);
}

/// Appends bytes and their number.
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Row) {
    write_unsigned(bytes.len() as u64, out);
    out.extend(bytes);
}

/// The row of one number.
pub(crate) fn signed_row(number: i64) -> Row {
    let mut row = Row::empty();
    write_signed(number, &mut row);
    row
}

/// Reads what was written, in the same order. `None` when it ends early or a number does not fit.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the first byte on.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The part that was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Reads a number. `None` for one with bits beyond 64, so that no two encodings are read as one number.
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(PAYLOAD_BITS as usize) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let payload = u64::from(byte & PAYLOAD);
            if payload << shift >> shift != payload {
                return None;
            }
            number |= payload << shift;
            if byte & CONTINUES == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Reads a number that may be negative.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Reads bytes that were written with their number.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Reads so many bytes that were written without their number.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    /// Returns true if everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 127, 128, 300, i64::MAX, i64::MIN, i64::MAX / 3];
        let mut row = Row::empty();
        for number in numbers {
            write_signed(number, &mut row);
            write_unsigned(number as u64, &mut row);
            write_bytes(&number.to_le_bytes(), &mut row);
        }
        let mut reader = Reader::new(row.as_bytes());
        for number in numbers {
            assert_eq!(reader.signed(), Some(number));
            assert_eq!(reader.unsigned(), Some(number as u64));
            assert_eq!(reader.bytes(), Some(&number.to_le_bytes()[..]));
        }
        assert!(reader.is_done());
        assert_eq!(signed_row(-3).len(), 1);
    }

    #[test]
    fn what_was_not_written_here_is_not_read() {
        assert_eq!(Reader::new(&[]).unsigned(), None);
        assert_eq!(Reader::new(&[0xFF; 20]).unsigned(), None);
        assert_eq!(Reader::new(&[0x80, 0x80]).unsigned(), None);
        assert_eq!(Reader::new(&[3, 1, 2]).bytes(), None);
        assert_eq!(Reader::new(&[3, 1, 2]).array::<4>(), None);
    }
}
