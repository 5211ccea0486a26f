//! `select=a,b`: the columns of an answer.

use schemas::serving::View;

use super::error::QueryStringError;
use crate::read::columns::column;
use crate::read::projection::Projection;

/// All columns of the view, or those that `select` names, each once.
pub(crate) fn projection(view: &View, select: Option<&str>) -> Result<Projection, QueryStringError> {
    match select {
        None | Some("*") => Ok(Projection::all(view)),
        Some(names) => Ok(Projection::of(view, selected(view, names)?)),
    }
}

fn selected(view: &View, names: &str) -> Result<Vec<usize>, QueryStringError> {
    let columns = names.split(',').map(|name| column(view, name)).collect::<Result<Vec<usize>, _>>()?;
    let is_repeated = columns.iter().enumerate().any(|(number, column)| columns[..number].contains(column));
    if is_repeated {
        let expected = "each column at most once".to_owned();
        return Err(QueryStringError::BadParameter { name: "select", value: names.to_owned(), expected });
    }
    Ok(columns)
}
