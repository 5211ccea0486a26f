//! Change of readers by a deployment: who may read a view, a derived topic or the keys of a cache, before and then.
//!
//! Owns [`access_changes`], a pure comparison of two topologies, and [`WiderAccess`], the refusal of one that shows readers more. A derived
//! topic and a stream of invalidations are read by everyone while the view that they follow is granted to PUBLIC, and by operators otherwise.

use std::collections::BTreeMap;
use std::fmt;

use language::topology::Topology;
use schemas::serving::{Access, Column};
use schemas::sink::SinkContent;

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
    /// readers before, in words; `None` when it was not there
    pub before: Option<String>,
    /// readers then, in words
    pub after: String,
    /// true unless it is certain that nobody who could read something before sees more
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
struct Readers<'t> {
    access: &'t Access,
    columns: &'t [Column],
    is_view: bool,
}

impl Readers<'_> {
    fn describe(&self) -> String {
        match self.access {
            Access::Denied if !self.is_view => "operators".to_owned(),
            access => access.describe(self.columns),
        }
    }
}

/// Compares the readers of two topologies. What is there afterwards is listed when its readers change, or when it is new and has some; a
/// view that is made again under its name is the same one.
pub fn access_changes(before: Option<&Topology>, after: &Topology) -> BTreeMap<AccessSubject, AccessChange> {
    let known = before.map(readers).unwrap_or_default();
    let change = |(subject, then): (AccessSubject, Readers<'_>)| {
        let after = then.describe();
        let change = match known.get(&subject) {
            None if *then.access == Access::Denied => return None,
            None => AccessChange { before: None, after, is_wider: false },
            Some(before) => {
                let is_wider = then.access.wider_than(then.columns, before.access, before.columns);
                AccessChange { before: Some(before.describe()), after, is_wider }
            }
        };
        let is_same = change.before.as_ref() == Some(&change.after) && !change.is_wider;
        (!is_same).then_some((subject, change))
    };
    readers(after).into_iter().filter_map(change).collect()
}

/// The readers of everything that a topology serves.
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
