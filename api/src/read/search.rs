//! Hits of a search: the columns of a full-text index as if they were those of a view.
//!
//! A reader of an index and a rule enter; the filter of what may be seen leaves, and the form of a hit. The rule is a part of the search:
//! rows that a reader may not see are neither found nor counted, and no part of an answer depends on them.

use schemas::serving::{Access, Index, IndexLayout, View};
use sinks::search::{Filter, SearchReader};

use crate::read::access::Rule;
use crate::read::conditions::{Condition, Conditions};
use crate::read::search_error::SearchError;

/// A hit: the columns of an index as if they were a view.
pub(crate) struct HitView {
    view: View,
    layout: IndexLayout,
    /// number of its columns, from the first, that are searched
    searched: usize,
    /// the included columns
    included: Vec<usize>,
    /// the columns of the index's view that policies compare, each with its place among those of a hit
    guarded: Vec<(usize, usize)>,
}

impl HitView {
    /// The hits of an index.
    pub(crate) fn new(reader: &SearchReader) -> Self {
        let index = reader.index();
        let columns = reader.columns().to_vec();
        let layout = IndexLayout::new(&columns, &Index { name: index.name.clone(), columns: Vec::new(), limit: None });
        let view = View { name: index.name.clone(), columns, indexes: Vec::new(), access: Access::Denied, max_age: None };
        let places = index.columns();
        let is_included = |place: &usize| index.included.contains(&places[*place]);
        let included = (0..places.len()).filter(is_included).collect();
        let guarded = places.iter().enumerate().map(|(place, column)| (*column, place));
        let guarded = guarded.filter(|(column, _)| index.guarded.contains(column)).collect();
        Self { view, layout, searched: index.searched.len(), included, guarded }
    }

    /// The columns of a hit, as a view.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Layout of the row of a hit.
    pub(crate) fn layout(&self) -> &IndexLayout {
        &self.layout
    }

    /// Conditions on included columns as a filter.
    pub(crate) fn filter(&self, conditions: Conditions) -> Result<Filter, SearchError> {
        let mut filters = Vec::new();
        for (place, condition) in conditions {
            self.check_included(place, "a condition")?;
            filters.push(match condition {
                Condition::OneOf(values) => Filter::OneOf(place, values),
                Condition::Between(lower, upper) => Filter::Between(place, lower, upper),
            });
        }
        Ok(Filter::All(filters))
    }

    /// The rule in columns of a hit. A column that the index does not guard, because the rule is newer than the index, lets nothing be seen.
    pub(crate) fn visible(&self, rule: &Rule) -> Filter {
        match rule {
            Rule::Always => Filter::always(),
            // No index of words has lists to compare: their planner refuses such a view.
            Rule::Never | Rule::Has(..) => Filter::never(),
            Rule::Is(column, field) => match self.guarded.iter().find(|(known, _)| known == column) {
                Some((_, place)) => Filter::OneOf(*place, vec![field.clone()]),
                None => Filter::never(),
            },
            Rule::All(rules) => Filter::All(rules.iter().map(|rule| self.visible(rule)).collect()),
            Rule::Any(rules) => Filter::Any(rules.iter().map(|rule| self.visible(rule)).collect()),
        }
    }

    /// Refuses to highlight a column that is not searched.
    pub(crate) fn check_searched(&self, place: usize) -> Result<(), SearchError> {
        if place < self.searched {
            return Ok(());
        }
        let columns = self.view.columns[..self.searched].iter().map(|column| column.name.clone()).collect();
        Err(self.not_included(place, "highlight", columns))
    }

    /// Refuses a column that is not included, which `what` can't use then.
    pub(crate) fn check_included(&self, place: usize, what: &'static str) -> Result<(), SearchError> {
        if self.included.contains(&place) {
            return Ok(());
        }
        let columns = self.included.iter().map(|&place| self.view.columns[place].name.clone()).collect();
        Err(self.not_included(place, what, columns))
    }

    fn not_included(&self, place: usize, what: &'static str, columns: Vec<String>) -> SearchError {
        SearchError::NotIncluded { index: self.view.name.clone(), column: self.view.columns[place].name.clone(), what, columns }
    }
}
