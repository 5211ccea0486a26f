//! Searches: from the parameters of a request to what is looked for, and from what was found to JSON.
//!
//! Parameters, a reader of an index and a rule enter; a [`Search`] leaves, and the text of its [`Answer`]. The rule is a part of the search:
//! rows that a reader may not see are neither found nor counted, and no part of an answer depends on them.

use schemas::field::{FieldKind, json_string};
use schemas::serving::{Access, Index, IndexLayout, View};
use sinks::search::{Answer, Filter, Order, OrderBy, Search, SearchReader};

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::read::access::Rule;
use crate::read::conditions::{Condition, column, conditions};
use crate::read::limits::{DEPTH_MAX, FACETS_MAX, HITS_DEFAULT, HITS_MAX};
use crate::read::page::Projection;
use crate::read::stored::Reader;

/// Name of the order by relevance, which is no column.
const RELEVANCE: &str = "relevance";

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
        let view = View { name: index.name.clone(), columns, indexes: Vec::new(), access: Access::Denied };
        let places = index.columns();
        let is_included = |place: &usize| index.included.contains(&places[*place]);
        let included = (0..places.len()).filter(is_included).collect();
        let guarded = places.iter().enumerate().map(|(place, column)| (*column, place));
        let guarded = guarded.filter(|(column, _)| index.guarded.contains(column)).collect();
        Self { view, layout, searched: index.searched.len(), included, guarded }
    }

    /// Builds the filter from the parameters that name columns.
    pub(crate) fn filter(&self, query: &Query<'_>, reserved: &'static [&'static str]) -> Result<Filter, ApiError> {
        let mut filters = Vec::new();
        for (place, condition) in conditions(query, reserved, &self.view, &Rule::Always)? {
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

    /// Builds the search, and the selection of its columns.
    pub(crate) fn search(&self, query: &Query<'_>, visible: Filter, filter: Filter) -> Result<(Search, Projection), ApiError> {
        let highlights = self.named(query, "highlight")?;
        for &place in &highlights {
            if place >= self.searched {
                let columns = self.view.columns[..self.searched].iter().map(|column| column.name.clone()).collect();
                return Err(self.not_included(place, "highlight", columns));
            }
        }
        let search = Search {
            query: query.one("q")?.map(str::to_owned),
            visible,
            filter,
            order: self.order(query)?,
            offset: query.number("offset", 0, 0, DEPTH_MAX)?,
            limit: query.number("limit", HITS_DEFAULT, 1, HITS_MAX)?,
            highlights,
            facets: self.facets(query)?,
        };
        Ok((search, Projection::new(&self.view, query.one("select")?)?))
    }

    fn order(&self, query: &Query<'_>) -> Result<Order, ApiError> {
        let text = query.one("order")?.unwrap_or(RELEVANCE);
        if text == RELEVANCE {
            return Ok(Order { by: OrderBy::Relevance, descending: true });
        }
        let (name, direction) = text.rsplit_once('.').unwrap_or((text, "asc"));
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => {
                let expected = "relevance, or one column such as created_at.desc".to_owned();
                return Err(ApiError::BadParameter { name: "order", value: text.to_owned(), expected });
            }
        };
        let place = column(&self.view, name)?;
        self.check_included(place, "order")?;
        Ok(Order { by: OrderBy::Column(place), descending })
    }

    fn facets(&self, query: &Query<'_>) -> Result<Vec<usize>, ApiError> {
        let facets = self.named(query, "facets")?;
        if facets.len() > FACETS_MAX {
            let value = query.one("facets")?.unwrap_or_default().to_owned();
            return Err(ApiError::BadParameter { name: "facets", value, expected: format!("at most {FACETS_MAX} columns") });
        }
        for &place in &facets {
            self.check_included(place, "facets")?;
            let kind = &self.view.columns[place].kind;
            if matches!(kind, FieldKind::List(_) | FieldKind::Float64) {
                let column = self.view.columns[place].name.clone();
                let expected = format!("columns whose values can be counted, unlike '{column}', which is {}", kind.sql_name());
                return Err(ApiError::BadParameter { name: "facets", value: column, expected });
            }
        }
        Ok(facets)
    }

    /// The columns that a parameter lists, each once.
    fn named(&self, query: &Query<'_>, name: &'static str) -> Result<Vec<usize>, ApiError> {
        let Some(text) = query.one(name)? else { return Ok(Vec::new()) };
        let mut places = Vec::new();
        for part in text.split(',') {
            let place = column(&self.view, part)?;
            if places.contains(&place) {
                let expected = "each column at most once".to_owned();
                return Err(ApiError::BadParameter { name, value: text.to_owned(), expected });
            }
            places.push(place);
        }
        Ok(places)
    }

    fn check_included(&self, place: usize, what: &'static str) -> Result<(), ApiError> {
        if self.included.contains(&place) {
            return Ok(());
        }
        let columns = self.included.iter().map(|&place| self.view.columns[place].name.clone()).collect();
        Err(self.not_included(place, what, columns))
    }

    fn not_included(&self, place: usize, what: &'static str, columns: Vec<String>) -> ApiError {
        ApiError::NotIncluded { index: self.view.name.clone(), column: self.view.columns[place].name.clone(), what, columns }
    }

    /// The answer as JSON, without the position that ends it.
    pub(crate) fn write(&self, answer: &Answer, search: &Search, projection: &Projection) -> String {
        let reader = Reader::new(&self.layout);
        let mut json = String::from("{\"hits\":[");
        for (number, hit) in answer.hits.iter().enumerate() {
            json.push_str(if number == 0 { "{\"row\":" } else { ",{\"row\":" });
            projection.write(&reader, &reader.load(hit.row.as_bytes()), &mut json);
            json.push_str(",\"highlights\":{");
            for (number, (place, html)) in hit.highlights.iter().enumerate() {
                json.push_str(if number == 0 { "" } else { "," });
                json_string(&self.view.columns[*place].name, &mut json);
                json.push(':');
                json_string(html, &mut json);
            }
            json.push_str("}}");
        }
        json.push_str("],\"total\":");
        json.push_str(&answer.total.to_string());
        let next = search.offset + answer.hits.len();
        let has_more = (next as u64) < answer.total && next <= DEPTH_MAX;
        json.push_str(&if has_more { format!(",\"next_offset\":{next}") } else { ",\"next_offset\":null".to_owned() });
        self.write_facets(answer, &mut json);
        json
    }

    fn write_facets(&self, answer: &Answer, json: &mut String) {
        json.push_str(",\"facets\":{");
        for (number, facet) in answer.facets.iter().enumerate() {
            json.push_str(if number == 0 { "" } else { "," });
            let column = &self.view.columns[facet.column];
            json_string(&column.name, json);
            json.push_str(":[");
            for (number, (field, count)) in facet.values.iter().enumerate() {
                json.push_str(if number == 0 { "{\"value\":" } else { ",{\"value\":" });
                column.kind.read(field.as_bytes(), 0).write_json(json);
                json.push_str(&format!(",\"count\":{count}}}"));
            }
            json.push(']');
        }
        json.push('}');
    }
}
