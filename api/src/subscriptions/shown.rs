//! The content of a subscription: a query, planned as that of a page is, and kept.
//!
//! A request enters; [`Shown`] leaves, which tells what of a view's rows and changes its reader gets. It is planned anew when the view is
//! replaced, or its readers are.

use std::ops::Bound;
use std::sync::Arc;

use schemas::row::{Diff, Row};
use schemas::serving::{Index, IndexLayout};
use sinks::views::{IndexId, Range, ServedView, Snapshot, Views};

use super::interruption::Interruption;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::state::ApiState;
use crate::http::token::Claims;
use crate::read::access::Rule;
use crate::read::conditions::{Conditions, column, conditions};
use crate::read::cursor::Seal;
use crate::read::limits::PAGE_ROWS_MAX;
use crate::read::page::Projection;
use crate::read::plan::{KeyRange, describe_indexes, parse_order, plan};
use crate::read::stored::{Loaded, Reader};

/// The parameters that are not conditions.
pub(super) const PARAMETERS: &[&str] = &["select", "order", "limit", "key", "after", "wait", "last_event_id"];

/// A query and its reader.
pub(crate) struct Request {
    /// the view
    pub(crate) name: String,
    /// the text after `?`
    pub(crate) query: Option<String>,
    /// claims of the reader's token
    pub(crate) claims: Option<Claims>,
}

/// A planned query.
pub(super) struct Shown {
    pub(super) served: Arc<ServedView>,
    pub(super) id: IndexId,
    /// the number of the index in its view
    number: usize,
    pub(super) reverse: bool,
    pub(super) ranges: Vec<KeyRange>,
    pub(super) rule: Rule,
    conditions: Conditions,
    /// the columns of the conditions that the ranges do not ensure
    residual: Vec<usize>,
    projection: Projection,
    /// the columns by which the client knows a row
    pub(super) key: Option<(Vec<usize>, Projection)>,
    /// the most rows
    pub(super) limit: Option<Diff>,
    pub(super) seal: u64,
}

impl Shown {
    /// Plans a query as it is understood now.
    pub(super) fn new(state: &ApiState, request: &Request) -> Result<Self, ApiError> {
        let query = Query::parse(request.query.as_deref())?;
        let (served, rule) = state.admitted(&request.name, request.claims.as_ref())?;
        let view = &served.view;
        let conditions = conditions(&query, PARAMETERS, view, &rule)?;
        let order = query.one("order")?.map_or(Ok(Vec::new()), |text| parse_order(view, text))?;
        let key = query.one("key")?.map(|names| key(&served, names)).transpose()?;
        let limit = query.one("limit")?.map(|_| query.number("limit", PAGE_ROWS_MAX, 1, PAGE_ROWS_MAX)).transpose()?;
        let (select, key_names) = (query.one("select")?, query.one("key")?);
        let plan = plan(&served, &conditions, &order)?;
        let subject = request.claims.as_ref().and_then(|claims| claims.get("sub"));
        let sealed = (plan.reverse, &conditions, &rule, subject, select, key_names, limit, state.incarnation());
        let seal = Seal::new(view, plan.index, &sealed).query;
        let residual = plan.residual.iter().map(|(column, _)| *column).collect();
        let number = served.indexes.iter().position(|(id, _)| *id == plan.id).unwrap_or_default();
        let (id, reverse, projection) = (plan.id, plan.reverse, Projection::new(view, select)?);
        let ranges = if rule == Rule::Never { Vec::new() } else { plan.ranges };
        let limit = limit.map(|limit| Diff::try_from(limit).unwrap_or(Diff::MAX));
        Ok(Self { id, number, reverse, ranges, residual, projection, key, limit, seal, rule, conditions, served })
    }

    /// Returns true if the reader would see the same rows in the same form by this plan.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        (self.id, self.seal) == (other.id, other.seal)
    }

    /// The index that is read.
    pub(super) fn index(&self) -> &Index {
        &self.served.view.indexes[self.number]
    }

    /// Layout of the index that is read.
    pub(super) fn layout(&self) -> &IndexLayout {
        &self.served.indexes[self.number].1
    }

    /// Returns true if the view is still the one that was planned for.
    pub(super) fn is_current(&self, views: &Views) -> bool {
        views.view(&self.served.view.name).is_some_and(|current| Arc::ptr_eq(&current, &self.served))
    }

    /// Reads rows, if the view is still the one that was planned for.
    pub(super) fn read<T>(
        &self,
        views: &Views,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, Interruption>,
    ) -> Result<T, Interruption> {
        let snapshot = views.snapshot();
        let name = &self.served.view.name;
        if !snapshot.view(name).is_some_and(|current| Arc::ptr_eq(current, &self.served)) {
            return Err(Interruption::Replaced);
        }
        if let Some(hydration) = views.hydration(name) {
            return Err(Interruption::Refused(ApiError::Hydrating { view: name.clone(), hydration }));
        }
        read(&snapshot)
    }

    /// A range, or what is left of it, as an index takes it.
    pub(super) fn range<'b>(&'b self, range: &'b KeyRange, rest: Option<&'b Bound<Row>>) -> Range<'b> {
        let mut range = range.to_range(self.reverse);
        if let Some(rest) = rest {
            let side = if self.reverse { &mut range.upper } else { &mut range.lower };
            *side = rest.as_ref().map(Row::as_bytes);
        }
        range
    }

    /// Returns true if a row lies within the ranges.
    pub(super) fn covers(&self, stored: &Row) -> bool {
        let is_within = |range: &KeyRange| *stored >= range.lower && range.upper.as_ref().is_none_or(|upper| stored < upper);
        self.ranges.iter().any(is_within)
    }

    /// A row within the ranges, if the reader wanted it and may see it. The rule is asked for every row, also where the ranges ensure it.
    pub(super) fn admit(&self, reader: &Reader<'_>, stored: &[u8]) -> Option<Loaded> {
        let row = reader.load(stored);
        let holds =
            |column: &usize| self.conditions.get(column).is_some_and(|condition| condition.admits(reader.field(&row, *column)));
        (self.rule.holds(reader, &row) && self.residual.iter().all(holds)).then_some(row)
    }

    /// `{"row":{...}}`, with a `count` where rows have no key and this one is there more than once.
    pub(super) fn describe(&self, reader: &Reader<'_>, row: &Loaded, count: Diff) -> String {
        let mut data = String::from("{\"row\":");
        self.projection.write(reader, row, &mut data);
        if count != 1 && self.key.is_none() {
            data.push_str(&format!(",\"count\":{count}"));
        }
        data.push('}');
        data
    }

    /// `{"key":{...}}`, or the row where it has none.
    pub(super) fn describe_gone(&self, reader: &Reader<'_>, row: &Loaded, count: Diff) -> String {
        let Some((_, projection)) = &self.key else { return self.describe(reader, row, count) };
        let mut data = String::from("{\"key\":");
        projection.write(reader, row, &mut data);
        data.push('}');
        data
    }

    /// Says that too many rows were looked at for those that were found.
    pub(super) fn scan_limit(&self) -> Interruption {
        let view = &self.served.view;
        Interruption::Refused(ApiError::ScanLimit { view: view.name.clone(), indexes: describe_indexes(view) })
    }
}

fn key(served: &ServedView, names: &str) -> Result<(Vec<usize>, Projection), ApiError> {
    let columns = names.split(',').map(|name| column(&served.view, name)).collect::<Result<_, _>>()?;
    Ok((columns, Projection::new(&served.view, Some(names))?))
}
