//! Change of readers by a deployment: who may read a view, a derived topic or the keys of a cache, before and then.
//!
//! Owns [`access_changes`], the comparison of two topologies, and [`WiderAccess`], the refusal of one that shows readers more. A derived
//! topic and a stream of invalidations are read by everyone while the view that they follow is granted to PUBLIC, and by operators otherwise.
//! The records of a derived topic stay in the log when its sink is dropped. So a topic that a deployment adds is only new if it has no
//! records: those that it has were for operators, as long as nobody can tell who was shown them.

use std::collections::BTreeMap;
use std::fmt;

use language::topology::Topology;
use schemas::position::{Offset, Partition, Topic};
use schemas::serving::{Access, Column};
use schemas::sink::SinkContent;
use sources::error::LogError;
use sources::log::LogReader;

/// Something that readers read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessSubject {
    /// a served view with its full-text indexes, by its name
    View(String),
    /// a derived topic, by its own name: its records stay when another sink writes it
    DerivedTopic(String),
    /// a stream of keys of caches, by the name of its sink
    Invalidations(String),
}

impl AccessSubject {
    /// Returns its kind, as programs spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::View(_) => "view",
            Self::DerivedTopic(_) => "derived_topic",
            Self::Invalidations(_) => "invalidations",
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        match self {
            Self::View(name) | Self::DerivedTopic(name) | Self::Invalidations(name) => name,
        }
    }
}

impl fmt::Display for AccessSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.kind().replace('_', " "), self.name())
    }
}

/// Change of those who may read something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChange {
    /// readers before, in words; `None` for something that is new
    pub before: Option<String>,
    /// readers afterwards, in words
    pub after: String,
    /// false if it is certain that nobody may read a row, record or key that they could not read before, and for something that is new;
    /// true otherwise
    pub is_wider: bool,
}

/// Refusal of a topology that would show readers more than they see now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("readers would see more than before: {}; nothing has changed: with --accept-wider-access it takes over all the same", self.describe())]
pub struct WiderAccess {
    /// the changes by which they would
    pub changes: BTreeMap<AccessSubject, AccessChange>,
}

impl WiderAccess {
    /// The refusal of these changes; `None` when none of them shows readers more.
    pub fn of(changes: &BTreeMap<AccessSubject, AccessChange>) -> Option<Self> {
        let wider = changes.iter().filter(|(_, change)| change.is_wider);
        let changes: BTreeMap<_, _> = wider.map(|(subject, change)| (subject.clone(), change.clone())).collect();
        (!changes.is_empty()).then_some(Self { changes })
    }

    /// Describes the changes.
    pub fn describe(&self) -> String {
        let one = |(subject, AccessChange { before, after, .. }): (&AccessSubject, &AccessChange)| {
            format!("{subject} (before: {}; then: {after})", before.as_deref().unwrap_or("nobody"))
        };
        self.changes.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Readers of one thing, and the columns that their policies compare.
#[derive(Clone, Copy)]
struct Readers<'t> {
    access: &'t Access,
    columns: &'t [Column],
    is_view: bool,
}

impl Readers<'_> {
    /// Readers of what is in a derived topic that no sink writes.
    const OPERATORS: Self = Self { access: &Access::Denied, columns: &[], is_view: false };

    fn describe(&self) -> String {
        match self.access {
            Access::Denied if !self.is_view => "operators".to_owned(),
            access => access.describe(self.columns),
        }
    }
}

/// Compares the readers of two topologies. What is there afterwards is listed when its readers change, or when it is new and has some. A view
/// or a sink that is dropped and made again under its name is the same one. A derived topic that only the second topology writes is compared
/// with operators if the log has records of it. Without a topology before, everything is new.
///
/// # Errors
/// The log can't tell whether a topic has records.
pub fn access_changes(
    before: Option<&Topology>,
    after: &Topology,
    log: &dyn LogReader,
) -> Result<BTreeMap<AccessSubject, AccessChange>, LogError> {
    let known = before.map(readers).unwrap_or_default();
    let mut changes = BTreeMap::new();
    for (subject, then) in readers(after) {
        let earlier = match known.get(&subject) {
            None if before.is_some() && has_records(&subject, log)? => Some(Readers::OPERATORS),
            earlier => earlier.copied(),
        };
        changes.extend(change(earlier, then).map(|change| (subject, change)));
    }
    Ok(changes)
}

/// Returns the change of the readers of one thing; `None` when they stay the same, and when it is new and nobody may read it.
fn change(before: Option<Readers<'_>>, then: Readers<'_>) -> Option<AccessChange> {
    let after = then.describe();
    let Some(before) = before else {
        return (*then.access != Access::Denied).then_some(AccessChange { before: None, after, is_wider: false });
    };
    let is_wider = then.access.wider_than(then.columns, before.access, before.columns);
    let before = before.describe();
    (is_wider || before != after).then_some(AccessChange { before: Some(before), after, is_wider })
}

/// Returns true for a derived topic that has records in the log, whichever sink wrote them.
fn has_records(subject: &AccessSubject, log: &dyn LogReader) -> Result<bool, LogError> {
    let AccessSubject::DerivedTopic(name) = subject else { return Ok(false) };
    let topic = Topic::new(name);
    let Some(found) = log.topic(&topic)? else { return Ok(false) };
    for partition in (0..found.partitions).map(Partition) {
        if log.records_from(&topic, partition, Offset(0))? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the readers of everything that a topology serves.
fn readers(topology: &Topology) -> BTreeMap<AccessSubject, Readers<'_>> {
    let mut all = BTreeMap::new();
    for served in &topology.served {
        let view = &served.view;
        let readers = Readers { access: &view.access, columns: &view.columns, is_view: true };
        all.insert(AccessSubject::View(view.name.clone()), readers);
    }
    for sink in &topology.sinks {
        let view = topology.served.iter().find(|served| served.view.name == sink.view);
        let is_public = view.is_some_and(|served| served.view.access == Access::Public);
        let access = if is_public { &Access::Public } else { &Access::Denied };
        let topic = sink.topic().map(|topic| AccessSubject::DerivedTopic(topic.to_owned()));
        let is_of_caches = matches!(sink.content, SinkContent::Invalidate { .. });
        let stale_keys = is_of_caches.then(|| AccessSubject::Invalidations(sink.name.clone()));
        let opened = topic.into_iter().chain(stale_keys);
        all.extend(opened.map(|subject| (subject, Readers { access, columns: &[], is_view: false })));
    }
    all
}
