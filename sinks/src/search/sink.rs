//! The sink of a full-text index: its connector, what applies epochs to it, and what tells its readers of them.
//!
//! Owns [`SearchSink`] and [`SearchConnector`]. A commit of the index holds the progress it stands for, so an index that lost its last
//! commits is given them again, and one that is lost or damaged is rebuilt while the old one answers.

use std::sync::Arc;

use schemas::connector::{SEARCH, SinkConnector};
use schemas::position::{Epoch, Position};
use schemas::row::{Diff, Row};
use schemas::serving::Column;
use schemas::sink::{SinkContent, SinkDefinition};

use super::document::Definition;
use super::error::SearchError;
use super::generation::{Place, Stored, remove_undeclared};
use super::read::{SearchIndexes, SearchReader};
use super::write::SearchWriter;
use crate::connector::{Connections, Connector, OpenError, OpenedSink};
use crate::contract::steps::{SEARCH_APPLIED_NOT_COMMITTED, StepReached};
use crate::contract::{Contents, Effect, Progress, Sink, SinkError, SinkKind, Unit, progress_text};

/// Most attempts on an index that another process writes, before it is left to that process and rebuilt.
const LOCK_ATTEMPTS: u32 = 10;

/// The connector of full-text indexes, which CREATE INDEX declares.
pub struct SearchConnector;

impl Connector for SearchConnector {
    fn declaration(&self) -> &'static SinkConnector {
        &SEARCH
    }

    fn open(&self, definition: &SinkDefinition, columns: &[Column], connections: &Connections) -> Result<OpenedSink, OpenError> {
        let SinkContent::Search(index) = &definition.content else {
            return Err(OpenError::Content { sink: definition.name.clone(), connector: SEARCH.name });
        };
        let effect = SearchEffect { name: index.name.clone(), indexes: Arc::clone(&connections.search) };
        let words = Definition { index: index.clone(), columns: columns.to_vec() };
        let sink = SearchSink::new(words, connections.place.clone(), Arc::clone(&connections.search), connections.step);
        Ok(OpenedSink { sink: Box::new(sink), effect: Some(Box::new(move || Box::new(effect))) })
    }

    /// Indexes that are no longer declared answer no more, and their files go.
    fn retain(&self, declared: &[&SinkDefinition], connections: &Connections) {
        let names = || declared.iter().map(|definition| definition.options.text("index"));
        connections.search.retain(|name| names().any(|known| known == name));
        if let Err(error) = remove_undeclared(&connections.place, names()) {
            tracing::warn!(%error, "the files of full-text indexes that are gone could not be removed");
        }
    }
}

/// Tells readers how far the view of their index is, so that one that nothing changed answers for the latest epoch.
struct SearchEffect {
    /// name of the index
    name: String,
    /// the readers of the process
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
struct OpenIndex {
    /// takes epochs over
    writer: SearchWriter,
    /// answers once the index is built
    reader: SearchReader,
    /// progress of the last commit; `None` when the index has to be built
    applied: Option<Progress>,
    /// something was taken over that may not be committed
    is_ahead: bool,
}

/// Applies epochs to one full-text index.
pub struct SearchSink {
    /// the columns that are indexed, and how
    definition: Definition,
    /// location of the files
    place: Place,
    /// the readers of the process, among which this index is
    indexes: Arc<SearchIndexes>,
    /// told of each unit that was taken over
    step: StepReached,
    /// `None` before the first [`Sink::fence`]
    open: Option<OpenIndex>,
    /// the run that fenced the index
    incarnation: u64,
    /// number of times that another process had the index
    locked: u32,
}

impl SearchSink {
    /// A sink that opens its index when it is asked how far that is, and then is among `indexes`.
    pub fn new(definition: Definition, place: Place, indexes: Arc<SearchIndexes>, step: StepReached) -> Self {
        Self { definition, place, indexes, step, open: None, incarnation: 0, locked: 0 }
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
                self.open = Some(OpenIndex { writer, reader, applied: None, is_ahead: false });
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

    /// Refuses what an earlier run sends. A lock on the files keeps other processes out besides.
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
        (self.step)(SEARCH_APPLIED_NOT_COMMITTED);
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

/// Returns the progress that a commit holds; `None` when it can not be read, which has the index rebuilt.
fn progress_of(stored: &Stored) -> Option<Progress> {
    progress_text::read(&stored.progress)
}

#[cfg(test)]
mod tests;
