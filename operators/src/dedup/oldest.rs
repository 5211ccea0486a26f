//! The ids of a window from the oldest on: a binary heap of positions, by time and then by id.
//!
//! Times and positions enter, the position of the oldest id leaves. Equal times are told apart by the ids themselves, because
//! positions depend on what was remembered before, and a restored window must forget in the same order. The ids are lent by the
//! window, so that an entry takes 16 bytes.

/// Bytes of an event's id.
pub(super) const ID_BYTES: usize = 16;

/// All ids of the window, by position.
type Ids = [[u8; ID_BYTES]];

/// A heap whose least entry comes first.
///
/// Invariant: no entry is less than its parent, the entry at half its place.
#[derive(Default)]
pub(super) struct Oldest(Vec<(i64, u32)>);

impl Oldest {
    /// Number of ids.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for so many more ids.
    pub(super) fn reserve(&mut self, ids: usize) {
        self.0.reserve(ids);
    }

    /// The time of the oldest id.
    pub(super) fn first_time(&self) -> Option<i64> {
        self.0.first().map(|(time, _)| *time)
    }

    /// Adds the id at a position.
    pub(super) fn push(&mut self, time: i64, position: u32, ids: &Ids) {
        let mut at = self.0.len();
        self.0.push((time, position));
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.is_before(at, parent, ids) {
                break;
            }
            self.0.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the position of the oldest id out.
    pub(super) fn pop(&mut self, ids: &Ids) -> Option<u32> {
        let last = self.0.len().checked_sub(1)?;
        self.0.swap(0, last);
        let (_, position) = self.0.pop()?;
        let mut at = 0;
        while let Some(child) = self.first_child(at, ids) {
            if !self.is_before(child, at, ids) {
                break;
            }
            self.0.swap(at, child);
            at = child;
        }
        Some(position)
    }

    /// The lesser of the two children of a place, if it has any.
    fn first_child(&self, at: usize, ids: &Ids) -> Option<usize> {
        let children = 2 * at + 1..self.0.len().min(2 * at + 3);
        children.reduce(|left, right| if self.is_before(right, left, ids) { right } else { left })
    }

    /// Returns true if the entry at one place is older than that at another; ids decide between equal times.
    fn is_before(&self, left: usize, right: usize, ids: &Ids) -> bool {
        let key = |at: usize| {
            let (time, position) = self.0[at];
            (time, &ids[position as usize])
        };
        key(left) < key(right)
    }
}
