//! The content of a subscription: a query, planned as that of a page is, and kept.
//!
//! A request enters; [`PlannedSubscription`] leaves, which selects the rows and changes of the view that its reader gets. It is planned
//! again when the view is replaced, or its readers are.

use std::ops::Bound;
use std::sync::Arc;

use schemas::row::{Diff, Row};
use schemas::serving::{Index, IndexLayout};
use sinks::views::{IndexId, Range, ServedView, Snapshot, ViewReader};

use super::error::SubscriptionError;
use super::interruption::Interruption;
use super::open::Subscriptions;
use super::question::{Question, SubscriptionQuery, SubscriptionRequest};
use crate::read::access::Rule;
use crate::read::catalog::Catalog;
use crate::read::conditions::Conditions;
use crate::read::cursor::Seal;
use crate::read::error::ReadError;
use crate::read::plan::{KeyRange, describe_indexes};
use crate::read::projection::Projection;
use crate::read::request::RowsRequest;
use crate::read::rows::{LoadedRow, RowReader};

/// A planned query.
pub(crate) struct PlannedSubscription {
    pub(crate) served: Arc<ServedView>,
    pub(crate) id: IndexId,
    /// the number of the index in its view
    number: usize,
    pub(super) reverse: bool,
    pub(crate) ranges: Vec<KeyRange>,
    pub(super) rule: Rule,
    pub(crate) conditions: Conditions,
    /// the columns of the conditions that the ranges do not ensure
    residual: Vec<usize>,
    projection: Projection,
    /// the columns by which the client knows a row
    pub(super) key: Option<(Vec<usize>, Projection)>,
    /// the most rows
    pub(super) limit: Option<Diff>,
    pub(crate) seal: u64,
}

impl PlannedSubscription {
    /// Plans a question as it is understood now.
    pub(crate) fn new<Q: Question>(subscriptions: &Subscriptions, request: &SubscriptionRequest<Q>) -> Result<Self, Q::Error> {
        let admitted = subscriptions.catalog().admitted(&request.view, request.claims.as_ref());
        let (served, rule) = admitted.map_err(SubscriptionError::from)?;
        let query = request.question.understand(&served, &rule)?;
        let subject = request.claims.as_ref().and_then(|claims| claims.get("sub"));
        Ok(Self::plan(served, rule, query, subject, subscriptions.incarnation()).map_err(SubscriptionError::from)?)
    }

    fn plan(
        served: Arc<ServedView>,
        rule: Rule,
        query: SubscriptionQuery,
        subject: Option<&serde_json::Value>,
        incarnation: u64,
    ) -> Result<Self, ReadError> {
        let SubscriptionQuery { rows, select: projection, key, limit, words: [select, key_names], bigints } = query;
        let plan = rows.plan(&served)?;
        let sealed = (plan.reverse, &rows.conditions, &rule, subject, select, key_names, (limit, bigints), incarnation);
        let seal = Seal::new(&served.view, plan.index, &sealed).query;
        let residual = plan.residual.iter().map(|(column, _)| *column).collect();
        let (id, number, reverse) = (plan.id, plan.number, plan.reverse);
        let ranges = if rule == Rule::Never { Vec::new() } else { plan.ranges };
        let limit = limit.map(|limit| Diff::try_from(limit).unwrap_or(Diff::MAX));
        let RowsRequest { conditions, .. } = rows;
        Ok(Self { id, number, reverse, ranges, residual, projection, key, limit, seal, rule, conditions, served })
    }

    /// Returns true if the reader would see the same rows in the same form by this plan.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        (self.id, self.seal) == (other.id, other.seal)
    }

    /// Returns true if the ranges of the index ensure all conditions.
    pub(crate) fn is_indexed(&self) -> bool {
        self.residual.is_empty()
    }

    /// The index that is read.
    pub(crate) fn index(&self) -> &Index {
        &self.served.view.indexes[self.number]
    }

    /// Layout of the index that is read.
    pub(crate) fn layout(&self) -> &IndexLayout {
        &self.served.indexes[self.number].1
    }

    /// Returns true if the view is still the one that was planned for.
    pub(crate) fn is_current(&self, views: &dyn ViewReader) -> bool {
        views.view(&self.served.view.name).is_some_and(|current| Arc::ptr_eq(&current, &self.served))
    }

    /// Reads rows, if the view is still the one that was planned for.
    pub(crate) fn read<T>(
        &self,
        catalog: &Catalog,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, Interruption>,
    ) -> Result<T, Interruption> {
        read(&catalog.snapshot_of(&self.served)?.ok_or(Interruption::Replaced)?)
    }

    /// A range, or what is left of it, as an index takes it.
    pub(crate) fn range<'b>(&'b self, range: &'b KeyRange, rest: Option<&'b Bound<Row>>) -> Range<'b> {
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
    pub(crate) fn admit(&self, reader: &RowReader<'_>, stored: &[u8]) -> Option<LoadedRow> {
        let row = reader.load(stored);
        let holds =
            |column: &usize| self.conditions.get(column).is_some_and(|condition| condition.admits(reader.field(&row, *column)));
        (self.rule.holds(reader, &row) && self.residual.iter().all(holds)).then_some(row)
    }

    /// `{"row":{...}}`, with a `count` where rows have no key and this one is there more than once.
    pub(super) fn describe(&self, reader: &RowReader<'_>, row: &LoadedRow, count: Diff) -> String {
        let mut data = String::from("{\"row\":");
        self.projection.write(reader, row, &mut data);
        if count != 1 && self.key.is_none() {
            data.push_str(&format!(",\"count\":{count}"));
        }
        data.push('}');
        data
    }

    /// `{"key":{...}}`, or the row where it has none.
    pub(super) fn describe_gone(&self, reader: &RowReader<'_>, row: &LoadedRow, count: Diff) -> String {
        let Some((_, projection)) = &self.key else { return self.describe(reader, row, count) };
        let mut data = String::from("{\"key\":");
        projection.write(reader, row, &mut data);
        data.push('}');
        data
    }

    /// Says that too many rows were looked at for those that were found.
    pub(super) fn scan_limit(&self) -> Interruption {
        let view = &self.served.view;
        ReadError::ScanLimit { view: view.name.clone(), indexes: describe_indexes(view) }.into()
    }
}
