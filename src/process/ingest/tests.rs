//! Outcomes of lines, with logs in memory and on disk.

use std::time::Duration;

use api::{Forbidden, LagLimits, Refusal};
use engine::run::Status;
use language::load::{build, inline};
use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, Reason};
use schemas::position::{Epoch, Timeline};
use schemas::testing::{enveloped_topics, social_topics};
use sinks::views::{Commit, Views, ViewsDefinition};
use sources::embedded::EmbeddedLog;
use sources::memory::MemoryLog;

use super::*;
use crate::process::ingest_topics::ingest_topics;
use crate::process::memory::MemoryLimit;
use crate::world::{World, WorldOptions};

const PARTITIONS: u32 = 3;

/// The topics of the social network.
fn social() -> TopicSet {
    social_topics(testkit::social::proto_files())
}

/// The same as sources have them taken.
fn taken() -> Vec<IngestTopic> {
    let encoding = Encoding::Protobuf;
    let taken = |schema| IngestTopic { schema: TopicSchema::from(schema), partitions: PARTITIONS, encoding };
    enveloped_topics(&social()).into_iter().map(taken).collect()
}

const NO_LIMITS: LagLimits = LagLimits { records: u64::MAX, bytes: u64::MAX, time: Duration::MAX };

fn open(log: &Arc<dyn Log>) -> LogIngest {
    open_within(log, NO_LIMITS)
}

/// Nothing is behind until views are followed.
fn open_within(log: &Arc<dyn Log>, limits: LagLimits) -> LogIngest {
    let admission = Admission::new(limits, MemoryLimit::new(None), LagMeter::new(log.clone()));
    LogIngest::open(Arc::clone(log), admission, taken(), BTreeMap::new()).unwrap()
}

/// The same for views that show nothing of the log until [`show`] says so.
fn open_behind(log: &Arc<dyn Log>, limits: LagLimits) -> (LogIngest, Arc<Views>) {
    let ingest = open_within(log, limits);
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() });
    show(&views, log, |_, _| Offset(0));
    ingest.admission().meter().follow(Arc::clone(&views), Arc::new(Status::default())).unwrap();
    (ingest, views)
}

/// Publishes an epoch in which every partition is visible up to an offset.
fn show(views: &Views, log: &Arc<dyn Log>, visible: impl Fn(&Topic, Partition) -> Offset) {
    let topics = log.topics().unwrap();
    let partitions =
        topics.iter().flat_map(|topic| (0..topic.partitions).map(|partition| (topic.topic.clone(), Partition(partition))));
    let consumed = partitions.map(|(topic, partition)| ((topic.clone(), partition), visible(&topic, partition))).collect();
    let epoch = Epoch(views.position().epoch.0 + 1);
    views.publish(Commit { epoch, consumed, ..Commit::default() }).unwrap();
}

fn end(log: &Arc<dyn Log>, topic: &Topic, partition: Partition) -> Offset {
    log.bounds(topic, partition).unwrap().1
}

/// Returns the number of first lines that were looked at; the others are refused.
fn looked_at(outcomes: &[LineOutcome]) -> usize {
    let looked_at = outcomes.iter().take_while(|outcome| !matches!(outcome, LineOutcome::Refused(_))).count();
    assert!(outcomes[looked_at..].iter().all(|outcome| matches!(outcome, LineOutcome::Refused(_))), "{outcomes:?}");
    looked_at
}

fn memory() -> Arc<dyn Log> {
    Arc::new(MemoryLog::new())
}

/// A registration; its event id ends in `number`.
fn user(number: u64) -> Vec<u8> {
    format!(
        "{{\"topic\":\"social.user\",\"event\":{{\"event_id\":\"018cc251-f402-7000-8002-{number:012}\",\"event_type\":\"user.registered\",\
         \"schema_version\":1,\"aggregate_id\":\"{number}\",\"occurred_at\":\"2024-01-01T00:00:00.002000Z\",\"actor_id\":\"{number}\",\
         \"payload\":{{\"username\":\"u\",\"email\":\"u@example.invalid\",\"display_name\":\"U\",\"bio\":\"\"}}}}}}"
    )
    .into_bytes()
}

fn records(log: &Arc<dyn Log>, topic: &str) -> Vec<sources::record::StoredRecord> {
    let topic = Topic::new(topic);
    let metadata = log.topics().unwrap().into_iter().find(|metadata| metadata.topic == topic).unwrap();
    let read = |partition| log.read(&topic, Partition(partition), Offset(0), 1_000_000, 1 << 30).unwrap().records;
    (0..metadata.partitions).flat_map(read).collect()
}

#[test]
fn each_line_has_its_outcome_and_only_new_events_are_appended() {
    let log = memory();
    let ingest = open(&log);
    let lines = vec![user(1), b"  ".to_vec(), user(2), b"{\"topic\":1}".to_vec(), user(1)];
    let outcomes = ingest.append(lines).unwrap();
    let LineOutcome::Accepted(first) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(matches!(outcomes[1], LineOutcome::Empty));
    assert!(matches!(outcomes[2], LineOutcome::Accepted(_)));
    assert!(matches!(outcomes[3], LineOutcome::Rejected(_)));
    assert_eq!(outcomes[4], LineOutcome::Duplicate(Some(first.clone())), "the second line with an id in one request");
    assert_eq!(ingest.append(vec![user(1)]).unwrap(), [LineOutcome::Duplicate(Some(first.clone()))], "in a later request");
    assert_eq!(records(&log, "social.user").len(), 2);
    assert_eq!(ingest.events(), 2);
}

#[test]
fn a_rejected_line_is_kept_with_its_reason_and_the_beginning_of_its_bytes() {
    let log = memory();
    let ingest = open(&log);
    let mut large = user(1);
    large.resize(3 * 1024 * 1024, b' ');
    large.push(b'x');
    for line in [b"{\"topic\":\"social.nonsense\",\"event\":{}}".to_vec(), b"\xff\xfe".to_vec(), large.clone()] {
        assert!(matches!(ingest.append(vec![line]).unwrap()[..], [LineOutcome::Rejected(_)]));
    }
    let letters: Vec<DeadLetter> =
        records(&log, DEAD_LETTER_TOPIC).iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect();
    assert_eq!(letters[0].fault.reason.as_str(), "unknown_topic");
    assert_eq!(letters[0].sent_to.as_deref(), Some("social.nonsense"));
    assert_eq!(letters[1].bytes, b"\xff\xfe", "bytes that are no text are kept as they are");
    assert_eq!(letters[2].fault.reason.as_str(), "too_large");
    assert_eq!((letters[2].bytes.len(), letters[2].length), (DEAD_LETTER_BYTES_MAX, large.len() as u64));
    assert!(records(&log, "social.user").is_empty());
}

#[test]
fn an_event_is_a_duplicate_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let accepted = {
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(directory.path()).unwrap());
        open(&log).append((1..=50).map(user).collect()).unwrap()
    };
    let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(directory.path()).unwrap());
    let again = open(&log).append((1..=51).map(user).collect()).unwrap();
    for (before, after) in accepted.into_iter().zip(&again) {
        let LineOutcome::Accepted(place) = before else { panic!("{before:?}") };
        assert_eq!(after, &LineOutcome::Duplicate(Some(place)));
    }
    assert!(matches!(again[50], LineOutcome::Accepted(_)));
}

#[test]
fn a_generated_world_is_accepted_but_for_its_duplicates_and_in_order_within_each_aggregate() {
    let log = memory();
    let ingest = open(&log);
    let mut world = World::new(WorldOptions::default());
    let lines: Vec<String> = world.history().collect();
    let events = world.events();
    let mut duplicates = 0;
    for batch in lines.chunks(500) {
        for outcome in ingest.append(batch.iter().map(|line| line.clone().into_bytes()).collect()).unwrap() {
            match outcome {
                LineOutcome::Accepted(_) => {}
                LineOutcome::Duplicate(_) => duplicates += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(ingest.events(), events);
    assert_eq!(duplicates, lines.len() as u64 - events);
    for schema in enveloped_topics(&social()) {
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        let mut decoder = EventDecoder::new(schema, Encoding::Protobuf, &[]);
        for record in records(&log, &schema.topic) {
            let batch = decoder.decode([(record.partition, record.offset, record.timestamp, record.value.as_slice())]);
            assert_eq!(batch.faults, []);
            let before = last.insert(record.key, batch.occurred_at[0]);
            assert!(before.is_none_or(|before| before < batch.occurred_at[0]), "{} is out of order", schema.topic);
        }
    }
}

#[test]
fn the_topics_are_those_that_are_taken_with_their_bounds() {
    let log = memory();
    let ingest = open(&log);
    ingest.append((1..=10).map(user).collect()).unwrap();
    let topics = ingest.topics().unwrap();
    assert_eq!(topics.len(), taken().len(), "dead letters are no topic to send to");
    let users = topics.iter().find(|topic| topic.name.as_str() == "social.user").unwrap();
    assert_eq!(users.partitions.len(), 3);
    assert_eq!(users.partitions.iter().map(|(_, end)| end.0).sum::<u64>(), 10);
}

#[test]
fn lines_beyond_the_limit_are_refused_and_nothing_of_them_is_kept() {
    let log = memory();
    let (ingest, views) = open_behind(&log, LagLimits { records: 10, ..NO_LIMITS });
    let mut lines: Vec<Vec<u8>> = (1..=10).map(user).collect();
    lines.extend([b"{\"topic\":1}".to_vec(), b" ".to_vec(), user(11)]);
    let outcomes = ingest.append(lines).unwrap();
    let Some(LineOutcome::Refused(refusal)) = outcomes.get(10) else { panic!("{outcomes:?}") };
    assert!(matches!(refusal, Refusal::LagRecords { behind: 10, limit: 10, .. }), "{refusal:?}");
    assert_eq!((&outcomes[11], &outcomes[12]), (&LineOutcome::Empty, &outcomes[10]));
    assert_eq!((records(&log, "social.user").len(), records(&log, DEAD_LETTER_TOPIC).len()), (10, 0));
    let lag = ingest.admission().meter().lag();
    let bytes: usize = records(&log, "social.user").iter().map(|record| record.key.len() + record.value.len()).sum();
    assert_eq!((lag.records, lag.bytes, ingest.refused()), (10, bytes as u64, 2));
    assert_eq!(looked_at(&ingest.append(vec![user(11)]).unwrap()), 0);

    // One partition becomes visible, and so much is taken again.
    let first = end(&log, &Topic::new("social.user"), Partition(0)).0;
    assert!(first > 0 && first < 10, "{first} users are in the first partition");
    show(&views, &log, |topic, partition| if partition == Partition(0) { end(&log, topic, partition) } else { Offset(0) });
    assert_eq!(ingest.admission().meter().lag().records, 10 - first);
    assert_eq!(looked_at(&ingest.append((11..=30).map(user).collect()).unwrap()), first as usize);
    show(&views, &log, |topic, partition| end(&log, topic, partition));
    assert_eq!(ingest.admission().meter().lag(), api::Lag::default());
    assert_eq!(looked_at(&ingest.append((11 + first..=30).map(user).collect()).unwrap()), 10);
}

#[test]
fn bytes_and_time_are_limited_too_and_one_line_always_fits() {
    let log = memory();
    let line = user(1).len() as u64;
    let (ingest, _) = open_behind(&log, LagLimits { bytes: line * 2, ..NO_LIMITS });
    let outcomes = ingest.append((1..=9).map(user).collect()).unwrap();
    assert_eq!(looked_at(&outcomes), 2);
    assert!(matches!(outcomes[2], LineOutcome::Refused(Refusal::LagBytes { .. })), "{outcomes:?}");

    let log = memory();
    let (ingest, views) = open_behind(&log, LagLimits { bytes: 1, ..NO_LIMITS });
    assert_eq!(looked_at(&ingest.append(vec![user(1), user(2)]).unwrap()), 1, "or it would never be taken");
    assert_eq!(looked_at(&ingest.append(vec![user(2)]).unwrap()), 0);
    show(&views, &log, |topic, partition| end(&log, topic, partition));
    assert_eq!(looked_at(&ingest.append(vec![user(2), user(3)]).unwrap()), 1);

    let log = memory();
    let (ingest, views) = open_behind(&log, LagLimits { time: Duration::from_micros(1), ..NO_LIMITS });
    assert_eq!(looked_at(&ingest.append((1..=9).map(user).collect()).unwrap()), 9);
    // As soon as the age is measured again.
    let (next, refused) = (10..)
        .find_map(|number| match &ingest.append(vec![user(number)]).unwrap()[..] {
            [LineOutcome::Refused(refusal)] => Some((number, *refusal)),
            _ => None,
        })
        .unwrap();
    assert!(matches!(refused, Refusal::LagTime { .. }), "{refused:?}");
    show(&views, &log, |topic, partition| end(&log, topic, partition));
    assert_eq!(looked_at(&ingest.append(vec![user(next)]).unwrap()), 1);
}

#[test]
fn requests_at_the_same_time_stay_below_the_limit_together() {
    let log = memory();
    let (ingest, _) = open_behind(&log, LagLimits { records: 25, ..NO_LIMITS });
    let taken: usize = std::thread::scope(|scope| {
        let send = |from: u64| looked_at(&ingest.append((from..from + 10).map(user).collect()).unwrap());
        let senders: Vec<_> = (0..8).map(|sender| scope.spawn(move || send(1 + sender * 10))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!(records(&log, "social.user").len(), taken);
    assert!((10..=25).contains(&taken), "{taken} were taken");
    let rest = looked_at(&ingest.append((101..=200).map(user).collect()).unwrap());
    assert_eq!(taken + rest, 25);
}

#[test]
fn the_lag_of_an_earlier_process_is_known_with_its_bytes_and_age() {
    let log = memory();
    let then = wall_micros() - 3_600_000_000;
    let earlier = open(&log);
    let topic = Topic::new("social.user");
    log.append(&topic, vec![Record { key: b"k".to_vec(), value: vec![0; 9], timestamp: then }]).unwrap();
    earlier.append((1..=5).map(user).collect()).unwrap();
    let (ingest, views) = open_behind(&log, NO_LIMITS);
    let stored = records(&log, "social.user");
    let bytes: usize = stored.iter().map(|record| record.key.len() + record.value.len()).sum();
    let lag = ingest.admission().meter().lag();
    assert_eq!((lag.records, lag.bytes), (6, bytes as u64));
    assert!(lag.micros >= 3_600_000_000, "{lag:?}");
    // Somebody else appends: it counts with the mean of the others.
    show(&views, &log, |topic, partition| end(&log, topic, partition));
    log.append(&topic, vec![Record { key: b"k".to_vec(), value: vec![0; 9], timestamp: then }]).unwrap();
    let lag = ingest.admission().meter().lag();
    assert_eq!((lag.records, lag.bytes), (1, bytes as u64 / 6));
    assert!(lag.micros < 3_600_000_000, "{lag:?}");
}

#[test]
fn lines_that_a_sender_may_not_send_are_kept_nowhere() {
    let log = memory();
    let ingest = open(&log);
    let only = |topics: &[&str], actor: Option<&str>| EventSender {
        topics: Some(topics.iter().map(|topic| (*topic).to_owned()).collect()),
        actor: actor.map(str::to_owned),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let submit = |lines: Vec<Vec<u8>>, sender| runtime.block_on(ingest.submit(lines, sender)).unwrap();
    let broken = |topic: &str| format!("{{\"topic\":\"{topic}\",\"event\":{{}}}}").into_bytes();
    let outcomes = submit(
        vec![user(1), broken("social.user"), broken("social.nonsense"), b"no JSON".to_vec()],
        only(&["social.post"], None),
    );
    let is_forbidden = |outcome: &LineOutcome| matches!(outcome, LineOutcome::Forbidden(Forbidden::Topic { .. }));
    assert!(outcomes[..3].iter().all(is_forbidden) && matches!(outcomes[3], LineOutcome::Rejected(_)), "{outcomes:?}");
    assert_eq!((records(&log, "social.user").len(), records(&log, DEAD_LETTER_TOPIC).len()), (0, 1));
    let outcomes = submit(vec![user(2), user(3)], only(&["social.user"], Some("3")));
    assert_eq!(outcomes[0], LineOutcome::Forbidden(Forbidden::Actor { actor: 2 }));
    assert!(matches!(outcomes[1], LineOutcome::Accepted(_)), "{outcomes:?}");
    assert!(matches!(submit(vec![user(2)], EventSender::trusted())[..], [LineOutcome::Accepted(_)]), "it was not remembered");
}

#[test]
fn a_broken_line_of_another_actor_is_no_dead_letter_and_a_letter_is_sent_again_for_the_actor_of_its_sender_alone() {
    let log = memory();
    let ingest = open(&log);
    let sender = EventSender { topics: None, actor: Some("3".into()) };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let submit = |line: &str| runtime.block_on(ingest.submit(vec![line.as_bytes().to_vec()], sender.clone())).unwrap().remove(0);
    let of = |actor: u64| String::from_utf8(user(actor)).unwrap();
    // Rejected for another fault than its actor, before and behind it in the text.
    let without_name = |line: String| line.replace("\"username\":\"u\",", "");
    let cut = |line: String| line.strip_suffix('}').map(str::to_owned).unwrap();
    let half_character = |line: String| line.replace("\"bio\":\"\"", "\"bio\":\"\\ud800\"");
    let breaks: [fn(String) -> String; 3] = [without_name, cut, half_character];
    for broken in breaks {
        assert_eq!(submit(&broken(of(2))), LineOutcome::Forbidden(Forbidden::Actor { actor: 2 }), "{}", broken(of(2)));
        assert!(matches!(submit(&broken(of(3))), LineOutcome::Rejected(_)), "{}", broken(of(3)));
    }
    let no_actor = of(2).replace("\"actor_id\":\"2\",", "");
    assert!(matches!(submit(&no_actor), LineOutcome::Rejected(_)));
    let letters: Vec<DeadLetter> =
        records(&log, DEAD_LETTER_TOPIC).iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect();
    assert_eq!(letters.len(), 4);
    assert!(letters.iter().all(|letter| letter.sender_actor.as_deref() == Some("3")), "{letters:?}");

    // A later version can read what this one can't, and somebody sends the letters again.
    let again = |bytes: Vec<u8>| {
        let letter = DeadLetter { length: bytes.len() as u64, bytes, ..letters[0].clone() };
        ingest.0.retry(1, &letter).unwrap()
    };
    assert_eq!(again(user(2)), LineOutcome::Forbidden(Forbidden::LetterActor { actor: 2, sender: "3".into() }));
    assert_eq!((records(&log, "social.user").len(), records(&log, DEAD_LETTER_TOPIC).len()), (0, 4), "nothing was done");
    assert!(matches!(again(user(3)), LineOutcome::Accepted(_)));
}

/// A letter of the topic `social.user` that was quarantined, or one that ingest refused.
fn letter(reason: Reason, bytes: &[u8]) -> DeadLetter {
    let topic = if reason == Reason::Quarantined { "social.user" } else { DEAD_LETTER_TOPIC };
    let (fault, length) = (Fault::new(reason, "so"), bytes.len() as u64);
    DeadLetter {
        topic: topic.to_owned(),
        partition: 0,
        offset: 0,
        sent_to: None,
        fault,
        bytes: bytes.to_vec(),
        length,
        arrived: None,
        sender_actor: None,
        relation: None,
    }
}

fn marks(log: &Arc<dyn Log>) -> Vec<LetterRecord> {
    records(log, DEAD_LETTER_TOPIC).iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect()
}

#[test]
fn a_line_in_place_of_a_letter_is_checked_as_every_line_and_marks_it_only_when_it_is_taken() {
    let log = memory();
    let ingest = open(&log);
    let bad = letter(Reason::NotJson, b"{");
    let replace = |id, letter: &DeadLetter, line: &[u8]| ingest.0.replace(id, letter, line, &EventSender::trusted()).unwrap();
    assert!(matches!(replace(7, &bad, b"{\"topic\":1}"), LineOutcome::Rejected(_)));
    assert_eq!((marks(&log), records(&log, "social.user").len()), (vec![], 0));
    let LineOutcome::Accepted(place) = replace(7, &bad, &user(1)) else { panic!("it was not taken") };
    assert_eq!(replace(8, &bad, &user(1)), LineOutcome::Duplicate(Some(place)));
    let cut = DeadLetter { length: 1 << 20, offset: 5, ..bad.clone() };
    assert!(matches!(ingest.0.retry(9, &cut).unwrap(), LineOutcome::Rejected(_)), "only a part of it was kept");
    assert!(matches!(replace(9, &cut, &user(2)), LineOutcome::Accepted(_)));
    let mark = |(retried, letter): (u64, &DeadLetter)| LetterRecord::Retried { retried, letter: Some(letter.place()) };
    let retried = [(7, &bad), (8, &bad), (9, &cut)].map(mark);
    assert_eq!((marks(&log), records(&log, "social.user").len()), (retried.to_vec(), 2));
}

#[test]
fn a_line_in_place_of_a_quarantined_record_is_appended_although_its_id_is_known() {
    let log = memory();
    let ingest = open(&log);
    assert!(matches!(ingest.append(vec![user(1)]).unwrap()[..], [LineOutcome::Accepted(_)]));
    let quarantined = letter(Reason::Quarantined, b"protobuf");
    let replaced = ingest.0.replace(1, &quarantined, &user(1), &EventSender::trusted()).unwrap();
    assert!(matches!(replaced, LineOutcome::Accepted(_)));
    assert_eq!(records(&log, "social.user").len(), 2, "no view has seen the first one");
}

#[tokio::test]
async fn a_letter_that_is_discarded_is_marked_in_the_log() {
    let log = memory();
    let place = letter(Reason::NotJson, b"{").place();
    open(&log).discard(3, place.clone()).await.unwrap();
    assert_eq!(marks(&log), [LetterRecord::Discarded { discarded: 3, letter: Some(place) }]);
}

/// The topics with one whose events are JSON objects, as a source declares them.
fn with_bids(end: &str) -> Vec<IngestTopic> {
    let sql = format!(
        "CREATE SOURCE bids (auction BIGINT, note TEXT) WITH (connector = 'log', topic = 'bids', partitions = {PARTITIONS})
           FORMAT PLAIN ENCODE JSON {end};"
    );
    let topology = build(&[inline("bids.sql", &sql)]).unwrap_or_else(|refused| panic!("{refused:?}"));
    ingest_topics(&topology)
}

fn open_with(log: &Arc<dyn Log>, topics: Vec<IngestTopic>) -> LogIngest {
    let admission = Admission::new(NO_LIMITS, MemoryLimit::new(None), LagMeter::new(log.clone()));
    LogIngest::open(Arc::clone(log), admission, topics, BTreeMap::new()).unwrap()
}

fn line(event: &str, more: &str) -> Vec<u8> {
    format!("{{\"topic\":\"bids\",\"event\":{event}{more}}}").into_bytes()
}

#[test]
fn an_event_without_an_envelope_is_kept_as_it_came_and_each_counts() {
    let log = memory();
    let ingest = open_with(&log, with_bids(""));
    let event = "{ \"note\" : \"caf\\u00e9\",\"other\":[1 ,2],\"auction\":1 }";
    let outcomes = ingest.append(vec![line(event, ""), line(event, ""), line(event, ",\"key\":\"k\"")]).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, LineOutcome::Accepted(_))), "{outcomes:?}");
    let records = records(&log, "bids");
    assert!(records.iter().all(|record| record.value == event.as_bytes()), "the producer's bytes are kept");
    let mut keys: Vec<Vec<u8>> = records.into_iter().map(|record| record.key).collect();
    keys.sort();
    keys.dedup();
    assert!(keys.len() == 2 && keys.contains(&b"k".to_vec()), "equal events have one key, and a line may name another: {keys:?}");
    let again = open_with(&log, with_bids(""));
    assert!(matches!(again.append(vec![line(event, "")]).unwrap()[..], [LineOutcome::Accepted(_)]));
}

#[test]
fn columns_that_tell_events_apart_decide_their_partition() {
    let log = memory();
    let ingest = open_with(&log, with_bids("DEDUPLICATE BY (auction)"));
    let lines = vec![line("{\"auction\":1,\"note\":\"a\"}", ""), line("{\"note\":\"b\",\"auction\":\"1\"}", "")];
    let outcomes = ingest.append(lines).unwrap();
    let [LineOutcome::Accepted(first), LineOutcome::Accepted(second)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(first.partition, second.partition);
    let refused = ingest.append(vec![line("{\"auction\":1}", ",\"key\":\"k\"")]).unwrap();
    let [LineOutcome::Rejected(fault)] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!((fault.reason, fault.field.as_deref()), (Reason::KeyMismatch, Some("key")));
}

#[test]
fn topics_are_taken_and_dropped_while_it_runs() {
    let log = memory();
    let ingest = open(&log);
    let send = || ingest.append(vec![line("{\"auction\":1}", "")]).unwrap().remove(0);
    let unknown = |outcome: LineOutcome| matches!(outcome, LineOutcome::Rejected(fault) if fault.reason == Reason::UnknownTopic);
    assert!(unknown(send()));
    log.create_topic(&Topic::new("bids"), PARTITIONS).unwrap();
    assert!(!ingest.takes("bids"));
    ingest.follow(with_bids(""));
    assert!(ingest.takes("bids") && !ingest.takes("social.user") && !ingest.takes(DEAD_LETTER_TOPIC));
    assert!(matches!(send(), LineOutcome::Accepted(_)));
    assert_eq!(ingest.topics().unwrap().iter().find(|topic| topic.name.as_str() == "bids").unwrap().message, None);
    ingest.follow(taken());
    assert!(unknown(send()));
    assert_eq!(records(&log, "bids").len(), 1, "what was taken stays");
    // A letter of the topic is not appended where nobody reads it.
    let quarantined = DeadLetter { topic: "bids".to_owned(), ..letter(Reason::Quarantined, b"") };
    assert!(unknown(ingest.0.retry(1, &quarantined).unwrap()));
    let kept = [records(&log, "bids").len(), records(&log, DEAD_LETTER_TOPIC).len()];
    assert_eq!(kept, [1, 2], "nothing is beside the lines that were refused: the letter stays on the list");
}

/// Users, read as JSON.
fn json_users() -> Vec<IngestTopic> {
    let users = taken().into_iter().filter(|taken| taken.schema.topic() == "social.user");
    users.map(|taken| IngestTopic { encoding: Encoding::Json, ..taken }).collect()
}

#[test]
fn the_encoding_of_a_topic_is_known_when_its_source_is_gone() {
    let log = memory();
    let ingest = open_with(&log, json_users());
    ingest.append(vec![user(1)]).unwrap();
    let is_json = records(&log, "social.user").iter().all(|record| record.value.starts_with(b"{"));
    ingest.follow(with_bids(""));
    assert!(is_json && ingest.encoding("social.user") == Some(Encoding::Json) && !ingest.takes("social.user"));

    // The next process is told of what it was before.
    let admission = Admission::new(NO_LIMITS, MemoryLimit::new(None), LagMeter::new(log.clone()));
    let former = [(Topic::new("social.user"), Encoding::Json)].into();
    let ingest = LogIngest::open(Arc::clone(&log), admission, with_bids(""), former).unwrap();
    assert_eq!((ingest.encoding("social.user"), ingest.takes("social.user")), (Some(Encoding::Json), false));
    ingest.follow(json_users());
    assert!(matches!(ingest.append(vec![user(2)]).unwrap()[..], [LineOutcome::Accepted(_)]));
}

#[test]
fn without_a_source_no_topic_is_known_and_a_new_one_knows_what_is_sent_twice() {
    let log = memory();
    let ingest = open_with(&log, Vec::new());
    let [LineOutcome::Rejected(fault)] = &ingest.append(vec![user(1)]).unwrap()[..] else { panic!("it was taken") };
    assert_eq!((fault.reason, fault.detail.contains("no source reads any")), (Reason::UnknownTopic, true), "{fault}");
    assert!(ingest.topics().unwrap().is_empty());
    log.create_topic(&Topic::new("social.user"), PARTITIONS).unwrap();
    ingest.follow(json_users());
    assert!(matches!(ingest.append(vec![user(1)]).unwrap()[..], [LineOutcome::Accepted(_)]));
    assert!(matches!(ingest.append(vec![user(1)]).unwrap()[..], [LineOutcome::Duplicate(Some(_))]));
}

#[test]
fn an_event_with_members_that_its_message_does_not_know_is_kept_as_it_came() {
    let log = memory();
    let ingest = open(&log);
    let plain = String::from_utf8(user(1)).unwrap();
    let more = plain.replace("\"bio\":\"\"", "\"bio\" : \"\", \"pronouns\":[\"they\"]").replace("000000000001", "000000000002");
    ingest.append(vec![plain.clone().into_bytes(), more.clone().into_bytes()]).unwrap();
    let values: Vec<Vec<u8>> = records(&log, "social.user").into_iter().map(|record| record.value).collect();
    let event = more.strip_prefix("{\"topic\":\"social.user\",\"event\":").and_then(|rest| rest.strip_suffix('}')).unwrap();
    assert!(values.iter().any(|value| value == event.as_bytes()), "the producer's bytes are kept");
    assert!(values.iter().any(|value| !value.starts_with(b"{")), "the other one is a message");
    // A start finds both in the log.
    let again = open(&log).append(vec![plain.into_bytes(), more.into_bytes()]).unwrap();
    assert!(matches!(again[..], [LineOutcome::Duplicate(Some(_)), LineOutcome::Duplicate(Some(_))]), "{again:?}");
}

#[test]
fn a_sender_that_is_an_actor_sends_no_events_without_one() {
    let log = memory();
    let ingest = open_with(&log, with_bids(""));
    let sender = EventSender { topics: None, actor: Some("1".to_owned()) };
    let outcome = ingest.0.append(vec![line("{\"auction\":1}", "")], &sender).unwrap().remove(0);
    assert_eq!(outcome, LineOutcome::Forbidden(Forbidden::NoActor { topic: "bids".to_owned() }));
    assert!(records(&log, "bids").is_empty());
}

#[test]
fn a_sender_that_is_an_actor_gets_no_events_without_one_in_by_way_of_dead_letters() {
    let log = memory();
    let ingest = open_with(&log, with_bids(""));
    let sender = EventSender { topics: None, actor: Some("1".to_owned()) };
    let forbidden = LineOutcome::Forbidden(Forbidden::NoActor { topic: "bids".to_owned() });
    for broken in ["{\"auction\":\"x\"}", "{\"auction\":\"x\",\"actor_id\":\"1\"}"] {
        let outcome = ingest.0.append(vec![line(broken, "")], &sender).unwrap().remove(0);
        assert_eq!(outcome, forbidden, "although it is broken: {broken}");
    }
    assert!(records(&log, DEAD_LETTER_TOPIC).is_empty());

    // No source read the topic when the line was sent.
    let unread = open(&log);
    let outcome = unread.0.append(vec![line("{\"auction\":1}", "")], &sender).unwrap().remove(0);
    assert!(matches!(outcome, LineOutcome::Rejected(_)), "{outcome:?}");
    let letter: DeadLetter = serde_json::from_slice(&records(&log, DEAD_LETTER_TOPIC)[0].value).unwrap();
    let again = ingest.0.retry(1, &letter).unwrap();
    let expected = Forbidden::LetterNoActor { topic: "bids".to_owned(), sender: "1".to_owned() };
    assert_eq!(again, LineOutcome::Forbidden(expected));
    let replaced = ingest.0.replace(1, &letter, &letter.bytes, &EventSender::trusted()).unwrap();
    assert!(matches!(replaced, LineOutcome::Accepted(_)), "an operator's word");
}
