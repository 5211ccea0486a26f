//! One subscription, from its first row to its end.
//!
//! Owns [`Feed`] and the stage it is in. The connection asks for the next signal when it can take one; what happens meanwhile stays in the
//! shared history. Nothing is held between two signals but a place, so a client that never reads costs what an idle one does.

use std::ops::Bound;

use schemas::position::{Epoch, Position};
use schemas::row::{Diff, Row};
use sinks::views::{Forgotten, Step};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::changes::RowChange;
use super::error::SubscriptionError;
use super::event::{Batch, Event, Reset, Signal};
use super::id::{EventId, EventPlace};
use super::interruption::Interruption;
use super::limits::{PROGRESS_INTERVAL, SUBSCRIPTION_PAGE_ROWS, SUBSCRIPTION_RESTARTS_MAX};
use super::open::{OpenSubscription, Subscriptions};
use super::planned::PlannedSubscription;
use super::question::{Question, SubscriptionRequest};
use super::stopping::Stopping;
use super::validity::Validity;
use crate::read::limits::SCAN_ROWS_MAX;
use crate::read::plan::KeyRange;
use crate::read::rows::RowReader;

/// Stage of a subscription.
#[derive(Clone, Debug)]
enum Stage {
    /// all rows are to be sent
    Beginning(Reset),
    /// the rows of an epoch are being sent
    Filling(Filling),
    /// all of an epoch was sent, and so many events of the next
    Following { epoch: Epoch, sent: usize },
    /// its last signal was sent
    Ended,
}

/// Progress of sending the rows of an epoch.
#[derive(Clone, Debug)]
struct Filling {
    epoch: Epoch,
    /// the range that is read
    range: usize,
    /// the part that is left; `None` for all
    rest: Option<Bound<Row>>,
    /// number of rows that may still be sent
    left: Diff,
    /// rows that were looked at and not sent
    passed_over: usize,
}

/// Result of one move of a subscription.
enum Move {
    /// events to be sent
    Events(Batch),
    /// another stage
    Again,
    /// nothing, until something is published
    Wait,
}

/// An open subscription.
pub(crate) struct Feed<Q> {
    subscriptions: Subscriptions,
    request: SubscriptionRequest<Q>,
    planned: PlannedSubscription,
    stage: Stage,
    /// messages that were ready before the answer began
    ready: Option<Vec<Event>>,
    published: watch::Receiver<Position>,
    stopping: Option<Stopping>,
    validity: Validity,
    /// the epoch whose position was sent last, and when
    notified: Epoch,
    notified_at: Instant,
    sent_at: Instant,
    /// number of beginnings of the rows in a row
    restarts: usize,
    _open: OpenSubscription,
}

impl<Q: Question> Feed<Q> {
    /// Opens a subscription, which resumes behind the event `last_event_id` if that is possible. What is wrong with the request is an error
    /// here; what comes up later is an error of [`next`](Self::next).
    pub(crate) fn open(
        subscriptions: &Subscriptions,
        request: SubscriptionRequest<Q>,
        last_event_id: Option<&str>,
        stopping: Option<Stopping>,
    ) -> Result<Self, Q::Error> {
        let subscriptions = subscriptions.clone();
        let open = subscriptions.open()?;
        // Subscribed before the first look, so that nothing is published in between unnoticed.
        let published = subscriptions.catalog().published();
        let planned = PlannedSubscription::new(&subscriptions, &request)?;
        subscriptions.catalog().check_whole(&planned.served.view.name).map_err(SubscriptionError::from)?;
        let stage = resumed(&subscriptions, &planned, last_event_id);
        let notified = if let Stage::Following { epoch, .. } = stage { epoch } else { Epoch::default() };
        let validity = Validity::of(request.claims.as_ref());
        let now = Instant::now();
        let mut feed = Self {
            subscriptions,
            request,
            planned,
            stage,
            ready: None,
            published,
            stopping,
            validity,
            notified,
            notified_at: now,
            sent_at: now,
            restarts: 0,
            _open: open,
        };
        feed.ready = feed.advance()?;
        Ok(feed)
    }

    /// The next signal, when there is one; an error is the last one, and `None` the end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Result<Signal, Q::Error>> {
        loop {
            if matches!(self.stage, Stage::Ended) || self.stopping.as_ref().is_some_and(Stopping::is_set) {
                return None;
            }
            let found = match self.ready.take() {
                Some(events) => Ok(Some(events)),
                None => self.validity.check().map_err(Q::Error::from).and_then(|()| self.advance()),
            };
            match found {
                Ok(Some(events)) => return Some(Ok(self.signal(Signal::Events(events)))),
                Ok(None) if self.is_silent() => return Some(Ok(self.signal(Signal::Heartbeat))),
                Ok(None) => self.wait().await,
                Err(error) => {
                    self.stage = Stage::Ended;
                    return Some(Err(error));
                }
            }
        }
    }

    fn signal(&mut self, signal: Signal) -> Signal {
        self.sent_at = Instant::now();
        signal
    }

    fn is_silent(&self) -> bool {
        self.sent_at.elapsed() >= self.subscriptions.heartbeat_interval()
    }

    /// Waits until there may be something to do.
    async fn wait(&mut self) {
        let heartbeat = self.sent_at + self.subscriptions.heartbeat_interval();
        let progress = self.progress_due();
        let due = progress.map_or(heartbeat, |progress| progress.min(heartbeat));
        let stopped = async {
            match &mut self.stopping {
                Some(stopping) => stopping.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.published.changed() => {
                if changed.is_err() {
                    self.stage = Stage::Ended;
                }
            }
            () = sleep_until(due) => {}
            () = stopped => {}
            () = self.validity.ended() => {}
        }
    }

    /// The time at which the position should be sent although nothing changed for the reader.
    fn progress_due(&self) -> Option<Instant> {
        match self.stage {
            Stage::Following { epoch, .. } if epoch > self.notified => Some(self.notified_at + PROGRESS_INTERVAL),
            _ => None,
        }
    }

    /// Goes on until there are events, or nothing more to do.
    fn advance(&mut self) -> Result<Option<Vec<Event>>, Q::Error> {
        loop {
            let moved = match self.stage.clone() {
                Stage::Beginning(reason) => self.begin(reason),
                Stage::Filling(filling) => self.fill(filling),
                Stage::Following { epoch, sent } => self.follow(epoch, sent),
                Stage::Ended => return Ok(None),
            };
            match moved {
                Ok(Move::Events(batch)) => return Ok(Some(batch.into_events())),
                Ok(Move::Again) => {}
                Ok(Move::Wait) => return Ok(None),
                Err(Interruption::Forgotten) => self.stage = Stage::Beginning(Reset::SlowReader),
                Err(Interruption::ManyChanges) => self.stage = Stage::Beginning(Reset::ManyChanges),
                Err(Interruption::Replaced) => self.plan_again()?,
                Err(Interruption::Ended(error)) => return Err(error.into()),
            }
        }
    }

    /// The view is another one: the same columns are served from the beginning again; a change of its readers alone may change nothing.
    fn plan_again(&mut self) -> Result<(), Q::Error> {
        let planned = PlannedSubscription::new(&self.subscriptions, &self.request)?;
        if planned.served.view.columns != self.planned.served.view.columns {
            return Err(SubscriptionError::ReplacedView { view: planned.served.view.name.clone() }.into());
        }
        if !planned.agrees_with(&self.planned) {
            self.stage = Stage::Beginning(Reset::ReplacedView);
        }
        self.planned = planned;
        Ok(())
    }

    fn begin(&mut self, reason: Reset) -> Result<Move, Interruption> {
        self.restarts += 1;
        if self.restarts > SUBSCRIPTION_RESTARTS_MAX {
            return Err(SubscriptionError::SlowReader.into());
        }
        let position = self.planned.read(self.subscriptions.catalog(), |snapshot| Ok(snapshot.position()))?;
        self.subscriptions.metrics().reset(reason.name());
        let left = self.planned.limit.unwrap_or(Diff::MAX);
        self.stage = Stage::Filling(Filling { epoch: position.epoch, range: 0, rest: None, left, passed_over: 0 });
        let mut batch = Batch::default();
        batch.push(Event::reset(reason, position, self.id(position.epoch, EventPlace::Snapshot)));
        Ok(Move::Events(batch))
    }

    /// Sends rows of the epoch that the snapshot shows, whatever was published since.
    fn fill(&mut self, mut filling: Filling) -> Result<Move, Interruption> {
        let mut batch = Batch::default();
        let id = self.id(filling.epoch, EventPlace::Snapshot);
        while !batch.is_full() {
            let range = self.planned.ranges.get(filling.range).filter(|_| filling.left > 0);
            let Some(range) = range else {
                self.complete(&mut batch, filling.epoch);
                self.restarts = 0;
                return Ok(Move::Events(batch));
            };
            self.fill_from(range, &mut filling, id, &mut batch)?;
        }
        self.stage = Stage::Filling(filling);
        Ok(Move::Events(batch))
    }

    /// Adds the rows of one page, as many as the batch takes.
    fn fill_from(&self, range: &KeyRange, filling: &mut Filling, id: EventId, batch: &mut Batch) -> Result<(), Interruption> {
        let planned = &self.planned;
        let range = planned.range(range, filling.rest.as_ref());
        let read = |epoch| {
            planned.read(self.subscriptions.catalog(), |snapshot| {
                Ok(snapshot.served_at(planned.id, range, epoch, SUBSCRIPTION_PAGE_ROWS)?)
            })
        };
        let page = read(filling.epoch)?;
        let reader = RowReader::new(planned.layout());
        for (stored, count) in page.rows {
            let Some(row) = planned.admit(&reader, stored.as_bytes()) else {
                filling.passed_over += 1;
                continue;
            };
            let count = count.min(filling.left);
            batch.push(Event::upsert(planned.describe(&reader, &row, count), id));
            filling.left -= count;
            if batch.is_full() || filling.left == 0 {
                filling.rest = Some(Bound::Excluded(stored));
                return Ok(());
            }
        }
        if filling.passed_over > SCAN_ROWS_MAX {
            return Err(planned.scan_limit());
        }
        if page.rest.is_none() {
            filling.range += 1;
        }
        filling.rest = page.rest;
        Ok(())
    }

    /// Sends what the epoch after `epoch` changes, from its event `sent` on.
    fn follow(&mut self, epoch: Epoch, sent: usize) -> Result<Move, Interruption> {
        let step = self.subscriptions.catalog().views().step_after(self.planned.id, epoch)?;
        // Looked at after the step: if it is still the same view, it was so through the step.
        if !self.planned.is_current(self.subscriptions.catalog().views()) {
            return Err(Interruption::Replaced);
        }
        let Some(step) = step else { return Ok(self.rest(epoch)) };
        let changes = self.planned.changes(self.subscriptions.catalog(), &step)?;
        if sent > changes.len() {
            self.stage = Stage::Beginning(Reset::UnknownId);
            return Ok(Move::Again);
        }
        if changes.is_empty() {
            self.stage = Stage::Following { epoch: step.changes.epoch, sent: 0 };
            return Ok(Move::Again);
        }
        Ok(Move::Events(self.send_changes(&step, &changes, sent)))
    }

    fn send_changes(&mut self, step: &Step, changes: &[RowChange], mut sent: usize) -> Batch {
        let mut batch = Batch::default();
        let reader = RowReader::new(self.planned.layout());
        for change in &changes[sent..] {
            if batch.is_full() {
                self.stage = Stage::Following { epoch: step.previous, sent };
                return batch;
            }
            sent += 1;
            let id = self.id(step.changes.epoch, EventPlace::Within(sent));
            batch.push(match change {
                RowChange::Delete(stored, count) => {
                    Event::delete(self.planned.describe_gone(&reader, &reader.load(stored.as_bytes()), *count), id)
                }
                RowChange::Upsert(stored, count) => {
                    Event::upsert(self.planned.describe(&reader, &reader.load(stored.as_bytes()), *count), id)
                }
            });
        }
        self.complete(&mut batch, step.changes.epoch);
        batch
    }

    /// Decides what to send when nothing changed: the position of the views, now and then.
    fn rest(&mut self, epoch: Epoch) -> Move {
        if self.progress_due().is_none_or(|due| Instant::now() < due) {
            return Move::Wait;
        }
        let mut batch = Batch::default();
        self.complete(&mut batch, epoch);
        Move::Events(batch)
    }

    fn complete(&mut self, batch: &mut Batch, epoch: Epoch) {
        batch.push(Event::progress(self.id(epoch, EventPlace::Complete)));
        (self.notified, self.notified_at) = (epoch, Instant::now());
        self.stage = Stage::Following { epoch, sent: 0 };
    }

    fn id(&self, epoch: Epoch, place: EventPlace) -> EventId {
        let position = Position { timeline: self.subscriptions.catalog().views().timeline(), epoch };
        EventId::sealed(position, place, self.planned.seal, self.subscriptions.key())
    }
}

/// Finds the place where a subscription begins: behind the event with this id, or with all rows.
fn resumed(subscriptions: &Subscriptions, planned: &PlannedSubscription, last_event_id: Option<&str>) -> Stage {
    let views = subscriptions.catalog().views();
    let Some(text) = last_event_id.filter(|text| !text.is_empty()) else { return Stage::Beginning(Reset::Start) };
    let known = |id: &EventId| id.is_sealed(planned.seal, subscriptions.key()) && id.position.timeline == views.timeline();
    let Some(id) = text.parse().ok().filter(known) else { return Stage::Beginning(Reset::UnknownId) };
    let reached = |epoch: Epoch| views.step_after(planned.id, epoch);
    let stage = match id.place {
        EventPlace::Snapshot => return Stage::Beginning(Reset::PartialSnapshot),
        EventPlace::Complete => reached(id.position.epoch).map(|_| Stage::Following { epoch: id.position.epoch, sent: 0 }),
        EventPlace::Within(sent) => {
            // No event is from within epoch 0, which is no step from another: such an id is not found below.
            let epoch = id.previous_epoch().unwrap_or(Epoch(0));
            let is_next = |step: &Step| step.changes.epoch == id.position.epoch;
            let step = reached(epoch).and_then(|step| step.filter(is_next).ok_or(Forgotten { epoch }));
            step.map(|_| Stage::Following { epoch, sent })
        }
    };
    stage.unwrap_or_else(|_| {
        let is_ahead = id.position.epoch > views.position().epoch;
        Stage::Beginning(if is_ahead { Reset::UnknownId } else { Reset::OldId })
    })
}
