//! Choice of the index that answers a request, and of its ranges.
//!
//! Conditions and an order enter; [`Plan`] leaves: an index, the byte ranges of its rows in the order they are read, and the
//! conditions that are left to test. Rows are read in the order of an index or its reverse; nothing is sorted here.

use std::ops::Bound;

use schemas::field::FieldKind;
use schemas::row::Row;
use schemas::serving::{Index, IndexLayout, View};
use sinks::views::{IndexId, Range, ServedView, prefix_end};

use crate::read::conditions::{Condition, Conditions};
use crate::read::error::ReadError;
use crate::read::limits::RANGES_MAX;
use crate::read::value;

/// Rows from `lower` on and before `upper`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// the first row that may be in it
    pub(crate) lower: Row,
    /// the first row behind it; `None` for the end of the index
    pub(crate) upper: Option<Row>,
}

impl KeyRange {
    /// The range as an index takes it.
    pub(crate) fn to_range(&self, reverse: bool) -> Range<'_> {
        let upper = self.upper.as_ref().map_or(Bound::Unbounded, |upper| Bound::Excluded(upper.as_bytes()));
        Range { lower: Bound::Included(self.lower.as_bytes()), upper, reverse }
    }
}

/// One column of the order that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderColumn {
    /// its position in the view
    pub(crate) column: usize,
    /// true if the greatest value comes first
    pub(crate) descending: bool,
}

/// A planned answer to a request.
pub(crate) struct Plan<'a> {
    /// the index that is read
    pub(crate) id: IndexId,
    /// its number among those of the view
    pub(crate) number: usize,
    /// the index
    pub(crate) index: &'a Index,
    /// layout of its rows
    pub(crate) layout: &'a IndexLayout,
    /// true if it is read backwards
    pub(crate) reverse: bool,
    /// the ranges to read, in the order of reading
    pub(crate) ranges: Vec<KeyRange>,
    /// conditions that the ranges do not ensure
    pub(crate) residual: Vec<(usize, &'a Condition)>,
}

/// The plan over the index that fits best: the longest prefix with known values, then a range after it, then the first declared.
pub(crate) fn plan<'a>(served: &'a ServedView, conditions: &'a Conditions, order: &[OrderColumn]) -> Result<Plan<'a>, ReadError> {
    plan_over(served, |_| true, conditions, order)
}

/// The plan over the index that fits best among those that `may_use` admits.
pub(crate) fn plan_over<'a>(
    served: &'a ServedView,
    may_use: impl Fn(&Index) -> bool,
    conditions: &'a Conditions,
    order: &[OrderColumn],
) -> Result<Plan<'a>, ReadError> {
    let view = &served.view;
    let usable = served.indexes.iter().enumerate().filter(|(number, _)| may_use(&view.indexes[*number]));
    let fits = usable.filter_map(|(number, (_, layout))| {
        let reverse = direction(layout, conditions, order)?;
        let points = points(layout, conditions);
        let ranged = range_at(layout, conditions, points).is_some();
        Some((points, ranged, number, reverse))
    });
    let best = fits.reduce(|best, fit| if (fit.0, fit.1) > (best.0, best.1) { fit } else { best });
    let (points, _, number, reverse) = best.ok_or_else(|| ReadError::BadOrder {
        view: view.name.clone(),
        order: describe_order(view, order),
        indexes: describe_indexes(view),
    })?;
    let (id, layout) = &served.indexes[number];
    let mut ranges = ranges(view, layout, conditions, points)?;
    if reverse {
        ranges.reverse();
    }
    let used = points + usize::from(range_at(layout, conditions, points).is_some());
    let residual = conditions.iter().filter(|(column, _)| !layout.order[..used].contains(column));
    Ok(Plan {
        id: *id,
        number,
        index: &view.indexes[number],
        layout,
        reverse,
        ranges,
        residual: residual.map(|(column, condition)| (*column, condition)).collect(),
    })
}

/// `by_author (author_id, created_at DESC)` for each index of a view.
pub(crate) fn describe_indexes(view: &View) -> Vec<String> {
    let describe = |index: &Index| {
        let columns = index.columns.iter().map(|column| OrderColumn { column: column.column, descending: column.descending });
        format!("{} ({})", index.name, describe_columns(view, columns, ", ", " DESC"))
    };
    view.indexes.iter().map(describe).collect()
}

fn describe_order(view: &View, order: &[OrderColumn]) -> String {
    describe_columns(view, order.iter().copied(), ",", ".desc")
}

fn describe_columns(view: &View, columns: impl Iterator<Item = OrderColumn>, separator: &str, suffix: &str) -> String {
    let names = columns.map(|column| {
        let suffix = if column.descending { suffix } else { "" };
        format!("{}{suffix}", view.columns[column.column].name)
    });
    names.collect::<Vec<_>>().join(separator)
}

/// Returns true if the index has to be read backwards for this order, false if forwards; `None` when it does not keep it.
///
/// Columns with one known value do not count, on either side.
fn direction(layout: &IndexLayout, conditions: &Conditions, order: &[OrderColumn]) -> Option<bool> {
    let varies = |column: usize| !conditions.get(&column).is_some_and(Condition::is_constant);
    let mut places = layout.order.iter().zip(&layout.inverted).filter(|(column, _)| varies(**column));
    let mut reverse = None;
    for wanted in order.iter().filter(|wanted| varies(wanted.column)) {
        let (&column, &descending) = places.next()?;
        let backwards = wanted.descending != descending;
        if column != wanted.column || reverse.is_some_and(|reverse| reverse != backwards) {
            return None;
        }
        reverse = Some(backwards);
    }
    Some(reverse.unwrap_or(false))
}

/// Returns the number of leading columns of the index with known values.
fn points(layout: &IndexLayout, conditions: &Conditions) -> usize {
    let known = |column: &&usize| matches!(conditions.get(column), Some(Condition::OneOf(_)));
    layout.order.iter().take_while(known).count()
}

/// The bounds of the column after those with known values.
fn range_at<'a>(layout: &IndexLayout, conditions: &'a Conditions, place: usize) -> Option<(&'a Bound<Row>, &'a Bound<Row>)> {
    match layout.order.get(place).and_then(|column| conditions.get(column)) {
        Some(Condition::Between(lower, upper)) => Some((lower, upper)),
        _ => None,
    }
}

fn ranges(view: &View, layout: &IndexLayout, conditions: &Conditions, points: usize) -> Result<Vec<KeyRange>, ReadError> {
    let mut prefixes = vec![Row::empty()];
    for place in 0..points {
        let column = layout.order[place];
        let Some(Condition::OneOf(fields)) = conditions.get(&column) else { break };
        if prefixes.len() * fields.len() > RANGES_MAX {
            return Err(ReadError::TooManyRanges { column: view.columns[column].name.clone() });
        }
        let mut stored: Vec<Row> = fields.iter().map(|field| stored_field(field, layout.inverted[place])).collect();
        stored.sort_unstable();
        let extend =
            |prefix: &Row| stored.iter().map(|field| Row::concat(prefix.as_bytes(), field.as_bytes())).collect::<Vec<_>>();
        prefixes = prefixes.iter().flat_map(extend).collect();
    }
    let bounds = range_at(layout, conditions, points);
    let range = |prefix: Row| match bounds {
        None => Some(KeyRange { upper: prefix_end(prefix.as_bytes()), lower: prefix }),
        Some(bounds) => bounded(&prefix, &layout.kinds[points], layout.inverted[points], bounds),
    };
    Ok(prefixes.into_iter().filter_map(range).collect())
}

/// The rows that start with `prefix` and continue with a field within the bounds that is not NULL.
fn bounded(prefix: &Row, kind: &FieldKind, inverted: bool, (lower, upper): (&Bound<Row>, &Bound<Row>)) -> Option<KeyRange> {
    let at = |field: &Row| Row::concat(prefix.as_bytes(), stored_field(field, inverted).as_bytes());
    let after = |field: &Row| prefix_end(at(field).as_bytes());
    let null = value::null(kind);
    // Where the index descends, the bounds change sides, and NULL, the greatest value, comes first.
    let (first, last) = if inverted { (upper, lower) } else { (lower, upper) };
    let lower = match first {
        Bound::Included(field) => at(field),
        Bound::Excluded(field) => after(field)?,
        Bound::Unbounded if inverted => after(&null)?,
        Bound::Unbounded => prefix.clone(),
    };
    let upper = match last {
        Bound::Included(field) => after(field),
        Bound::Excluded(field) => Some(at(field)),
        Bound::Unbounded if inverted => prefix_end(prefix.as_bytes()),
        Bound::Unbounded => Some(at(&null)),
    };
    Some(KeyRange { lower, upper })
}

fn stored_field(field: &Row, inverted: bool) -> Row {
    let mut stored = field.clone();
    if inverted {
        stored.tail_mut(0).iter_mut().for_each(|byte| *byte = !*byte);
    }
    stored
}
