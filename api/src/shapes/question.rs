//! Questions of shapes: a view, the values that columns have to equal, the columns that are sent, and those that tell rows apart.

use std::collections::BTreeMap;

use schemas::serving::View;
use sinks::views::ServedView;

use super::condition::terms;
use super::error::ShapeError;
use super::names::names;
use crate::read::access::Rule;
use crate::read::columns::column;
use crate::read::conditions::{Condition, Conditions, narrow};
use crate::read::error::ReadError;
use crate::read::literal::literal;
use crate::read::projection::{BigintForm, Projection};
use crate::read::request::RowsRequest;
use crate::subscriptions::question::{Question, SubscriptionQuery};

/// The schema that every view is in, as clients of PostgreSQL name it.
pub(super) const SCHEMA: &str = "public";

/// Columns of a change that are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Replica {
    /// those that tell rows apart, and those that have changed
    #[default]
    Changed,
    /// all, with the values that were there before
    Full,
}

/// A question in the words of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShapeQuestion {
    /// text of `where`
    pub(crate) condition: Option<String>,
    /// values of `$1` and so on
    pub(crate) parameters: BTreeMap<usize, String>,
    /// names of the columns that are sent; all without
    pub(crate) columns: Option<String>,
    /// names of the columns that tell rows apart; without, all columns do, and equal rows are counted
    pub(crate) key: Option<String>,
    pub(crate) replica: Replica,
}

/// The columns of a question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ShapeColumns {
    /// those that are sent
    pub(super) sent: Vec<usize>,
    /// those that tell rows apart
    pub(super) key: Vec<usize>,
    /// true if equal rows are told apart by a number
    pub(super) is_counted: bool,
}

impl ShapeColumns {
    /// Says that several rows of a view have the same key.
    pub(super) fn not_unique(&self, view: &View) -> ShapeError {
        let names: Vec<&str> = self.key.iter().map(|column| view.columns[*column].name.as_str()).collect();
        ShapeError::KeyNotUnique { view: view.name.clone(), key: names.join(", ") }
    }
}

/// The name of the view that `table` means, with or without its schema.
pub(crate) fn view_of_table(table: &str) -> Result<String, ShapeError> {
    let bad = |expected| ShapeError::BadWord { name: "table", value: table.to_owned(), expected };
    let mut names = names(table, '.').ok_or_else(|| bad("the name of a view"))?;
    match (names.len(), names.pop()) {
        (1, Some(view)) => Ok(view),
        (2, Some(view)) if names[0] == SCHEMA => Ok(view),
        _ => Err(bad("the name of a view, which is in the schema 'public'")),
    }
}

impl ShapeQuestion {
    /// The columns of the question, in the order of the view.
    pub(super) fn columns(&self, view: &View) -> Result<ShapeColumns, ShapeError> {
        let all = || (0..view.columns.len()).collect();
        let sent: Vec<usize> = self.columns.as_deref().map_or_else(|| Ok(all()), |text| chosen(view, "columns", text))?;
        let key: Vec<usize> = self.key.as_deref().map_or_else(|| Ok(all()), |text| chosen(view, "key", text))?;
        match key.iter().find(|column| !sent.contains(column)) {
            Some(lacking) => Err(ShapeError::KeyNotSelected { column: view.columns[*lacking].name.clone() }),
            None => Ok(ShapeColumns { sent, key, is_counted: self.key.is_none() }),
        }
    }

    fn conditions(&self, view: &View) -> Result<Conditions, ShapeError> {
        let mut conditions = Conditions::new();
        let Some(text) = &self.condition else { return Ok(conditions) };
        for (name, value) in terms(text, &self.parameters)? {
            let column = column(view, &name)?;
            let field = literal(&view.columns[column].kind, &value).map_err(ReadError::from)?;
            narrow(&mut conditions, column, Condition::OneOf(vec![field]));
        }
        Ok(conditions)
    }
}

/// The columns of a list of names, in the order of the view, so that the order of the list makes no other shape.
fn chosen(view: &View, name: &'static str, text: &str) -> Result<Vec<usize>, ShapeError> {
    let expected = "names of columns with commas between them";
    let names = names(text, ',').ok_or_else(|| ShapeError::BadWord { name, value: text.to_owned(), expected })?;
    let mut columns = names.iter().map(|name| column(view, name)).collect::<Result<Vec<_>, _>>()?;
    columns.sort_unstable();
    columns.dedup();
    Ok(columns)
}

impl Question for ShapeQuestion {
    type Error = ShapeError;

    fn understand(&self, served: &ServedView, rule: &Rule) -> Result<SubscriptionQuery, ShapeError> {
        let view = &served.view;
        if *rule != Rule::Always {
            return Err(ShapeError::NotPublic { view: view.name.clone() });
        }
        let ShapeColumns { sent, key, is_counted } = self.columns(view)?;
        let words = [Some(format!("{sent:?}")), Some(format!("{key:?} {is_counted} {:?}", self.replica))];
        let rows = RowsRequest { conditions: self.conditions(view)?, order: Vec::new() };
        let select = Projection::of(view, sent);
        Ok(SubscriptionQuery { rows, select, key: None, limit: None, words, bigints: BigintForm::Text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_view_with_or_without_its_schema() {
        for table in ["posts", "public.posts", "\"public\".\"posts\"", "\"posts\""] {
            assert_eq!(view_of_table(table).unwrap(), "posts");
        }
        for table in ["", "other.posts", "a.public.posts", "public."] {
            assert!(view_of_table(table).is_err(), "{table}");
        }
    }
}
