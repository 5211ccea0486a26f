//! Counts of everything that happened: a simulation in which a fault never struck proves nothing about it.
//!
//! Owns [`Figures`]. The figures of seeds enter and are added up; the name of the first thing that never happened leaves.

macro_rules! figures {
    ($($name:ident)*) => {
        /// Counts over all seeds.
        #[derive(Clone, Debug, Default)]
        pub struct Figures {
            $(pub $name: u64,)*
        }

        impl Figures {
            /// Adds those of another seed.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

figures! {
    seeds
    epochs
    checkpoints
    restores
    damaged_checkpoints
    kills
    power_losses
    zombies
    zombie_writes_refused
    sync_failures
    disk_full
    resumed_after_full
    read_failures
    refused_opens
    flipped_bits
    misdirected
    lost_segments
    ambiguous_answers
    fall_backs
    lost_progress
    reconciled
    repaired
    halted_sinks
    clock_steps
    deploys
    trims
    trimmed_bindings
    new_timelines
    refused
}

/// With fewer seeds than these, rare things need not happen.
const SEEDS_ENOUGH: u64 = 1_000;

impl Figures {
    /// Fails when something never happened.
    pub fn assert_everything_happened(&self) {
        for (name, count) in self.all() {
            assert!(self.seeds < SEEDS_ENOUGH || count > 0, "in {} seeds there was not one of '{name}'", self.seeds);
        }
    }
}
