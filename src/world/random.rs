//! Randomness that repeats: the same seed gives the same world on every machine.
//!
//! Owns a small generator and a sampler in which the first members are drawn most often. Integers only, so that no rounding of a
//! platform's floating point shows.

/// Weight of the most popular member; the one at rank r has this divided by r.
const ZIPF_UNIT: u64 = 1 << 32;

/// A seeded generator (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The generator of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but not including, `end`; 0 when `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A place in something of `length` members, which must not be empty.
    pub(super) fn index(&mut self, length: usize) -> usize {
        assert!(length > 0, "a place was drawn in something empty");
        self.below(length as u64) as usize
    }

    /// True once in `times` draws.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }
}

/// Spread of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popularity {
    /// the member at rank r is drawn with weight 1/r, as in most networks of people
    Zipf,
    /// each member is drawn alike
    Even,
}

/// Draws members by their popularity.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    /// sum of the weights up to and including each rank
    cumulative: Vec<u64>,
    /// sum of all weights
    total: u64,
    /// the member at each rank
    members: Vec<u32>,
}

impl Sampler {
    /// Draws from 1 to `count`; which of them are popular is drawn too, so that it does not follow from the number.
    pub(super) fn new(count: u32, popularity: Popularity, random: &mut Random) -> Self {
        let mut members: Vec<u32> = (1..=count).collect();
        for last in (1..members.len()).rev() {
            members.swap(last, random.index(last + 1));
        }
        let mut sum = 0;
        let cumulative = (1..=u64::from(count))
            .map(|rank| {
                sum += if popularity == Popularity::Zipf { ZIPF_UNIT / rank } else { 1 };
                sum
            })
            .collect();
        Self { cumulative, total: sum, members }
    }

    /// One member.
    pub(super) fn draw(&self, random: &mut Random) -> u32 {
        let at = random.below(self.total);
        self.members[self.cumulative.partition_point(|&sum| sum <= at)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ranks_are_drawn_as_often_as_their_weights_say() {
        let mut random = Random::new(7);
        let sampler = Sampler::new(100, Popularity::Zipf, &mut random);
        let mut counts = [0u32; 101];
        for _ in 0..100_000 {
            counts[sampler.draw(&mut random) as usize] += 1;
        }
        // The harmonic number of 100 is 5.187, so the first has 19.3 % and the hundredth 0.19 %.
        let at_rank = |rank: usize| counts[sampler.members[rank - 1] as usize];
        assert!((18_500..20_100).contains(&at_rank(1)), "{}", at_rank(1));
        assert!((130..260).contains(&at_rank(100)), "{}", at_rank(100));
    }

    #[test]
    fn every_number_below_the_end_occurs() {
        let mut random = Random::new(1);
        let drawn: std::collections::BTreeSet<u64> = (0..1000).map(|_| random.below(7)).collect();
        assert_eq!(drawn, (0..7).collect());
        assert_eq!(random.below(0), 0);
    }
}
