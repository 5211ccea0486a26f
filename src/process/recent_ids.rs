//! The ids of the events appended last, and where they are.
//!
//! Bounded: the oldest are forgotten. Forgetting is harmless, the engine has a window of its own over the time of events; this one
//! lets a producer that sends something again learn so, and keeps the log free of what is sent twice in a row.

use std::collections::{HashMap, VecDeque};

use schemas::event::EventId;
use schemas::position::{Offset, Partition};

/// The most ids that are remembered of one topic; about 60 bytes each.
pub const RECENT_IDS_MAX: usize = 200_000;

/// Ids of one topic.
#[derive(Debug)]
pub struct RecentIds {
    places: HashMap<EventId, (Partition, Offset)>,
    oldest_first: VecDeque<EventId>,
    capacity: usize,
}

impl RecentIds {
    /// No ids; at most `capacity` of them later.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "recent ids need room for one");
        Self { places: HashMap::new(), oldest_first: VecDeque::new(), capacity }
    }

    /// Returns the position of the event with this id, when it is among the recent ones.
    pub fn get(&self, id: EventId) -> Option<(Partition, Offset)> {
        self.places.get(&id).copied()
    }

    /// Remembers an id; the first place of an id stays.
    pub fn insert(&mut self, id: EventId, place: (Partition, Offset)) {
        if self.places.contains_key(&id) {
            return;
        }
        if self.oldest_first.len() == self.capacity
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.places.remove(&oldest);
        }
        self.oldest_first.push_back(id);
        self.places.insert(id, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_id_is_forgotten_and_a_repeated_one_does_not_count_twice() {
        let mut recent = RecentIds::new(2);
        let place = |offset| (Partition(0), Offset(offset));
        let id = |byte| EventId([byte; 16]);
        recent.insert(id(1), place(1));
        recent.insert(id(1), place(9));
        recent.insert(id(2), place(2));
        assert_eq!((recent.get(id(1)), recent.get(id(2))), (Some(place(1)), Some(place(2))));
        recent.insert(id(3), place(3));
        assert_eq!((recent.get(id(1)), recent.get(id(2)), recent.get(id(3))), (None, Some(place(2)), Some(place(3))));
    }
}
