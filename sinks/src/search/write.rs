//! The write half: the changes of each epoch enter, in order; commits leave, each with how far it got.
//!
//! Owns [`SearchWriter`] and the thread that commits: within [`COMMIT_INTERVAL`] of a change, or at once when a reader waits for it. What can't
//! be written any more is a failure that the next call tells; then [`SearchWriter::reopen`] goes on from the last commit, or finds that
//! there is none, and [`SearchWriter::replace`] rebuilds the index, beside the old one, which is served until then.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::Mutex;
use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use tantivy::Searcher;

use super::columns::count_of;
use super::document::{Definition, Layout, key_term};
use super::error::SearchError;
use super::generation::{Generation, Place, Stored};
use super::limits::{COMMIT_INTERVAL, HEARTBEAT_INTERVAL};
use super::read::SearchReader;
use super::visible::Visible;

/// Progress of the changes that the engine has.
struct Applied {
    /// the last epoch that the engine has
    epoch: Epoch,
    /// progress that the next commit stores
    progress: String,
    /// since when documents wait for a commit
    changed: Option<Instant>,
    /// time of the last commit
    committed: Instant,
}

/// A generation that is written.
struct OpenGeneration {
    /// the files
    generation: Generation,
    /// searcher of the last commit
    searcher: Searcher,
    /// documents that the engine has, committed or not
    applied: Applied,
    /// multiplicity of rows that changed since the last commit, where only the whole row tells them apart
    counts: HashMap<Vec<u8>, Diff>,
}

/// WriterState that the writer and its thread share.
#[derive(Default)]
struct WriterState {
    /// `None` until there is a generation to write
    open: Option<OpenGeneration>,
    /// reason why nothing can be written
    failure: Option<String>,
    /// true when the thread has to end
    stop: bool,
}

/// Parts that the writer and its thread use.
struct SharedWriter {
    /// the fields of the index
    layout: Arc<Layout>,
    /// index as readers see it
    visible: Arc<Visible>,
    /// held while documents are added or committed; readers never take it
    state: Mutex<WriterState>,
}

/// Keeps one index; for one caller.
pub struct SearchWriter {
    /// state that the thread uses too
    shared: Arc<SharedWriter>,
    /// location of the generations
    place: Place,
    /// number of the newest generation so far
    number: u64,
    /// the thread that commits; joined when the writer is dropped
    thread: Option<JoinHandle<()>>,
}

impl SearchWriter {
    /// Opens the index where its last commit is and shows that; returns how far it got, `None` when it has to be built.
    pub fn open(definition: Definition, place: Place) -> Result<(Self, SearchReader, Option<Stored>), SearchError> {
        let (mut writer, reader) = Self::new(definition, place)?;
        let found = writer.reopen()?;
        Ok((writer, reader, found))
    }

    /// An index that is to be opened by [`reopen`](Self::reopen), or rebuilt whatever is there.
    pub fn new(definition: Definition, place: Place) -> Result<(Self, SearchReader), SearchError> {
        let layout = Arc::new(Layout::new(definition));
        let visible = Arc::new(Visible::default());
        let shared =
            Arc::new(SharedWriter { layout: Arc::clone(&layout), visible: Arc::clone(&visible), state: Mutex::default() });
        let committing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("search".to_owned()).spawn(move || committing.commit_in_time());
        let failed = |error: std::io::Error| SearchError::Failed { index: layout.index.name.clone(), reason: error.to_string() };
        let thread = Some(thread.map_err(failed)?);
        Ok((Self { shared, place, number: 0, thread }, SearchReader::new(layout, visible)))
    }

    /// The name of the index.
    pub fn name(&self) -> &str {
        &self.shared.layout.index.name
    }

    /// Gives up what is not committed and goes on from the last commit; `None` when there is none that is whole.
    pub fn reopen(&mut self) -> Result<Option<Stored>, SearchError> {
        let layout = &self.shared.layout;
        let mut state = self.shared.state.lock();
        if let (Place::Memory, Some(open)) = (&self.place, &mut state.open) {
            let committed = open.roll_back(layout)?;
            state.failure = None;
            return Ok(committed);
        }
        // Closed before it is looked for: there is one lock for writing.
        state.open = None;
        let Some((generation, stored)) = Generation::find(&self.place, layout)? else { return Ok(None) };
        self.number = generation.number();
        generation.remove_others(&self.place, layout);
        self.shared.go_on(&mut state, generation, Epoch(stored.epoch), &stored.progress)?;
        Ok(Some(stored))
    }

    /// Takes over the changes of an epoch, which are committed soon. Rows have the columns of the view, each is there at most once; blocks
    /// during a commit. An error means that nothing more is written until [`reopen`](Self::reopen) or [`replace`](Self::replace).
    pub fn apply(&mut self, epoch: Epoch, progress: &str, changes: &[(Row, Diff)]) -> Result<(), SearchError> {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        shared.check(&state)?;
        let Some(open) = &mut state.open else { return Err(shared.failed("it is not built yet".to_owned())) };
        let added = open.add(&shared.layout, changes);
        open.applied.epoch = epoch;
        open.applied.progress.clear();
        open.applied.progress.push_str(progress);
        shared.visible.bell.ring();
        shared.note(&mut state, added)
    }

    /// Commits all that was taken over.
    pub fn flush(&mut self) -> Result<(), SearchError> {
        let mut state = self.shared.state.lock();
        self.shared.check(&state)?;
        self.shared.commit(&mut state)
    }

    /// Returns the progress of the changes taken over.
    pub fn progress(&self) -> Option<String> {
        self.shared.state.lock().open.as_ref().map(|open| open.applied.progress.clone())
    }

    /// Rebuilds the index from all rows of an epoch, beside what is there; readers move over when it is whole.
    pub fn replace(&mut self, epoch: Epoch, progress: &str, rows: &[(Row, Diff)]) -> Result<(), SearchError> {
        let layout = &self.shared.layout;
        let mut generation = Generation::create(&self.place, layout, self.number + 1)?;
        for (row, count) in rows.iter().filter(|(_, count)| *count > 0) {
            let loaded = layout.load(row.as_bytes());
            let document = loaded.document(&loaded.key(), *count);
            generation.writer.add_document(document).map_err(SearchError::engine(self.name(), "add a document"))?;
        }
        generation.commit(layout, &Stored::new(layout, epoch.0, progress))?;
        self.number = generation.number();
        let mut state = self.shared.state.lock();
        state.open = None;
        generation.remove_others(&self.place, layout);
        self.shared.go_on(&mut state, generation, epoch, progress)
    }
}

impl Drop for SearchWriter {
    /// Leaves a commit behind, so that the next start has little to do again.
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::debug!(index = self.name(), %error, "the last changes of a full-text index were not committed");
        }
        self.shared.state.lock().stop = true;
        self.shared.visible.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(index = self.name(), "the thread of a full-text index panicked");
        }
    }
}

impl SharedWriter {
    /// The thread: commits when it is time, until it is told to stop.
    fn commit_in_time(&self) {
        loop {
            let due = {
                let mut state = self.state.lock();
                if state.stop {
                    return;
                }
                self.commit_if_due(&mut state)
            };
            self.visible.bell.wait(due);
        }
    }

    /// Returns when to look again, unless something happens before.
    fn commit_if_due(&self, state: &mut WriterState) -> Option<Instant> {
        let open = state.open.as_ref().filter(|_| state.failure.is_none())?;
        let due = open.applied.due(self.visible.wanted());
        if due > Instant::now() {
            return Some(due);
        }
        match self.commit(state) {
            Ok(()) => state.open.as_ref().map(|open| open.applied.due(None)),
            Err(error) => {
                tracing::warn!(%error, "a full-text index can't be written for now");
                None
            }
        }
    }

    /// Commits what the engine has and shows it. A crash before leaves the last commit; the outbox sends the rest again.
    fn commit(&self, state: &mut WriterState) -> Result<(), SearchError> {
        let Some(open) = &mut state.open else { return Ok(()) };
        let committed = open.commit(&self.layout);
        if committed.is_ok() {
            self.visible.show(open.searcher.clone(), open.applied.epoch);
        }
        self.note(state, committed)
    }

    /// Makes a generation the one that is written and shown.
    fn go_on(&self, state: &mut WriterState, generation: Generation, epoch: Epoch, progress: &str) -> Result<(), SearchError> {
        let searcher = generation.searcher(&self.layout)?;
        self.visible.show(searcher.clone(), epoch);
        let applied = Applied { epoch, progress: progress.to_owned(), changed: None, committed: Instant::now() };
        state.open = Some(OpenGeneration { generation, searcher, applied, counts: HashMap::new() });
        state.failure = None;
        self.visible.bell.ring();
        Ok(())
    }

    /// Refuses work after a failure, until the writer is opened again.
    fn check(&self, state: &WriterState) -> Result<(), SearchError> {
        state.failure.as_ref().map_or(Ok(()), |reason| Err(self.failed(reason.clone())))
    }

    /// Makes the error of a failure.
    fn failed(&self, reason: String) -> SearchError {
        SearchError::Failed { index: self.layout.index.name.clone(), reason }
    }

    /// Keeps the reason of a failure for those who come later.
    fn note(&self, state: &mut WriterState, done: Result<(), SearchError>) -> Result<(), SearchError> {
        if let Err(error) = &done {
            state.failure = Some(error.to_string());
        }
        done
    }
}

impl Applied {
    /// Returns the time at which the next commit is due.
    fn due(&self, wanted: Option<Epoch>) -> Instant {
        match self.changed {
            Some(since) if wanted.is_some_and(|wanted| wanted <= self.epoch) => since,
            Some(since) => since + COMMIT_INTERVAL,
            None => self.committed + HEARTBEAT_INTERVAL,
        }
    }
}

impl OpenGeneration {
    /// Adds the changes of an epoch. Retractions come first: a key that stays loses its old row before it gets the new one.
    fn add(&mut self, layout: &Layout, changes: &[(Row, Diff)]) -> Result<(), SearchError> {
        if !changes.is_empty() {
            self.applied.changed.get_or_insert_with(Instant::now);
        }
        // What goes first: a key that stays has its old row taken away and its new one added. A key that comes has none: it costs no look.
        let (gone, come): (Vec<_>, Vec<_>) = changes.iter().partition(|(_, diff)| *diff < 0);
        for (row, diff) in gone.into_iter().chain(come) {
            let loaded = layout.load(row.as_bytes());
            let key = loaded.key();
            let before = match layout.index.key.is_empty() {
                true => self.count_before(layout, &key, *diff)?,
                false => Diff::from(*diff < 0),
            };
            if before > 0 {
                self.generation.writer.delete_term(key_term(layout.key, &key));
            }
            if before + diff > 0 {
                let added = self.generation.writer.add_document(loaded.document(&key, before + diff));
                added.map_err(SearchError::engine(&layout.index.name, "add a document"))?;
            }
        }
        Ok(())
    }

    /// Returns the number of times that a row is there before this change, where only the whole of it tells it apart.
    fn count_before(&mut self, layout: &Layout, key: &[u8], diff: Diff) -> Result<Diff, SearchError> {
        let before = match self.counts.get(key) {
            Some(count) => *count,
            None => count_of(&self.searcher, &key_term(layout.key, key))
                .map_err(SearchError::engine(&layout.index.name, "be read"))?,
        };
        self.counts.insert(key.to_vec(), before + diff);
        Ok(before)
    }

    /// Makes everything durable together with its progress, in one commit of the engine.
    fn commit(&mut self, layout: &Layout) -> Result<(), SearchError> {
        self.generation.commit(layout, &Stored::new(layout, self.applied.epoch.0, &self.applied.progress))?;
        self.searcher = self.generation.searcher(layout)?;
        self.applied.changed = None;
        self.applied.committed = Instant::now();
        self.counts.clear();
        Ok(())
    }

    /// Gives up what is not committed, in memory, where there is nothing to open again.
    fn roll_back(&mut self, layout: &Layout) -> Result<Option<Stored>, SearchError> {
        let stored = self.generation.roll_back(layout)?;
        self.counts.clear();
        self.applied.changed = None;
        if let Some(stored) = &stored {
            self.applied.epoch = Epoch(stored.epoch);
            self.applied.progress.clone_from(&stored.progress);
        }
        Ok(stored)
    }
}
