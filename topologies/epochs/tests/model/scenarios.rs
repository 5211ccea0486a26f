//! The worlds that are explored: a few records, and which faults may strike how often.
//!
//! Several small worlds say more than a big one, because each is explored to its end.

use crate::state::{Budget, UNDECODABLE};

/// A world to explore.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// records that the producers send to each partition; a record is its event time and its identity
    pub records: [&'static [u8]; 2],
    /// a cache stands before the state sink
    pub has_cache: bool,
    pub budget: Budget,
}

const NO_FAULTS: Budget = Budget {
    kills: 0,
    power_losses: 0,
    fail_overs: 0,
    lost_answers: 0,
    regressions: 0,
    lost_progress: 0,
    backups: 0,
    deploys: 0,
    outages: 0,
    clock_steps: 0,
    source_damages: 0,
    checkpoints: 0,
};

pub const CRASHES: Scenario = Scenario {
    name: "crashes, a power loss",
    records: [&[1, 3], &[2]],
    has_cache: true,
    budget: Budget { kills: 1, power_losses: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const ZOMBIES: Scenario = Scenario {
    name: "a frozen process wakes up",
    records: [&[1, 3], &[]],
    has_cache: false,
    budget: Budget { fail_overs: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const TIME_OUTS: Scenario = Scenario {
    name: "answers that never come",
    records: [&[1, 3], &[]],
    has_cache: true,
    budget: Budget { lost_answers: 2, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const REGRESSIONS: Scenario = Scenario {
    name: "sinks go back",
    records: [&[1, 2], &[]],
    has_cache: false,
    budget: Budget { regressions: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const LOST_PROGRESS: Scenario = Scenario {
    name: "sinks forget how far they were",
    records: [&[1, 2], &[]],
    has_cache: false,
    budget: Budget { lost_progress: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const RESTORES: Scenario = Scenario {
    name: "a backup is restored",
    records: [&[1, 3], &[]],
    has_cache: false,
    budget: Budget { backups: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const DEPLOYS: Scenario = Scenario {
    name: "a plan is changed",
    records: [&[1, 2, 3], &[]],
    has_cache: false,
    budget: Budget { deploys: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const SOURCES: Scenario = Scenario {
    name: "sources change",
    records: [&[2], &[1, 3]],
    has_cache: false,
    budget: Budget { source_damages: 1, kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const OUTAGES: Scenario = Scenario {
    name: "outages, bad records, a clock that jumps",
    records: [&[2], &[1, UNDECODABLE]],
    has_cache: false,
    budget: Budget { outages: 1, clock_steps: 1, kills: 1, ..NO_FAULTS },
};

pub const VERDICTS: Scenario = Scenario {
    name: "late and repeated records",
    records: [&[1, 3], &[2, 1]],
    has_cache: false,
    budget: Budget { kills: 1, checkpoints: 1, ..NO_FAULTS },
};

pub const BACKLOG: Scenario =
    Scenario { name: "a backlog", records: [&[1, 2, 3, 4, 5], &[]], has_cache: false, budget: Budget { kills: 1, ..NO_FAULTS } };
