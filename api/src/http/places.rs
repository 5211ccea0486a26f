//! Places that are limited in number, for each key and for all keys together: connections, streams, requests that wait.
//!
//! A key enters; a [`Place`] leaves, which is given back when it is dropped. Keys without a place cost nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Places for keys.
pub(crate) struct Places<K> {
    /// places of all keys
    all_max: usize,
    /// places of one key
    key_max: usize,
    taken: Mutex<Taken<K>>,
}

/// Places that are taken; a key without one has no entry.
struct Taken<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

/// A place of a key, until it is dropped.
pub(crate) struct Place<K: Copy + Eq + Hash> {
    places: Arc<Places<K>>,
    key: K,
}

/// Reason why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// all of them are taken
    ForAnybody,
    /// the key has as many as one may have
    ForTheKey,
}

impl<K: Copy + Eq + Hash> Places<K> {
    /// Free places, `all_max` of them, of which one key may have `key_max`.
    pub(crate) fn new(all_max: usize, key_max: usize) -> Arc<Self> {
        Arc::new(Self { all_max, key_max, taken: Mutex::new(Taken { all: 0, by_key: HashMap::new() }) })
    }

    /// Takes a place.
    pub(crate) fn take(self: &Arc<Self>, key: K) -> Result<Place<K>, NoPlace> {
        let mut taken = self.taken.lock();
        if taken.all >= self.all_max {
            return Err(NoPlace::ForAnybody);
        }
        match taken.by_key.entry(key) {
            Entry::Occupied(places) if *places.get() >= self.key_max => return Err(NoPlace::ForTheKey),
            Entry::Vacant(_) if self.key_max == 0 => return Err(NoPlace::ForTheKey),
            places => *places.or_insert(0) += 1,
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), key })
    }

    /// Places that one key may have.
    pub(crate) fn key_max(&self) -> usize {
        self.key_max
    }
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        let Entry::Occupied(mut places) = taken.by_key.entry(self.key) else { unreachable!("a place of a key that has none") };
        *places.get_mut() -= 1;
        if *places.get() == 0 {
            places.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_dropped_and_nothing_is_kept_of_its_key() {
        let places = Places::new(3, 2);
        let of_one = [places.take(1).unwrap(), places.take(1).unwrap()];
        assert_eq!(places.take(1).err(), Some(NoPlace::ForTheKey));
        let of_two = places.take(2).unwrap();
        assert_eq!(places.take(2).err(), Some(NoPlace::ForAnybody));
        drop(of_two);
        assert_eq!(places.take(1).err(), Some(NoPlace::ForTheKey));
        drop(of_one);
        let taken = places.taken.lock();
        assert_eq!((taken.all, taken.by_key.len()), (0, 0));
    }

    #[test]
    fn a_limit_of_nothing_gives_no_place() {
        assert_eq!(Places::new(9, 0).take(1).err(), Some(NoPlace::ForTheKey));
        assert_eq!(Places::new(0, 9).take(1).err(), Some(NoPlace::ForAnybody));
    }
}
