//! Places in the ordered rows of a key: peers, frames, and how far a change is seen.
//!
//! Rows in order and the place of one of them enter, ranges of places leave. Everything is found by halving, since peers are neighbours and the
//! bounds of frames grow with the rows.

use std::cmp::Ordering;
use std::ops::Range;

use schemas::field::{FieldKind, Value};
use schemas::interval::DAY_MICROS;
use schemas::numeric::Numeric;
use schemas::row::Row;
use schemas::window::{FrameBound, FrameDistance, FrameUnit, WindowFrame, WindowKind};

use super::spec::{WindowCall, WindowSpec};

/// A row behind its ordering fields, those that are descending inverted: bytes in the order of the window, ties broken by the whole row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderedRow {
    bytes: Row,
    /// place in the bytes where the row begins
    start: u32,
}

impl OrderedRow {
    /// Puts the ordering fields in front of a row.
    pub(super) fn new(spec: &WindowSpec, row: &[u8]) -> Self {
        let mut bytes = Row::empty();
        for &(field, descending) in &spec.order {
            let start = bytes.len();
            bytes.extend(field_of(&spec.kinds, row, field));
            if descending {
                bytes.tail_mut(start).iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        let start = bytes.len() as u32;
        bytes.extend(row);
        Self { bytes, start }
    }

    /// The bytes by which rows are ordered.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }

    /// The row.
    pub(super) fn row(&self) -> &[u8] {
        &self.bytes.as_bytes()[self.start as usize..]
    }

    /// The ordering fields; those of peers are equal.
    fn order(&self) -> &[u8] {
        &self.bytes.as_bytes()[..self.start as usize]
    }
}

/// A field of a row as it is stored.
pub(super) fn field_of<'r>(kinds: &[FieldKind], row: &'r [u8], field: usize) -> &'r [u8] {
    let start = kinds[..field].iter().fold(0, |at, kind| kind.end(row, at));
    &row[start..kinds[field].end(row, start)]
}

/// The rows of a key in order, with the functions over them.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) spec: &'a WindowSpec,
    pub(super) rows: &'a [OrderedRow],
}

/// The rows around a row in which its change is seen.
enum Reach<'f> {
    /// so many rows
    Rows(u64),
    /// its peers and so many groups of peers
    Groups(u64),
    /// the rows whose ordering field is so near
    Near(&'f FrameDistance),
    /// all rows
    All,
}

/// The value of the one ordering field by which distances are measured.
enum OrderValue {
    Null,
    Exact(i128),
    Numeric(Numeric),
    Float(f64),
}

impl<'a> Window<'a> {
    /// The peers of a row.
    pub(super) fn peers(&self, row: usize) -> Range<usize> {
        self.peers_of(&self.rows[row])
    }

    /// The number of groups of peers before that of a row.
    pub(super) fn groups_before(&self, row: usize) -> usize {
        let end = self.peers(row).start;
        (0..end).filter(|&at| at == 0 || self.rows[at - 1].order() != self.rows[at].order()).count()
    }

    /// Returns true if a row is the first of its peers.
    pub(super) fn is_first_peer(&self, row: usize) -> bool {
        row == 0 || self.rows[row - 1].order() != self.rows[row].order()
    }

    /// The frame of a row.
    pub(super) fn frame(&self, frame: &WindowFrame, row: usize) -> Range<usize> {
        let (start, end) = (self.start(frame, row), self.end(frame, row));
        // A frame may end before it begins: then it has no rows.
        start..end.max(start)
    }

    fn start(&self, frame: &WindowFrame, row: usize) -> usize {
        let count = self.rows.len();
        match (&frame.start, frame.unit) {
            (FrameBound::First, _) => 0,
            (FrameBound::Last, _) => count,
            (FrameBound::Current, FrameUnit::Rows) => row,
            (FrameBound::Current, _) => self.peers(row).start,
            (FrameBound::Preceding(FrameDistance::Count(rows)), FrameUnit::Rows) => row.saturating_sub(places(*rows)),
            (FrameBound::Following(FrameDistance::Count(rows)), FrameUnit::Rows) => row.saturating_add(places(*rows)).min(count),
            (FrameBound::Preceding(FrameDistance::Count(groups)), _) => self.groups_back(self.peers(row).start, *groups),
            (FrameBound::Following(FrameDistance::Count(groups)), _) => {
                let peers = self.peers(row);
                // The next group begins where this one ends.
                groups.checked_sub(1).map_or(peers.start, |more| self.groups_on(peers.end, more))
            }
            (FrameBound::Preceding(distance), _) => self.near(row, distance, true, true),
            (FrameBound::Following(distance), _) => self.near(row, distance, false, true),
        }
    }

    /// The place behind the last row of a frame.
    fn end(&self, frame: &WindowFrame, row: usize) -> usize {
        let count = self.rows.len();
        match (&frame.end, frame.unit) {
            (FrameBound::First, _) => 0,
            (FrameBound::Last, _) => count,
            (FrameBound::Current, FrameUnit::Rows) => row + 1,
            (FrameBound::Current, _) => self.peers(row).end,
            (FrameBound::Preceding(FrameDistance::Count(rows)), FrameUnit::Rows) => (row + 1).saturating_sub(places(*rows)),
            (FrameBound::Following(FrameDistance::Count(rows)), FrameUnit::Rows) => {
                row.saturating_add(places(*rows)).saturating_add(1).min(count)
            }
            (FrameBound::Preceding(FrameDistance::Count(groups)), _) => {
                let peers = self.peers(row);
                groups.checked_sub(1).map_or(peers.end, |more| self.groups_back(peers.start, more))
            }
            (FrameBound::Following(FrameDistance::Count(groups)), _) => self.groups_on(self.peers(row).end, *groups),
            (FrameBound::Preceding(distance), _) => self.near(row, distance, true, false),
            (FrameBound::Following(distance), _) => self.near(row, distance, false, false),
        }
    }

    /// The rows whose results a change of a row may change, in rows without it or with it: those between the places.
    pub(super) fn affected(&self, changed: &OrderedRow) -> Range<usize> {
        let own = self.rows.partition_point(|row| row.bytes() < changed.bytes());
        let behind = self.rows.partition_point(|row| row.bytes() <= changed.bytes());
        let (mut start, mut end) = (own, behind);
        for call in &self.spec.calls {
            let (before, after) = reaches(call);
            start = start.min(self.reached_before(changed, own, &before));
            end = end.max(self.reached_after(changed, behind, &after));
        }
        start..end
    }

    fn reached_before(&self, changed: &OrderedRow, own: usize, reach: &Reach<'_>) -> usize {
        match reach {
            Reach::Rows(rows) => own.saturating_sub(places(*rows)),
            Reach::Groups(groups) => self.groups_back(self.peers_of(changed).start, *groups),
            Reach::Near(distance) => match self.value(changed) {
                OrderValue::Null => self.peers_of(changed).start,
                value => {
                    let is_minus = self.is_descending();
                    let reaches = |base: &OrderValue| is_within(&value, base, distance, is_minus, !is_minus);
                    self.rows.partition_point(|row| self.is_before(row, |base| !reaches(base)))
                }
            },
            Reach::All => 0,
        }
    }

    fn reached_after(&self, changed: &OrderedRow, behind: usize, reach: &Reach<'_>) -> usize {
        match reach {
            Reach::Rows(rows) => behind.saturating_add(places(*rows)).min(self.rows.len()),
            Reach::Groups(groups) => self.groups_on(self.peers_of(changed).end, *groups),
            Reach::Near(distance) => match self.value(changed) {
                OrderValue::Null => self.peers_of(changed).end,
                value => {
                    let is_minus = !self.is_descending();
                    let reaches = |base: &OrderValue| is_within(&value, base, distance, is_minus, !is_minus);
                    self.rows.partition_point(|row| self.is_before(row, reaches))
                }
            },
            Reach::All => self.rows.len(),
        }
    }

    /// The places where the peers of a row are or would be.
    fn peers_of(&self, row: &OrderedRow) -> Range<usize> {
        let order = row.order();
        let start = self.rows.partition_point(|other| other.order() < order);
        start..self.rows.partition_point(|other| other.order() <= order)
    }

    /// The begin of the group that is so many groups before the one that begins at a place, or the first place.
    fn groups_back(&self, mut start: usize, groups: u64) -> usize {
        for _ in 0..groups {
            match start.checked_sub(1) {
                Some(last) => start = self.peers(last).start,
                None => break,
            }
        }
        start
    }

    /// The end of the group that is so many groups behind the one that ends at a place, or the end of all rows.
    fn groups_on(&self, mut end: usize, groups: u64) -> usize {
        for _ in 0..groups {
            if end >= self.rows.len() {
                break;
            }
            end = self.peers(end).end;
        }
        end
    }

    /// The first row, or the place behind the last one, of those that are no farther from a row. Peers of a NULL are as near as can be, and no
    /// other row is near it.
    fn near(&self, row: usize, distance: &FrameDistance, is_preceding: bool, is_start: bool) -> usize {
        let is_descending = self.is_descending();
        // Before a row are the smaller values, in descending order the greater ones.
        let is_minus = is_preceding != is_descending;
        match self.value(&self.rows[row]) {
            OrderValue::Null if is_start => self.peers(row).start,
            OrderValue::Null => self.peers(row).end,
            base => self.rows.partition_point(|other| {
                self.is_before(other, |value| {
                    // Up to the start are the rows that do not reach the bound yet, up to the end those that do not pass it.
                    let is_at_most = is_start == is_descending;
                    is_within(value, &base, distance, is_minus, is_at_most) != is_start
                })
            }),
        }
    }

    /// Returns true if a row comes before a place that is found by values, among which NULL is the greatest.
    fn is_before(&self, row: &OrderedRow, is_value_before: impl Fn(&OrderValue) -> bool) -> bool {
        match self.value(row) {
            OrderValue::Null => self.is_descending(),
            value => is_value_before(&value),
        }
    }

    fn is_descending(&self) -> bool {
        self.spec.order.first().is_some_and(|(_, descending)| *descending)
    }

    /// The value of the ordering field.
    fn value(&self, row: &OrderedRow) -> OrderValue {
        let [(field, _)] = self.spec.order[..] else {
            panic!("distances were planned over {} ordering fields", self.spec.order.len());
        };
        let stored = field_of(&self.spec.kinds, row.row(), field);
        match self.spec.kinds[field].read(stored, 0) {
            Value::Null => OrderValue::Null,
            Value::Int(value) => OrderValue::Exact(value.into()),
            Value::UInt(value) => OrderValue::Exact(value.into()),
            Value::Decimal(units, _) => OrderValue::Exact(units),
            Value::Timestamp(micros) | Value::LocalTimestamp(micros) => OrderValue::Exact(micros.into()),
            Value::Date(days) => OrderValue::Exact(i128::from(days) * i128::from(DAY_MICROS)),
            Value::Numeric(units) => OrderValue::Numeric(Numeric::from_wide(units)),
            Value::Float(value) => OrderValue::Float(value),
            other => panic!("distances were planned over {other:?}"),
        }
    }
}

/// Returns true if a value is at most (or at least) `base` plus (or minus) a distance, by PostgreSQL's rules for values without a number.
fn is_within(value: &OrderValue, base: &OrderValue, distance: &FrameDistance, is_minus: bool, is_at_most: bool) -> bool {
    let allowed = |order: Ordering| order != if is_at_most { Ordering::Greater } else { Ordering::Less };
    match (value, base, distance) {
        (OrderValue::Exact(value), OrderValue::Exact(base), FrameDistance::Units(units)) => {
            let bound = if is_minus { base.saturating_sub(*units) } else { base.saturating_add(*units) };
            allowed(value.cmp(&bound))
        }
        (OrderValue::Numeric(value), OrderValue::Numeric(base), FrameDistance::Numeric(distance)) => {
            let bound = if is_minus { base.subtract(distance) } else { base.add(distance) };
            allowed(value.compare(&bound))
        }
        (OrderValue::Float(value), OrderValue::Float(base), FrameDistance::Float(distance)) => {
            float_is_within(*value, *base, *distance, is_minus, is_at_most)
        }
        _ => panic!("the distance {distance:?} was planned over another kind of ordering field"),
    }
}

/// The same of floating-point numbers: not-a-number is the greatest, and as near to itself as can be.
fn float_is_within(value: f64, base: f64, distance: f64, is_minus: bool, is_at_most: bool) -> bool {
    if value.is_nan() {
        return base.is_nan() || !is_at_most;
    }
    if base.is_nan() {
        return is_at_most;
    }
    // Infinitely far from the other infinity is everywhere.
    if distance.is_infinite() && base.is_infinite() && (base > 0.0) == is_minus {
        return true;
    }
    let bound = if is_minus { base - distance } else { base + distance };
    if is_at_most { value <= bound } else { value >= bound }
}

/// The rows before and those behind a row in which its change is seen by a function.
fn reaches(call: &WindowCall) -> (Reach<'_>, Reach<'_>) {
    match &call.kind {
        WindowKind::RowNumber | WindowKind::Rank | WindowKind::DenseRank => (Reach::Rows(0), Reach::All),
        WindowKind::PercentRank | WindowKind::CumeDist | WindowKind::Ntile { .. } => (Reach::All, Reach::All),
        WindowKind::Neighbour { offset } if *offset < 0 => (Reach::Rows(0), Reach::Rows(offset.unsigned_abs())),
        WindowKind::Neighbour { offset } => (Reach::Rows(offset.unsigned_abs()), Reach::Rows(0)),
        WindowKind::FirstValue | WindowKind::LastValue | WindowKind::NthValue { .. } | WindowKind::Aggregate(_) => {
            let WindowFrame { unit, start, end } = &call.frame;
            let after = match start {
                FrameBound::First => Reach::All,
                FrameBound::Preceding(distance) => reach(*unit, distance),
                _ => nearest(*unit),
            };
            let before = match end {
                FrameBound::Last => Reach::All,
                FrameBound::Following(distance) => reach(*unit, distance),
                _ => nearest(*unit),
            };
            (before, after)
        }
    }
}

fn reach(unit: FrameUnit, distance: &FrameDistance) -> Reach<'_> {
    match (unit, distance) {
        (FrameUnit::Rows, FrameDistance::Count(rows)) => Reach::Rows(*rows),
        (_, FrameDistance::Count(groups)) => Reach::Groups(*groups),
        (_, distance) => Reach::Near(distance),
    }
}

/// The row itself, or its peers.
fn nearest<'f>(unit: FrameUnit) -> Reach<'f> {
    if unit == FrameUnit::Rows { Reach::Rows(0) } else { Reach::Groups(0) }
}

/// A number of rows as a number of places.
fn places(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
