//! An exact sum of DOUBLE PRECISION values, in any order, with retractions that cancel to the last bit.
//!
//! Values enter with how often they come or go; the sum or the mean leaves, rounded once. The sum is a fixed-point number in units of
//! 2^-1074, the smallest positive double, so no addition ever rounds. Only the words that it needs are there: values of similar size
//! take two to four of the 34 words that the range of a double with head room for 2^63 values of it would fill.
//!
//! Infinities, NaN and negative zeros are counted, not added. The order of checks is PostgreSQL's: NaN, then both infinities (NaN), then
//! one of them. A sum of nothing but negative zeros is -0, every other sum that is zero is 0.

use num_bigint::BigInt;
use schemas::row::{Diff, Row};

use crate::encoding::{Reader, write_signed, write_unsigned};

/// The version of the form in which a sum is kept.
const FORMAT: u8 = 1;
const WORD_BITS: usize = u64::BITS as usize;
/// Bits of a double's significand behind the first one.
const FRACTION_BITS: usize = 52;
const FRACTION_MASK: u64 = (1 << FRACTION_BITS) - 1;
/// The exponent field of infinities and NaN.
const EXPONENT_SPECIAL: u64 = 0x7FF;
/// Words that a quotient has behind the unit: more than the divisor has bits, so that rounding sees every bit that matters.
const QUOTIENT_WORDS: usize = 2;
/// More words than any sum reaches: 2,098 bits of the range, 63 of a count, and a sign.
const WORDS_MAX: usize = 40;

/// The rounded result is beyond the range of a double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// The sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FloatSum {
    /// values that are there, whatever they are
    count: Diff,
    not_a_number: Diff,
    infinite: Diff,
    negative_infinite: Diff,
    negative_zero: Diff,
    finite: Fixed,
}

impl FloatSum {
    /// Takes a value in `times` times.
    pub(super) fn add(&mut self, value: f64, times: Diff) {
        // Wrapping sums of counts: whatever was added, its retraction takes away again.
        let add = |count: &mut Diff| *count = count.wrapping_add(times);
        add(&mut self.count);
        match finite_parts(value) {
            Some((0, _)) if value.is_sign_negative() => add(&mut self.negative_zero),
            Some((0, _)) => {}
            Some((significand, shift)) => self.finite.add(significand, shift, value < 0.0, times),
            None if value.is_nan() => add(&mut self.not_a_number),
            None => add(if value > 0.0 { &mut self.infinite } else { &mut self.negative_infinite }),
        }
    }

    /// Values that are there.
    pub(super) fn count(&self) -> Diff {
        self.count
    }

    /// Returns true if nothing is left of the added values.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The sum, rounded to the nearest double, ties to even.
    pub(super) fn sum(&self) -> Result<f64, Overflow> {
        if let Some(special) = self.special() {
            return Ok(special);
        }
        if self.finite.is_zero() {
            return Ok(if self.negative_zero == self.count { -0.0 } else { 0.0 });
        }
        let (is_negative, magnitude) = self.finite.magnitude();
        round(&magnitude, self.finite.base, 0, false).map(|sum| if is_negative { -sum } else { sum })
    }

    /// The sum divided by the count, rounded once like it; the count must not be zero. A mean lies within the values, so nothing overflows
    /// unless more was taken back than was there.
    pub(super) fn mean(&self) -> Result<f64, Overflow> {
        if let Some(special) = self.special() {
            return Ok(special);
        }
        if self.finite.is_zero() {
            return Ok(0.0);
        }
        let (is_negative, magnitude) = self.finite.magnitude();
        // The words behind the unit are what the division goes on with.
        let mut quotient = vec![0; QUOTIENT_WORDS];
        quotient.extend(magnitude);
        let mut rest = 0;
        let divisor = u128::from(self.count.unsigned_abs());
        for word in quotient.iter_mut().rev() {
            let dividend = rest << WORD_BITS | u128::from(*word);
            (*word, rest) = ((dividend / divisor) as u64, dividend % divisor);
        }
        let mean = round(&quotient, self.finite.base, QUOTIENT_WORDS * WORD_BITS, rest != 0)?;
        Ok(if is_negative != (self.count < 0) { -mean } else { mean })
    }

    /// Returns true if there is a value other than a finite number.
    pub(super) fn is_special(&self) -> bool {
        self.special().is_some()
    }

    /// The exact sum of the finite values.
    pub(super) fn finite(&self) -> &Fixed {
        &self.finite
    }

    /// Returns the result that values other than finite numbers decide.
    fn special(&self) -> Option<f64> {
        match (self.not_a_number > 0, self.infinite > 0, self.negative_infinite > 0) {
            (true, _, _) | (_, true, true) => Some(f64::NAN),
            (_, true, false) => Some(f64::INFINITY),
            (_, false, true) => Some(f64::NEG_INFINITY),
            (false, false, false) => None,
        }
    }

    /// Appends the sum, which [`read`](Self::read) reads. Equal sums are equal bytes.
    pub(super) fn write(&self, out: &mut Row) {
        out.push(FORMAT);
        for count in [self.count, self.not_a_number, self.infinite, self.negative_infinite, self.negative_zero] {
            write_signed(count, out);
        }
        self.finite.write(out);
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [format] = reader.array()?;
        if format != FORMAT {
            return None;
        }
        let (count, not_a_number, infinite) = (reader.signed()?, reader.signed()?, reader.signed()?);
        let (negative_infinite, negative_zero) = (reader.signed()?, reader.signed()?);
        let finite = Fixed::read(WORDS_MAX, reader)?;
        Some(Self { count, not_a_number, infinite, negative_infinite, negative_zero, finite })
    }
}

/// The significand of a finite double and the power of two that it is a multiple of, in units of 2^-1074; `None` for the others.
pub(super) fn finite_parts(value: f64) -> Option<(u64, usize)> {
    let bits = value.to_bits();
    match (bits >> FRACTION_BITS & EXPONENT_SPECIAL, bits & FRACTION_MASK) {
        (EXPONENT_SPECIAL, _) => None,
        (0, fraction) => Some((fraction, 0)),
        (exponent, fraction) => Some((fraction | 1 << FRACTION_BITS, exponent as usize - 1)),
    }
}

/// An integer in two's complement, least word first, of which only a window is there: below it all bits are 0, above it all are the sign.
/// The window has no word at either end that says nothing, so equal numbers are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fixed {
    /// words below the window
    base: usize,
    words: Vec<u64>,
}

impl Fixed {
    /// Returns true if it is zero.
    pub(super) fn is_zero(&self) -> bool {
        self.words.is_empty()
    }

    /// The number as one without a window, in units of `2^64` to the number of words that is returned.
    pub(super) fn units(&self) -> (BigInt, usize) {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        (BigInt::from_signed_bytes_le(&bytes), self.base)
    }

    /// Appends the number, which [`read`](Self::read) reads. Equal numbers are equal bytes.
    pub(super) fn write(&self, out: &mut Row) {
        write_unsigned(self.base as u64, out);
        write_unsigned(self.words.len() as u64, out);
        self.words.iter().for_each(|word| out.extend(&word.to_le_bytes()));
    }

    /// Reads what [`write`](Self::write) wrote of a number of at most so many words; `None` when it is something else.
    pub(super) fn read(words_max: usize, reader: &mut Reader<'_>) -> Option<Self> {
        let (base, length) = (usize::try_from(reader.unsigned()?).ok()?, usize::try_from(reader.unsigned()?).ok()?);
        if base.checked_add(length)? > words_max {
            return None;
        }
        let words = (0..length).map(|_| reader.array().map(u64::from_le_bytes)).collect::<Option<_>>()?;
        Some(Self { base, words })
    }

    fn is_negative(&self) -> bool {
        self.words.last().is_some_and(|word| is_negative(*word))
    }

    /// Adds `significand * 2^shift * times`, negated if asked for.
    pub(super) fn add(&mut self, significand: u64, shift: usize, negate: bool, times: Diff) {
        let product = u128::from(significand) * u128::from(times.unsigned_abs());
        let (first, offset) = (shift / WORD_BITS, shift % WORD_BITS);
        // 64 bits of a significand at most, 64 of a count and 63 of the shift: three words.
        let low = u128::from(product as u64) << offset;
        let high = (product >> WORD_BITS) << offset;
        let words = [low as u64, (low >> WORD_BITS) as u64 | high as u64, (high >> WORD_BITS) as u64];
        let Some(from) = words.iter().position(|word| *word != 0) else { return };
        let to = words.iter().rposition(|word| *word != 0).map_or(from, |last| last + 1);
        self.widen(first + from, first + to);
        let start = first + from - self.base;
        if negate != (times < 0) {
            subtract(&mut self.words[start..], &words[from..to]);
        } else {
            add(&mut self.words[start..], &words[from..to]);
        }
        self.narrow();
    }

    /// Makes the window reach from a word up to another, and one further for the carry.
    fn widen(&mut self, from: usize, to: usize) {
        let sign = if self.is_negative() { u64::MAX } else { 0 };
        if self.words.is_empty() {
            self.base = from;
        } else if from < self.base {
            self.words.splice(..0, std::iter::repeat_n(0, self.base - from));
            self.base = from;
        }
        let length = (to - self.base).max(self.words.len()) + 1;
        self.words.resize(length, sign);
    }

    /// Drops the words at both ends that say nothing.
    fn narrow(&mut self) {
        while let Some(&last) = self.words.last() {
            let below = self.words.len().checked_sub(2).map_or(0, |place| self.words[place]);
            let sign = if is_negative(below) { u64::MAX } else { 0 };
            if last != sign {
                break;
            }
            self.words.pop();
        }
        let zeros = self.words.iter().take_while(|word| **word == 0).count();
        if zeros > 0 {
            self.words.drain(..zeros);
            self.base += zeros;
        }
        if self.words.is_empty() {
            self.base = 0;
        }
    }

    /// Returns true if it is negative, and the words of its absolute value.
    fn magnitude(&self) -> (bool, Vec<u64>) {
        if !self.is_negative() {
            return (false, self.words.clone());
        }
        let mut magnitude = vec![0; self.words.len()];
        subtract(&mut magnitude, &self.words);
        (true, magnitude)
    }
}

fn is_negative(word: u64) -> bool {
    word >> (WORD_BITS - 1) == 1
}

/// Adds words to as many or more; a carry out of the last one is dropped.
fn add(words: &mut [u64], added: &[u64]) {
    let mut carry = false;
    for (place, word) in words.iter_mut().enumerate() {
        let other = added.get(place).copied().unwrap_or(0);
        if place >= added.len() && !carry {
            return;
        }
        let (sum, first) = word.overflowing_add(other);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (*word, carry) = (sum, first || second);
    }
}

/// Subtracts words from as many or more; a borrow out of the last one is dropped.
fn subtract(words: &mut [u64], subtracted: &[u64]) {
    let mut borrow = false;
    for (place, word) in words.iter_mut().enumerate() {
        let other = subtracted.get(place).copied().unwrap_or(0);
        if place >= subtracted.len() && !borrow {
            return;
        }
        let (rest, first) = word.overflowing_sub(other);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (rest, first || second);
    }
}

/// The double that is nearest to the number of these words, the first of which has the place `base`, in units of 2^-(1074 + `behind`); of
/// two that are as near, the even one. `has_rest` says that there is a little more. Not all words are zero.
fn round(words: &[u64], base: usize, behind: usize, has_rest: bool) -> Result<f64, Overflow> {
    let word = |place: usize| place.checked_sub(base).and_then(|place| words.get(place)).copied().unwrap_or(0);
    let Some(top) = words.iter().rposition(|word| *word != 0) else { return Ok(0.0) };
    let top = (base + top) * WORD_BITS + WORD_BITS - 1 - words[top].leading_zeros() as usize;
    // The bits from here on are kept. A double has none below its unit, however small it is.
    let kept = top.saturating_sub(FRACTION_BITS).max(behind);
    let significand = bits_at(word, kept) & (FRACTION_MASK << 1 | 1);
    let is_half = kept > 0 && bits_at(word, kept - 1) & 1 == 1;
    let is_more = has_rest || has_bits_below(words, base, kept.saturating_sub(1));
    let up = is_half && (is_more || significand & 1 == 1);
    let exponent = (kept - behind) as u64;
    if exponent >= EXPONENT_SPECIAL {
        return Err(Overflow);
    }
    // The first bit of a normal significand adds the one that its exponent has more than that of a subnormal.
    let bits = (exponent << FRACTION_BITS) + significand + u64::from(up);
    if bits < EXPONENT_SPECIAL << FRACTION_BITS { Ok(f64::from_bits(bits)) } else { Err(Overflow) }
}

/// 64 bits from a place on.
fn bits_at(word: impl Fn(usize) -> u64, bit: usize) -> u64 {
    let (place, offset) = (bit / WORD_BITS, bit % WORD_BITS);
    let above = if offset == 0 { 0 } else { word(place + 1) << (WORD_BITS - offset) };
    word(place) >> offset | above
}

/// Returns true if a bit below a place is set.
fn has_bits_below(words: &[u64], base: usize, bit: usize) -> bool {
    let whole = (bit / WORD_BITS).saturating_sub(base).min(words.len());
    let part = words.get(whole).filter(|_| base + whole == bit / WORD_BITS);
    words[..whole].iter().any(|word| *word != 0) || part.is_some_and(|word| word & ((1 << (bit % WORD_BITS)) - 1) != 0)
}

#[cfg(test)]
mod tests;
