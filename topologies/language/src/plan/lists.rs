//! Functions whose result is a list of rows: `unnest` and `generate_series`, in FROM and beside other columns in SELECT.
//!
//! Owns the rewriting of a query's syntax tree for them: in FROM they become a sub-query, LATERAL when it reads a row beside it.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{self, Expr, Ident, ObjectName, Select, SelectItem, SetExpr, TableFactor};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::syntax_tree::{RewriteError, call, call_arguments, derived};

/// A function in FROM whose rows are the items of a list.
pub struct Listed {
    name: Ident,
    arguments: Vec<Expr>,
    alias: Option<ast::TableAlias>,
}

impl Listed {
    /// `unnest(...)` or `generate_series(...)` in FROM; an error when it can't be read.
    pub fn of(factor: &TableFactor) -> Option<Result<Self, RewriteError>> {
        let known = |name: &ObjectName| {
            let name = name.0.first()?.as_ident()?;
            ["unnest", "generate_series"].contains(&name.value.to_lowercase().as_str()).then(|| name.clone())
        };
        let (name, arguments, alias, numbered) = match factor {
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_ordinality, .. } => {
                let span = array_exprs.first().map_or(Span::empty(), ast::Spanned::span);
                let mut name = Ident::new("unnest");
                name.span = span;
                (name, Some(array_exprs.clone()), alias, *with_offset || *with_ordinality)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                (known(name)?, call_arguments(args), alias, *with_ordinality)
            }
            TableFactor::Table { name, args: Some(arguments), alias, with_ordinality, .. } => {
                (known(name)?, call_arguments(&arguments.args), alias, *with_ordinality)
            }
            _ => return None,
        };
        let refused = |message: &str| Some(Err(RewriteError { message: message.to_owned(), span: name.span }));
        match arguments {
            _ if numbered => refused("WITH ORDINALITY is not supported"),
            Some(arguments) if name.value.eq_ignore_ascii_case("unnest") && arguments.len() != 1 => {
                refused("UNNEST of several lists side by side is not supported: unnest one after the other")
            }
            Some(arguments) => Some(Ok(Self { name: name.clone(), arguments, alias: alias.clone() })),
            None => refused("the function takes plain arguments, without names"),
        }
    }

    /// `LATERAL (SELECT f(arguments) AS column) AS alias`; the name of the alias is that of the column too, as PostgreSQL has it.
    pub fn derived(self) -> Result<TableFactor, RewriteError> {
        let Self { name, arguments, alias } = self;
        let mut reads_a_row = false;
        for argument in &arguments {
            let _ = ast::visit_expressions(argument, |part| {
                reads_a_row |=
                    matches!(part, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. });
                ControlFlow::<()>::Continue(())
            });
        }
        let function = name.value.to_lowercase();
        let mut alias = alias.unwrap_or_else(|| ast::TableAlias {
            explicit: true,
            name: Ident::new(function.clone()),
            columns: Vec::new(),
            at: None,
        });
        let column = std::mem::take(&mut alias.columns).into_iter().next().map_or(alias.name.clone(), |column| column.name);
        let mut factor = derived(&format!("SELECT 1 AS {column}"), name.span)?;
        if let TableFactor::Derived { lateral, subquery, alias: slot, .. } = &mut factor {
            *lateral = reads_a_row;
            *slot = Some(alias);
            if let SetExpr::Select(select) = subquery.body.as_mut()
                && let Some(ast::SelectItem::ExprWithAlias { expr, .. }) = select.projection.first_mut()
            {
                *expr = call(&function, arguments);
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
