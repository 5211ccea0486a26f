//! Conditions on included columns: which hits are wanted, and which a reader may see.
//!
//! Owns [`Filter`], written in encoded fields, and [`SegmentFilter`], the same in the numbers of one segment. Documents enter, yes or no
//! leaves. As in SQL, NULL fulfils no comparison.

use std::ops::{Bound, RangeBounds as _};

use schemas::field::is_null;
use schemas::row::Row;
use tantivy::SegmentReader;

use super::columns::SegmentColumn;
use super::document::{Included, Layout, bounded};
use super::number::{is_number, to_number};

/// A condition on a row. Columns are positions among those of a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// its value is one of these encoded fields
    OneOf(usize, Vec<Row>),
    /// its value is not NULL and lies between these
    Between(usize, Bound<Row>, Bound<Row>),
    /// all hold
    All(Vec<Filter>),
    /// one holds
    Any(Vec<Filter>),
}

impl Filter {
    /// Every row.
    pub const fn always() -> Self {
        Self::All(Vec::new())
    }

    /// No row.
    pub const fn never() -> Self {
        Self::Any(Vec::new())
    }

    /// Returns true when every row fulfils it, whatever its values are.
    pub(super) fn is_always(&self) -> bool {
        match self {
            Self::OneOf(..) | Self::Between(..) => false,
            Self::All(filters) => filters.iter().all(Self::is_always),
            Self::Any(filters) => filters.iter().any(Self::is_always),
        }
    }

    /// Columns with the values one of which every row has that fulfils the filter.
    pub(super) fn implied(&self) -> Vec<(usize, &[Row])> {
        match self {
            Self::OneOf(column, values) => vec![(*column, values)],
            Self::All(filters) => filters.iter().flat_map(Self::implied).collect(),
            Self::Between(..) | Self::Any(_) => Vec::new(),
        }
    }

    /// The columns it looks at.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::OneOf(column, _) | Self::Between(column, ..) => vec![*column],
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::columns).collect(),
        }
    }
}

/// A filter over one segment.
pub(super) enum SegmentFilter {
    /// the number is one of these, which are sorted; or there is none, where that is wanted
    OneOf(SegmentColumn, Vec<u64>, bool),
    /// there is a number, and it lies between these
    Between(SegmentColumn, Bound<u64>, Bound<u64>),
    /// all hold
    All(Vec<SegmentFilter>),
    /// one holds
    Any(Vec<SegmentFilter>),
}

impl SegmentFilter {
    /// A filter in the numbers of a segment. A column that is not included fulfils nothing.
    pub fn new(filter: &Filter, layout: &Layout, reader: &SegmentReader) -> tantivy::Result<Self> {
        let included = |column: &usize| layout.included.iter().find(|included| included.place == *column);
        Ok(match filter {
            Filter::OneOf(column, values) => match included(column) {
                Some(included) => one_of(SegmentColumn::of(reader, included)?, included, values)?,
                None => Self::Any(Vec::new()),
            },
            Filter::Between(column, lower, upper) => match included(column) {
                Some(included) => between(SegmentColumn::of(reader, included)?, included, lower, upper)?,
                None => Self::Any(Vec::new()),
            },
            Filter::All(filters) => Self::All(Self::each(filters, layout, reader)?),
            Filter::Any(filters) => Self::Any(Self::each(filters, layout, reader)?),
        })
    }

    /// Prepares each of some filters for a segment.
    fn each(filters: &[Filter], layout: &Layout, reader: &SegmentReader) -> tantivy::Result<Vec<Self>> {
        filters.iter().map(|filter| Self::new(filter, layout, reader)).collect()
    }

    /// Returns true if a document fulfils it.
    pub fn admits(&self, document: u32) -> bool {
        match self {
            Self::OneOf(column, numbers, null) => {
                column.number(document).map_or(*null, |number| numbers.binary_search(&number).is_ok())
            }
            Self::Between(column, lower, upper) => {
                column.number(document).is_some_and(|number| (*lower, *upper).contains(&number))
            }
            Self::All(filters) => filters.iter().all(|filter| filter.admits(document)),
            Self::Any(filters) => filters.iter().any(|filter| filter.admits(document)),
        }
    }
}

/// Admits rows whose value is one of these. A value that the segment does not have admits nothing.
fn one_of(column: SegmentColumn, included: &Included, values: &[Row]) -> tantivy::Result<SegmentFilter> {
    let null = values.iter().any(|value| is_null(value.as_bytes(), 0));
    let mut numbers = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !is_null(value.as_bytes(), 0)) {
        match &column {
            _ if is_number(&included.kind) => numbers.extend(to_number(value.as_bytes())),
            SegmentColumn::Values(values) => numbers.extend(values.dictionary().term_ord(bounded(value.as_bytes()))?),
            SegmentColumn::Empty | SegmentColumn::Numbers(_) => {}
        }
    }
    numbers.sort_unstable();
    Ok(SegmentFilter::OneOf(column, numbers, null))
}

/// Admits rows whose value lies between two bounds.
fn between(column: SegmentColumn, included: &Included, lower: &Bound<Row>, upper: &Bound<Row>) -> tantivy::Result<SegmentFilter> {
    if is_number(&included.kind) {
        let number = |bound: &Bound<Row>| bound.as_ref().map(|field| to_number(field.as_bytes()).unwrap_or(u64::MAX));
        return Ok(SegmentFilter::Between(column, number(lower), number(upper)));
    }
    let SegmentColumn::Values(values) = &column else { return Ok(SegmentFilter::Any(Vec::new())) };
    let bytes = |bound: &Bound<Row>| bound.as_ref().map(|field| bounded(field.as_bytes()));
    let (lower, upper) = values.dictionary().term_bounds_to_ord(bytes(lower), bytes(upper))?;
    Ok(SegmentFilter::Between(column, lower, upper))
}
