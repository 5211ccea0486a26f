//! State of each sink task, for operators.
//!
//! Owns [`Reports`], which the threads of the sink tasks write and the status endpoint reads. It outlives a start that has to be repeated.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

/// State of a sink task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SinkTaskState {
    /// it was not asked yet how far it is, or did not answer
    #[default]
    Waiting,
    /// it follows
    Attached,
    /// it is rebuilt
    Rebuilding,
    /// it was too far behind and is not waited for any more; it is rebuilt when it answers
    Detached,
    /// someone has to do something; what, is said
    Halted(String),
}

/// One sink task at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkTaskReport {
    /// its name
    pub name: String,
    /// the view that it follows
    pub view: String,
    /// destination, for people
    pub target: String,
    /// the derived topic that it writes, if it writes one
    pub topic: Option<String>,
    /// its state
    pub state: SinkTaskState,
    /// the epoch that it holds, if that is known
    pub epoch: Option<u64>,
    /// the last epoch that it was handed
    pub handed: u64,
    /// changes that wait for it
    pub waiting_changes: u64,
    /// number of times that it was rebuilt
    pub reconciled: u64,
    /// number of times that it had lost what it had acknowledged, and got it again
    pub repaired: u64,
    /// number of commits that it has acknowledged in this run
    pub commits: u64,
    /// number of attempts that failed in this run
    pub errors: u64,
    /// reason why it does not continue for now
    pub trouble: Option<String>,
    /// nothing after this epoch may be forgotten
    pub(super) floor: Option<u64>,
    /// it has held data of ours
    pub(super) seen: bool,
    /// its stable id across runs
    pub(super) identity: String,
}

/// All sink tasks by name.
#[derive(Debug, Default)]
pub struct Reports(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    reports: BTreeMap<String, SinkTaskReport>,
    /// identities of sink tasks that were told to end: the last that their threads say would hold everything back for ever
    ended: BTreeSet<String>,
}

impl Reports {
    /// All of them, by name.
    pub fn list(&self) -> Vec<SinkTaskReport> {
        self.0.lock().reports.values().cloned().collect()
    }

    /// Writes down how one is doing.
    pub(super) fn set(&self, report: SinkTaskReport) {
        let mut known = self.0.lock();
        if !known.ended.contains(&report.identity) {
            known.reports.insert(report.name.clone(), report);
        }
    }

    /// Keeps only those of these names.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().reports.retain(|name, _| is_there(name));
    }

    /// Takes reports of a sink task from now on.
    pub(super) fn begin(&self, identity: &str) {
        self.0.lock().ended.remove(identity);
    }

    /// Forgets one that was told to end, also what it still says.
    pub(super) fn forget(&self, name: &str, identity: &str) {
        let mut known = self.0.lock();
        known.reports.remove(name);
        known.ended.insert(identity.to_owned());
    }

    /// The least epoch after which nothing may be forgotten; `None` when no sink task needs anything.
    pub(super) fn floor(&self) -> Option<u64> {
        self.0.lock().reports.values().filter_map(|report| report.floor).min()
    }

    /// The identities of those that have held data of ours.
    pub(super) fn seen(&self) -> BTreeSet<String> {
        self.0.lock().reports.values().filter(|report| report.seen).map(|report| report.identity.clone()).collect()
    }
}

impl SinkTaskReport {
    /// Epochs that it was handed and does not hold.
    pub fn lag_epochs(&self) -> u64 {
        self.epoch.map_or(self.handed, |epoch| self.handed.saturating_sub(epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sink_task_says_that_was_told_to_end_holds_nothing_back() {
        let reports = Reports::default();
        let report = |floor: u64| SinkTaskReport {
            name: "a".to_owned(),
            identity: "a 1".to_owned(),
            floor: Some(floor),
            ..SinkTaskReport::default()
        };
        reports.begin("a 1");
        reports.set(report(4));
        assert_eq!(reports.floor(), Some(4));
        reports.forget("a", "a 1");
        reports.set(report(5));
        assert_eq!((reports.floor(), reports.list().len()), (None, 0));
        reports.begin("a 1");
        reports.set(report(6));
        assert_eq!(reports.floor(), Some(6));
    }
}
