//! Publishing and reading together: what becomes visible, when, and what is refused.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use schemas::dead_letter::{DeadLetter, Fault, Reason, RowError};
use schemas::field::{FieldKind, Value};
use schemas::position::{Epoch, LogPosition, Offset, Partition, Position, Timeline, Token, Topic};
use schemas::row::{Diff, Row};
use schemas::serving::{Index, IndexColumn, IndexLayout};
use schemas::testing;

use super::test_support::{stored, view};
use super::*;

mod catalogue;
mod compare;
mod history;
mod model;
mod restart;

const POSTS: IndexId = IndexId(0);
const POSTS_BY_NUMBER: IndexId = IndexId(1);
const COUNTS: IndexId = IndexId(2);
const TIMELINE: Timeline = Timeline(7);

/// `posts` with two indexes and `counts` with one.
fn views() -> Arc<Views> {
    let mut posts = view("posts", FieldKind::Int64, false, None);
    let by_number = vec![IndexColumn { column: 1, descending: false }];
    posts.indexes.push(Index { name: "posts_by_number".into(), columns: by_number, limit: None });
    Views::new(ViewsDefinition { timeline: TIMELINE, views: vec![posts, view("counts", FieldKind::Int64, false, None)] })
}

fn layout(views: &Views, name: &str) -> IndexLayout {
    views.view(name).unwrap().indexes[0].1.clone()
}

fn row(views: &Views, owner: i64, n: i64) -> Row {
    stored(&layout(views, "posts"), &Value::Int(owner), n)
}

fn commit(epoch: u64, changes: Vec<(IndexId, Vec<(Row, Diff)>)>) -> Commit {
    Commit { epoch: Epoch(epoch), wall_micros: epoch as i64 * 1000, changes, ..Commit::default() }
}

fn all(snapshot: &Snapshot<'_>, index: IndexId) -> Vec<(Row, i64)> {
    snapshot.scan(index, Range::ALL).map(|(row, count)| (Row::from_bytes(row), count)).collect()
}

fn consumed(offsets: &[(&str, u32, u64)]) -> BTreeMap<(Topic, Partition), Offset> {
    offsets.iter().map(|&(topic, partition, next)| ((Topic::new(topic), Partition(partition)), Offset(next))).collect()
}

fn records(text: &str) -> Token {
    text.parse().unwrap()
}

fn letter(offset: u64) -> DeadLetter {
    testing::letter("social.post", offset, Fault::new(Reason::NotJson, "expected an object"), b"{".to_vec())
}

fn row_error(row: &str) -> RowError {
    RowError { relation: "posts".into(), expression: "1 / n".into(), detail: "division by zero".into(), row: row.into() }
}

#[test]
fn views_are_found_by_name_and_indexes_are_numbered_through() {
    let views = views();
    let numbered: Vec<(String, Vec<usize>)> =
        views.views().map(|served| (served.view.name.clone(), served.indexes.iter().map(|(id, _)| id.0).collect())).collect();
    assert_eq!(numbered, [("counts".into(), vec![2]), ("posts".into(), vec![0, 1])]);
    assert!(views.view("Posts").is_none());
}

#[test]
fn readers_never_see_views_of_different_epochs() {
    let views = views();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = Epoch(0);
                while !done.load(Ordering::Relaxed) {
                    let snapshot = views.snapshot();
                    let epoch = snapshot.position().epoch;
                    assert!(epoch >= last, "epoch {epoch} came after {last}");
                    last = epoch;
                    let expected: Vec<(Row, i64)> = match epoch {
                        Epoch(0) => Vec::new(),
                        Epoch(now) => (0..3).rev().map(|n| (row(&views, now as i64, n), 1)).collect(),
                    };
                    assert_eq!(all(&snapshot, POSTS), expected);
                    assert_eq!(all(&snapshot, COUNTS), expected);
                    assert_eq!(snapshot.dead_letter_count(), epoch.0);
                    assert_eq!(snapshot.wall_micros(), epoch.0 as i64 * 1000);
                }
            });
        }
        for epoch in 1..=2000 {
            let rows = |epoch, diff| (0..3).map(move |n| (epoch, n, diff));
            let changes = rows(epoch, 1).chain(rows(epoch - 1, -1).filter(|_| epoch > 1));
            let changes: Vec<_> = changes.map(|(epoch, n, diff)| (row(&views, epoch, n), diff)).collect();
            let mut commit = commit(epoch as u64, vec![(POSTS, changes.clone()), (COUNTS, changes)]);
            commit.dead_letters = vec![letter(epoch as u64)];
            views.publish(commit).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn changes_of_a_commit_add_up_in_whatever_parts_they_come() {
    let views = views();
    let (a, b, c) = (row(&views, 1, 1), row(&views, 2, 2), row(&views, 3, 3));
    let first = vec![(c.clone(), -1), (a.clone(), 1), (b.clone(), 1)];
    let second = vec![(b.clone(), 1), (c.clone(), 1), (a.clone(), 0)];
    views.publish(commit(1, vec![(POSTS, first), (COUNTS, vec![]), (POSTS, second)])).unwrap();
    let snapshot = views.snapshot();
    assert_eq!(all(&snapshot, POSTS), [(a, 1), (b, 2)]);
    assert_eq!((snapshot.rows(POSTS), snapshot.rows(POSTS_BY_NUMBER), snapshot.rows(COUNTS)), (3, 0, 0));
    assert!(snapshot.memory_bytes(POSTS) > snapshot.memory_bytes(COUNTS));
}

#[test]
fn a_scan_obeys_its_bounds_its_prefix_and_its_direction() {
    let views = views();
    let rows: Vec<Row> =
        (0..4).flat_map(|owner| (0..200).rev().map(move |n| (owner, n))).map(|(owner, n)| row(&views, owner, n)).collect();
    views.publish(commit(1, vec![(POSTS, rows.iter().map(|row| (row.clone(), 1)).collect())])).unwrap();
    let snapshot = views.snapshot();
    let owner = layout(&views, "posts").store_value(0, &Value::Int(2));
    let of_owner: Vec<&[u8]> = snapshot.prefix(POSTS, owner.as_bytes()).map(|(row, _)| row).collect();
    assert_eq!(of_owner, rows[400..600].iter().map(Row::as_bytes).collect::<Vec<_>>());
    let range =
        Range { lower: Bound::Excluded(rows[100].as_bytes()), upper: Bound::Included(rows[700].as_bytes()), reverse: true };
    let backward: Vec<&[u8]> = snapshot.scan(POSTS, range).map(|(row, _)| row).collect();
    assert_eq!(backward, rows[101..=700].iter().rev().map(Row::as_bytes).collect::<Vec<_>>());
    assert_eq!(snapshot.prefix(POSTS, &[]).count(), 800);
    assert_eq!(snapshot.prefix(POSTS, &[0xFF, 0xFF]).count(), 0);
}

#[test]
fn the_end_of_a_prefix_carries() {
    let end = |prefix: &[u8]| prefix_end(prefix).map(|end| end.as_bytes().to_vec());
    assert_eq!(end(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(end(&[1, 0xFF, 0xFF]), Some(vec![2]));
    assert_eq!(end(&[0xFF]), None);
    assert_eq!(end(&[]), None);
}

#[test]
fn a_commit_that_is_wrong_is_refused_whole() {
    let views = views();
    let (kept, gone) = (row(&views, 1, 1), row(&views, 2, 2));
    let mut first = commit(5, vec![(POSTS, vec![(kept.clone(), 1)])]);
    first.consumed = consumed(&[("social.post", 0, 10)]);
    views.publish(first).unwrap();

    let negative = vec![(POSTS, vec![(gone.clone(), 1)]), (COUNTS, vec![(gone.clone(), -2)])];
    let mut negative = commit(6, negative);
    (negative.dead_letters, negative.consumed) = (vec![letter(0)], consumed(&[("social.post", 0, 11)]));
    let (view, index) = ("counts".to_owned(), "counts_index".to_owned());
    let expected = ViewsError::NegativeCount { view, index, row: gone.clone(), count: -2, epoch: Epoch(6) };
    assert_eq!(views.publish(negative), Err(expected));

    let mut back = commit(6, vec![(POSTS, vec![(gone.clone(), 1)])]);
    back.consumed = consumed(&[("social.post", 0, 9)]);
    assert!(matches!(views.publish(back), Err(ViewsError::OffsetWentBack { offset: Offset(9), consumed: Offset(10), .. })));

    let unknown = commit(6, vec![(POSTS, vec![(gone.clone(), 1)]), (IndexId(3), vec![])]);
    assert_eq!(views.publish(unknown), Err(ViewsError::UnknownIndex { index: 3, indexes: 3 }));

    let again = commit(5, vec![(POSTS, vec![(gone.clone(), 1)])]);
    assert_eq!(views.publish(again), Err(ViewsError::EpochNotAscending { epoch: Epoch(5), published: Epoch(5) }));

    let mut error = commit(6, vec![(POSTS, vec![(gone, 1)])]);
    error.row_errors = vec![(row_error("{}"), -1)];
    assert!(matches!(views.publish(error), Err(ViewsError::NegativeRowError { .. })));

    let snapshot = views.snapshot();
    assert_eq!(all(&snapshot, POSTS), [(kept, 1)], "a part of a refused commit is visible");
    assert_eq!((snapshot.position().epoch, snapshot.wall_micros(), snapshot.dead_letter_count()), (Epoch(5), 5000, 0));
    assert_eq!(views.reached(&records("social.post:0:10")), Ok(false));
}

#[test]
fn a_token_is_reached_when_what_it_stands_for_is_visible() {
    let views = views();
    let epoch = |epoch| Token::Epoch(Position { timeline: TIMELINE, epoch: Epoch(epoch) });
    assert_eq!(views.reached(&epoch(0)), Ok(false), "nothing is published yet");
    assert_eq!(views.reached(&records("social.post:0:0")), Ok(false), "partitions are not known yet");

    let mut first = commit(1, Vec::new());
    first.consumed = consumed(&[("social.post", 0, 3), ("social.post", 1, 0)]);
    views.publish(first).unwrap();
    let mut second = commit(4, Vec::new());
    second.consumed = consumed(&[("social.post", 1, 1)]);
    views.publish(second).unwrap();

    assert_eq!([3, 4, 5].map(|e| views.reached(&epoch(e))), [Ok(true), Ok(true), Ok(false)]);
    assert_eq!(views.reached(&records("social.post:0:2")), Ok(true));
    assert_eq!(views.reached(&records("social.post:0:3")), Ok(false));
    assert_eq!(views.reached(&records("social.post:0:2,social.post:1:0")), Ok(true));
    assert_eq!(views.reached(&records("social.post:0:2,social.post:1:1")), Ok(false));
    let unknown = WaitError::UnknownPartition { topic: Topic::new("social.post"), partition: Partition(2) };
    assert_eq!(views.reached(&records("social.post:0:9,social.post:2:0")), Err(unknown));
    let other = Token::Epoch(Position { timeline: Timeline(8), epoch: Epoch(0) });
    assert_eq!(views.reached(&other), Err(WaitError::OtherTimeline { token: other, timeline: TIMELINE }));
}

#[test]
fn a_waiter_is_woken_by_the_commit_that_shows_its_record() {
    let views = views();
    let (waiting, is_waiting) = mpsc::channel();
    let publisher = {
        let views = Arc::clone(&views);
        thread::spawn(move || {
            is_waiting.recv().unwrap();
            for epoch in 1..=3 {
                let mut next = commit(epoch, vec![(POSTS, vec![(row(&views, epoch as i64, 0), 1)])]);
                next.consumed = consumed(&[("social.post", 0, epoch)]);
                views.publish(next).unwrap();
            }
        })
    };
    waiting.send(()).unwrap();
    let position = views.wait_until(&records("social.post:0:2"), Instant::now() + Duration::from_secs(60)).unwrap();
    assert_eq!(position, Position { timeline: TIMELINE, epoch: Epoch(3) });
    let snapshot = views.snapshot();
    assert!(snapshot.position().epoch >= position.epoch);
    assert_eq!(snapshot.prefix(POSTS, row(&views, 3, 0).as_bytes()).count(), 1);
    drop(snapshot);
    publisher.join().unwrap();
}

#[test]
fn a_wait_ends_at_its_deadline() {
    let views = views();
    views.publish(commit(1, Vec::new())).unwrap();
    let token = Token::Epoch(Position { timeline: TIMELINE, epoch: Epoch(2) });
    let timeout = WaitError::Timeout { token: token.clone(), position: views.position() };
    assert_eq!(views.wait_until(&token, Instant::now()), Err(timeout.clone()));
    assert_eq!(views.wait_until(&token, Instant::now() + Duration::from_millis(10)), Err(timeout));
    let reached = Token::Epoch(views.position());
    assert_eq!(views.wait_until(&reached, Instant::now()), Ok(views.position()));
    let unknown = Token::Records(vec![LogPosition { topic: Topic::new("a"), partition: Partition(0), offset: Offset(0) }]);
    assert!(matches!(views.wait_until(&unknown, Instant::now()), Err(WaitError::UnknownPartition { .. })));
}

#[test]
fn the_listener_hears_of_each_epoch_when_it_is_visible() {
    let views = views();
    let (heard, hears) = mpsc::channel();
    let read_by_listener = Arc::downgrade(&views);
    views.set_listener(Box::new(move |position| {
        let views = read_by_listener.upgrade().unwrap();
        assert_eq!(views.snapshot().position(), position);
        assert_eq!(views.position(), position);
        heard.send(position.epoch.0).unwrap();
    }));
    for epoch in [2, 3, 9] {
        views.publish(commit(epoch, Vec::new())).unwrap();
    }
    assert!(views.publish(commit(9, Vec::new())).is_err());
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [2, 3, 9]);
}

#[test]
fn dead_letters_and_row_errors_come_with_their_epoch() {
    let views = views();
    let mut first = commit(1, Vec::new());
    first.dead_letters = vec![letter(3), letter(8)];
    first.row_errors =
        vec![(row_error("b"), 1), (row_error("a"), 2), (row_error("b"), 1), (row_error("c"), 1), (row_error("c"), -1)];
    views.publish(first).unwrap();
    let mut second = commit(2, Vec::new());
    second.row_errors = vec![(row_error("b"), -2)];
    views.publish(second).unwrap();
    let snapshot = views.snapshot();
    assert_eq!(snapshot.dead_letters(None, 10), [(1, letter(3)), (2, letter(8))]);
    assert_eq!(snapshot.dead_letters(Some(1), 10), [(2, letter(8))]);
    assert_eq!((snapshot.row_errors(10), snapshot.row_error_count()), (vec![(row_error("a"), 2)], 2));
}
