//! Tests of the lag: what counts, what does not, and logs that have gaps or can't be asked.

use schemas::position::{Epoch, Timeline};
use sinks::views::{Commit, ViewsDefinition};
use sources::log::LogAppender;
use sources::memory::MemoryLog;
use sources::record::Record;
use sources::testing::{HookedLog, LogHooks};

use super::*;

fn append(first: u64, next: u64, bytes: u64, timestamp: i64) -> Appended {
    Appended { first: Offset(first), next: Offset(next), bytes, timestamp }
}

/// A log that can be made to refuse to say how much it holds.
#[derive(Default)]
struct Hides {
    /// the ends of partitions can't be asked for
    bounds: AtomicBool,
    /// records can't be counted
    counts: AtomicBool,
}

impl Hides {
    fn check(hides: &AtomicBool, topic: &Topic) -> Result<(), LogError> {
        if hides.load(Ordering::Acquire) { Err(LogError::UnknownTopic { topic: topic.clone() }) } else { Ok(()) }
    }
}

impl LogHooks for Hides {
    fn before_bounds(&self, topic: &Topic) -> Result<(), LogError> {
        Self::check(&self.bounds, topic)
    }

    fn before_count(&self, topic: &Topic) -> Result<(), LogError> {
        Self::check(&self.counts, topic)
    }
}

fn no_views() -> Arc<Views> {
    Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() })
}

/// Makes a topic visible up to a position.
fn publish_up_to(views: &Views, topic: &Topic, next: u64) {
    let epoch = Epoch(views.position().epoch.0 + 1);
    let consumed = [((topic.clone(), Partition(0)), Offset(next))].into_iter().collect();
    views.publish(Commit { epoch, consumed, ..Commit::default() }).unwrap();
}

/// Creates a topic of one partition with so many records, and returns their offsets.
fn fill(log: &dyn LogAppender, topic: &Topic, count: usize) -> Vec<u64> {
    log.create_topic(topic, 1).unwrap();
    let record = |_| Record { key: Vec::new(), value: vec![0], timestamp: wall_micros() };
    let places = log.append(topic, (0..count).map(record).collect()).unwrap();
    places.into_iter().map(|(_, offset)| offset.0).collect()
}

#[test]
fn a_log_that_ends_in_offsets_without_a_record_is_caught_up_with() {
    let (log, topic) = (Arc::new(MemoryLog::with_gaps()), Topic::new("gaps"));
    let offsets = fill(&*log, &topic, 4);
    let partition = (topic.clone(), Partition(0));
    let meter = LagMeter::new(Arc::clone(&log) as Arc<dyn LogReader>);
    let at_start = meter.0.at_start(&partition).unwrap();
    assert_eq!((at_start.records, at_start.behind_last), (4, Offset(offsets[3] + 1)));
    assert!(at_start.end > at_start.behind_last, "the log does not end in a gap");
    let views = no_views();
    let engine = Followed {
        views: Arc::clone(&views),
        status: Arc::new(Status::default()),
        at_start: [(partition, at_start)].into_iter().collect(),
        caught_up: AtomicBool::new(false),
    };
    assert_eq!(meter.0.since_start(&engine), (0, 4));
    publish_up_to(&views, &topic, offsets[1] + 1);
    assert_eq!(meter.0.since_start(&engine), (2, 4));
    fill(&*log, &topic, 3);
    assert_eq!(meter.0.since_start(&engine), (2, 4), "later records are not waited for");
    publish_up_to(&views, &topic, offsets[3] + 1);
    assert_eq!(meter.0.since_start(&engine), (4, 4), "behind the last record is behind all");
}

#[test]
fn offsets_without_a_record_are_no_lag() {
    let (log, topic) = (Arc::new(MemoryLog::with_gaps()), Topic::new("gaps"));
    let offsets = fill(&*log, &topic, 4);
    let views = no_views();
    publish_up_to(&views, &topic, offsets[2] + 1);
    let meter = LagMeter::new(log);
    meter.follow(Arc::clone(&views), Arc::new(Status::default())).unwrap();
    meter.appended((Topic::new("other"), Partition(0)), append(0, 1, 100, 5));
    assert_eq!((meter.lag().records, meter.lag().bytes), (1, 100));
    publish_up_to(&views, &topic, offsets[3] + 1);
    assert_eq!(meter.lag(), Lag::default());
}

#[test]
fn a_log_that_cannot_be_asked_has_the_greatest_lag_that_is_possible() {
    let (log, topic) = (Arc::new(HookedLog::<Hides>::default()), Topic::new("posts"));
    fill(&log.log, &topic, 100);
    let views = no_views();
    publish_up_to(&views, &topic, 40);
    let meter = LagMeter::new(Arc::clone(&log) as Arc<dyn LogReader>);
    meter.follow(Arc::clone(&views), Arc::new(Status::default())).unwrap();
    assert_eq!(meter.lag().records, 60);
    log.hooks.counts.store(true, Ordering::Release);
    assert_eq!(meter.lag().records, 60, "the difference of the offsets");
    log.hooks.bounds.store(true, Ordering::Release);
    assert_eq!(meter.lag().records, 60, "the end as it was known last");
    assert_eq!(meter.records_behind(&(topic.clone(), Partition(0)), Offset(40)), None);
    publish_up_to(&views, &topic, 90);
    assert_eq!(meter.lag().records, 10);
}

#[test]
fn appends_that_nobody_forgets_are_merged_and_nothing_of_them_is_lost() {
    let mut appends = PartitionAppends::default();
    let count = 10 * APPENDS_MAX as u64;
    for number in 0..count {
        appends.note(append(number * 2, number * 2 + 2, 10, number as i64));
        assert!(appends.appends.len() <= APPENDS_MAX);
    }
    assert_eq!(appends.bytes(Offset(0), count * 2, (1, 1)), count * 10);
    assert_eq!(appends.oldest(Offset(0)), Some(0));
}

#[test]
fn what_a_topic_held_before_it_was_followed_is_no_lag() {
    let log = Arc::new(MemoryLog::new());
    let append = |topic: &Topic, count| {
        let record = |_| Record { key: Vec::new(), value: vec![0], timestamp: wall_micros() };
        log.append(topic, (0..count).map(record).collect()).unwrap();
    };
    let (old, new) = (Topic::new("old"), Topic::new("new"));
    for topic in [&old, &new] {
        log.create_topic(topic, 1).unwrap();
        append(topic, 100);
    }
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() });
    let show = |consumed: &[(&Topic, u64)]| {
        let epoch = Epoch(views.position().epoch.0 + 1);
        let consumed = consumed.iter().map(|(topic, next)| (((*topic).clone(), Partition(0)), Offset(*next))).collect();
        views.publish(Commit { epoch, consumed, ..Commit::default() }).unwrap();
    };
    show(&[(&old, 40)]);
    let meter = LagMeter::new(Arc::clone(&log) as Arc<dyn LogReader>);
    meter.follow(Arc::clone(&views), Arc::new(Status::default())).unwrap();
    assert_eq!(meter.lag().records, 60);
    show(&[(&old, 100), (&new, 10)]);
    assert_eq!(meter.lag().records, 0, "the backlog of the new one does not count");
    append(&new, 5);
    assert_eq!(meter.lag().records, 5);
    show(&[(&old, 100), (&new, 102)]);
    assert_eq!(meter.lag().records, 3);
}

#[test]
fn appends_to_partitions_that_no_view_reads_are_forgotten() {
    let log = Arc::new(MemoryLog::new());
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: Vec::new() });
    let meter = LagMeter::new(log);
    meter.follow(views, Arc::new(Status::default())).unwrap();
    meter.appended((Topic::new("unread"), Partition(0)), append(0, 3, 30, 5));
    assert_eq!(meter.lag().records, 0);
    assert!(meter.0.waiting.lock().partitions.is_empty());
}

#[test]
fn what_is_visible_is_forgotten_and_a_part_of_an_append_counts_in_proportion() {
    let mut appends = PartitionAppends::default();
    appends.appends.extend([append(10, 20, 1_000, 5), append(20, 30, 2_000, 7)]);
    let bytes = |appends: &PartitionAppends, visible| appends.bytes(Offset(visible), 30 - visible, (20, 3_000));
    assert_eq!((bytes(&appends, 10), appends.oldest(Offset(10))), (3_000, Some(5)));
    assert_eq!((bytes(&appends, 4), appends.oldest(Offset(4))), (3_000 + 6 * 150, None), "six records that nobody noted");
    appends.forget_before(Offset(15));
    assert_eq!((bytes(&appends, 15), appends.oldest(Offset(15))), (2_500, Some(5)));
    appends.forget_before(Offset(20));
    assert_eq!((bytes(&appends, 20), appends.appends.len()), (2_000, 1));
    appends.forget_before(Offset(30));
    assert_eq!((bytes(&appends, 30), appends.oldest(Offset(30))), (0, None));
}
