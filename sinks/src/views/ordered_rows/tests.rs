//! Ordered rows held against a `BTreeMap`, and what they cost.

use std::time::Instant;

use super::super::chunk::{CHUNK_BYTES_MAX, CHUNK_ROWS_MAX};
use super::*;
use testkit::random::Random;

type Oracle = BTreeMap<Vec<u8>, Diff>;

/// Asserts the invariants that every tree keeps.
fn assert_sound(rows: &OrderedRows) {
    assert!(rows.chunks.contains_key(&[][..]), "the first chunk is gone");
    let mut before: Option<&[u8]> = None;
    for (key, chunk) in &rows.chunks {
        assert!(chunk.len() > 0 || key.is_empty(), "an empty chunk was left at {key:?}");
        for at in 0..chunk.len() {
            assert!(key.as_bytes() <= chunk.row(at), "a row is before its separator {key:?}");
            assert!(before.is_none_or(|before| before < chunk.row(at)), "rows are out of order");
            assert!(chunk.count(at) > 0);
            before = Some(chunk.row(at));
        }
        assert!(chunk.len() <= CHUNK_ROWS_MAX);
    }
    let heap: usize = rows.chunks.iter().map(|(key, chunk)| key_heap_bytes(key) + chunk.heap_bytes()).sum();
    assert_eq!(rows.heap_bytes, heap, "the account of memory is off");
}

fn listed<'a>(rows: impl Iterator<Item = (&'a [u8], Diff)>) -> Vec<(Vec<u8>, Diff)> {
    rows.map(|(row, count)| (row.to_vec(), count)).collect()
}

/// Makes a row of a run: few bytes, so that many are prefixes of others, or long ones with long common prefixes.
fn random_row(random: &mut Random, shape: usize) -> Vec<u8> {
    match shape {
        0 => (0..random.below(5)).map(|_| random.below(4) as u8 * 85).collect(),
        1 => random.next().to_be_bytes().repeat(4),
        2 => [vec![7; 40], (random.below(3000) as u16).to_be_bytes().to_vec()].concat(),
        _ => vec![random.below(256) as u8; random.below(3) * random.below(CHUNK_BYTES_MAX)],
    }
}

fn random_changes(random: &mut Random, shape: usize, oracle: &Oracle, shrink: bool) -> Oracle {
    let mut changes = Oracle::new();
    for _ in 0..1 + random.below(400) {
        if random.below(3) > 0 && shrink && !oracle.is_empty() {
            let at = random_row(random, shape);
            let near = oracle.range(at..).next().or(oracle.iter().next());
            let (row, count) = near.map(|(row, count)| (row.clone(), *count)).unwrap_or_default();
            changes.insert(row, -1 - (random.next() % count as u64) as Diff);
        } else {
            let row = random_row(random, shape);
            changes.insert(row, if random.below(8) == 0 { 1 + random.below(3) as Diff } else { 1 });
        }
    }
    changes
}

fn random_bound(random: &mut Random, shape: usize) -> Bound<Vec<u8>> {
    match random.below(5) {
        0 => Bound::Unbounded,
        1 | 2 => Bound::Included(random_row(random, shape)),
        _ => Bound::Excluded(random_row(random, shape)),
    }
}

fn assert_ranges_agree(random: &mut Random, shape: usize, rows: &OrderedRows, oracle: &Oracle) {
    for _ in 0..20 {
        let (lower, upper) = (random_bound(random, shape), random_bound(random, shape));
        let within = |row: &Vec<u8>| {
            (match &lower {
                Bound::Unbounded => true,
                Bound::Included(from) => row >= from,
                Bound::Excluded(from) => row > from,
            }) && match &upper {
                Bound::Unbounded => true,
                Bound::Included(to) => row <= to,
                Bound::Excluded(to) => row < to,
            }
        };
        let mut expected: Vec<_> = oracle.iter().filter(|(row, _)| within(row)).map(|(row, n)| (row.clone(), *n)).collect();
        let scan = || rows.scan(lower.as_ref().map(Vec::as_slice), upper.as_ref().map(Vec::as_slice));
        assert_eq!(listed(scan()), expected, "forward from {lower:?} to {upper:?}");
        let mut from_both_ends = scan();
        for turn in 0..expected.len() {
            let row = if turn % 2 == 0 { from_both_ends.next() } else { from_both_ends.next_back() };
            assert!(row.is_some());
        }
        assert!(from_both_ends.next().is_none() && from_both_ends.next_back().is_none(), "a row came from both ends");
        expected.reverse();
        assert_eq!(listed(scan().rev()), expected, "backward from {lower:?} to {upper:?}");
    }
}

fn assert_ranks_agree(random: &mut Random, shape: usize, rows: &OrderedRows, oracle: &Oracle) {
    for _ in 0..20 {
        let from = random_row(random, shape);
        let rank = 1 + random.below(700);
        let mut repeated = oracle.range(from.clone()..).flat_map(|(row, &count)| (1..=count as u64).map(move |n| (&row[..], n)));
        assert_eq!(rows.nth(&from, rank as u64), repeated.nth(rank - 1), "row {rank} from {from:?}");
    }
}

#[test]
fn random_changes_leave_what_a_map_would_hold() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let shape = seed as usize % 4;
        let (mut rows, mut oracle) = (OrderedRows::new(), Oracle::new());
        for round in 0..60 {
            // Long phases that grow and that shrink, so that chunks are split and merged.
            let changes = random_changes(&mut random, shape, &oracle, round / 15 % 2 == 1);
            let batch: Vec<_> = changes.iter().map(|(row, diff)| (Row::from_bytes(row), *diff)).collect();
            assert_eq!(rows.first_negative(&batch), None);
            rows.apply(&batch);
            for (row, diff) in changes {
                *oracle.entry(row).or_default() += diff;
            }
            oracle.retain(|_, count| *count != 0);
            assert_sound(&rows);
            assert_eq!(rows.rows(), oracle.values().sum::<Diff>() as u64);
            assert_eq!(listed(rows.scan(Bound::Unbounded, Bound::Unbounded)), oracle.clone().into_iter().collect::<Vec<_>>());
            assert_ranges_agree(&mut random, shape, &rows, &oracle);
            assert_ranks_agree(&mut random, shape, &rows, &oracle);
        }
    }
}

#[test]
fn what_is_taken_away_gives_its_chunks_back() {
    let mut rows = OrderedRows::new();
    let all = feed_rows(20_000, 50);
    rows.apply(&all);
    let full = rows.memory_bytes();
    assert!(rows.chunks.len() >= 20_000 / CHUNK_ROWS_MAX);
    let kept: Vec<_> = all.iter().step_by(100).cloned().collect();
    let gone: Vec<_> = all.iter().filter(|(row, _)| kept.iter().all(|(kept, _)| kept != row)).cloned().collect();
    for change in gone {
        rows.apply(&[(change.0, -1)]);
    }
    assert_sound(&rows);
    assert_eq!(rows.rows(), kept.len() as u64);
    assert!(rows.chunks.len() <= kept.len() * 4 / CHUNK_ROWS_MAX + 1, "{} chunks for {} rows", rows.chunks.len(), kept.len());
    assert!(rows.memory_bytes() < full / 20, "{} bytes are left of {full}", rows.memory_bytes());
}

#[test]
fn a_count_below_zero_is_found_before_it_is_there() {
    let mut rows = OrderedRows::new();
    let row = |n: u32| Row::from_bytes(&n.to_be_bytes());
    rows.apply(&(0..1000).map(|n| (row(2 * n), 2)).collect::<Vec<_>>());
    let allowed: Vec<_> = (0..1000).map(|n| (row(2 * n), -2)).collect();
    assert_eq!(rows.first_negative(&allowed), None);
    let mut absent = allowed.clone();
    absent.insert(501, (row(1001), -1));
    assert_eq!(rows.first_negative(&absent), Some((&row(1001), -1)));
    let mut too_many = allowed;
    too_many[700].1 = -3;
    assert_eq!(rows.first_negative(&too_many), Some((&row(1400), -1)));
}

/// Rows of three BIGINT columns and a BIGINT more, 36 bytes, the shape of a feed: who, when, what, by whom; ascending.
fn feed_rows(count: usize, users: usize) -> Vec<(Row, Diff)> {
    let mut random = Random::new(42);
    let mut rows: Vec<_> = (0..count).map(|at| (feed_row(&mut random, at, users), 1)).collect();
    rows.sort();
    rows
}

fn feed_row(random: &mut Random, at: usize, users: usize) -> Row {
    let mut row = Row::empty();
    let time = 1_700_000_000_000_000 + at as u64 * 10;
    for value in [random.below(users) as u64, !time, at as u64, random.below(1000) as u64] {
        row.push(1);
        row.extend(&value.to_be_bytes());
    }
    row
}

fn bytes_per_row(rows: &OrderedRows) -> f64 {
    rows.memory_bytes() as f64 / rows.rows() as f64
}

#[test]
fn a_row_of_36_bytes_takes_at_most_64_however_it_came() {
    const ROWS: usize = 1_000_000;
    let all = feed_rows(ROWS, 10_000);
    let mut at_once = OrderedRows::new();
    at_once.apply(&all);
    assert!(bytes_per_row(&at_once) <= 64.0, "{} bytes a row in one sorted batch", bytes_per_row(&at_once));

    let mut as_they_come = OrderedRows::new();
    let mut random = Random::new(7);
    for tick in 0..ROWS / 1000 {
        let mut batch: Vec<_> = (0..1000).map(|n| (feed_row(&mut random, tick * 1000 + n, 10_000), 1)).collect();
        batch.sort();
        as_they_come.apply(&batch);
    }
    assert_eq!(as_they_come.rows(), ROWS as u64);
    assert!(bytes_per_row(&as_they_come) <= 64.0, "{} bytes a row in small batches", bytes_per_row(&as_they_come));
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Not a check but a measurement: `cargo test --release -p sinks -- --ignored --nocapture figures`.
#[test]
#[ignore = "prints figures; run it alone on a quiet machine"]
fn figures() {
    const ROWS: usize = 5_000_000;
    const USERS: usize = 100_000;
    let empty = resident_bytes();
    let (mut rows, mut random, mut busy) = (OrderedRows::new(), Random::new(7), std::time::Duration::ZERO);
    for tick in 0..ROWS / 1000 {
        let mut batch: Vec<_> = (0..1000).map(|n| (feed_row(&mut random, tick * 1000 + n, USERS), 1)).collect();
        batch.sort();
        let start = Instant::now();
        rows.apply(&batch);
        busy += start.elapsed();
    }
    let per_second = |rows: usize, time: std::time::Duration| rows as f64 / time.as_secs_f64() / 1e6;
    let resident = (resident_bytes() - empty) as f64 / ROWS as f64;
    println!(
        "batches of 1,000: {:.2} M rows/s, {:.1} bytes a row, {resident:.1} resident",
        per_second(ROWS, busy),
        bytes_per_row(&rows)
    );

    let start = Instant::now();
    let (reads, mut seen) = (200_000, 0);
    for _ in 0..reads {
        let mut user = Row::from_bytes(&[1]);
        user.extend(&(random.below(USERS) as u64).to_be_bytes());
        seen += rows
            .scan(Bound::Included(user.as_bytes()), Bound::Unbounded)
            .take(20)
            .map(|(row, _)| row[35] as usize)
            .sum::<usize>();
    }
    println!("scan of 20 rows: {:.2} µs ({seen})", start.elapsed().as_micros() as f64 / f64::from(reads));

    let taken: Vec<Row> = rows.scan(Bound::Unbounded, Bound::Unbounded).map(|(row, _)| Row::from_bytes(row)).collect();
    let mut one_by_one = OrderedRows::new();
    let mut shuffled = taken.clone();
    (1..ROWS).for_each(|at| shuffled.swap(at, random.below(at + 1)));
    let start = Instant::now();
    shuffled.into_iter().for_each(|row| one_by_one.apply(&[(row, 1)]));
    println!(
        "one by one, in random order: {:.2} M rows/s, {:.1} bytes a row",
        per_second(ROWS, start.elapsed()),
        bytes_per_row(&one_by_one)
    );
    drop(one_by_one);

    let sorted: Vec<_> = taken.into_iter().map(|row| (row, 1)).collect();
    let mut at_once = OrderedRows::new();
    let start = Instant::now();
    at_once.apply(&sorted);
    println!("one sorted batch: {:.2} M rows/s, {:.1} bytes a row", per_second(ROWS, start.elapsed()), bytes_per_row(&at_once));
    let all: Vec<_> = sorted.into_iter().map(|(row, _)| (row, -1)).collect();
    let start = Instant::now();
    assert_eq!(at_once.first_negative(&all), None);
    println!("check of retractions: {:.2} M rows/s", per_second(ROWS, start.elapsed()));
    let start = Instant::now();
    at_once.apply(&all);
    println!("retractions: {:.2} M rows/s", per_second(ROWS, start.elapsed()));
}
