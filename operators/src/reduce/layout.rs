//! The states of a group: aggregates of one column that are read from the same values, or from the same sums, share one.
//!
//! The aggregates of a reduction enter; which of them have a state, and which state each is read from, leaves. It is decided by the aggregates
//! alone, so a state that was kept fits the same aggregates later. Without percentiles and statistics each aggregate has a state of its own.

use schemas::aggregate::AggregateKind;

use super::spec::AggregateSpec;

/// The states of each group.
pub(super) struct Layout {
    /// for each state, the aggregate that it is made for
    pub(super) owners: Box<[usize]>,
    /// for each aggregate, the state that it is read from
    pub(super) readers: Box<[usize]>,
}

/// A state that several aggregates are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SharedState {
    /// all values in order
    Values,
    /// sums of integers or decimals and of their squares
    ExactSums,
    /// sums of doubles and of their squares
    FloatSums,
    /// sums of pairs of doubles
    PairSums,
}

impl Layout {
    /// The states of these aggregates.
    pub(super) fn of(aggregates: &[AggregateSpec]) -> Self {
        let owner: Vec<usize> = (0..aggregates.len()).map(|aggregate| owner_of(aggregates, aggregate)).collect();
        let owners: Box<[usize]> = (0..aggregates.len()).filter(|aggregate| owner[*aggregate] == *aggregate).collect();
        let state = |owner: &usize| match owners.binary_search(owner) {
            Ok(state) => state,
            Err(_) => panic!("the aggregate '{}' is read from one that has no state", aggregates[*owner].expression),
        };
        let readers = owner.iter().map(state).collect();
        Self { owners, readers }
    }
}

/// The aggregate whose state another is read from: the first one with that state, which may be itself.
fn owner_of(aggregates: &[AggregateSpec], aggregate: usize) -> usize {
    let spec = &aggregates[aggregate];
    let wanted = match spec.kind {
        // The ends of the values are there where all values are; by itself an extreme keeps less.
        AggregateKind::Min | AggregateKind::Max => Some(SharedState::Values),
        _ => shared_state(&spec.kind),
    };
    let is_owner =
        |other: &AggregateSpec| shared_state(&other.kind) == wanted && other.input == spec.input && other.filter == spec.filter;
    wanted.and_then(|_| aggregates.iter().position(is_owner)).unwrap_or(aggregate)
}

fn shared_state(kind: &AggregateKind) -> Option<SharedState> {
    match kind {
        AggregateKind::Percentile(_) | AggregateKind::Mode { .. } => Some(SharedState::Values),
        AggregateKind::Deviation(_) => Some(SharedState::ExactSums),
        AggregateKind::FloatDeviation(_) => Some(SharedState::FloatSums),
        AggregateKind::Regression(_) => Some(SharedState::PairSums),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use schemas::aggregate::{Deviation, Fractions, Percentile, Regression};

    use super::*;

    fn spec(kind: AggregateKind, input: &[usize], filter: Option<usize>) -> AggregateSpec {
        AggregateSpec { expression: format!("{kind:?}"), kind, input: input.to_vec(), filter }
    }

    #[test]
    fn what_is_read_from_the_same_rows_is_kept_once() {
        let median = || {
            AggregateKind::Percentile(Percentile { is_continuous: true, fractions: Fractions::One(0.5), is_descending: false })
        };
        let deviation = |is_root| AggregateKind::FloatDeviation(Deviation { is_sample: true, is_root });
        let aggregates = [
            spec(AggregateKind::Min, &[0], None),
            spec(median(), &[0], None),
            spec(AggregateKind::Mode { is_descending: true }, &[0], None),
            spec(AggregateKind::Max, &[0], None),
            spec(AggregateKind::Max, &[1], None),
            spec(median(), &[0], Some(3)),
            spec(deviation(true), &[0], None),
            spec(deviation(false), &[0], None),
            spec(AggregateKind::Regression(Regression::Slope), &[1, 0], None),
            spec(AggregateKind::Regression(Regression::Slope), &[0, 1], None),
            spec(AggregateKind::Regression(Regression::Count), &[1, 0], None),
        ];
        let layout = Layout::of(&aggregates);
        assert_eq!(*layout.owners, [1, 4, 5, 6, 8, 9]);
        assert_eq!(*layout.readers, [0, 0, 0, 0, 1, 2, 3, 3, 4, 5, 4]);
    }

    #[test]
    fn other_aggregates_have_a_state_each() {
        let aggregates: Vec<AggregateSpec> = [AggregateKind::Min, AggregateKind::Max, AggregateKind::Min, AggregateKind::Count]
            .map(|kind| spec(kind, &[0], None))
            .into();
        let layout = Layout::of(&aggregates);
        assert_eq!((&*layout.owners, &*layout.readers), (&[0, 1, 2, 3][..], &[0, 1, 2, 3][..]));
    }
}
