//! One shape: its log, which is continued whenever a reader asks, and the rows that new readers begin with.
//!
//! Owns [`Shape`], which all readers of a question share. A place enters; messages leave, or the handle under which a reader has to begin
//! again. There is no task behind it: the history of the views is what it is continued from, and a shape that nobody reads costs nothing but
//! what its log holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use schemas::position::Epoch;

use super::changes::{CatchUp, messages};
use super::error::ShapeError;
use super::fault::ShapeFault;
use super::form::ShapeForm;
use super::handle::ShapeHandle;
use super::limits::{SHAPE_CHUNK_BYTES, SHAPE_LOOKUP_STEPS_MAX, SHAPE_SNAPSHOT_TIME, SHAPE_SNAPSHOTS_MAX};
use super::log::ShapeLog;
use super::memory::ShapeMemory;
use super::offset::{ShapeOffset, ShapePlace};
use super::snapshot::{ShapeSnapshot, read_part};
use crate::read::catalog::Catalog;
use crate::subscriptions::planned::PlannedSubscription;

/// A place in a shape, as a reader asks for it.
#[derive(Clone, Debug)]
pub(crate) struct ShapeRequest {
    pub(crate) place: ShapePlace,
    /// the handle that the reader has
    pub(crate) handle: Option<String>,
    /// the handle that the reader takes nothing under any more
    pub(crate) expired: Option<String>,
    /// true if a change is waited for
    pub(crate) is_live: bool,
}

/// Messages behind a place.
#[derive(Debug)]
pub(crate) struct ShapePart {
    pub(crate) handle: ShapeHandle,
    /// their texts, with commas between them
    pub(crate) text: String,
    /// the place behind them
    pub(crate) behind: ShapeOffset,
    /// the epoch that the rows are then those of; `None` when there are more messages
    pub(crate) up_to_date: Option<Epoch>,
    /// true if the address has the same answer at all times
    pub(crate) is_fixed: bool,
}

/// Answer to a reader.
#[derive(Debug)]
pub(crate) enum ShapeAnswer {
    /// messages, or none where nothing more is waited for
    Part(ShapePart),
    /// a reader has to begin again, under this handle
    Refetch(ShapeHandle),
    /// nothing yet
    Nothing,
    /// the view was replaced, so the question has to be planned again
    Replaced,
}

/// A shape that is followed.
pub(crate) struct Shape {
    digest: u64,
    form: ShapeForm,
    catalog: Catalog,
    state: Mutex<ShapeState>,
    /// the time of the last use
    used: Mutex<Instant>,
}

struct ShapeState {
    planned: Arc<PlannedSubscription>,
    /// the epoch behind which the log begins
    start: Epoch,
    /// the last epoch whose changes are in the log
    epoch: Epoch,
    log: ShapeLog,
    /// rows that readers begin with, the latest last
    snapshots: VecDeque<ShapeSnapshot>,
    memory: ShapeMemory,
}

/// The epoch that is visible now.
fn visible(planned: &PlannedSubscription, catalog: &Catalog) -> Result<Epoch, ShapeFault> {
    Ok(planned.read(catalog, |snapshot| Ok(snapshot.position().epoch))?)
}

impl ShapeState {
    /// A log that begins with the epoch that is visible now.
    fn begin(planned: Arc<PlannedSubscription>, catalog: &Catalog, memory: ShapeMemory) -> Result<Self, ShapeFault> {
        let epoch = visible(&planned, catalog)?;
        Ok(Self { planned, start: epoch, epoch, log: ShapeLog::behind(epoch), snapshots: VecDeque::new(), memory })
    }

    /// Begins another log, with the epoch that is visible now.
    fn begin_again(&mut self, planned: Arc<PlannedSubscription>, catalog: &Catalog) -> Result<(), ShapeFault> {
        let epoch = visible(&planned, catalog)?;
        (self.planned, self.start, self.epoch, self.log) = (planned, epoch, epoch, ShapeLog::behind(epoch));
        self.snapshots.clear();
        self.note_memory();
        Ok(())
    }

    /// Adds what was published since, one epoch after the other. Work and memory have a limit, whatever has been missed: the new messages
    /// alone would leave nothing of a log that is longer than it may be.
    fn go_on(&mut self, form: &ShapeForm, catalog: &Catalog) -> Result<(), ShapeFault> {
        let bytes_max = self.memory.log_bytes_max();
        let mut left = CatchUp { bytes: bytes_max, lookup_steps: SHAPE_LOOKUP_STEPS_MAX };
        loop {
            let step = catalog.views().step_after(self.planned.id, self.epoch)?;
            // Looked at after the step: if it is still the same view with the same readers, it was so up to there. Changes of a time when
            // not everybody might read it are told to nobody. A snapshot waits for a commit whose step is known before its catalogue.
            self.planned.read(catalog, |_| Ok(()))?;
            let Some(step) = step else { return Ok(()) };
            let epoch = step.changes.epoch;
            for (number, text) in messages(&self.planned, form, catalog, &step, &mut left)?.into_iter().enumerate() {
                self.log.push(ShapeOffset::message(epoch, number), text);
            }
            self.log.forget(bytes_max);
            self.epoch = epoch;
        }
    }

    /// Notes the memory that is held now.
    fn note_memory(&mut self) {
        let beginnings: usize = self.snapshots.iter().map(ShapeSnapshot::bytes).sum();
        self.memory.set(self.log.bytes() + beginnings);
    }

    /// The epoch of the rows that a new reader begins with: a recent one, so that many readers get the same parts, whose rows are still known
    /// and behind which nothing was forgotten.
    fn snapshot(&mut self, catalog: &Catalog) -> Epoch {
        let is_good = |snapshot: &ShapeSnapshot| {
            let end = ShapeOffset::behind_rows(snapshot.epoch);
            let is_recent = snapshot.taken_at.elapsed() < SHAPE_SNAPSHOT_TIME || !self.log.goes_on_behind(end);
            let is_readable = catalog.views().step_after(self.planned.id, snapshot.epoch).is_ok();
            is_recent && is_readable && self.log.is_complete_behind(end)
        };
        if let Some(latest) = self.snapshots.back().filter(|snapshot| is_good(snapshot)) {
            return latest.epoch;
        }
        if self.snapshots.back().is_none_or(|latest| latest.epoch < self.epoch) {
            self.snapshots.push_back(ShapeSnapshot::of(self.epoch));
        }
        if self.snapshots.len() > SHAPE_SNAPSHOTS_MAX {
            self.snapshots.pop_front();
        }
        self.epoch
    }
}

impl Shape {
    /// Begins to follow a question.
    pub(super) fn begin(
        digest: u64,
        form: ShapeForm,
        planned: PlannedSubscription,
        catalog: &Catalog,
        memory: ShapeMemory,
        now: Instant,
    ) -> Result<Self, ShapeFault> {
        let state = Mutex::new(ShapeState::begin(Arc::new(planned), catalog, memory)?);
        Ok(Self { digest, form, catalog: catalog.clone(), state, used: Mutex::new(now) })
    }

    /// Takes over a later plan of the same question, over the same index, where the view or its readers have changed: another log begins,
    /// since the one that there was may lack a time when not everybody might read the view.
    pub(super) fn take_over(&self, planned: PlannedSubscription) -> Result<(), ShapeFault> {
        let mut state = self.state.lock();
        if state.planned.is_current(self.catalog.views()) {
            return Ok(());
        }
        state.begin_again(Arc::new(planned), &self.catalog)
    }

    /// Notes a use.
    pub(super) fn note_use(&self, now: Instant) {
        let mut used = self.used.lock();
        *used = now.max(*used);
    }

    /// The time of the last use.
    pub(crate) fn last_use(&self) -> Instant {
        *self.used.lock()
    }

    /// The types of the columns, as a header takes them.
    pub(crate) fn schema(&self) -> &str {
        self.form.schema()
    }

    /// Answers as far as there is something to say. With `is_last_look`, a live request is answered although nothing has changed.
    pub(crate) fn answer(&self, request: &ShapeRequest, is_last_look: bool) -> Result<ShapeAnswer, ShapeError> {
        // Readers who wait come back behind the answer, so its time counts, not only that of the question.
        self.note_use(Instant::now());
        let mut state = self.state.lock();
        match self.go_on(&mut state) {
            Ok(()) => {}
            Err(ShapeFault::Failed(error)) => return Err(error),
            // A log that has just begun asks for no past epoch, so the view was replaced.
            Err(ShapeFault::NewLog | ShapeFault::Replaced) => return Ok(ShapeAnswer::Replaced),
        }
        let first = ShapeHandle::first(self.digest, state.start);
        let read = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<ShapeHandle>().ok());
        let (given, expired) = (read(&request.handle).filter(|handle| handle.is_of_log(first)), read(&request.expired));
        let new = given.unwrap_or(first).unless(expired);
        let (handle, offset) = match (request.place, given) {
            (ShapePlace::End, _) => {
                let (behind, up_to_date) = (ShapeOffset::behind_rows(state.epoch), Some(state.epoch));
                let part = ShapePart { handle: new, text: String::new(), behind, up_to_date, is_fixed: false };
                return Ok(ShapeAnswer::Part(part));
            }
            (ShapePlace::Beginning, _) => (new, ShapeOffset::before_part(state.snapshot(&self.catalog), 0)),
            (ShapePlace::Behind(offset), Some(given)) => (given, offset),
            (ShapePlace::Behind(_), None) => return Ok(ShapeAnswer::Refetch(new)),
        };
        if let Some(part) = offset.part() {
            drop(state);
            return self.rows(handle, offset.epoch(), part);
        }
        Ok(answer_from_log(&state, handle, offset, request.is_live && !is_last_look))
    }

    /// Continues the log, or begins another one where the changes since are not remembered, or are too many.
    fn go_on(&self, state: &mut ShapeState) -> Result<(), ShapeFault> {
        match state.go_on(&self.form, &self.catalog) {
            Err(ShapeFault::NewLog) => state.begin_again(Arc::clone(&state.planned), &self.catalog),
            done => {
                state.note_memory();
                done
            }
        }
    }

    /// Answers with a part of the rows of an epoch. The shape is not locked while they are read.
    fn rows(&self, handle: ShapeHandle, epoch: Epoch, part: usize) -> Result<ShapeAnswer, ShapeError> {
        let found = {
            let state = self.state.lock();
            let snapshot = state.snapshots.iter().find(|snapshot| snapshot.epoch == epoch);
            let beginning = snapshot.and_then(|snapshot| snapshot.beginning(part));
            beginning.map(|beginning| (Arc::clone(&state.planned), beginning))
        };
        let Some((planned, beginning)) = found else { return Ok(ShapeAnswer::Refetch(handle.turned())) };
        let (text, next) = match read_part(&planned, &self.form, &self.catalog, epoch, beginning) {
            Ok(read) => read,
            Err(ShapeFault::Replaced) => return Ok(ShapeAnswer::Replaced),
            Err(ShapeFault::Failed(error)) => return Err(error),
            Err(ShapeFault::NewLog) => return Ok(ShapeAnswer::Refetch(handle.turned())),
        };
        let behind = match &next {
            Some(_) => ShapeOffset::before_part(epoch, part + 1),
            None => ShapeOffset::behind_rows(epoch),
        };
        if let Some(next) = &next {
            let mut state = self.state.lock();
            if let Some(snapshot) = state.snapshots.iter_mut().find(|snapshot| snapshot.epoch == epoch) {
                snapshot.note(part + 1, next);
            }
            state.note_memory();
        }
        // The first part has the address of all beginnings, whichever epoch they are of.
        Ok(ShapeAnswer::Part(ShapePart { handle, text, behind, up_to_date: None, is_fixed: part > 0 }))
    }
}

/// Answers with the messages behind an offset.
fn answer_from_log(state: &ShapeState, handle: ShapeHandle, offset: ShapeOffset, waits: bool) -> ShapeAnswer {
    let is_known = offset <= ShapeOffset::behind_rows(state.epoch);
    let Some(part) = state.log.part_behind(offset, SHAPE_CHUNK_BYTES).filter(|_| is_known) else {
        return ShapeAnswer::Refetch(handle.turned());
    };
    if part.text.is_empty() && waits {
        return ShapeAnswer::Nothing;
    }
    let up_to_date = part.is_last.then_some(state.epoch);
    ShapeAnswer::Part(ShapePart { handle, text: part.text, behind: part.behind, up_to_date, is_fixed: !part.is_last })
}
