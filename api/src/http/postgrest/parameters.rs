//! The parameters of a request, told apart: what is asked for, where it begins, and conditions.

use axum::http::HeaderMap;
use schemas::serving::View;

use super::error::PostgrestError;
use super::operation::{FilterText, logic_parameter, parameter};
use super::order::order;
use super::typed::FilterTypes;
use crate::http::query::error::QueryStringError;
use crate::http::query::string::QueryString;
use crate::read::access::Rule;
use crate::read::conditions::{Conditions, narrow_to_visible};
use crate::read::filter::RowFilter;
use crate::read::filtered::FilteredRequest;

/// Parameters that are never conditions.
pub(crate) const PARAMETERS: &[&str] = &["select", "order", "limit", "offset"];
/// Parameters that join conditions.
const LOGIC: [&str; 4] = ["and", "or", "not.and", "not.or"];
/// Parameters of requests that write.
const OF_WRITES: [&str; 2] = ["columns", "on_conflict"];
/// Parameters that are conditions where the view has a column of that name, and the headers that say the same in any case.
const HEADERS: [(&str, &str); 3] = [("cursor", "tidewater-cursor"), ("after", "tidewater-after"), ("wait", "tidewater-wait")];

/// The request of a query, and the texts of its conditions and its order.
pub(crate) fn filtered_request(
    query: &QueryString<'_>,
    view: &View,
    rule: &Rule,
) -> Result<(FilteredRequest, Vec<(String, String)>), PostgrestError> {
    let mut types = FilterTypes::new(view, PARAMETERS);
    let (mut filters, mut texts) = (Vec::new(), Vec::new());
    for (name, text) in query.others(PARAMETERS).filter(|(name, _)| !is_of_place(view, name)) {
        filters.push(types.filter(filter_text(view, name, text)?)?);
        texts.push((name.to_owned(), text.to_owned()));
    }
    let asked = query.one("order")?;
    texts.extend(asked.map(|text| ("order".to_owned(), text.to_owned())));
    let order = asked.map(|text| order(view, text)).transpose()?.unwrap_or_default();
    let filter = RowFilter::All(filters);
    let mut conditions = Conditions::new();
    filter.narrow(&mut conditions);
    narrow_to_visible(&mut conditions, rule);
    Ok((FilteredRequest { conditions, filter, order }, texts))
}

fn filter_text(view: &View, name: &str, text: &str) -> Result<FilterText, PostgrestError> {
    let is_column = view.columns.iter().any(|column| column.name == name);
    if LOGIC.contains(&name) {
        return logic_parameter(name, text);
    }
    if OF_WRITES.contains(&name) && !is_column {
        return Err(PostgrestError::WriteParameter { name: name.to_owned() });
    }
    parameter(name, text)
}

/// Returns true for `cursor`, `after` and `wait` where no column of the view has that name.
fn is_of_place(view: &View, name: &str) -> bool {
    HEADERS.iter().any(|(known, _)| *known == name) && view.columns.iter().all(|column| column.name != name)
}

/// The text of `cursor`, `after` or `wait`: of its header, else of the parameter where that is no condition.
pub(crate) fn of_place<'q>(
    name: &'static str,
    query: &'q QueryString<'_>,
    headers: &'q HeaderMap,
    view: &View,
) -> Result<Option<&'q str>, QueryStringError> {
    let header = HEADERS.iter().find(|(known, _)| *known == name).and_then(|(_, header)| headers.get(*header));
    match header {
        Some(value) => {
            let bad =
                |_| QueryStringError::BadParameter { name, value: format!("{value:?}"), expected: "visible letters".into() };
            value.to_str().map(Some).map_err(bad)
        }
        None if is_of_place(view, name) => query.one(name),
        None => Ok(None),
    }
}
