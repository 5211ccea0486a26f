//! Exact sums of doubles, of their squares and of the products of pairs: variances, covariances and regressions are read from them.
//!
//! Values enter with how often they come or go; a statistic leaves, rounded once. Nothing is rounded before, so the order of values does not
//! matter and a retraction cancels to the bit. A result follows PostgreSQL where values are infinite or NaN: what depends on them is NaN.

use std::cmp::Ordering;

use schemas::aggregate::{Deviation, Regression};
use schemas::row::{Diff, Row};

use super::dyadic::{Dyadic, quotient, root_of_quotient};
use super::float_sum::{Fixed, FloatSum, Overflow, finite_parts};
use crate::encoding::Reader;

/// The power of two of the units in which doubles are added up, and of those of their products.
const UNIT: i64 = -1_074;
const PRODUCT_UNIT: i64 = 2 * UNIT;
/// More words than a sum of products reaches: twice the 2,098 bits of the range, 63 of a count, and a sign.
const PRODUCT_WORDS_MAX: usize = 72;

/// Sums of values and of their squares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FloatMoments {
    sum: FloatSum,
    squares: Fixed,
}

impl FloatMoments {
    /// Takes a value in `times` times.
    pub(super) fn add(&mut self, value: f64, times: Diff) {
        self.sum.add(value, times);
        add_product(&mut self.squares, value, value, times);
    }

    /// Returns the variance or the standard deviation; `None` of too few values.
    pub(super) fn deviation(&self, wanted: Deviation) -> Result<Option<f64>, Overflow> {
        let count = self.sum.count();
        if count < 1 + Diff::from(wanted.is_sample) {
            return Ok(None);
        }
        if self.sum.is_special() {
            return Ok(Some(f64::NAN));
        }
        let distances = scatter(count, &self.sum, &self.sum, &self.squares);
        if distances.sign() != Ordering::Greater {
            return Ok(Some(0.0));
        }
        let divisor = Dyadic::whole(count).times(&Dyadic::whole(count - Diff::from(wanted.is_sample)));
        let result = if wanted.is_root { root_of_quotient(&distances, &divisor) } else { quotient(&distances, &divisor) };
        result.map(Some)
    }

    /// Returns true if nothing is left of the added values.
    pub(super) fn is_empty(&self) -> bool {
        self.sum.is_empty() && self.squares.is_zero()
    }

    /// Appends the sums, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        self.sum.write(out);
        self.squares.write(out);
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { sum: FloatSum::read(reader)?, squares: Fixed::read(PRODUCT_WORDS_MAX, reader)? })
    }
}

/// Sums of pairs (y, x): of both, of their squares and of their products.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PairMoments {
    x: FloatSum,
    y: FloatSum,
    xx: Fixed,
    yy: Fixed,
    xy: Fixed,
}

impl PairMoments {
    /// Takes a pair in `times` times.
    pub(super) fn add(&mut self, y: f64, x: f64, times: Diff) {
        self.x.add(x, times);
        self.y.add(y, times);
        add_product(&mut self.xx, x, x, times);
        add_product(&mut self.yy, y, y, times);
        add_product(&mut self.xy, x, y, times);
    }

    /// The number of pairs.
    pub(super) fn count(&self) -> Diff {
        self.x.count()
    }

    /// Returns a statistic that is a DOUBLE; `None` where it is not defined.
    ///
    /// Each is one quotient of exact numbers. With n pairs, `sxx` is n times the sum of the squares of the distances of x.
    pub(super) fn statistic(&self, wanted: Regression) -> Result<Option<f64>, Overflow> {
        let count = self.count();
        if count < 1 + Diff::from(wanted == Regression::CovarianceSample) {
            return Ok(None);
        }
        let n = Dyadic::whole(count);
        let result = match wanted {
            Regression::Count => Ok(count as f64),
            Regression::AverageX => self.x.mean(),
            Regression::AverageY => self.y.mean(),
            Regression::SquaresX => of_sum(self.sxx(), &n),
            Regression::SquaresY => of_sum(self.syy(), &n),
            Regression::Products => of_sum(self.sxy(), &n),
            Regression::CovariancePopulation => of_sum(self.sxy(), &n.times(&n)),
            Regression::CovarianceSample => of_sum(self.sxy(), &n.times(&Dyadic::whole(count - 1))),
            Regression::Correlation | Regression::Determination | Regression::Slope | Regression::Intercept => {
                return self.of_line(wanted, &n);
            }
        };
        result.map(Some)
    }

    /// A statistic of the line with the least squares.
    fn of_line(&self, wanted: Regression, n: &Dyadic) -> Result<Option<f64>, Overflow> {
        let (sxx, syy, sxy) = (self.sxx(), self.syy(), self.sxy());
        if is_constant(&sxx) || wanted == Regression::Correlation && is_constant(&syy) {
            return Ok(None);
        }
        if wanted == Regression::Determination && is_constant(&syy) {
            return Ok(Some(1.0));
        }
        let (Some(sxx), Some(syy), Some(sxy)) = (sxx, syy, sxy) else { return Ok(Some(f64::NAN)) };
        let result = match wanted {
            Regression::Slope => quotient(&sxy, &sxx),
            Regression::Intercept => {
                // (sum of y * sxx - sum of x * sxy) / (n * sxx)
                let (x, y) = (Dyadic::of_fixed(self.x.finite(), UNIT), Dyadic::of_fixed(self.y.finite(), UNIT));
                quotient(&y.times(&sxx).minus(&x.times(&sxy)), &n.times(&sxx))
            }
            Regression::Determination => quotient(&sxy.times(&sxy), &sxx.times(&syy)),
            // sxy / sqrt(sxx * syy), as the root of the square.
            _ => root_of_quotient(&sxy.times(&sxy), &sxx.times(&syy))
                .map(|magnitude| if sxy.sign() == Ordering::Less { -magnitude } else { magnitude }),
        };
        result.map(Some)
    }

    /// The squares of the distances of x; `None` when they are not finite.
    fn sxx(&self) -> Option<Dyadic> {
        (!self.x.is_special()).then(|| scatter(self.count(), &self.x, &self.x, &self.xx))
    }

    /// The squares of the distances of y.
    fn syy(&self) -> Option<Dyadic> {
        (!self.y.is_special()).then(|| scatter(self.count(), &self.y, &self.y, &self.yy))
    }

    /// The products of the distances of both.
    fn sxy(&self) -> Option<Dyadic> {
        let is_finite = !self.x.is_special() && !self.y.is_special();
        is_finite.then(|| scatter(self.count(), &self.x, &self.y, &self.xy))
    }

    /// Returns true if nothing is left of the added pairs.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Appends the sums, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        self.x.write(out);
        self.y.write(out);
        [&self.xx, &self.yy, &self.xy].into_iter().for_each(|sum| sum.write(out));
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (x, y) = (FloatSum::read(reader)?, FloatSum::read(reader)?);
        let mut products = || Fixed::read(PRODUCT_WORDS_MAX, reader);
        Some(Self { x, y, xx: products()?, yy: products()?, xy: products()? })
    }
}

/// Adds the product of two doubles `times` times. Infinite values and NaN are counted elsewhere.
fn add_product(sum: &mut Fixed, left: f64, right: f64, times: Diff) {
    let (Some((left_part, left_shift)), Some((right_part, right_shift))) = (finite_parts(left), finite_parts(right)) else {
        return;
    };
    let product = u128::from(left_part) * u128::from(right_part);
    let (shift, is_negative) = (left_shift + right_shift, (left < 0.0) != (right < 0.0));
    sum.add(product as u64, shift, is_negative, times);
    sum.add((product >> u64::BITS) as u64, shift + u64::BITS as usize, is_negative, times);
}

/// `n * sum of products - sum * sum`: n times the sum of the products of the distances from the means.
fn scatter(count: Diff, left: &FloatSum, right: &FloatSum, products: &Fixed) -> Dyadic {
    let (left, right) = (Dyadic::of_fixed(left.finite(), UNIT), Dyadic::of_fixed(right.finite(), UNIT));
    Dyadic::whole(count).times(&Dyadic::of_fixed(products, PRODUCT_UNIT)).minus(&left.times(&right))
}

/// Returns true if all values are equal; of those that are not finite that is not known.
fn is_constant(squares: &Option<Dyadic>) -> bool {
    squares.as_ref().is_some_and(|squares| squares.sign() != Ordering::Greater)
}

/// A sum divided by a number; NaN when the sum is not finite.
fn of_sum(sum: Option<Dyadic>, divisor: &Dyadic) -> Result<f64, Overflow> {
    sum.map_or(Ok(f64::NAN), |sum| quotient(&sum, divisor))
}

#[cfg(test)]
mod tests {
    use testkit::random::Random;

    use super::*;

    fn moments(pairs: &[(f64, f64)]) -> PairMoments {
        let mut moments = PairMoments::default();
        pairs.iter().for_each(|(y, x)| moments.add(*y, *x, 1));
        moments
    }

    #[test]
    fn statistics_of_a_line_are_exact() {
        let line = moments(&[(7.0, 1.0), (9.0, 2.0), (15.0, 5.0), (5.0, 0.0)]);
        let (count, others) = Regression::ALL.split_first().expect("there are statistics");
        assert_eq!(*count, Regression::Count, "which is no statistic of sums");
        let found: Vec<_> = others.iter().map(|wanted| line.statistic(*wanted)).collect();
        let expected = [2.0, 9.0, 14.0, 56.0, 28.0, 7.0, 28.0 / 3.0, 1.0, 2.0, 5.0, 1.0];
        assert_eq!(found, expected.map(|value| Ok(Some(value))));
    }

    #[test]
    fn a_deviation_that_doubles_lose_is_there() {
        // Four values around a mean that is a billion times greater than their distances.
        let mut values = FloatMoments::default();
        [4.0, 7.0, 13.0, 16.0].into_iter().for_each(|value| values.add(1e15 + value, 1));
        let deviation = |is_sample, is_root| values.deviation(Deviation { is_sample, is_root });
        assert_eq!(deviation(true, false), Ok(Some(30.0)));
        assert_eq!(deviation(false, false), Ok(Some(22.5)));
        assert_eq!(deviation(true, true), Ok(Some(30.0_f64.sqrt())));
        assert_eq!(FloatMoments::default().deviation(Deviation { is_sample: false, is_root: true }), Ok(None));
    }

    #[test]
    fn what_is_not_finite_or_too_great_is_told() {
        let pairs = moments(&[(1.0, f64::INFINITY), (2.0, 3.0)]);
        assert_eq!(pairs.statistic(Regression::SquaresY), Ok(Some(0.5)));
        assert_eq!(pairs.statistic(Regression::AverageX), Ok(Some(f64::INFINITY)));
        for wanted in [Regression::SquaresX, Regression::Products, Regression::Correlation, Regression::Slope] {
            assert!(pairs.statistic(wanted).is_ok_and(|value| value.is_some_and(f64::is_nan)), "{wanted:?}");
        }
        let great = moments(&[(1e200, 1e200), (-1e200, -1e200)]);
        assert_eq!(great.statistic(Regression::SquaresX), Err(Overflow));
        assert_eq!(great.statistic(Regression::Correlation), Ok(Some(1.0)));
        assert_eq!(moments(&[(1.0, 2.0), (5.0, 2.0)]).statistic(Regression::Correlation), Ok(None));
        assert_eq!(moments(&[(1.0, 2.0), (1.0, 3.0)]).statistic(Regression::Determination), Ok(Some(1.0)));
    }

    #[test]
    fn what_is_taken_back_leaves_nothing_in_any_order() {
        let mut random = Random::new(5);
        let mut pairs: Vec<(f64, f64)> = (0..200)
            .map(|_| {
                let mut value = || f64::from_bits(random.next());
                (value(), value())
            })
            .collect();
        let kept = moments(&[(0.1, 1e-310), (-3.0, 1e300)]);
        let mut changing = kept.clone();
        pairs.iter().for_each(|(y, x)| changing.add(*y, *x, 3));
        let mut bytes = Row::empty();
        changing.write(&mut bytes);
        assert_eq!(PairMoments::read(&mut Reader::new(bytes.as_bytes())).as_ref(), Some(&changing));
        pairs.reverse();
        pairs.iter().for_each(|(y, x)| changing.add(*y, *x, -3));
        assert_eq!(changing, kept);
        assert!(!changing.is_empty() && PairMoments::default().is_empty());
    }
}
