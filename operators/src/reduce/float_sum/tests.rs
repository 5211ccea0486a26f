//! Sums and means against a computation without carries, words or windows: a counter for each of the 2,100 places of a bit.

use std::cmp::Ordering;

use testkit::random::Random;

use super::*;

const PLACES: usize = 2_300;
/// The bits of the double behind the greatest one: the first sum that is out of range.
const BEYOND: u64 = EXPONENT_SPECIAL << FRACTION_BITS;

/// A number as any multiples of the powers of two from 2^-1074 on.
#[derive(Clone)]
struct Naive(Vec<i128>);

impl Naive {
    fn zero() -> Self {
        Self(vec![0; PLACES])
    }

    fn of(values: &[(f64, Diff)]) -> Self {
        let mut sum = Self::zero();
        values.iter().for_each(|(value, times)| sum.add(value.abs().to_bits(), value.signum() as i128 * i128::from(*times)));
        sum
    }

    /// Adds a multiple of the positive number with these bits.
    fn add(&mut self, bits: u64, times: i128) {
        let (exponent, fraction) = (bits >> FRACTION_BITS, bits & FRACTION_MASK);
        let (significand, place) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << FRACTION_BITS, exponent as usize - 1) };
        self.0[place] += i128::from(significand) * times;
    }

    fn sign(&self) -> Ordering {
        let (mut carry, mut is_zero) = (0_i128, true);
        for place in &self.0 {
            carry += place;
            is_zero &= carry & 1 == 0;
            carry >>= 1;
        }
        match carry.cmp(&0) {
            Ordering::Equal if is_zero => Ordering::Equal,
            Ordering::Equal => Ordering::Greater,
            other => other,
        }
    }

    /// Compares this with `bits * times`.
    fn against(&self, bits: u64, times: Diff) -> Ordering {
        let mut rest = self.clone();
        rest.add(bits, -i128::from(times));
        rest.sign()
    }

    /// The double nearest to this number divided by `divisor`, found by halving the range of all doubles.
    fn divided(&self, divisor: Diff) -> Result<f64, Overflow> {
        match self.sign() {
            Ordering::Equal => return Ok(0.0),
            Ordering::Less => {
                let negated = Self(self.0.iter().map(|place| -place).collect());
                return negated.divided(divisor).map(|value| -value);
            }
            Ordering::Greater => {}
        }
        if self.against(BEYOND, divisor) != Ordering::Less {
            return Err(Overflow);
        }
        let (mut low, mut high) = (0, BEYOND);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.against(middle, divisor) == Ordering::Less { high = middle } else { low = middle }
        }
        let mut doubled = Self(self.0.iter().map(|place| 2 * place).collect());
        doubled.add(low, -i128::from(divisor));
        let nearest = match doubled.against(high, divisor) {
            Ordering::Less => low,
            Ordering::Greater => high,
            Ordering::Equal => low + (low & 1),
        };
        if nearest == BEYOND { Err(Overflow) } else { Ok(f64::from_bits(nearest)) }
    }
}

/// A finite number of some kind: any bits, an extreme, money, or one that nearly cancels another.
fn value(random: &mut Random, others: &[(f64, Diff)]) -> f64 {
    const EXTREMES: [f64; 12] = [
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        1.0,
        f64::EPSILON,
        9_007_199_254_740_993.0,
        2.225_073_858_507_201e-308,
        1e308,
        0.1,
        0.0,
        1e-300,
        8.98e307,
    ];
    let magnitude = match random.below(4) {
        0 => f64::from_bits(random.next() % BEYOND),
        1 => EXTREMES[random.below(EXTREMES.len())],
        2 => random.below(1_000_000) as f64 / 100.0,
        _ if others.is_empty() => 2.0,
        _ => {
            let other = others[random.below(others.len())].0.abs().to_bits();
            f64::from_bits((other + random.next() % 3).saturating_sub(1).min(BEYOND - 1))
        }
    };
    if random.below(2) == 0 { magnitude } else { -magnitude }
}

fn values(random: &mut Random) -> Vec<(f64, Diff)> {
    let mut values = Vec::new();
    let is_tiny = random.below(6) == 0;
    for _ in 0..=random.below(12) {
        let times = [1, 1, 1, 2, -1, 1_000_000_007, i64::MAX][random.below(7)];
        let value = if is_tiny { f64::from_bits(random.next() >> (11 + random.below(40))) } else { value(random, &values) };
        values.push((value, if is_tiny { times.signum() } else { times }));
    }
    values
}

fn shuffle(random: &mut Random, values: &mut [(f64, Diff)]) {
    (1..values.len()).for_each(|place| values.swap(place, random.below(place + 1)));
}

fn sum_of(values: &[(f64, Diff)]) -> FloatSum {
    let mut sum = FloatSum::default();
    values.iter().for_each(|(value, times)| sum.add(*value, *times));
    sum
}

fn bytes(sum: &FloatSum) -> Row {
    let mut out = Row::empty();
    sum.write(&mut out);
    out
}

fn bits(result: Result<f64, Overflow>) -> Result<u64, Overflow> {
    result.map(f64::to_bits)
}

#[test]
fn sums_and_means_are_the_nearest_doubles_whatever_the_values_and_their_order() {
    let mut random = Random::new(1);
    let (mut overflows, mut subnormals) = (0, 0);
    for round in 0..1_500 {
        let mut values = values(&mut random);
        let sum = sum_of(&values);
        let naive = Naive::of(&values);
        // -0 is for a test of its own.
        if naive.sign() != Ordering::Equal {
            assert_eq!(bits(sum.sum()), bits(naive.divided(1)), "round {round}: the sum of {values:?}");
        }
        overflows += usize::from(sum.sum().is_err());
        subnormals += usize::from(sum.sum().is_ok_and(f64::is_subnormal));
        let count = sum.count();
        if count > 0 && naive.sign() != Ordering::Equal {
            assert_eq!(bits(sum.mean()), bits(naive.divided(count)), "round {round}: the mean of {values:?}");
        }
        shuffle(&mut random, &mut values);
        assert_eq!(bytes(&sum_of(&values)), bytes(&sum), "round {round}: another order of {values:?}");
    }
    assert!(overflows > 20 && subnormals > 20, "{overflows} overflows and {subnormals} subnormal sums are too few to tell");
}

#[test]
fn a_retraction_cancels_to_the_last_bit() {
    let mut random = Random::new(2);
    for round in 0..2_000 {
        let (kept, mut gone) = (values(&mut random), values(&mut random));
        let mut sum = sum_of(&gone);
        kept.iter().for_each(|(value, times)| sum.add(*value, *times));
        shuffle(&mut random, &mut gone);
        gone.iter().for_each(|(value, times)| sum.add(*value, times.wrapping_neg()));
        assert_eq!(bytes(&sum), bytes(&sum_of(&kept)), "round {round}: {kept:?} after {gone:?}");
        kept.iter().for_each(|(value, times)| sum.add(*value, times.wrapping_neg()));
        assert!(sum.is_empty(), "round {round}: {sum:?} is left of {kept:?}");
    }
}

#[test]
fn what_rounding_on_the_way_would_lose_is_there() {
    let sum = |values: &[f64]| sum_of(&values.iter().map(|value| (*value, 1)).collect::<Vec<_>>());
    assert_eq!(sum(&[1e308, 1.0, -1e308]).sum(), Ok(1.0));
    assert_eq!(sum(&[0.1; 10]).sum(), Ok(1.0), "the sum of ten times 0.1 is nearer to 1 than to the double before it");
    assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).sum(), Ok(f64::MAX));
    assert_eq!(sum(&[f64::MAX, f64::MAX]).sum(), Err(Overflow));
    assert_eq!(sum(&[f64::MAX, f64::MAX]).mean(), Ok(f64::MAX), "a mean is never out of range");
    assert_eq!(sum(&[5e-324, 0.0]).mean(), Ok(0.0), "a tie goes to the even one");
    assert_eq!(sum(&[5e-324, 5e-324, 5e-324, 0.0]).mean(), Ok(5e-324));
    // Half of the last place above the greatest double, and less.
    let half = f64::MAX - f64::from_bits(f64::MAX.to_bits() - 1);
    assert_eq!(sum(&[f64::MAX, half / 2.0]).sum(), Err(Overflow));
    assert_eq!(sum(&[f64::MAX, half / 2.0, -5e-324]).sum(), Ok(f64::MAX));
}

#[test]
fn infinities_nan_and_signs_of_zero_are_postgresqls() {
    const INFINITY: f64 = f64::INFINITY;
    let cases: [(&[f64], f64, f64); 11] = [
        (&[f64::NAN, 1.0], f64::NAN, f64::NAN),
        (&[f64::NAN, INFINITY], f64::NAN, f64::NAN),
        (&[INFINITY, -INFINITY], f64::NAN, f64::NAN),
        (&[INFINITY, -5.0, INFINITY], INFINITY, INFINITY),
        (&[-INFINITY, f64::MAX], -INFINITY, -INFINITY),
        (&[-0.0], -0.0, 0.0),
        (&[-0.0, -0.0], -0.0, 0.0),
        (&[-0.0, 0.0], 0.0, 0.0),
        (&[1.5, -1.5], 0.0, 0.0),
        (&[1.5, -1.5, -0.0], 0.0, 0.0),
        (&[0.0], 0.0, 0.0),
    ];
    for (values, sum, mean) in cases {
        let mut found = sum_of(&values.iter().map(|value| (*value, 1)).collect::<Vec<_>>());
        let same = |found: Result<f64, Overflow>, expected: f64| {
            found.is_ok_and(|found| found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan())
        };
        assert!(same(found.sum(), sum), "sum of {values:?}: {:?} instead of {sum}", found.sum());
        assert!(same(found.mean(), mean), "mean of {values:?}: {:?} instead of {mean}", found.mean());
        found.add(7.0, 1);
        values.iter().for_each(|value| found.add(*value, -1));
        assert_eq!((found.sum(), found.mean()), (Ok(7.0), Ok(7.0)), "{values:?} were taken back");
    }
}

#[test]
fn a_sum_comes_back_from_its_bytes_and_another_form_does_not() {
    let mut random = Random::new(3);
    for _ in 0..500 {
        let mut values = values(&mut random);
        values.extend([(f64::NAN, 2), (f64::INFINITY, 1), (-0.0, -3)]);
        let sum = sum_of(&values);
        let kept = bytes(&sum);
        let mut reader = Reader::new(kept.as_bytes());
        assert_eq!(FloatSum::read(&mut reader).as_ref(), Some(&sum));
        assert!(reader.is_done());
        let mut other = kept.as_bytes().to_vec();
        other[0] = FORMAT + 1;
        assert_eq!(FloatSum::read(&mut Reader::new(&other)), None);
        assert_eq!(FloatSum::read(&mut Reader::new(&kept.as_bytes()[..kept.as_bytes().len() - 1])), None);
    }
}

#[test]
fn values_of_similar_size_take_few_words() {
    let mut sum = FloatSum::default();
    for cents in 0..100_000 {
        sum.add(f64::from(cents) / 100.0, 1);
        assert!(sum.finite.words.len() <= 3, "{} words after {cents} values", sum.finite.words.len());
    }
    sum.add(f64::MAX, 1);
    sum.add(5e-324, 1);
    assert!(sum.finite.words.len() > 30);
    sum.add(f64::MAX, -1);
    sum.add(5e-324, -1);
    assert!(sum.finite.words.len() <= 3, "extremes are gone, and {} words are left", sum.finite.words.len());
}
