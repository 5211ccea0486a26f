//! Numbers that look random and are the same for the same seed, on every machine.
//!
//! A seed enters; numbers leave (splitmix64). A test prints its seed, so that a failure can be run again.

/// A generator with a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// A kind of whole number that can be drawn.
pub trait Drawn: Copy {
    /// The remainder of a draw, below `self`, which is positive.
    fn remainder(self, draw: u64) -> Self;
}

macro_rules! drawn {
    ($($kind:ty),*) => {$(
        impl Drawn for $kind {
            fn remainder(self, draw: u64) -> Self {
                assert!(self > 0, "a number below {self} was to be drawn");
                (draw % self as u64) as Self
            }
        }
    )*};
}

drawn!(u8, u32, u64, usize, i32, i64);

impl Random {
    /// The numbers of a seed; those of neighbouring seeds have nothing in common.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not including, `end`, which is positive.
    pub fn below<N: Drawn>(&mut self, end: N) -> N {
        end.remainder(self.next())
    }

    /// True in so many of 100 draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100_u64) < percent
    }

    /// True once in so many draws.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some items, which are not empty.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_its_numbers_on_every_machine() {
        let mut random = Random::new(1);
        assert_eq!([random.next(), random.next()], [10_451_216_379_200_822_465, 13_757_245_211_066_428_519]);
        assert_ne!(Random::new(1).next(), Random::new(2).next());
    }

    #[test]
    fn numbers_are_below_their_end_and_all_are_drawn() {
        let mut random = Random::new(7);
        let mut seen = [0; 6];
        (0..6_000).for_each(|_| seen[random.below(6_usize)] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert!((0..100).all(|_| random.below(1_i64) == 0 && random.chance(100) && !random.chance(0) && random.one_in(1)));
        assert!((0..100).all(|_| [3, 5].contains(random.pick(&[3, 5]))));
    }
}
