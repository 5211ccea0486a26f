//! Origins of a row: places in the log, in order, and not too many.
//!
//! Owns [`Origins`]. Places of single events enter; unions of them leave, cut at a limit, and they say so.

use std::cmp::Ordering;
use std::rc::Rc;

use schemas::position::{Offset, Partition};

/// Most events that are remembered for one row; of more, those that come first are, by source, partition and offset.
pub const ORIGINS_MAX: usize = 1_000;
/// Places that are gathered before those beyond the limit are dropped.
const GATHERED_MAX: usize = 16 * ORIGINS_MAX;

/// The place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// the number of the source
    pub source: usize,
    /// the partition of its topic
    pub partition: Partition,
    /// the place there
    pub offset: Offset,
}

/// The events that made a row. Fewer are less; of as many, those that come first are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    places: Vec<Origin>,
    is_cut: bool,
}

impl Origins {
    /// One event.
    pub fn of(origin: Origin) -> Rc<Self> {
        Rc::new(Self { places: vec![origin], is_cut: false })
    }

    /// All events of some rows.
    pub fn union<'o>(all: impl IntoIterator<Item = &'o Rc<Origins>>) -> Rc<Self> {
        let mut all = all.into_iter();
        let (first, second) = (all.next(), all.next());
        let (Some(first), Some(second)) = (first, second) else { return first.cloned().unwrap_or_default() };
        let mut union = Self::default();
        for origins in [first, second].into_iter().chain(all) {
            union.is_cut |= origins.is_cut;
            union.places.extend(&origins.places);
            if union.places.len() > GATHERED_MAX {
                union.tidy();
            }
        }
        union.tidy();
        Rc::new(union)
    }

    fn tidy(&mut self) {
        self.places.sort_unstable();
        self.places.dedup();
        self.is_cut |= self.places.len() > ORIGINS_MAX;
        self.places.truncate(ORIGINS_MAX);
    }

    /// The places, ascending.
    pub fn places(&self) -> &[Origin] {
        &self.places
    }

    /// Returns true if there are more events than these.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Ord for Origins {
    fn cmp(&self, other: &Self) -> Ordering {
        let of = |origins: &Self| (origins.is_cut, origins.places.len());
        of(self).cmp(&of(other)).then_with(|| self.places.cmp(&other.places))
    }
}

impl PartialOrd for Origins {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Rc<Origins> {
        Origins::of(Origin { source: 0, partition: Partition(0), offset: Offset(offset) })
    }

    #[test]
    fn a_union_has_each_event_once_and_says_when_it_is_cut() {
        let both = Origins::union(&[at(2), at(1), at(2)]);
        assert_eq!(both.places().iter().map(|place| place.offset.0).collect::<Vec<_>>(), [1, 2]);
        assert!(!both.is_cut());
        let many: Vec<_> = (0..=ORIGINS_MAX as u64).rev().map(at).collect();
        let cut = Origins::union(&many);
        assert_eq!((cut.places().len(), cut.places()[0].offset.0, cut.is_cut()), (ORIGINS_MAX, 0, true));
        assert!(Origins::union(&[cut, at(3)]).is_cut(), "what was cut once stays so");
        assert_eq!(Origins::union([]).places(), []);
        assert!(at(9) < Origins::union(&[at(1), at(2)]), "one event says it more briefly than two");
        assert!(at(1) < at(2));
    }
}
