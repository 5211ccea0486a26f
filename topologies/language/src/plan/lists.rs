//! Functions whose result is a list of rows: `unnest`, `generate_series`, `jsonb_array_elements` and others, in FROM and beside other columns in
//! SELECT.
//!
//! Owns the rewriting of a query's syntax tree for them: each is the UNNEST of a function that gives a list. In FROM they become a sub-query,
//! LATERAL when it reads a row beside it; several lists stand side by side, and WITH ORDINALITY is a list of numbers beside them.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{self, Expr, Ident, ObjectName, Select, SelectItem, SetExpr, TableFactor};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::syntax::tree::{RewriteError, call, call_arguments, call_at, derived, folded};

/// A function of rows.
struct RowFunction {
    name: &'static str,
    /// the names of its columns, where PostgreSQL has such, and the functions that give the list of each
    columns: &'static [(Option<&'static str>, &'static str)],
}

const fn one_column(name: &'static str, list: &'static [(Option<&'static str>, &'static str)]) -> RowFunction {
    RowFunction { name, columns: list }
}

const ROW_FUNCTIONS: &[RowFunction] = &[
    one_column("generate_series", &[(None, "generate_series")]),
    one_column("jsonb_array_elements", &[(Some("value"), "jsonb_array_elements")]),
    one_column("jsonb_array_elements_text", &[(Some("value"), "jsonb_array_elements_text")]),
    one_column("jsonb_object_keys", &[(None, "jsonb_object_keys")]),
    RowFunction {
        name: "jsonb_each",
        columns: &[(Some("key"), "jsonb_object_keys"), (Some("value"), "jsonb_object_values")],
    },
    RowFunction {
        name: "jsonb_each_text",
        columns: &[(Some("key"), "jsonb_object_keys"), (Some("value"), "jsonb_object_values_text")],
    },
    one_column("regexp_matches", &[(None, "regexp_matches")]),
    one_column("regexp_split_to_table", &[(None, "regexp_split_to_array")]),
    one_column("string_to_table", &[(None, "string_to_array")]),
];

/// The functions of rows with their types, for people.
pub const DOCUMENTED: &[(&str, &str, &str)] = &[
    ("unnest(list, ...)", "a list of any type, ... → its type, ...", "the elements; of several lists side by side, NULL where one is shorter"),
    (
        "generate_series(first, last, step)",
        "BIGINT → BIGINT<br>TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL → TIMESTAMPTZ<br>TIMESTAMP, TIMESTAMP, INTERVAL → TIMESTAMP",
        "the numbers or times between two",
    ),
    ("jsonb_array_elements(j)", "JSONB → JSONB", "the elements of an array, in a column `value`"),
    ("jsonb_array_elements_text(j)", "JSONB → TEXT", "the same as texts, as ->> has them"),
    ("jsonb_each(j)", "JSONB → TEXT, JSONB", "the members of an object, in the columns `key` and `value`; in FROM alone"),
    ("jsonb_each_text(j)", "JSONB → TEXT, TEXT", "the same with texts, as ->> has them"),
    ("jsonb_object_keys(j)", "JSONB → TEXT", "the names of the members of an object"),
    ("regexp_matches(t, pattern, flags)", "TEXT → TEXT[]", "the groups of the first match, with the flag 'g' of every match"),
    ("regexp_split_to_table(t, pattern, flags)", "TEXT → TEXT", "the parts between the matches"),
    ("string_to_table(t, separator)", "TEXT → TEXT", "the parts between the separators"),
];

/// The functions that give the lists of which rows are made.
pub fn list_functions() -> impl Iterator<Item = &'static str> {
    ROW_FUNCTIONS.iter().flat_map(|function| function.columns).map(|(_, list)| *list)
}

/// The name under which the planner finds the function that gives a list: nobody calls it by its own, which means rows.
pub fn list_name(function: &str) -> String {
    format!("list of {function}")
}

/// The name of the function that numbers the rows of lists.
pub const NUMBERS: &str = "list of places";

fn row_function(name: &Ident) -> Option<&'static RowFunction> {
    ROW_FUNCTIONS.iter().find(|function| name.quote_style.is_none() && function.name.eq_ignore_ascii_case(&name.value))
}

/// A function of rows beside other columns in SELECT, as the UNNEST of its list; `None` for any other function.
pub fn in_select(function: &ast::Function) -> Result<Option<Expr>, RewriteError> {
    let Some(name) = function.name.0.last().and_then(|part| part.as_ident()) else { return Ok(None) };
    let refused = |message: String| RewriteError { message, span: name.span };
    let arguments = match &function.args {
        ast::FunctionArguments::List(list) => call_arguments(&list.args),
        _ => None,
    };
    if name.value.eq_ignore_ascii_case("unnest") && arguments.as_ref().is_some_and(|arguments| arguments.len() > 1) {
        return Err(refused("UNNEST of several lists is written in FROM: FROM unnest(a, b) AS t (x, y)".to_owned()));
    }
    let Some(of) = row_function(name) else { return Ok(None) };
    let Some(arguments) = arguments else {
        return Err(refused(format!("{} takes plain arguments, without names", of.name)));
    };
    match of.columns {
        [(_, list)] => Ok(Some(call("unnest", vec![call_at(&list_name(list), arguments, name.span)]))),
        _ => Err(refused(format!("{} gives rows of several columns: write it in FROM, and name them there", of.name))),
    }
}

/// A function in FROM whose rows are the items of lists.
pub struct Listed {
    name: Ident,
    /// the columns: the name that a column has by itself, and its list
    lists: Vec<(Option<&'static str>, Expr)>,
    alias: Option<ast::TableAlias>,
    is_numbered: bool,
}

/// A name in FROM that stands for the one column of its rows, as in `jsonb_array_elements(lines) AS line`.
pub struct WholeRow {
    /// the name, in lower case unless it is in quotes
    pub name: String,
    column: Vec<Ident>,
}

impl WholeRow {
    /// The column, with the place of what the user wrote.
    pub fn column(&self, written: &Ident) -> Expr {
        let mut column = self.column.clone();
        column.iter_mut().for_each(|part| part.span = written.span);
        Expr::CompoundIdentifier(column)
    }
}

/// A list that is written in brackets as the call that it stands for: DataFusion finds no type for brackets with columns of a row beside it.
fn without_brackets(mut list: Expr) -> Expr {
    let _: ControlFlow<()> = ast::visit_expressions_mut(&mut list, |part| {
        let span = ast::Spanned::span(part);
        if let Expr::Array(ast::Array { elem, .. }) = part
            && !elem.is_empty()
        {
            *part = call_at("make_array", std::mem::take(elem), span);
        }
        ControlFlow::Continue(())
    });
    list
}

/// The names in the FROM of a query that stand for the one column of their rows.
pub fn whole_rows(body: &SetExpr) -> Vec<WholeRow> {
    match body {
        SetExpr::Select(select) => {
            let tables = select.from.iter().flat_map(|from| {
                std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
            });
            tables.filter_map(Listed::of).filter_map(|list| list.ok()?.whole_row()).collect()
        }
        SetExpr::SetOperation { left, right, .. } => {
            let mut rows = whole_rows(left);
            rows.extend(whole_rows(right));
            rows
        }
        _ => Vec::new(),
    }
}

/// Gives columns that are selected by such a name that name.
pub fn name_whole_rows(body: &mut SetExpr, rows: &[WholeRow]) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
                    && let Some(row) = rows.iter().find(|row| row.name == folded(name))
                {
                    *item = SelectItem::ExprWithAlias { expr: row.column(name), alias: name.clone() };
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            name_whole_rows(left, rows);
            name_whole_rows(right, rows);
        }
        _ => {}
    }
}

impl Listed {
    /// `unnest(...)` or another function of rows in FROM; an error when it can't be read.
    pub fn of(factor: &TableFactor) -> Option<Result<Self, RewriteError>> {
        let known = |name: &ObjectName| {
            let name = name.0.first()?.as_ident()?;
            let is_known = name.value.eq_ignore_ascii_case("unnest") || row_function(name).is_some();
            is_known.then(|| name.clone())
        };
        let (name, arguments, alias, is_numbered) = match factor {
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
                let span = array_exprs.first().map_or(Span::empty(), ast::Spanned::span);
                let mut name = Ident::new("unnest");
                name.span = span;
                (name, Some(array_exprs.clone()), alias, *with_ordinality)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                (known(name)?, call_arguments(args), alias, *with_ordinality)
            }
            TableFactor::Table { name, args: Some(arguments), alias, with_ordinality, .. } => {
                (known(name)?, call_arguments(&arguments.args), alias, *with_ordinality)
            }
            _ => return None,
        };
        let Some(arguments) = arguments else {
            let message = "the function takes plain arguments, without names".to_owned();
            return Some(Err(RewriteError { message, span: name.span }));
        };
        let lists = match row_function(&name) {
            None => arguments.into_iter().map(|list| (None, without_brackets(list))).collect(),
            Some(function) => {
                let list = |(column, list): &(Option<&'static str>, &str)| {
                    (*column, call_at(&list_name(list), arguments.clone(), name.span))
                };
                function.columns.iter().map(list).collect()
            }
        };
        Some(Ok(Self { name, lists, alias: alias.clone(), is_numbered }))
    }

    /// The name that stands for the one column.
    pub fn whole_row(&self) -> Option<WholeRow> {
        let (alias, [(own, _)], false) = (self.alias.as_ref()?, &self.lists[..], self.is_numbered) else { return None };
        let column = match (alias.columns.first(), own) {
            (Some(column), _) => column.name.clone(),
            (None, Some(own)) => Ident::with_quote('"', *own),
            (None, None) => return None,
        };
        Some(WholeRow { name: folded(&alias.name), column: vec![alias.name.clone(), column] })
    }

    /// `LATERAL (SELECT unnest(list) AS column, ...) AS alias`. A column without a name of its own has that of the alias, as PostgreSQL has it.
    pub fn derived(self) -> Result<TableFactor, RewriteError> {
        let Self { name, mut lists, alias, is_numbered } = self;
        let mut reads_a_row = false;
        for (_, list) in &lists {
            let _ = ast::visit_expressions(list, |part| {
                reads_a_row |=
                    matches!(part, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. });
                ControlFlow::<()>::Continue(())
            });
        }
        let mut alias = alias.unwrap_or_else(|| ast::TableAlias {
            explicit: true,
            name: Ident::new(name.value.to_lowercase()),
            columns: Vec::new(),
            at: None,
        });
        let is_alone = lists.len() == 1;
        if is_numbered {
            let all = lists.iter().map(|(_, list)| list.clone()).collect();
            lists.push((Some("ordinality"), call_at(NUMBERS, all, name.span)));
        }
        let mut given = std::mem::take(&mut alias.columns).into_iter();
        let columns: Vec<Ident> = lists
            .iter()
            .map(|(own, _)| match (given.next(), own) {
                (Some(column), _) => column.name,
                (None, Some(own)) => Ident::with_quote('"', *own),
                (None, None) if is_alone => alias.name.clone(),
                (None, None) => Ident::new(name.value.to_lowercase()),
            })
            .collect();
        let refused = |message: String| Err(RewriteError { message, span: name.span });
        if given.next().is_some() {
            return refused(format!("'{}' has {} columns, and more are named", alias.name, columns.len()));
        }
        if columns.iter().enumerate().any(|(place, column)| columns[..place].iter().any(|other| folded(other) == folded(column))) {
            return refused(format!("columns of '{}' have one name: name them all, as in AS t (x, y)", alias.name));
        }
        let items: Vec<String> = columns.iter().map(|column| format!("1 AS {column}")).collect();
        let mut factor = derived(&format!("SELECT {}", items.join(", ")), name.span)?;
        if let TableFactor::Derived { lateral, subquery, alias: slot, .. } = &mut factor {
            *lateral = reads_a_row;
            *slot = Some(alias);
            if let SetExpr::Select(select) = subquery.body.as_mut() {
                for (item, (_, list)) in select.projection.iter_mut().zip(lists) {
                    if let SelectItem::ExprWithAlias { expr, .. } = item {
                        *expr = call("unnest", vec![list]);
                    }
                }
            }
        }
        Ok(factor)
    }
}

/// Gives the columns beside a list names of their own until the list is unnested: DataFusion takes the name of a computed column for that of
/// a column in FROM. An ORDER BY may name columns of FROM, so what it orders is left as it is.
pub fn name_apart(body: &mut SetExpr, has_order: bool) -> Result<(), RewriteError> {
    match body {
        SetExpr::Select(select) if !has_order => name_items_apart(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_apart(left, false)?;
            name_apart(right, false)
        }
        _ => Ok(()),
    }
}

fn name_items_apart(select: &mut Select) -> Result<(), RewriteError> {
    let is_list = |item: &SelectItem| matches!(expression(item), Some(Expr::Function(function)) if is_unnest(&function.name));
    let is_computed = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, .. } => !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
        _ => false,
    };
    let is_named = |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { .. });
    let items = &select.projection;
    let is_plain =
        matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty()) && select.having.is_none();
    if !is_plain
        || !items.iter().all(is_named)
        || !items.iter().any(is_list)
        || !items.iter().any(|item| is_computed(item) && !is_list(item))
    {
        return Ok(());
    }
    let outer = derived("SELECT 1 FROM (SELECT 1) AS listed", Span::empty())?;
    let TableFactor::Derived { subquery, .. } = outer else { return Ok(()) };
    let SetExpr::Select(mut outer) = *subquery.body else { return Ok(()) };
    outer.distinct = select.distinct.take();
    outer.projection = Vec::with_capacity(select.projection.len());
    for (place, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::ExprWithAlias { alias, .. } = item else { return Ok(()) };
        let name = std::mem::replace(alias, Ident::with_quote('"', format!("item {place}")));
        outer.projection.push(SelectItem::ExprWithAlias { expr: Expr::Identifier(alias.clone()), alias: name });
    }
    std::mem::swap(select, &mut outer);
    if let Some(TableFactor::Derived { subquery, .. }) = select.from.first_mut().map(|from| &mut from.relation) {
        *subquery.body = SetExpr::Select(outer);
    }
    Ok(())
}

fn expression(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

fn is_unnest(name: &ObjectName) -> bool {
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| name.value.eq_ignore_ascii_case("unnest"))
}
