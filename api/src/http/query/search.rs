//! The parameters of a search: words, conditions, order, page, highlights and facets.
//!
//! Parameters and the columns of a hit enter; a [`Search`] and the columns of its answer leave.

use schemas::field::FieldKind;
use sinks::search::{Filter, Order, OrderBy, Search};

use super::conditions::conditions;
use super::error::QueryStringError;
use super::select::projection;
use super::string::QueryString;
use crate::read::access::Rule;
use crate::read::columns::column;
use crate::read::limits::{DEPTH_MAX, FACETS_MAX, HITS_DEFAULT, HITS_MAX};
use crate::read::projection::Projection;
use crate::read::search::HitView;

/// Name of the order by relevance, which is no column.
const RELEVANCE: &str = "relevance";

/// Builds the filter from the parameters that name columns.
pub(crate) fn filter(
    hits: &HitView,
    query: &QueryString<'_>,
    reserved: &'static [&'static str],
) -> Result<Filter, QueryStringError> {
    Ok(hits.filter(conditions(query, reserved, hits.view(), &Rule::Always)?)?)
}

/// Builds the search, and the selection of its columns.
pub(crate) fn search(
    hits: &HitView,
    query: &QueryString<'_>,
    visible: Filter,
    filter: Filter,
) -> Result<(Search, Projection), QueryStringError> {
    let highlights = named(hits, query, "highlight")?;
    highlights.iter().try_for_each(|&place| hits.check_searched(place))?;
    let search = Search {
        query: query.one("q")?.map(str::to_owned),
        visible,
        filter,
        order: order(hits, query)?,
        offset: query.number("offset", 0, 0, DEPTH_MAX)?,
        limit: query.number("limit", HITS_DEFAULT, 1, HITS_MAX)?,
        highlights,
        facets: facets(hits, query)?,
    };
    Ok((search, projection(hits.view(), query.one("select")?)?))
}

fn order(hits: &HitView, query: &QueryString<'_>) -> Result<Order, QueryStringError> {
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
            return Err(QueryStringError::BadParameter { name: "order", value: text.to_owned(), expected });
        }
    };
    let place = column(hits.view(), name)?;
    hits.check_included(place, "order")?;
    Ok(Order { by: OrderBy::Column(place), descending })
}

fn facets(hits: &HitView, query: &QueryString<'_>) -> Result<Vec<usize>, QueryStringError> {
    let facets = named(hits, query, "facets")?;
    let bad = |value: String, expected: String| QueryStringError::BadParameter { name: "facets", value, expected };
    if facets.len() > FACETS_MAX {
        let text = query.one("facets")?.unwrap_or("");
        return Err(bad(text.to_owned(), format!("at most {FACETS_MAX} columns")));
    }
    for &place in &facets {
        hits.check_included(place, "facets")?;
        let column = &hits.view().columns[place];
        if matches!(column.kind, FieldKind::List(_) | FieldKind::Float64) {
            let (name, kind) = (&column.name, column.kind.sql_name());
            let expected = format!("columns whose values can be counted, unlike '{name}', which is {kind}");
            return Err(bad(name.clone(), expected));
        }
    }
    Ok(facets)
}

/// The columns that a parameter lists, each once.
fn named(hits: &HitView, query: &QueryString<'_>, name: &'static str) -> Result<Vec<usize>, QueryStringError> {
    let Some(text) = query.one(name)? else { return Ok(Vec::new()) };
    let mut places = Vec::new();
    for part in text.split(',') {
        let place = column(hits.view(), part)?;
        if places.contains(&place) {
            let expected = "each column at most once".to_owned();
            return Err(QueryStringError::BadParameter { name, value: text.to_owned(), expected });
        }
        places.push(place);
    }
    Ok(places)
}
