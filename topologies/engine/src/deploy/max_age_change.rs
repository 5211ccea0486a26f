//! Changes of the time for which pages of views may be used without asking again, between two topologies.
//!
//! Nothing is computed again because of them, so views that are the same otherwise stay as they are.

use std::collections::BTreeMap;

use language::topology::Topology;

/// Seconds before and from now on; `None` where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAgeChange {
    /// those before; also `None` when there was no such view
    pub before: Option<u32>,
    /// those from now on
    pub after: Option<u32>,
}

/// The views whose time changes, by name, those that are new and have one among them.
pub fn max_age_changes(before: Option<&Topology>, topology: &Topology) -> BTreeMap<String, MaxAgeChange> {
    let known: BTreeMap<&str, Option<u32>> = before.map(max_ages).unwrap_or_default();
    let changes = max_ages(topology).into_iter().map(|(name, after)| {
        let before = known.get(name).copied().flatten();
        (name.to_owned(), MaxAgeChange { before, after })
    });
    changes.filter(|(_, change)| change.before != change.after).collect()
}

fn max_ages(topology: &Topology) -> BTreeMap<&str, Option<u32>> {
    topology.served.iter().map(|served| (served.view.name.as_str(), served.view.max_age)).collect()
}
