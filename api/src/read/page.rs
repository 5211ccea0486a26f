//! One page: the rows of a plan that a reader may see, written as JSON.
//!
//! A snapshot, a plan and a rule enter; the text of the rows and the place of the last one leave. This is the hot path: a row is
//! checked as bytes and written straight into the answer.

use schemas::field::json_string;
use schemas::row::Row;
use schemas::serving::View;
use sinks::views::Snapshot;

use crate::http::error::ApiError;
use crate::read::access::Rule;
use crate::read::conditions::column;
use crate::read::cursor::Place;
use crate::read::limits::SCAN_ROWS_MAX;
use crate::read::plan::{KeyRange, Plan, describe_indexes};
use crate::read::stored::{Loaded, Reader};

/// Bytes that the text of a row is expected to need.
const ROW_TEXT_BYTES: usize = 256;

/// The columns of an answer in their order, each with the JSON text before its value.
pub(crate) struct Projection(Vec<(usize, String)>);

impl Projection {
    /// All columns of the view, or those that `select` names.
    pub(crate) fn new(view: &View, select: Option<&str>) -> Result<Self, ApiError> {
        let columns: Vec<usize> = match select {
            None | Some("*") => (0..view.columns.len()).collect(),
            Some(names) => names.split(',').map(|name| column(view, name)).collect::<Result<_, _>>()?,
        };
        let mut fields: Vec<(usize, String)> = Vec::with_capacity(columns.len());
        for column in columns {
            if fields.iter().any(|(known, _)| *known == column) {
                let value = select.unwrap_or_default().to_owned();
                return Err(ApiError::BadParameter { name: "select", value, expected: "each column at most once".into() });
            }
            let mut text = String::from(if fields.is_empty() { "{" } else { "," });
            json_string(&view.columns[column].name, &mut text);
            text.push(':');
            fields.push((column, text));
        }
        Ok(Self(fields))
    }

    /// Appends a row as a JSON object.
    pub(crate) fn write(&self, reader: &Reader<'_>, row: &Loaded, out: &mut String) {
        for (column, before) in &self.0 {
            out.push_str(before);
            reader.value(row, *column).write_json(out);
        }
        out.push('}');
    }
}

/// The part of a view that is read.
pub(crate) struct PageRequest<'a> {
    pub(crate) view: &'a View,
    pub(crate) plan: Plan<'a>,
    pub(crate) rule: &'a Rule,
    pub(crate) projection: Projection,
    pub(crate) limit: usize,
    pub(crate) resume: Option<Place>,
}

impl PageRequest<'_> {
    /// Appends the rows of the page to `out`, with commas between them; returns the place of the last one when there are more.
    pub(crate) fn read(&self, snapshot: &Snapshot<'_>, out: &mut String) -> Result<Option<Place>, ApiError> {
        out.reserve(self.limit * ROW_TEXT_BYTES);
        let mut separator = "";
        self.each(snapshot, |reader, row| {
            out.push_str(std::mem::replace(&mut separator, ","));
            self.projection.write(reader, row, out);
        })
    }

    /// Hands out the rows of the page, repeats one by one; returns the place of the last one when there are more.
    pub(crate) fn each(
        &self,
        snapshot: &Snapshot<'_>,
        mut take: impl FnMut(&Reader<'_>, &Loaded),
    ) -> Result<Option<Place>, ApiError> {
        if *self.rule == Rule::Never {
            return Ok(None);
        }
        let reader = Reader::new(self.plan.layout);
        let ranges = self.plan.ranges.iter().filter_map(|range| self.rest_of(range));
        let rows = ranges.flat_map(|range| snapshot.served(self.plan.id, range.to_range(self.plan.reverse)));
        let mut written = 0;
        let mut last = None;
        for (looked_at, (stored, count)) in rows.enumerate() {
            if looked_at >= SCAN_ROWS_MAX {
                return if written == self.limit { Ok(place(last)) } else { Err(self.scan_limit()) };
            }
            let row = reader.load(stored);
            if !self.is_wanted(&reader, &row) {
                continue;
            }
            for repeat in self.repeats_served(stored)..count {
                if written == self.limit {
                    return Ok(place(last));
                }
                take(&reader, &row);
                written += 1;
                last = Some((stored, repeat + 1));
            }
        }
        Ok(None)
    }

    /// The rule is asked for every row, also where the ranges ensure it: no fault of a plan shows a row to the wrong reader.
    fn is_wanted(&self, reader: &Reader<'_>, row: &Loaded) -> bool {
        let conditions = &self.plan.residual;
        self.rule.holds(reader, row) && conditions.iter().all(|(column, condition)| condition.admits(reader.field(row, *column)))
    }

    fn repeats_served(&self, stored: &[u8]) -> i64 {
        self.resume.as_ref().filter(|place| place.row.as_bytes() == stored).map_or(0, |place| place.repeats)
    }

    /// Returns the part of a range at or behind the place where the page begins; `None` when it is empty.
    fn rest_of(&self, range: &KeyRange) -> Option<KeyRange> {
        let KeyRange { mut lower, mut upper } = range.clone();
        match &self.resume {
            Some(place) if self.plan.reverse => {
                let behind = Row::concat(place.row.as_bytes(), &[0]);
                upper = Some(upper.map_or(behind.clone(), |upper| upper.min(behind)));
            }
            Some(place) => lower = lower.max(place.row.clone()),
            None => {}
        }
        let is_empty = upper.as_ref().is_some_and(|upper| *upper <= lower);
        (!is_empty).then_some(KeyRange { lower, upper })
    }

    fn scan_limit(&self) -> ApiError {
        ApiError::ScanLimit { view: self.view.name.clone(), indexes: describe_indexes(self.view) }
    }
}

fn place(last: Option<(&[u8], i64)>) -> Option<Place> {
    last.map(|(row, repeats)| Place { row: Row::from_bytes(row), repeats })
}
