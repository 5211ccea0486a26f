//! Full-text indexes: sink tasks that follow a view into its index.
//!
//! Owns [`SearchSink`], which opens the index of a [`SearchIndex`] and applies epochs to it, and [`SearchEffect`], which tells the readers of an
//! index how far its view is. A commit of the
//! index holds the progress it stands for, so an index that lost its last commits is given them again, and one that is lost or damaged is
//! rebuilt while the old one answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use epochs::crash_point::{SEARCH_APPLIED_NOT_COMMITTED, crash_point};
use schemas::fingerprint::Fingerprint;
use schemas::position::{Epoch, Position};
use schemas::row::{Diff, Row};
use schemas::serving::{Language, SearchIndex};
use sinks::contract::{Contents, Progress, Sink, SinkError, SinkKind, Unit, progress_text};
use sinks::search::{Definition, Place, SearchError, SearchIndexes, SearchReader, SearchWriter, Stored, remove_undeclared};

use super::plan::{Effect, SinkConnections, SinkTaskPlan};
use language::plan::identity::{Form, Subject};
use language::topology::Topology;

/// Most attempts on an index that another process writes, before it is left to that process and rebuilt.
const LOCK_ATTEMPTS: u32 = 10;

/// The sink tasks of the full-text indexes of a topology. Indexes that are no longer declared answer no more, and their files go.
pub fn plans(topology: &Topology, rows: &BTreeMap<String, Fingerprint>, means: &SinkConnections) -> Vec<SinkTaskPlan> {
    let declared = || topology.searches.iter().map(|index| index.name.as_str());
    means.search.retain(|name| declared().any(|known| known == name));
    if let Err(error) = remove_undeclared(&means.place, declared()) {
        tracing::warn!(%error, "the files of full-text indexes that are gone could not be removed");
    }
    let plan = |index: &SearchIndex| {
        let view = &topology.served.iter().find(|served| served.view.name == index.view)?.view;
        let definition = Definition { index: index.clone(), columns: view.columns.clone() };
        let effect = SearchEffect { name: index.name.clone(), indexes: Arc::clone(&means.search) };
        Some(SinkTaskPlan {
            name: sink_task_name(index),
            view: index.view.clone(),
            target: format!("full-text index '{}'", index.name),
            topic: None,
            plan: identity(index, *rows.get(&index.view)?),
            sink: Box::new(SearchSink::new(definition, means.place.clone(), Arc::clone(&means.search))),
            effect: Some(Box::new(move || Box::new(effect))),
        })
    };
    topology.searches.iter().filter_map(plan).collect()
}

/// The name of the sink task of an index.
pub fn sink_task_name(index: &SearchIndex) -> String {
    format!("search:{}", index.name)
}

/// The identity of what an index holds, given that of the rows of its view.
pub fn identity(index: &SearchIndex, rows: Fingerprint) -> Fingerprint {
    let SearchIndex { name, view, searched, included, guarded, key, stemmer, prefix_letters, suggested, popularity } = index;
    let mut form = Form::new(Subject::Search);
    form.text(name);
    form.text(view);
    [searched, included, guarded, key].into_iter().for_each(|columns| form.counts(columns));
    let codes = Language::ALL.iter().filter(|(language, ..)| Some(*language) == *stemmer).map(|(_, code, _)| *code);
    form.optional(codes.last(), Form::text);
    form.count(*prefix_letters);
    form.optional(*suggested, Form::count);
    form.optional(*popularity, Form::count);
    form.identity(rows);
    form.fingerprint()
}

/// Tells readers how far the view of their index is, so that one that nothing changed answers for the latest epoch.
struct SearchEffect {
    name: String,
    indexes: Arc<SearchIndexes>,
}

impl Effect for SearchEffect {
    fn epoch(&mut self, position: Position, changes: &[(Row, Diff)]) {
        if let Some(reader) = self.indexes.get(&self.name) {
            reader.follow(position.epoch, !changes.is_empty());
        }
    }

    fn reset(&mut self, position: Position) {
        if let Some(reader) = self.indexes.get(&self.name) {
            reader.follow(position.epoch, true);
        }
    }
}

/// An index that is open.
struct Open {
    writer: SearchWriter,
    reader: SearchReader,
    /// progress of the last commit; `None` when the index has to be built
    applied: Option<Progress>,
    /// something was taken over that may not be committed
    is_ahead: bool,
}

/// Applies epochs to one full-text index.
pub struct SearchSink {
    definition: Definition,
    place: Place,
    indexes: Arc<SearchIndexes>,
    open: Option<Open>,
    incarnation: u64,
    /// number of times that another process had the index
    locked: u32,
}

impl SearchSink {
    /// A sink that opens its index when it is asked how far that is, and then is among `indexes`.
    pub fn new(definition: Definition, place: Place, indexes: Arc<SearchIndexes>) -> Self {
        Self { definition, place, indexes, open: None, incarnation: 0, locked: 0 }
    }

    /// Opens the index, or gives up what was not committed.
    fn reopen(&mut self) -> Result<Option<Progress>, SearchError> {
        let stored = match &mut self.open {
            Some(open) if !open.is_ahead => return Ok(open.applied.clone()),
            Some(open) => open.writer.reopen()?,
            None => {
                let (mut writer, reader) = SearchWriter::new(self.definition.clone(), self.place.clone())?;
                let stored = if self.locked < LOCK_ATTEMPTS { writer.reopen()? } else { None };
                // An older index of this name answers until this one can.
                if stored.is_some() || self.indexes.get(writer.name()).is_none() {
                    self.indexes.insert(reader.clone());
                }
                self.open = Some(Open { writer, reader, applied: None, is_ahead: false });
                stored
            }
        };
        let progress = stored.as_ref().and_then(progress_of);
        if let Some(open) = &mut self.open {
            open.applied.clone_from(&progress);
            open.is_ahead = false;
        }
        Ok(progress)
    }

    fn check_incarnation(&self, progress: &Progress) -> Result<(), SinkError> {
        if progress.incarnation < self.incarnation { Err(SinkError::Fenced(self.incarnation)) } else { Ok(()) }
    }
}

impl Sink for SearchSink {
    fn name(&self) -> &str {
        &self.definition.index.name
    }

    fn kind(&self) -> SinkKind {
        SinkKind::State
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        let found = self.reopen().map_err(|error| {
            self.locked += u32::from(matches!(error, SearchError::Locked { .. }));
            SinkError::Unavailable(error.to_string())
        })?;
        let latest = found.as_ref().map_or(0, |found| found.incarnation).max(self.incarnation);
        if incarnation < latest {
            return Err(SinkError::Fenced(latest));
        }
        self.incarnation = incarnation;
        Ok(found)
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        self.check_incarnation(&unit.progress)?;
        let open = self.open.as_mut().ok_or(SinkError::Guard)?;
        let follows = |at: &Progress| at.chain == unit.after.0 && at.plan == unit.progress.plan;
        if !open.applied.as_ref().is_some_and(follows) {
            return Err(SinkError::Guard);
        }
        // What can't be written any more is found out by the commit, after some units: how far it got has to be asked.
        let ambiguous = |error: SearchError| SinkError::Ambiguous(error.to_string());
        open.is_ahead = true;
        open.writer.apply(Epoch(unit.progress.epoch), &progress_text::write(&unit.progress), &unit.changes).map_err(ambiguous)?;
        crash_point(SEARCH_APPLIED_NOT_COMMITTED);
        open.applied = Some(unit.progress.clone());
        Ok(())
    }

    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError> {
        self.check_incarnation(&contents.progress)?;
        let open = self.open.as_mut().ok_or_else(|| SinkError::Unavailable("the index is not open".to_owned()))?;
        let unavailable = |error: SearchError| SinkError::Unavailable(error.to_string());
        let text = progress_text::write(&contents.progress);
        open.writer.replace(Epoch(contents.progress.epoch), &text, &contents.rows).map_err(unavailable)?;
        open.applied = Some(contents.progress.clone());
        open.is_ahead = false;
        self.indexes.insert(open.reader.clone());
        Ok(())
    }
}

fn progress_of(stored: &Stored) -> Option<Progress> {
    progress_text::read(&stored.progress)
}

#[cfg(test)]
mod tests;
