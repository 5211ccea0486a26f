//! Wanted rows of a node: those whose columns have certain values, or all of them.
//!
//! Owns [`Demand`]. It begins with the rows that are asked about and goes down the plan, from node to node, as far as columns pass
//! through; [`Check`] then leaves of a node's rows those that are wanted.

use std::collections::BTreeSet;
use std::rc::Rc;

use schemas::field::FieldKind;
use schemas::row::Row;

use crate::render::slicer::Slicer;

/// Conditions on the columns of a node, all of which hold. None: every row is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand(Vec<Restriction>);

/// Some columns taken together have one of these values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Restriction {
    columns: Vec<usize>,
    values: Rc<BTreeSet<Row>>,
}

/// Counterpart of a node's column in the node below.
pub enum DemandedColumn {
    /// this column of it
    Column(usize),
    /// always this field
    Constant(Row),
    /// computed, or of another node
    Elsewhere,
}

impl Demand {
    /// The same with one more condition. One on no columns says nothing unless it has no value: then nothing is wanted.
    pub fn with(mut self, columns: &[usize], values: BTreeSet<Row>) -> Self {
        if !columns.is_empty() || values.is_empty() {
            let restriction = Restriction { columns: columns.to_vec(), values: Rc::new(values) };
            if !self.0.contains(&restriction) {
                self.0.push(restriction);
            }
        }
        self
    }

    /// Returns true if no row can be wanted.
    pub fn is_nothing(&self) -> bool {
        self.0.iter().any(|restriction| restriction.values.is_empty())
    }

    /// The fewest values that some columns may have: the fewer, the fewer rows there are. `None` when every row is wanted.
    pub fn width(&self) -> Option<usize> {
        self.0.iter().map(|restriction| restriction.values.len()).min()
    }

    /// Returns the demand on the node below, as far as its columns are those of this one; `kinds` are the kinds of this node's columns.
    pub fn pushed(&self, kinds: &[FieldKind], place: impl Fn(usize) -> DemandedColumn) -> Self {
        self.0.iter().fold(Self::default(), |pushed, restriction| {
            let (columns, values) = restriction.pushed(kinds, &place);
            pushed.with(&columns, values)
        })
    }

    /// Tells rows of a node with columns of these kinds.
    pub fn check(&self, kinds: &[FieldKind]) -> Check {
        let check = |restriction: &Restriction| (Slicer::new(kinds, &restriction.columns), Rc::clone(&restriction.values));
        Check(self.0.iter().map(check).collect())
    }
}

impl Restriction {
    fn pushed(&self, kinds: &[FieldKind], place: &impl Fn(usize) -> DemandedColumn) -> (Vec<usize>, BTreeSet<Row>) {
        let own: Vec<FieldKind> = self.columns.iter().map(|&column| kinds[column].clone()).collect();
        let (mut kept, mut columns, mut constants) = (Vec::new(), Vec::new(), Vec::new());
        for (at, &column) in self.columns.iter().enumerate() {
            match place(column) {
                DemandedColumn::Column(below) => {
                    kept.push(at);
                    columns.push(below);
                }
                DemandedColumn::Constant(field) => constants.push((Slicer::new(&own, &[at]), field)),
                DemandedColumn::Elsewhere => {}
            }
        }
        let slicer = Slicer::new(&own, &kept);
        let fits = |value: &&Row| constants.iter().all(|(slicer, field)| slicer.row(value.as_bytes()) == *field);
        (columns, self.values.iter().filter(fits).map(|value| slicer.row(value.as_bytes())).collect())
    }
}

/// Tells whether a row is wanted.
pub struct Check(Vec<(Slicer, Rc<BTreeSet<Row>>)>);

impl Check {
    /// Returns true if the row is wanted.
    pub fn admits(&self, row: &[u8]) -> bool {
        self.0.iter().all(|(slicer, values)| values.contains(&slicer.row(row)))
    }
}

#[cfg(test)]
mod tests {
    use schemas::field::Value;

    use super::*;

    const KINDS: [FieldKind; 2] = [FieldKind::Int64, FieldKind::Int64];

    fn row(fields: &[i64]) -> Row {
        let mut row = Row::empty();
        fields.iter().for_each(|field| FieldKind::Int64.write(&Value::Int(*field), &mut row));
        row
    }

    #[test]
    fn a_demand_goes_down_as_far_as_columns_pass_through() {
        let wanted = Demand::default().with(&[0, 1], BTreeSet::from([row(&[1, 10]), row(&[2, 20]), row(&[3, 10])]));
        let below = wanted
            .pushed(&KINDS, |column| if column == 0 { DemandedColumn::Column(1) } else { DemandedColumn::Constant(row(&[10])) });
        let check = below.check(&KINDS);
        let admitted: Vec<i64> = (0..5).filter(|&second| check.admits(row(&[9, second]).as_bytes())).collect();
        assert_eq!(admitted, [1, 3], "the constant excludes the second");
        let computed = wanted.pushed(&KINDS, |_| DemandedColumn::Elsewhere);
        assert_eq!((computed.width(), computed.is_nothing()), (None, false), "nothing is known: everything is wanted");
        let excluded = wanted.pushed(&KINDS, |_| DemandedColumn::Constant(row(&[7])));
        assert!(excluded.is_nothing());
    }
}
