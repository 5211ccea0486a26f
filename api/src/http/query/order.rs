//! `order=created_at.desc,post_id`: columns with directions.

use schemas::serving::View;

use super::error::QueryStringError;
use super::string::QueryString;
use crate::read::columns::column;
use crate::read::plan::OrderColumn;

/// The order that is asked for; none when the request does not say.
pub(crate) fn order(view: &View, query: &QueryString<'_>) -> Result<Vec<OrderColumn>, QueryStringError> {
    query.one("order")?.map_or(Ok(Vec::new()), |text| parse_order(view, text))
}

/// Reads `created_at.desc,post_id`.
fn parse_order(view: &View, text: &str) -> Result<Vec<OrderColumn>, QueryStringError> {
    let bad = || QueryStringError::BadParameter {
        name: "order",
        value: text.to_owned(),
        expected: "columns such as created_at.desc,post_id.asc".into(),
    };
    text.split(',')
        .map(|part| {
            let (name, direction) = part.rsplit_once('.').unwrap_or((part, "asc"));
            let descending = match direction {
                "asc" => false,
                "desc" => true,
                _ => return Err(bad()),
            };
            Ok(OrderColumn { column: column(view, name)?, descending })
        })
        .collect()
}
