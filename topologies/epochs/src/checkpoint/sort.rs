//! Changes in the order in which they are stored.
//!
//! Changes in the order in which they were made enter; the last one of each key leaves, ascending by state and key.

use std::cmp::Ordering;

use super::header::StateChange;

/// Prefix that decides most comparisons, side by side in memory, and the place of the change.
struct Slot {
    /// number of its state
    state: u32,
    /// the first bytes of the key, behind those that all keys share
    prefix: [u64; 2],
    /// its place among the changes
    number: usize,
}

/// So many changes are fetched from memory side by side.
const FETCHED: usize = 64;

/// Visits the last change of each key, ascending.
pub(super) fn visit_sorted<E>(changes: &[StateChange], mut visit: impl FnMut(&StateChange) -> Result<(), E>) -> Result<(), E> {
    let shared = shared_bytes(changes);
    let slot = |(number, (state, key, _)): (usize, &StateChange)| Slot { state: state.0, prefix: prefix(&key[shared..]), number };
    let mut slots: Vec<Slot> = changes.iter().enumerate().map(slot).collect();
    slots.sort_unstable_by(|left, right| compare_keys(changes, left, right).then(left.number.cmp(&right.number)));
    slots.dedup_by(|later, kept| {
        let is_same = compare_keys(changes, kept, later) == Ordering::Equal;
        if is_same {
            kept.number = later.number;
        }
        is_same
    });
    for fetched in slots.chunks(FETCHED) {
        fetch(changes, fetched);
        fetched.iter().try_for_each(|slot| visit(&changes[slot.number]))?;
    }
    Ok(())
}

/// Touches changes that lie anywhere in memory: one after the other, each would be waited for (this doubles the speed of a write).
fn fetch(changes: &[StateChange], slots: &[Slot]) {
    let touched = slots.iter().map(|slot| {
        let (_, key, value) = &changes[slot.number];
        let value = value.as_ref().and_then(|value| value.first());
        usize::from(*key.first().unwrap_or(&0)) + usize::from(*value.unwrap_or(&0))
    });
    std::hint::black_box(touched.sum::<usize>());
}

/// With how many bytes all keys begin alike.
fn shared_bytes(changes: &[StateChange]) -> usize {
    let Some((_, first, _)) = changes.first() else { return 0 };
    changes.iter().fold(first.len(), |shared, (_, key, _)| {
        let first = &first[..shared];
        if key.starts_with(first) { shared } else { first.iter().zip(key).take_while(|(left, right)| left == right).count() }
    })
}

/// Returns the first 16 bytes of a key as numbers that compare alike, zeros behind a shorter one.
fn prefix(key: &[u8]) -> [u64; 2] {
    let mut bytes = [[0; 8]; 2];
    let length = key.len().min(16);
    bytes.as_flattened_mut()[..length].copy_from_slice(&key[..length]);
    bytes.map(u64::from_be_bytes)
}

/// Compares whole keys, where prefixes are equal.
fn compare_keys(changes: &[StateChange], left: &Slot, right: &Slot) -> Ordering {
    let first = (left.state, left.prefix).cmp(&(right.state, right.prefix));
    first.then_with(|| changes[left.number].1.cmp(&changes[right.number].1))
}
