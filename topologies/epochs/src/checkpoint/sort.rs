//! Changes in the order in which they are stored.
//!
//! Changes in the order in which they were made enter; the last one of each key leaves, ascending by state and key.

use std::cmp::Ordering;

use super::StateChange;

/// What decides most comparisons, side by side in memory, and where the change is.
struct Slot {
    state: u32,
    /// the first bytes of the key
    prefix: u64,
    number: usize,
}

/// The last change of each key, sorted.
pub(super) fn sorted(changes: &[StateChange]) -> impl Iterator<Item = &StateChange> {
    let mut slots: Vec<Slot> = changes.iter().enumerate().map(slot).collect();
    slots.sort_unstable_by(|left, right| compare_keys(changes, left, right).then(left.number.cmp(&right.number)));
    let is_last = |place: usize, slots: &[Slot]| {
        slots.get(place + 1).is_none_or(|next| compare_keys(changes, &slots[place], next) != Ordering::Equal)
    };
    (0..slots.len()).filter_map(move |place| is_last(place, &slots).then(|| &changes[slots[place].number]))
}

fn slot((number, (state, key, _)): (usize, &StateChange)) -> Slot {
    let mut prefix = [0; 8];
    let length = key.len().min(prefix.len());
    prefix[..length].copy_from_slice(&key[..length]);
    Slot { state: state.0, prefix: u64::from_be_bytes(prefix), number }
}

fn compare_keys(changes: &[StateChange], left: &Slot, right: &Slot) -> Ordering {
    let first = (left.state, left.prefix).cmp(&(right.state, right.prefix));
    first.then_with(|| changes[left.number].1.cmp(&changes[right.number].1))
}
