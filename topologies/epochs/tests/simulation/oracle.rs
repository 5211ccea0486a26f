//! Checks that every view and every sink holds exactly what the epochs up to its own bind, computed from the beginning.
//!
//! Owns [`Oracle`]. Every epoch that a process acts on enters; what is held at an epoch is compared with a computation of its own. An
//! epoch is known by the identity of its binding, and no two may be acted on under one timeline and number; one that is acted on again,
//! after a restart, has to have the same records and the same wall clock as the first time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use epochs::coordinator::EpochInput;
use epochs::reader::Records;
use schemas::chain::Chain;
use schemas::fingerprint::Fingerprint;

use super::engine::{Accounts, Engine, Transfer, View, digest};

/// The accounts after these transfers, in the order in which they were appended: epochs and partitions have no part in that.
pub fn accounts(appended: &[Transfer]) -> Accounts {
    let (mut accounts, mut seen) = (Accounts::new(), BTreeSet::new());
    for transfer in appended.iter().filter(|transfer| seen.insert(transfer.id)) {
        for (account, amount) in [(transfer.from, -transfer.amount), (transfer.to, transfer.amount)] {
            let (balance, order) = accounts.entry(account).or_default();
            *balance += amount;
            *order = digest(*order, transfer.id);
        }
    }
    accounts
}

/// State of an epoch when it was acted on first.
struct Known {
    after: Engine,
    wall_micros: i64,
    records: Records,
}

/// The state after each epoch that was ever acted on.
#[derive(Default)]
pub struct Oracle {
    known: HashMap<Chain, Known>,
    bound: BTreeMap<(u64, u64), Chain>,
    plans: HashMap<Fingerprint, u8>,
}

impl Oracle {
    /// A plan that computes from now on.
    pub fn plan(&mut self, fingerprint: Fingerprint, plan: u8) {
        self.plans.insert(fingerprint, plan);
    }

    /// The beginning: an epoch without records.
    pub fn root(&mut self, timeline: u64, chain: Chain, wall_micros: i64) {
        let known = || Known { after: Engine::default(), wall_micros, records: Records::new() };
        self.known.entry(chain).or_insert_with(known);
        self.claim(timeline, 0, chain);
    }

    fn claim(&mut self, timeline: u64, epoch: u64, chain: Chain) {
        let known = *self.bound.entry((timeline, epoch)).or_insert(chain);
        assert_eq!(known, chain, "two bindings of epoch {epoch} of timeline {timeline} were acted on");
    }

    /// A process acts on an epoch.
    pub fn acts(&mut self, timeline: u64, parent: Chain, chain: Chain, input: &EpochInput) {
        self.claim(timeline, input.epoch, chain);
        if let Some(known) = self.known.get(&chain) {
            assert_eq!(input.wall_micros, known.wall_micros, "epoch {} has another wall clock than the first time", input.epoch);
            assert_eq!(input.records, known.records, "epoch {} has other records than the first time", input.epoch);
            return;
        }
        let Some(before) = self.known.get(&parent) else {
            panic!("epoch {} follows an epoch that nobody acted on", input.epoch);
        };
        let (wall_micros, earlier) = (input.wall_micros, before.wall_micros);
        assert!(wall_micros > earlier, "the wall clock of epoch {} went from {earlier} to {wall_micros}", input.epoch);
        let mut after = before.after.clone();
        after.epoch(input);
        self.known.insert(chain, Known { after, wall_micros, records: input.records.clone() });
    }

    /// Returns the view of a plan at an epoch.
    pub fn view(&self, chain: Chain, plan: Fingerprint) -> View {
        let Some(known) = self.known.get(&chain) else { panic!("something claims to be at an epoch that nobody acted on") };
        let Some(plan) = self.plans.get(&plan) else { panic!("something claims to be of a plan that nobody made") };
        known.after.planned(*plan, known.wall_micros)
    }
}
