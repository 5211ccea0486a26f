//! A cache that follows the stream of invalidations serves nothing older than its position, and throws nothing away in vain.

use std::collections::{BTreeMap, BTreeSet};

use schemas::position::Timeline;

use testkit::random::Random;

use super::*;

fn at(epoch: u64) -> Position {
    Position { timeline: Timeline(42), epoch: Epoch(epoch) }
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn a_follower_goes_on_behind_what_it_knows_or_drops_everything() {
    let feed = Invalidations::default().open("s", "v");
    assert_eq!(feed.after(None), None, "nothing is known yet");
    feed.epoch(at(5), keys(&["a"]));
    feed.epoch(at(6), Vec::new());
    feed.epoch(at(7), keys(&["a", "b"]));
    assert_eq!(feed.after(None), Some(Invalidated::Everything(at(7))));
    assert_eq!(feed.after(Some(at(3))), Some(Invalidated::Everything(at(7))), "epoch 4 is not known");
    let stale = |epoch, names: &[&str]| (at(epoch), Arc::<[String]>::from(keys(names)));
    assert_eq!(feed.after(Some(at(4))), Some(Invalidated::Stale(vec![stale(5, &["a"]), stale(7, &["a", "b"])], at(7))));
    assert_eq!(feed.after(Some(at(5))), Some(Invalidated::Stale(vec![stale(7, &["a", "b"])], at(7))));
    assert_eq!(feed.after(Some(at(7))), None);
    assert_eq!(feed.after(Some(at(9))), None, "it waits until these epochs are computed again");
    let elsewhere = Position { timeline: Timeline(1), epoch: Epoch(6) };
    assert_eq!(feed.after(Some(elsewhere)), Some(Invalidated::Everything(at(7))));
    feed.reset(at(9));
    assert_eq!(feed.after(Some(at(8))), Some(Invalidated::Everything(at(9))));
    assert_eq!(feed.after(Some(at(9))), None);
}

#[test]
fn what_is_remembered_is_bounded() {
    let feed = Invalidations::default().open("s", "v");
    let many = KEYS_KEPT_MAX / 4;
    for epoch in 1..=20 {
        feed.epoch(at(epoch), (0..many).map(|key| format!("{key:06}")).collect());
    }
    assert_eq!(feed.after(Some(at(15))), Some(Invalidated::Everything(at(20))));
    for epoch in 16..20 {
        let Some(Invalidated::Stale(stale, position)) = feed.after(Some(at(epoch))) else { panic!("four epochs are kept") };
        assert_eq!((stale.len(), position), (1, at(epoch + 1)), "the keys of one epoch come together, and no others with them");
    }
}

#[test]
fn a_follower_gets_some_epochs_at_once_and_then_the_others() {
    let feed = Invalidations::default().open("s", "v");
    let many = STALE_KEYS_MAX / 4;
    for epoch in 1..=9 {
        feed.epoch(at(epoch), (0..many).map(|key| format!("{key:06}")).collect());
    }
    feed.epoch(at(10), Vec::new());
    let found = [0, 4, 8].map(|known| match feed.after(Some(at(known))) {
        Some(Invalidated::Stale(stale, position)) => (stale.len(), position),
        other => panic!("after {known}: {other:?}"),
    });
    assert_eq!(found, [(4, at(4)), (4, at(8)), (1, at(10))]);
}

/// A cache in front of a view, filled when it misses.
#[derive(Default)]
struct Cache {
    known: Option<Position>,
    entries: BTreeMap<String, u64>,
    dropped: BTreeSet<String>,
}

impl Cache {
    fn follow(&mut self, feed: &Feed) {
        match feed.after(self.known) {
            Some(Invalidated::Everything(position)) => {
                self.entries.clear();
                self.known = Some(position);
            }
            Some(Invalidated::Stale(stale, position)) => {
                for key in stale.iter().flat_map(|(_, keys)| keys.iter()) {
                    self.entries.remove(key);
                    self.dropped.insert(key.clone());
                }
                self.known = Some(position);
            }
            None => {}
        }
    }
}

#[test]
fn a_cache_that_follows_serves_nothing_older_than_its_position_and_drops_nothing_that_did_not_change() {
    for seed in 1..300 {
        let mut random = Random::new(seed);
        let feed = Invalidations::default().open("s", "v");
        // What each key was at each epoch.
        let mut versions: Vec<BTreeMap<String, u64>> = vec![(0..5).map(|key| (format!("page:{key}"), 0)).collect()];
        let mut cache = Cache::default();
        let mut changed = BTreeSet::new();
        for epoch in 1..60 {
            let stale: BTreeSet<String> = (0..random.below(3)).map(|_| format!("page:{}", random.below(5))).collect();
            let mut next = versions[epoch as usize - 1].clone();
            next.extend(stale.iter().map(|key| (key.clone(), epoch)));
            versions.push(next);
            changed.extend(stale.iter().cloned());
            feed.epoch(at(epoch), stale.into_iter().collect());
            if random.below(20) == 0 {
                // The connection is lost, and with it what was being sent.
                cache.known = Some(at(cache.known.map_or(0, |known| known.epoch.0)));
            }
            if random.below(3) > 0 {
                let before = cache.known;
                cache.dropped.clear();
                cache.follow(&feed);
                if let Some(before) = before {
                    let since = before.epoch.0 as usize;
                    let did_change = |key: &String| versions[since + 1..].iter().any(|epoch| epoch[key] > before.epoch.0);
                    assert!(cache.dropped.iter().all(did_change), "seed {seed}: {:?} in vain", cache.dropped);
                }
            }
            let Some(known) = cache.known else { continue };
            let key = format!("page:{}", random.below(5));
            let now = versions[epoch as usize][&key];
            let served = *cache.entries.entry(key.clone()).or_insert(now);
            assert!(served >= versions[known.epoch.0 as usize][&key], "seed {seed}, epoch {epoch}: '{key}' is too old");
        }
    }
}
