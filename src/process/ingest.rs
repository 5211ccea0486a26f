//! The way into the log: lines in, an outcome for each out, after everything accepted is synced.
//!
//! Owns the check of every line, the recent ids that make a repeated event a duplicate, and the dead letters: a line that is no event
//! is appended to the topic [`DEAD_LETTER_TOPIC`] before its sender learns of it, so it is never lost. One that is sent again and taken
//! is marked there, so that it is off the list after every restart too, and so is one that is discarded. Lines that there is no room for are
//! refused before they are looked at: of them nothing is kept.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use api::{BoxFuture, EventSender, Forbidden, Ingest, IngestError, LineOutcome, Refusal, TopicInfo};
use engine::run::{DEAD_LETTER_TOPIC, LetterRecord};
use epochs::crash_point::{INGEST_APPENDED_NOT_ACKNOWLEDGED, crash_point};
use parking_lot::{Mutex, RwLock};
use schemas::dead_letter::{DeadLetter, Fault, LetterPlace, Reason};
use schemas::decoder::EventDecoder;
use schemas::event::{Encoding, EventId, Incoming, Rejected, parse_line};
use schemas::position::{LogPosition, Offset, Partition, Topic};
use schemas::topic::{TopicSchema, TopicSet};
use sources::error::LogError;
use sources::limits::{APPEND_BYTES_MAX, APPEND_RECORDS_MAX};
use sources::log::{Log, LogReader};
use sources::record::Record;

use super::admission::{Admission, Admitted};
use super::clock::wall_micros;
use super::lag::{Appended, LagMeter};
use super::recent_ids::{RECENT_IDS_MAX, RecentIds};

use letters::{dead_letter, hindrance, was_taken_out};

mod letters;

/// Partitions of that topic: one, so that dead letters have an order.
const DEAD_LETTER_PARTITIONS: u32 = 1;
/// Records read at a time when recent ids are collected at the start.
const REBUILD_RECORDS: usize = 8_192;
const REBUILD_BYTES: usize = 8 * 1024 * 1024;

/// Appends events to a log.
#[derive(Clone)]
pub struct LogIngest(Arc<IngestShared>);

/// A topic that takes events, and the storage format of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestTopic {
    /// its events
    pub schema: TopicSchema,
    /// partitions, where the topic is not there yet
    pub partitions: u32,
    /// encoding of its records, as its source says
    pub encoding: Encoding,
}

struct IngestShared {
    log: Arc<dyn Log>,
    /// replaced as a whole when another topology takes over
    topics: RwLock<Arc<TakenTopics>>,
    recent: Mutex<BTreeMap<Topic, RecentIds>>,
    events: AtomicU64,
    refused: AtomicU64,
    admission: Admission,
}

/// The topics that lines may name.
struct TakenTopics {
    schemas: TopicSet,
    /// encodings of these topics, and of all that were taken before: their records lie in the log
    encodings: BTreeMap<Topic, Encoding>,
}

/// One request's lines, on their way.
struct LinesRequest {
    topics: Arc<TakenTopics>,
    now: i64,
    outcomes: Vec<LineOutcome>,
    groups: BTreeMap<Topic, Group>,
    dead_letters: Vec<Record>,
    /// first line of each id
    first: BTreeMap<(Topic, EventId), usize>,
    /// lines that repeat an earlier one, and that one
    repeats: Vec<(usize, usize)>,
}

/// Lines of one topic that are to be appended.
#[derive(Default)]
struct Group {
    /// their places among all lines
    places: Vec<usize>,
    /// `None` for events without an identity of their own
    ids: Vec<Option<EventId>>,
    records: Vec<Record>,
}

impl LogIngest {
    /// The way into `log`: creates those of the topics that it does not have, and collects the recent ids of those it has. `former` has the
    /// encodings of topics that may be in the log and have no source any more.
    pub fn open(
        log: Arc<dyn Log>,
        admission: Admission,
        topics: Vec<IngestTopic>,
        former: BTreeMap<Topic, Encoding>,
    ) -> Result<Self, LogError> {
        let encodings = encodings_after(former, &topics);
        let existing: BTreeMap<Topic, u32> = log.topics()?.into_iter().map(|topic| (topic.topic, topic.partitions)).collect();
        let mut recent = BTreeMap::new();
        for taken in &topics {
            let topic = Topic::new(taken.schema.topic());
            let partitions = existing.get(&topic).copied().unwrap_or(taken.partitions);
            log.create_topic(&topic, partitions)?;
            let ids = recent_ids(log.as_ref(), (&taken.schema, taken.encoding), partitions, admission.meter())?;
            recent.extend(ids.map(|ids| (topic, ids)));
        }
        log.create_topic(&Topic::new(DEAD_LETTER_TOPIC), DEAD_LETTER_PARTITIONS)?;
        let (recent, events, refused) = (Mutex::new(recent), AtomicU64::new(0), AtomicU64::new(0));
        let topics = RwLock::new(Arc::new(TakenTopics::of(topics, encodings)));
        Ok(Self(Arc::new(IngestShared { log, topics, recent, events, refused, admission })))
    }

    /// Takes events for these topics from now on, and for no others. The log has them all. The encodings of all topics that were ever taken
    /// are kept: a topic whose source comes back goes on in that of its records. Of a topic that was not taken before, no id is recent yet.
    pub fn follow(&self, topics: Vec<IngestTopic>) {
        let mut recent = self.0.recent.lock();
        for taken in topics.iter().filter(|taken| has_ids(&taken.schema)) {
            recent.entry(Topic::new(taken.schema.topic())).or_insert_with(|| RecentIds::new(RECENT_IDS_MAX));
        }
        drop(recent);
        let mut current = self.0.topics.write();
        let encodings = encodings_after(current.encodings.clone(), &topics);
        *current = Arc::new(TakenTopics::of(topics, encodings));
    }

    /// Returns the encoding of a topic's records, also of a topic that is no longer taken.
    pub fn encoding(&self, topic: &str) -> Option<Encoding> {
        self.0.topics().encodings.get(&Topic::new(topic)).copied()
    }

    /// Events appended since the start.
    pub fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Lines that were refused for now since the start.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Returns the admission of lines.
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// Does the work of [`Ingest::submit`] on the calling thread, for the process itself.
    pub fn append(&self, lines: Vec<Vec<u8>>) -> Result<Vec<LineOutcome>, IngestError> {
        let admitted = self.admit(&lines);
        thread::sleep(admitted.delay);
        self.append_admitted(lines, admitted, &EventSender::trusted())
    }

    fn admit(&self, lines: &[Vec<u8>]) -> Admitted {
        let sizes: Vec<usize> = lines.iter().map(|line| line.trim_ascii().len()).collect();
        self.0.admission.admit(&sizes)
    }

    /// Appends what is admitted; the lines behind that are refused.
    fn append_admitted(
        &self,
        mut lines: Vec<Vec<u8>>,
        admitted: Admitted,
        sender: &EventSender,
    ) -> Result<Vec<LineOutcome>, IngestError> {
        let others = lines.split_off(admitted.lines.min(lines.len()));
        let mut outcomes = self.0.append(lines, sender).map_err(|error| ingest_error(&error))?;
        drop(admitted.reservation);
        for line in others {
            let refusal = admitted.refusal.filter(|_| !line.trim_ascii().is_empty());
            self.0.refused.fetch_add(u64::from(refusal.is_some()), Ordering::Relaxed);
            outcomes.push(refusal.map_or(LineOutcome::Empty, LineOutcome::Refused));
        }
        Ok(outcomes)
    }
}

/// Runs what may block; `what` says what was cut short when it panicked.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    run: impl FnOnce() -> Result<T, IngestError> + Send + 'static,
) -> Result<T, IngestError> {
    let done = tokio::task::spawn_blocking(run).await;
    done.unwrap_or_else(|error| Err(IngestError::Storage { detail: format!("{what} was cut short: {error}") }))
}

impl Ingest for LogIngest {
    fn submit(&self, lines: Vec<Vec<u8>>, sender: EventSender) -> BoxFuture<'_, Result<Vec<LineOutcome>, IngestError>> {
        let (ingest, admitting) = (self.clone(), self.clone());
        Box::pin(async move {
            let (admitted, lines) = blocking("the append", move || Ok((admitting.admit(&lines), lines))).await?;
            tokio::time::sleep(admitted.delay).await;
            blocking("the append", move || ingest.append_admitted(lines, admitted, &sender)).await
        })
    }

    fn reserve_memory(&self, body_bytes: u64) -> Result<Box<dyn Send>, Refusal> {
        Ok(Box::new(self.0.admission.reserve_memory(body_bytes)?))
    }

    fn retry(
        &self,
        id: u64,
        letter: DeadLetter,
        replacement: Option<Vec<u8>>,
    ) -> BoxFuture<'_, Result<LineOutcome, IngestError>> {
        let ingest = self.clone();
        Box::pin(async move {
            let send = move || {
                // A letter's event and the mark that it was sent again.
                let bytes = replacement.as_ref().unwrap_or(&letter.bytes).len().max(1);
                let Admitted { refusal, reservation, .. } = ingest.0.admission.admit(&[bytes]);
                if let Some(refusal) = refusal {
                    return Ok(LineOutcome::Refused(refusal));
                }
                let sent = match &replacement {
                    Some(line) => ingest.0.replace(id, &letter, line, &EventSender::trusted()),
                    None => ingest.0.retry(id, &letter),
                };
                drop(reservation);
                sent.map_err(|error| ingest_error(&error))
            };
            blocking("sending the letter again", send).await
        })
    }

    fn discard(&self, id: u64, letter: LetterPlace) -> BoxFuture<'_, Result<(), IngestError>> {
        let ingest = self.clone();
        Box::pin(async move {
            let mark = LetterRecord::Discarded { discarded: id, letter: Some(letter) };
            let discard = move || ingest.0.mark(&mark, wall_micros()).map_err(|error| ingest_error(&error));
            blocking("discarding the letter", discard).await
        })
    }

    fn takes(&self, topic: &str) -> bool {
        self.0.topics().schemas.get(topic).is_some()
    }

    fn takes_objects(&self, topic: &str) -> bool {
        let topics = self.0.topics();
        matches!(topics.schemas.get(topic), Some(TopicSchema::Declared(schema)) if schema.message().is_none())
    }

    fn topics(&self) -> Result<Vec<TopicInfo>, IngestError> {
        let (log, taken) = (self.0.log.as_ref(), self.0.topics());
        let describe = |metadata: sources::record::TopicMetadata| {
            let message = taken.schemas.get(metadata.topic.as_str())?.message().map(str::to_owned);
            let bounds = (0..metadata.partitions).map(|partition| log.bounds(&metadata.topic, Partition(partition)));
            let partitions = bounds.collect::<Result<_, _>>();
            Some(partitions.map(|partitions| TopicInfo { name: metadata.topic, message, partitions }))
        };
        let topics = log.topics().and_then(|topics| topics.into_iter().filter_map(describe).collect());
        topics.map_err(|error| ingest_error(&error))
    }
}

impl TakenTopics {
    fn of(topics: Vec<IngestTopic>, encodings: BTreeMap<Topic, Encoding>) -> Self {
        Self { schemas: topics.into_iter().map(|taken| taken.schema).collect(), encodings }
    }
}

/// The encodings that were known, and those that the sources of these topics say.
fn encodings_after(mut known: BTreeMap<Topic, Encoding>, topics: &[IngestTopic]) -> BTreeMap<Topic, Encoding> {
    known.extend(topics.iter().map(|taken| (Topic::new(taken.schema.topic()), taken.encoding)));
    known
}

/// Returns true for events that have an id of their own.
fn has_ids(schema: &TopicSchema) -> bool {
    matches!(schema, TopicSchema::Enveloped(_))
}

impl IngestShared {
    fn topics(&self) -> Arc<TakenTopics> {
        Arc::clone(&self.topics.read())
    }

    fn append(&self, lines: Vec<Vec<u8>>, sender: &EventSender) -> Result<Vec<LineOutcome>, LogError> {
        let mut request = LinesRequest::new(self.topics(), wall_micros());
        for line in lines {
            match parse_line(&request.topics.schemas, &line, request.now) {
                Ok(None) => request.outcomes.push(LineOutcome::Empty),
                Ok(Some(incoming)) => match forbidden_event(sender, &incoming) {
                    None => self.take(incoming, &mut request),
                    Some(forbidden) => request.outcomes.push(forbidden),
                },
                Err(rejected) => {
                    if let Some(forbidden) = forbidden_line(sender, &request.topics.schemas, &rejected) {
                        request.outcomes.push(forbidden);
                        continue;
                    }
                    request.dead_letters.push(dead_letter(&line, &rejected, sender, request.now));
                    request.outcomes.push(LineOutcome::Rejected(rejected.fault));
                }
            }
        }
        self.append_in_chunks(&Topic::new(DEAD_LETTER_TOPIC), std::mem::take(&mut request.dead_letters))?;
        for (topic, group) in std::mem::take(&mut request.groups) {
            self.append_group(&topic, group, &mut request.outcomes)?;
        }
        Ok(request.finish())
    }

    /// Takes a dead letter as if it were sent now. The event is appended before the mark: between the two it may be sent once more, as a
    /// duplicate, and is never lost.
    fn retry(&self, id: u64, letter: &DeadLetter) -> Result<LineOutcome, LogError> {
        if was_taken_out(letter) {
            return self.release(id, letter);
        }
        match hindrance(letter) {
            Some(fault) => Ok(LineOutcome::Rejected(fault)),
            None => self.resend(id, letter),
        }
    }

    /// Takes the line of a letter as it was sent. Nobody could read then who did it: it may be of another actor than its sender was tied to.
    fn resend(&self, id: u64, letter: &DeadLetter) -> Result<LineOutcome, LogError> {
        let sender = EventSender { topics: None, actor: letter.sender_actor.clone() };
        let outcome = self.replace(id, letter, &letter.bytes, &sender)?;
        Ok(match (outcome, sender.actor) {
            (LineOutcome::Forbidden(Forbidden::Actor { actor }), Some(sender)) => {
                LineOutcome::Forbidden(Forbidden::LetterActor { actor, sender })
            }
            (LineOutcome::Forbidden(Forbidden::NoActor { topic }), Some(sender)) => {
                LineOutcome::Forbidden(Forbidden::LetterNoActor { topic, sender })
            }
            (outcome, _) => outcome,
        })
    }

    /// Takes a line in place of a dead letter, checked as every other line of this sender.
    fn replace(&self, id: u64, letter: &DeadLetter, line: &[u8], sender: &EventSender) -> Result<LineOutcome, LogError> {
        let mut request = LinesRequest::new(self.topics(), wall_micros());
        let parsed = parse_line(&request.topics.schemas, line, request.now);
        if let Ok(Some(incoming)) = &parsed
            && let Some(forbidden) = forbidden_event(sender, incoming)
        {
            return Ok(forbidden);
        }
        match parsed {
            // Nothing has seen the event of the letter yet, although its id is known.
            Ok(Some(incoming)) if was_taken_out(letter) => self.file(incoming, &mut request),
            Ok(Some(incoming)) => self.take(incoming, &mut request),
            Ok(None) => return Ok(LineOutcome::Empty),
            Err(rejected) => return Ok(LineOutcome::Rejected(rejected.fault)),
        }
        for (topic, group) in std::mem::take(&mut request.groups) {
            self.append_group(&topic, group, &mut request.outcomes)?;
        }
        self.mark_retried(id, letter, request.now)?;
        Ok(request.finish().pop().unwrap_or(LineOutcome::Empty))
    }

    /// Appends a record once more that was quarantined as it lay in its topic: nothing has seen its event yet, whatever its id.
    fn release(&self, id: u64, letter: &DeadLetter) -> Result<LineOutcome, LogError> {
        let (topic, now) = (Topic::new(&letter.topic), wall_micros());
        if self.topics().schemas.get(&letter.topic).is_none() {
            let detail = format!("no source reads topic '{topic}' any more: deploy one, and send the letter again");
            return Ok(LineOutcome::Rejected(Fault::at(Reason::UnknownTopic, "topic", detail)));
        }
        let read = self.log.read(&topic, Partition(letter.partition), Offset(letter.offset), 1, REBUILD_BYTES)?;
        let Some(record) = read.records.into_iter().find(|record| record.offset.0 == letter.offset) else {
            let detail = format!("the log of '{topic}' no longer has its record: its sender has to send it again");
            return Ok(LineOutcome::Rejected(Fault::new(letter.fault.reason, detail)));
        };
        let appended = self.append_records(&topic, vec![Record { key: record.key, value: record.value, timestamp: now }])?;
        self.mark_retried(id, letter, now)?;
        let place = appended.into_iter().next();
        let position = |(partition, offset)| LogPosition { topic: topic.clone(), partition, offset };
        Ok(place.map_or(LineOutcome::Empty, |place| LineOutcome::Accepted(position(place))))
    }

    fn mark_retried(&self, id: u64, letter: &DeadLetter, now: i64) -> Result<(), LogError> {
        self.mark(&LetterRecord::Retried { retried: id, letter: Some(letter.place()) }, now)
    }

    /// Records that a letter leaves the list.
    fn mark(&self, mark: &LetterRecord, now: i64) -> Result<(), LogError> {
        let mark = Record { key: Vec::new(), value: serde_json::json!(mark).to_string().into_bytes(), timestamp: now };
        self.append_records(&Topic::new(DEAD_LETTER_TOPIC), vec![mark]).map(drop)
    }

    /// Files an event under its topic, unless it is known.
    fn take(&self, incoming: Incoming, request: &mut LinesRequest) {
        match incoming.event.event_id().and_then(|id| self.recent_place(&incoming.topic, id)) {
            Some(known) => request.outcomes.push(LineOutcome::Duplicate(Some(known))),
            None => self.file(incoming, request),
        }
    }

    /// Files an event under its topic, unless an earlier line of the request has its id.
    fn file(&self, incoming: Incoming, request: &mut LinesRequest) {
        let place = request.outcomes.len();
        request.outcomes.push(LineOutcome::Empty);
        let Incoming { topic, key, event } = incoming;
        let event_id = event.event_id();
        if let Some(id) = event_id {
            let first = *request.first.entry((topic.clone(), id)).or_insert(place);
            if first < place {
                request.repeats.push((place, first));
                return;
            }
        }
        let encoding = request.topics.encodings.get(&topic).copied();
        let encoding = encoding.unwrap_or_else(|| panic!("events of topic '{topic}' are taken, and it has no encoding"));
        let record = Record { key, value: event.encode(encoding), timestamp: request.now };
        let group = request.groups.entry(topic).or_default();
        group.places.push(place);
        group.ids.push(event_id);
        group.records.push(record);
    }

    fn append_group(&self, topic: &Topic, group: Group, outcomes: &mut [LineOutcome]) -> Result<(), LogError> {
        let appended = self.append_in_chunks(topic, group.records)?;
        crash_point(INGEST_APPENDED_NOT_ACKNOWLEDGED);
        self.events.fetch_add(appended.len() as u64, Ordering::Relaxed);
        let mut recent = self.recent.lock();
        for ((place, id), (partition, offset)) in group.places.into_iter().zip(group.ids).zip(appended) {
            outcomes[place] = LineOutcome::Accepted(LogPosition { topic: topic.clone(), partition, offset });
            // Only what is synced is remembered: the sender of a duplicate learns that the event is safe.
            if let (Some(recent), Some(id)) = (recent.get_mut(topic), id) {
                recent.insert(id, (partition, offset));
            }
        }
        Ok(())
    }

    /// Appends any number of records in appends that the log takes; what is appended before an error stays, and is a duplicate when it
    /// is sent again.
    fn append_in_chunks(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let mut places = Vec::with_capacity(records.len());
        let mut chunk = Vec::new();
        let mut bytes = 0;
        for record in records {
            if chunk.len() == APPEND_RECORDS_MAX || (!chunk.is_empty() && bytes + record.bytes() > APPEND_BYTES_MAX) {
                places.extend(self.append_records(topic, std::mem::take(&mut chunk))?);
                bytes = 0;
            }
            bytes += record.bytes();
            chunk.push(record);
        }
        if !chunk.is_empty() {
            places.extend(self.append_records(topic, chunk)?);
        }
        Ok(places)
    }

    /// Appends, and has the lag know what is waiting.
    fn append_records(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let sizes: Vec<(u64, i64)> = records.iter().map(|record| (record.bytes() as u64, record.timestamp)).collect();
        let places = self.log.append(topic, records)?;
        let mut appends: BTreeMap<Partition, Appended> = BTreeMap::new();
        for ((bytes, timestamp), (partition, offset)) in sizes.into_iter().zip(&places) {
            let append = appends.entry(*partition).or_insert(Appended { first: *offset, next: *offset, bytes: 0, timestamp });
            append.next = offset.behind();
            append.bytes += bytes;
        }
        for (partition, append) in appends {
            self.admission.meter().appended((topic.clone(), partition), append);
        }
        Ok(places)
    }

    fn recent_place(&self, topic: &Topic, id: EventId) -> Option<LogPosition> {
        let (partition, offset) = self.recent.lock().get(topic)?.get(id)?;
        Some(LogPosition { topic: topic.clone(), partition, offset })
    }
}

impl LinesRequest {
    fn new(topics: Arc<TakenTopics>, now: i64) -> Self {
        let (outcomes, groups, dead_letters) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { topics, now, outcomes, groups, dead_letters, first: BTreeMap::new(), repeats: Vec::new() }
    }

    fn finish(mut self) -> Vec<LineOutcome> {
        for (place, first) in self.repeats {
            if let LineOutcome::Accepted(position) = &self.outcomes[first] {
                self.outcomes[place] = LineOutcome::Duplicate(Some(position.clone()));
            }
        }
        self.outcomes
    }
}

/// The ids of the last records of each partition; the lag learns the sizes of those records. `None` where events have no id of their own: what
/// is the same event within a time is decided where events are read.
fn recent_ids(
    log: &dyn LogReader,
    (schema, encoding): (&TopicSchema, Encoding),
    partitions: u32,
    meter: &LagMeter,
) -> Result<Option<RecentIds>, LogError> {
    let topic = Topic::new(schema.topic());
    let mut recent = has_ids(schema).then(|| RecentIds::new(RECENT_IDS_MAX));
    let mut decoder = EventDecoder::new(schema, encoding, &[]);
    let share = RECENT_IDS_MAX as u64 / u64::from(partitions);
    for partition in (0..partitions).map(Partition) {
        let (earliest, end) = log.bounds(&topic, partition)?;
        let mut from = Offset(end.0.saturating_sub(share).max(earliest.0));
        while from < end {
            let read = log.read(&topic, partition, from, REBUILD_RECORDS, REBUILD_BYTES)?;
            let records = read.records;
            let Some(first) = records.first() else { break };
            from = read.next;
            let bytes = records.iter().map(|record| (record.key.len() + record.value.len()) as u64).sum();
            let append = Appended { first: first.offset, next: from, bytes, timestamp: first.timestamp };
            meter.appended((topic.clone(), partition), append);
            let Some(recent) = &mut recent else { continue };
            let batch = decoder
                .decode(records.iter().map(|record| (partition, record.offset, record.timestamp, record.value.as_slice())));
            for (id, position) in batch.event_ids.iter().flatten().zip(&batch.places) {
                recent.insert(*id, *position);
            }
        }
    }
    Ok(recent)
}

/// The outcome of an event that its sender may not send.
fn forbidden_event(sender: &EventSender, incoming: &Incoming) -> Option<LineOutcome> {
    let topic = incoming.topic.as_str();
    let checked = sender.check_topic(topic).and_then(|()| match incoming.event.actor_id() {
        Some(actor) => sender.check_actor(actor),
        None => sender.check_any_actor(topic),
    });
    checked.err().map(LineOutcome::Forbidden)
}

/// The outcome of a line that is no event and that its sender may not send, as far as its topic and its actor could be read.
fn forbidden_line(sender: &EventSender, topics: &TopicSet, rejected: &Rejected) -> Option<LineOutcome> {
    let check_actor = || rejected.actor_id.map_or(Ok(()), |actor| sender.check_actor(actor));
    let checked = match rejected.sent_to.as_deref() {
        None => check_actor(),
        Some(topic) => sender.check_topic(topic).and_then(|()| match topics.get(topic) {
            // What is called so in such an event says nothing of its actor.
            Some(TopicSchema::Declared(_)) => sender.check_any_actor(topic),
            Some(TopicSchema::Enveloped(_)) | None => check_actor(),
        }),
    };
    checked.err().map(LineOutcome::Forbidden)
}

fn ingest_error(error: &LogError) -> IngestError {
    match error {
        LogError::NoSpace { .. } => IngestError::StorageFull,
        LogError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => IngestError::StorageFull,
        _ => IngestError::Storage { detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
