//! Deduplication within a window.

use std::collections::BTreeMap;
use testkit::random::Random;

use operators::dedup::{DeduplicationWindow, WindowChange};

/// Ids with their times, scanned in full for each event.
struct Naive {
    window: i64,
    limit: usize,
    newest: i64,
    ids: BTreeMap<[u8; 16], i64>,
    evicted_by_limit: u64,
}

impl Naive {
    fn first_seen(&mut self, id: [u8; 16], time: i64) -> bool {
        self.newest = self.newest.max(time);
        let horizon = self.newest - self.window;
        self.ids.retain(|_, time| *time >= horizon);
        let is_new = !self.ids.contains_key(&id);
        if is_new && time >= horizon {
            self.ids.insert(id, time);
        }
        if self.ids.len() > self.limit {
            let oldest = *self.ids.iter().min_by_key(|(_, time)| **time).unwrap().0;
            self.ids.remove(&oldest);
            self.evicted_by_limit += 1;
        }
        is_new
    }
}

#[test]
fn remembers_exactly_the_window() {
    for (seed, limit, window) in [(1, 100, 5_000_000), (2, 1_000_000, 3_000_000), (3, 7, 100_000_000), (4, 1, 50_000)] {
        let mut random = Random::new(seed);
        let mut naive = Naive { window, limit, newest: i64::MIN / 2, ids: BTreeMap::new(), evicted_by_limit: 0 };
        let mut real = DeduplicationWindow::new(window, limit);
        for step in 0..20_000_i64 {
            let mut id = [0; 16];
            id[3] = random.below(20) as u8;
            id[11] = random.below(60) as u8;
            // Times are all different: which of two equally old ids goes first is not promised.
            let time = (step * 3 - random.below(900) as i64) * 20_000 + step;
            assert_eq!(real.first_seen(id, time), naive.first_seen(id, time), "step {step}");
            assert_eq!(real.len(), naive.ids.len());
        }
        assert_eq!(real.evicted_by_limit(), naive.evicted_by_limit);
    }
}

/// Events with few different ids and times, so that there are copies, ties, and events from before the window.
fn random_event(random: &mut Random, step: i64) -> ([u8; 16], i64) {
    let mut id = [0; 16];
    // A range of ids that moves on, written so that their order is not that of their arrival.
    id[7..15].copy_from_slice(&(step as u64 / 8 + random.below(30)).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    (id, (step / 5 - random.below(25) as i64) * 10)
}

type Entries = BTreeMap<Vec<u8>, i64>;

fn apply(entries: &mut Entries, changes: Vec<WindowChange>) {
    for (key, time) in changes {
        match time {
            Some(time) => drop(entries.insert(key.to_vec(), time)),
            None => drop(entries.remove(&*key)),
        }
    }
}

/// Verdicts of one window, and of one that is restored from its entries at random events; `fault` spoils them.
fn verdicts(seed: u64, limit: usize, window: i64, fault: impl Fn(&mut Entries)) -> (Vec<bool>, Vec<bool>) {
    let mut random = Random::new(seed);
    let mut uninterrupted = DeduplicationWindow::new(window, limit);
    let mut restarted = DeduplicationWindow::kept(window, limit);
    let (mut entries, mut expected, mut verdicts) = (Entries::new(), Vec::new(), Vec::new());
    for step in 0..6_000 {
        let (id, time) = random_event(&mut random, step);
        expected.push(uninterrupted.first_seen(id, time));
        verdicts.push(restarted.first_seen(id, time));
        if random.chance(20) {
            apply(&mut entries, restarted.take_changes());
        }
        if random.chance(2) {
            apply(&mut entries, restarted.take_changes());
            assert_eq!(entries.keys().filter(|key| !key.is_empty()).count(), restarted.len(), "an entry is an id that is held");
            fault(&mut entries);
            restarted = DeduplicationWindow::kept(window, limit);
            let forwards = random.chance(50);
            let restore = |(key, time): (&Vec<u8>, &i64)| restarted.restore(key, *time);
            if forwards {
                entries.iter().for_each(restore)
            } else {
                entries.iter().rev().for_each(restore)
            }
            assert_eq!(restarted.take_changes(), [], "what was restored is not reported");
        }
    }
    (verdicts, expected)
}

/// Limits and windows; the limit or the window is what makes most ids go.
const SIZES: [(usize, i64); 7] = [(10_000, 100), (10_000, 0), (10_000, 1_000), (40, 1_000), (7, 100), (1, 50), (0, 100)];

#[test]
fn verdicts_are_the_same_after_a_restart() {
    for (limit, window) in SIZES {
        for seed in 1..5 {
            let (verdicts, expected) = verdicts(seed, limit, window, |_| {});
            assert!(verdicts == expected, "seed {seed}, at most {limit} ids for {window}");
            assert!(limit < 7 || expected.iter().filter(|fresh| !**fresh).count() > 100, "the test is to have copies");
        }
    }
}

#[test]
fn a_lost_id_and_a_lost_newest_time_change_verdicts() {
    let differs = |limit, window, fault: fn(&mut Entries)| {
        let (verdicts, expected) = verdicts(1, limit, window, fault);
        verdicts != expected
    };
    assert!(differs(10_000, 100, |entries| {
        entries.pop_last();
    }));
    assert!(differs(40, 1_000, |entries| {
        entries.pop_last();
    }));
    assert!(differs(10_000, 0, |entries| {
        entries.remove(&[][..]);
    }));
    assert!(differs(10_000, 100, |entries| {
        entries.remove(&[][..]);
    }));
}

#[test]
fn the_newest_time_is_kept_when_only_a_copy_has_it() {
    let (mut window, mut entries) = (DeduplicationWindow::kept(100, 10), Entries::new());
    assert!(window.first_seen([1; 16], 950));
    assert!(!window.first_seen([1; 16], 1_000));
    apply(&mut entries, window.take_changes());
    let mut restored = DeduplicationWindow::kept(100, 10);
    entries.iter().for_each(|(key, time)| restored.restore(key, *time));
    // From before the window of the copy, so not remembered; within that of the id.
    assert!(restored.first_seen([2; 16], 880) && restored.first_seen([2; 16], 880));
}

#[test]
fn a_window_that_is_not_kept_records_nothing() {
    let mut window = DeduplicationWindow::new(100, 10);
    assert!(window.first_seen([1; 16], 5));
    assert_eq!(window.take_changes(), []);
}
