//! Deduplication: whether an event was seen before, by its id, within a window of event time.
//!
//! Ids and times enter, yes or no leaves. A plain structure, used by the source where events are read: the copies of an event share a
//! partition, so nothing is exchanged. Keeps about 40 bytes per id, and two limits: ids older than the window behind the newest event
//! are forgotten, and beyond a number of ids the oldest are, equally old ones in the order of their ids.
//!
//! A window can be kept: it then tells what it remembered and forgot, as entries, and a window that is given these entries back gives the
//! same verdicts. An entry is an id with its time, or, under the empty key, the time of the newest event: that event's id may
//! have been remembered with an earlier time, or not at all.
//!
//! ```
//! use operators::dedup::{DEDUPLICATION_IDS_MAX, DeduplicationWindow};
//!
//! let mut window = DeduplicationWindow::new(86_400_000_000, DEDUPLICATION_IDS_MAX);
//! assert!(window.first_seen([7; 16], 1_700_000_000_000_000));
//! assert!(!window.first_seen([7; 16], 1_700_000_000_000_000));
//! ```

use std::ops::Deref;

use crate::hash::SeededHash;
use oldest::{ID_BYTES, Oldest};

mod oldest;

/// The default number of ids kept.
pub const DEDUPLICATION_IDS_MAX: usize = 8_000_000;

/// Slots of an empty table.
const SLOTS_MIN: usize = 64;
/// The mark of a slot without an id: no position is that great.
const VACANT: u32 = u32::MAX;

/// The ids of a window of event time.
pub struct DeduplicationWindow {
    window_micros: i64,
    ids_max: usize,
    newest: i64,
    evicted_by_limit: u64,
    hash: SeededHash,
    /// ids, at positions that do not change while they are kept
    ids: Vec<[u8; ID_BYTES]>,
    /// positions that are free
    free: Vec<u32>,
    /// a hash table of positions with linear probing; a power of two, at most three quarters full
    slots: Vec<u32>,
    /// positions by time and id
    by_time: Oldest,
    /// changes of the window; `None` when it is not kept
    changes: Option<Vec<WindowChange>>,
    /// the newest time as it was reported last
    newest_reported: i64,
}

/// The key of an entry and its time; `None` when the entry is gone.
pub type WindowChange = (WindowKey, Option<i64>);

/// The key of an entry of a window: the bytes of an id, or none for the time of the newest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowKey(Option<[u8; ID_BYTES]>);

impl Deref for WindowKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |id| id)
    }
}

impl DeduplicationWindow {
    /// An empty window that keeps ids for `window_micros` of event time, and at most `ids_max` of them.
    pub fn new(window_micros: i64, ids_max: usize) -> Self {
        Self {
            window_micros: window_micros.max(0),
            ids_max: ids_max.min(VACANT as usize),
            newest: i64::MIN,
            evicted_by_limit: 0,
            hash: SeededHash::default(),
            ids: Vec::new(),
            free: Vec::new(),
            slots: vec![VACANT; SLOTS_MIN],
            by_time: Oldest::default(),
            changes: None,
            newest_reported: i64::MIN,
        }
    }

    /// The same, and records how its entries change.
    pub fn kept(window_micros: i64, ids_max: usize) -> Self {
        Self { changes: Some(Vec::new()), ..Self::new(window_micros, ids_max) }
    }

    /// Returns the changes of the entries since the last call, in order: the last change of an entry counts. Empty when the
    /// window is not kept.
    pub fn take_changes(&mut self) -> Vec<WindowChange> {
        let Some(changes) = &mut self.changes else { return Vec::new() };
        if self.newest != self.newest_reported {
            self.newest_reported = self.newest;
            changes.push((WindowKey(None), Some(self.newest)));
        }
        std::mem::take(changes)
    }

    /// Makes room for so many more ids at once: taking them back then moves none twice.
    pub fn reserve(&mut self, ids: usize) {
        self.ids.reserve(ids);
        self.by_time.reserve(ids);
        let slots = slots_for(self.len() + ids);
        if slots > self.slots.len() {
            self.resize(slots);
        }
    }

    /// Takes an entry back, before the first event; the order does not matter.
    pub fn restore(&mut self, key: &[u8], time: i64) {
        if key.is_empty() {
            (self.newest, self.newest_reported) = (time, time);
            return;
        }
        let Ok(id) = key.try_into() else { panic!("an id of a deduplication window was kept in another form: {key:?}") };
        if let Err(slot) = self.find(&id) {
            self.insert(slot, id, time);
        }
    }

    /// Remembers the id and returns true if it is new. An event from before the window is always new: what was known of it is forgotten.
    /// `occurred_at` is in microseconds.
    pub fn first_seen(&mut self, id: [u8; ID_BYTES], occurred_at: i64) -> bool {
        if occurred_at > self.newest {
            self.newest = occurred_at;
            self.evict_expired();
        }
        let slot = match self.find(&id) {
            Ok(_) => return false,
            Err(slot) => slot,
        };
        if occurred_at >= self.horizon() {
            self.insert(slot, id, occurred_at);
            self.record(id, Some(occurred_at));
            // More than one when it was restored from a window with a higher limit.
            while self.by_time.len() > self.ids_max {
                self.evict_oldest();
                self.evicted_by_limit += 1;
            }
        }
        true
    }

    /// Returns the number of ids that are kept.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Returns true if no id is kept.
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Returns the number of ids that were forgotten before their time because there were too many: copies of those would pass.
    pub fn evicted_by_limit(&self) -> u64 {
        self.evicted_by_limit
    }

    /// The time from which on ids are kept, microseconds since 1970.
    fn horizon(&self) -> i64 {
        self.newest.saturating_sub(self.window_micros)
    }

    /// Forgets the ids that are older than the window.
    fn evict_expired(&mut self) {
        let horizon = self.horizon();
        while self.by_time.first_time().is_some_and(|time| time < horizon) {
            self.evict_oldest();
        }
    }

    /// Forgets the oldest id and frees its position.
    fn evict_oldest(&mut self) {
        if let Some(position) = self.by_time.pop(&self.ids) {
            let id = self.ids[position as usize];
            if let Ok(slot) = self.find(&id) {
                self.vacate(slot);
            }
            self.free.push(position);
            self.record(id, None);
        }
    }

    /// Notes how an entry changed, if the window is kept.
    fn record(&mut self, id: [u8; ID_BYTES], time: Option<i64>) {
        if let Some(changes) = &mut self.changes {
            changes.push((WindowKey(Some(id)), time));
        }
    }

    /// The slot at which the search for an id begins.
    fn home(&self, id: &[u8; ID_BYTES]) -> usize {
        self.hash.of(id) as usize & (self.slots.len() - 1)
    }

    /// The next slot, around the end.
    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// The slot of an id, or the vacant slot where it would be.
    fn find(&self, id: &[u8; ID_BYTES]) -> Result<usize, usize> {
        let mut slot = self.home(id);
        loop {
            match self.slots[slot] {
                VACANT => return Err(slot),
                position if self.ids[position as usize] == *id => return Ok(slot),
                _ => slot = self.after(slot),
            }
        }
    }

    /// Remembers an id in a vacant slot, and grows the table before it is more than three quarters full: a search ends at a vacant slot, so there
    /// has to be one.
    fn insert(&mut self, slot: usize, id: [u8; ID_BYTES], time: i64) {
        let position = match self.free.pop() {
            Some(position) => {
                self.ids[position as usize] = id;
                position
            }
            None => {
                self.ids.push(id);
                (self.ids.len() - 1) as u32
            }
        };
        self.slots[slot] = position;
        self.by_time.push(time, position, &self.ids);
        if slots_for(self.len()) > self.slots.len() {
            self.resize(self.slots.len() * 2);
        }
    }

    /// Moves all positions to a table of so many slots, a power of two.
    fn resize(&mut self, slots: usize) {
        for position in std::mem::replace(&mut self.slots, vec![VACANT; slots]) {
            if position != VACANT {
                let (Ok(slot) | Err(slot)) = self.find(&self.ids[position as usize]);
                self.slots[slot] = position;
            }
        }
    }

    /// Empties a slot, and moves back those behind it that would no longer be found.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.after(hole);
        while self.slots[slot] != VACANT {
            let home = self.home(&self.ids[self.slots[slot] as usize]);
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(hole) & mask {
                self.slots[hole] = self.slots[slot];
                hole = slot;
            }
            slot = self.after(slot);
        }
        self.slots[hole] = VACANT;
    }
}

/// Slots of a table with so many ids: a power of two, of which at most three quarters are taken.
fn slots_for(ids: usize) -> usize {
    (ids * 4).div_ceil(3).next_power_of_two().max(SLOTS_MIN)
}
