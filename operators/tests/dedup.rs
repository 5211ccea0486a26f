//! Deduplication within a window.

use std::collections::BTreeMap;

use operators::dedup::DeduplicationWindow;

use crate::harness::Random;

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
