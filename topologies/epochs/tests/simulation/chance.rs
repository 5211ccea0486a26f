//! Chances of a seed: the same ones every time.

use epochs::disk::simulated::Generator;

#[derive(Debug)]
pub struct Chance(Generator);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Generator::new(seed))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound as usize) as u64
    }

    pub fn in_thousand(&mut self, times: u32) -> bool {
        self.below(1000) < u64::from(times)
    }
}
