//! JOIN ... USING and NATURAL JOIN as SQL has them: the named columns are one column of the join, which comes first and has a value wherever
//! either side has one.
//!
//! Owns the rewriting of a query's syntax tree before it is planned. USING becomes ON; the column's plain name becomes an expression of the
//! sides, `*` the list of what it stands for. A query without USING is left as it is.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderBy, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Spanned as _, TableFactor, TableWithJoins, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::join_parts::{
    Keeps, Visible, constraint, constraint_mut, equality, factor_span, found, item_name, only, renamed, using_name,
};
use super::tree::{RewriteError, call, folded};

/// Most queries that are looked at to resolve one statement.
const QUERIES_LOOKED_AT_MAX: usize = 10_000;

/// The names of a relation's columns; `None` when there is no such relation.
pub type Columns<'a> = dyn Fn(&str) -> Option<Vec<String>> + 'a;

/// Rewrites a query in place.
pub fn resolve(query: &mut Query, columns: &Columns<'_>) -> Result<(), RewriteError> {
    if Visit::visit(query, &mut FindUsing).is_continue() {
        return Ok(());
    }
    Scope { columns, with: Vec::new(), looked_at: Rc::default() }.query(query)
}

struct FindUsing;

impl Visitor for FindUsing {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.from.iter().any(has_using) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn has_using(table: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => has_using(table_with_joins),
        _ => false,
    };
    nested(&table.relation)
        || table.joins.iter().any(|join| {
            let merges = matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural));
            merges || nested(&join.relation)
        })
}

/// The relations that a query may name.
struct Scope<'a> {
    columns: &'a Columns<'a>,
    /// those of WITH, the nearest last
    with: Vec<(String, Option<Vec<String>>)>,
    /// number of queries that were looked at, shared by all scopes: each level of nesting looks at those below it more than once
    looked_at: Rc<Cell<usize>>,
}

impl Scope<'_> {
    /// Counts one query more; false when there were too many.
    fn look(&self) -> bool {
        self.looked_at.set(self.looked_at.get() + 1);
        self.looked_at.get() <= QUERIES_LOOKED_AT_MAX
    }

    fn query(&mut self, query: &mut Query) -> Result<(), RewriteError> {
        if !self.look() {
            let message = "queries with USING or NATURAL nest too deep here: write ON with the columns instead".to_owned();
            return Err(RewriteError { message, span: query.span() });
        }
        let outside = self.with.len();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.query(&mut cte.query)?;
            let names = self.names_of_query(&cte.query).map(|names| renamed(names, &cte.alias));
            self.with.push((folded(&cte.alias.name), names));
        }
        self.body(&mut query.body, &mut query.order_by)?;
        self.with.truncate(outside);
        Ok(())
    }

    fn body(&mut self, body: &mut SetExpr, order: &mut Option<OrderBy>) -> Result<(), RewriteError> {
        match body {
            SetExpr::Select(select) => self.select(select, order),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, &mut None)?;
                self.body(right, &mut None)
            }
            _ => Ok(()),
        }
    }

    fn select(&mut self, select: &mut Select, order: &mut Option<OrderBy>) -> Result<(), RewriteError> {
        let merges = select.from.iter().any(has_using);
        let mut visible = Vec::new();
        for table in &mut select.from {
            visible.extend(self.table(table)?.unwrap_or_default());
        }
        self.sub_queries(select)?;
        if !merges {
            return Ok(());
        }
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(_) => items.extend(visible.iter().map(Visible::item)),
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => items.push(match found(&visible, &folded(&name)) {
                    Some(column) => SelectItem::ExprWithAlias { expr: column.at(name.span), alias: name },
                    None => SelectItem::UnnamedExpr(Expr::Identifier(name)),
                }),
                other => items.push(other),
            }
        }
        let named: BTreeSet<String> = items.iter().filter_map(item_name).collect();
        let mut names = Replace { scope: self, visible: &visible, hidden: Vec::new() };
        visit(&mut items, &mut names)?;
        visit(&mut select.distinct, &mut names)?;
        visit(&mut select.selection, &mut names)?;
        visit(&mut select.group_by, &mut names)?;
        visit(&mut select.having, &mut names)?;
        visit(&mut select.qualify, &mut names)?;
        visit(&mut select.named_window, &mut names)?;
        // In ORDER BY the name of an item comes first.
        names.hidden.push(Some(named));
        visit(order, &mut names)?;
        select.projection = items;
        Ok(())
    }

    /// The sub-queries in the expressions of a SELECT.
    fn sub_queries(&mut self, select: &mut Select) -> Result<(), RewriteError> {
        let mut inner = Inner { scope: self };
        visit(&mut select.projection, &mut inner)?;
        visit(&mut select.selection, &mut inner)?;
        visit(&mut select.group_by, &mut inner)?;
        visit(&mut select.having, &mut inner)
    }

    /// The columns of a FROM item, with its USING resolved; `None` when they are not known and nothing asks for them.
    fn table(&mut self, table: &mut TableWithJoins) -> Result<Option<Vec<Visible>>, RewriteError> {
        let merges = has_using(table);
        let mut left = self.factor(&mut table.relation)?;
        for join in &mut table.joins {
            let right = self.factor(&mut join.relation)?;
            left = match (left, right) {
                (Some(left), Some(right)) => Some(self.join(join, left, right)?),
                _ if merges => {
                    let message = "USING and NATURAL need relations whose columns are known here: join ON an equality instead";
                    return Err(RewriteError { message: message.to_owned(), span: factor_span(&join.relation) });
                }
                _ => None,
            };
        }
        Ok(left)
    }

    fn join(&self, join: &mut Join, left: Vec<Visible>, right: Vec<Visible>) -> Result<Vec<Visible>, RewriteError> {
        let span = factor_span(&join.relation);
        let keeps = Keeps::of(&join.join_operator);
        let Some(constraint) = constraint_mut(&mut join.join_operator) else { return Ok([left, right].concat()) };
        let names: Vec<(String, Span)> = match constraint {
            JoinConstraint::Using(names) => names.iter().filter_map(using_name).collect(),
            JoinConstraint::Natural => {
                left.iter().filter(|a| right.iter().any(|b| a.name == b.name)).map(|a| (a.name.clone(), span)).collect()
            }
            JoinConstraint::On(condition) => {
                let visible = [left, right].concat();
                visit(condition, &mut Replace { scope: self, visible: &visible, hidden: Vec::new() })?;
                return Ok(visible);
            }
            JoinConstraint::None => return Ok([left, right].concat()),
        };
        let mut merged = Vec::with_capacity(names.len());
        let mut conditions = Vec::with_capacity(names.len());
        for (name, span) in &names {
            let (a, b) = (only(&left, name, *span)?, only(&right, name, *span)?);
            conditions.push(equality(&a.at(*span), &b.at(*span)));
            let expression = match keeps {
                Keeps::Left => a.expression.clone(),
                Keeps::Right => b.expression.clone(),
                Keeps::Both => call("coalesce", vec![a.expression.clone(), b.expression.clone()]),
            };
            merged.push(Visible { name: name.clone(), expression, is_merged: true });
        }
        let both =
            |left: Expr, right: Expr| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) };
        *constraint = conditions.into_iter().reduce(both).map_or(JoinConstraint::None, JoinConstraint::On);
        if matches!(constraint, JoinConstraint::None) {
            join.join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        }
        let others = left.into_iter().chain(right).filter(|column| names.iter().all(|(name, _)| *name != column.name));
        Ok(merged.into_iter().chain(others).collect())
    }

    fn factor(&mut self, factor: &mut TableFactor) -> Result<Option<Vec<Visible>>, RewriteError> {
        let (names, qualifier) = match factor {
            TableFactor::Table { name, alias, .. } => {
                let names = self.names_of_relation(name);
                let last = name.0.last().and_then(|part| part.as_ident()).cloned();
                (names, alias.as_ref().map(|alias| alias.name.clone()).or(last))
            }
            TableFactor::Derived { subquery, alias, .. } => {
                self.query(subquery)?;
                (self.names_of_query(subquery), alias.as_ref().map(|alias| alias.name.clone()))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => return self.table(table_with_joins),
            TableFactor::NestedJoin { table_with_joins, alias: Some(alias) } => {
                let inside = self.table(table_with_joins)?;
                (inside.map(|inside| inside.into_iter().map(|column| column.name).collect()), Some(alias.name.clone()))
            }
            _ => return Ok(None),
        };
        let alias = match factor {
            TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => {
                alias
            }
            _ => return Ok(None),
        };
        let names = names.map(|names| alias.as_ref().map_or(names.clone(), |alias| renamed(names, alias)));
        let visible = |name: String| {
            let column = Ident::with_quote('"', name.clone());
            let expression = match &qualifier {
                Some(qualifier) => Expr::CompoundIdentifier(vec![qualifier.clone(), column]),
                None => Expr::Identifier(column),
            };
            Visible { name, expression, is_merged: false }
        };
        Ok(names.map(|names| names.into_iter().map(visible).collect()))
    }

    fn names_of_relation(&self, name: &ObjectName) -> Option<Vec<String>> {
        let name = folded(name.0.last()?.as_ident()?);
        match self.with.iter().rev().find(|(other, _)| *other == name) {
            Some((_, names)) => names.clone(),
            None => (self.columns)(&name),
        }
    }

    /// The names of a query's columns, once its own USING are resolved.
    fn names_of_query(&self, query: &Query) -> Option<Vec<String>> {
        // The error comes from where the query is rewritten.
        if !self.look() {
            return None;
        }
        let mut inside = Scope { columns: self.columns, with: self.with.clone(), looked_at: Rc::clone(&self.looked_at) };
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let names = inside.names_of_query(&cte.query).map(|names| renamed(names, &cte.alias));
            inside.with.push((folded(&cte.alias.name), names));
        }
        inside.names_of_body(&query.body)
    }

    fn names_of_body(&self, body: &SetExpr) -> Option<Vec<String>> {
        match body {
            SetExpr::Select(select) => self.names_of_select(select),
            SetExpr::Query(query) => self.names_of_query(query),
            SetExpr::SetOperation { left, .. } => self.names_of_body(left),
            _ => None,
        }
    }

    fn names_of_select(&self, select: &Select) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => names.extend(self.names_of_from(select)?.into_iter().map(|(_, name)| name)),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), _) => {
                    let table = folded(table.0.last()?.as_ident()?);
                    let all = self.names_of_from(select)?.into_iter();
                    names.extend(all.filter(|(other, _)| other.as_ref() == Some(&table)).map(|(_, name)| name));
                }
                SelectItem::UnnamedExpr(expression) => {
                    names.push(item_name(item).unwrap_or_else(|| expression.to_string()));
                }
                SelectItem::ExprWithAlias { alias, .. } => names.push(folded(alias)),
                _ => return None,
            }
        }
        Some(names)
    }

    /// The columns of a FROM clause without USING, each with the name of its relation.
    fn names_of_from(&self, select: &Select) -> Option<Vec<(Option<String>, String)>> {
        let mut all = Vec::new();
        let mut inside = Scope { columns: self.columns, with: self.with.clone(), looked_at: Rc::clone(&self.looked_at) };
        for mut table in select.from.iter().cloned() {
            let columns = inside.table(&mut table).ok()??;
            all.extend(columns.into_iter().map(|column| match &column.expression {
                Expr::CompoundIdentifier(parts) => (parts.first().map(folded), column.name),
                _ => (None, column.name),
            }));
        }
        Some(all)
    }
}

fn visit<N: VisitMut, V: VisitorMut<Break = RewriteError>>(node: &mut N, visitor: &mut V) -> Result<(), RewriteError> {
    match VisitMut::visit(node, visitor) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Resolves the queries inside of expressions.
struct Inner<'s, 'a> {
    scope: &'s mut Scope<'a>,
}

impl VisitorMut for Inner<'_, '_> {
    type Break = RewriteError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<RewriteError> {
        match self.scope.query(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Puts expressions in the place of plain names.
struct Replace<'s, 'a> {
    scope: &'s Scope<'a>,
    visible: &'s [Visible],
    /// for each query inside, the names that mean something else there; `None` when they are not known
    hidden: Vec<Option<BTreeSet<String>>>,
}

impl VisitorMut for Replace<'_, '_> {
    type Break = RewriteError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<RewriteError> {
        self.hidden.push(self.scope.names_inside(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<RewriteError> {
        self.hidden.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<RewriteError> {
        let Expr::Identifier(ident) = &*expression else { return ControlFlow::Continue(()) };
        let name = folded(ident);
        let is_hidden = self.hidden.iter().any(|names| names.as_ref().is_none_or(|names| names.contains(&name)));
        if !is_hidden && let Some(column) = found(self.visible, &name) {
            *expression = column.at(ident.span);
        }
        ControlFlow::Continue(())
    }
}

impl Scope<'_> {
    /// Returns the plain names that mean a column of a query itself, in its FROM or its SELECT list.
    fn names_inside(&self, query: &Query) -> Option<BTreeSet<String>> {
        let mut names: BTreeSet<String> = self.names_of_query(query)?.into_iter().collect();
        let mut inside = Scope { columns: self.columns, with: self.with.clone(), looked_at: Rc::clone(&self.looked_at) };
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            inside
                .with
                .push((folded(&cte.alias.name), inside.names_of_query(&cte.query).map(|names| renamed(names, &cte.alias))));
        }
        let mut open = vec![query.body.as_ref()];
        while let Some(body) = open.pop() {
            match body {
                SetExpr::Select(select) => names.extend(inside.names_of_from(select)?.into_iter().map(|(_, name)| name)),
                SetExpr::SetOperation { left, right, .. } => open.extend([left.as_ref(), right.as_ref()]),
                SetExpr::Query(query) => names.extend(inside.names_inside(query)?),
                _ => return None,
            }
        }
        Some(names)
    }
}
