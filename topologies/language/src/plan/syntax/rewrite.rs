//! Rewrites of SQL that DataFusion's planner does not know: fields of event payloads, and windows as table functions.
//!
//! Owns the rewriting of a query's syntax tree before it is planned. `e.created.author_id` becomes the column
//! `"created.author_id"`, `TUMBLE(...)` a sub-query, `SESSION(...)` a relation of its own that the caller adds.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self, AccessExpr, Expr, FunctionArg, FunctionArgExpr, Ident, Query, SetExpr, TableFactor, VisitMut, VisitorMut,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::calls::rewritten;
use super::tree::{RewriteError, call_arguments, derived, folded};
use crate::plan::lists::{Listed, WholeRow, in_select, name_apart, name_whole_rows, whole_rows};
use crate::plan::windows::fixed::{FixedWindows, WindowForm, plain_name};
use crate::plan::windows::named::write_out;

/// A `SESSION(relation, time, gap, partition...)` in a FROM clause.
#[derive(Clone, Debug)]
pub struct SessionCall {
    /// the name it is scanned under
    pub name: String,
    /// the relation whose rows it windows
    pub relation: String,
    /// the time column
    pub time: String,
    /// the longest pause, an interval expression
    pub gap: Expr,
    /// the columns that each have sessions of their own
    pub partition: Vec<String>,
}

/// The windows that a query reads.
#[derive(Default)]
pub struct Windows {
    /// the sessions, each a relation to be added
    pub sessions: Vec<SessionCall>,
    /// those of fixed length, to be checked
    pub fixed: Vec<FixedWindows>,
}

/// Rewrites a query in place; returns the windows that it reads.
pub fn rewrite_query(query: &mut Query, payload_columns: &BTreeSet<String>) -> Result<Windows, RewriteError> {
    let mut rewriter = Rewriter::new(payload_columns);
    match VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(rewriter.windows),
    }
}

/// Rewrites an expression in place.
pub fn rewrite_expression(expression: &mut Expr, payload_columns: &BTreeSet<String>) -> Result<(), RewriteError> {
    let mut rewriter = Rewriter::new(payload_columns);
    match VisitMut::visit(expression, &mut rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter<'a> {
    payload_columns: &'a BTreeSet<String>,
    windows: Windows,
    /// for each query around: the names that stand for the one column of their rows
    whole_rows: Vec<Vec<WholeRow>>,
    /// for each item of FROM around: such a name that it has itself, which means something else in its arguments
    own_names: Vec<Option<String>>,
    /// for each query around: the names of what it reads, which come before those of objects
    read_names: Vec<Vec<String>>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = RewriteError;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<RewriteError> {
        if let Expr::Identifier(name) = expression
            && !self.own_names.iter().flatten().any(|own| *own == folded(name))
            && let Some(row) = self.whole_rows.iter().rev().flatten().find(|row| row.name == folded(name))
        {
            *expression = row.column(name);
            return ControlFlow::Continue(());
        }
        if let Expr::CompoundIdentifier(parts) = expression
            && let Some(column) = self.payload_column(parts)
        {
            *expression = column;
        }
        if let Expr::CompoundFieldAccess { root, access_chain } = expression {
            self.payload_access(root, access_chain);
            if access_chain.is_empty() {
                *expression = root.as_ref().clone();
            }
        }
        match rewritten(expression) {
            Ok(Some(other)) => *expression = other,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<RewriteError> {
        let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
        match in_select(function) {
            Ok(Some(rows)) => *expression = rows,
            Ok(None) if function.name.to_string().eq_ignore_ascii_case("count") => return count_of_rows(function),
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<RewriteError> {
        let rows = whole_rows(&query.body);
        name_whole_rows(&mut query.body, &rows);
        self.whole_rows.push(rows);
        self.read_names.push(read_names(&query.body));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<RewriteError> {
        self.whole_rows.pop();
        self.read_names.pop();
        if let Err(error) = write_out(query) {
            return ControlFlow::Break(error);
        }
        let has_order = query.order_by.is_some() || query.limit_clause.is_some();
        match name_apart(&mut query.body, has_order) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_table_factor(&mut self, _: &mut TableFactor) -> ControlFlow<RewriteError> {
        self.own_names.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<RewriteError> {
        let own = Listed::of(factor).and_then(|list| list.ok()?.whole_row());
        self.own_names.push(own.map(|row| row.name));
        if let Some(list) = Listed::of(factor) {
            return match list.and_then(|list| list.derived()) {
                Ok(derived) => {
                    *factor = derived;
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            };
        }
        let TableFactor::Table { name, alias, args: Some(arguments), .. } = &*factor else { return ControlFlow::Continue(()) };
        let function = name.to_string().to_uppercase();
        let span = name.0.first().and_then(|part| part.as_ident()).map_or(Span::empty(), |ident| ident.span);
        let arguments = match call_arguments(&arguments.args) {
            Some(arguments) => arguments,
            None => return refuse(span, format!("{function} takes a relation, a time column and intervals, without names")),
        };
        let window = match function.as_str() {
            "SESSION" => self.session(&arguments, span),
            function => match WindowForm::named(function) {
                Some(form) => FixedWindows::of(form, &arguments, span).map(|(windows, factor)| {
                    self.windows.fixed.push(windows);
                    factor
                }),
                None => {
                    let known = "there are TUMBLE, HOP, CUMULATE and SESSION";
                    refused(span, format!("the table function '{function}' is not known: {known}"))
                }
            },
        };
        match window {
            Ok(window) => {
                let alias = alias.clone();
                let name = match &arguments[0] {
                    Expr::Subquery(_) => function.to_lowercase(),
                    relation => relation.to_string(),
                };
                *factor = with_alias(window, alias, &name);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// `count(DISTINCT (a, b))`: the parts of the row are its arguments.
fn count_of_rows(function: &mut ast::Function) -> ControlFlow<RewriteError> {
    let ast::FunctionArguments::List(list) = &mut function.args else { return ControlFlow::Continue(()) };
    if list.args.len() > 1 {
        let span = function.name.0.first().and_then(|part| part.as_ident()).map_or(Span::empty(), |name| name.span);
        return refuse(span, "count takes one argument: count different rows with count(DISTINCT (a, b))".to_owned());
    }
    let is_distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
    if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(parts)))] = &list.args[..]
        && is_distinct
    {
        list.args = parts.iter().cloned().map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part))).collect();
    }
    ControlFlow::Continue(())
}

fn refuse(span: Span, message: String) -> ControlFlow<RewriteError> {
    ControlFlow::Break(RewriteError { message, span })
}

fn refused<T>(span: Span, message: String) -> Result<T, RewriteError> {
    Err(RewriteError { message, span })
}

/// The names by which a query calls what it reads.
fn read_names(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => {
            let joined = select.from.iter().flat_map(|from| from.joins.iter().map(|join| &join.relation));
            let factors = select.from.iter().map(|from| &from.relation).chain(joined);
            let name = |factor: &TableFactor| match factor {
                TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                    Some(folded(&alias.name))
                }
                TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()).map(folded),
                _ => None,
            };
            factors.filter_map(name).collect()
        }
        SetExpr::SetOperation { left, right, .. } => [read_names(left), read_names(right)].concat(),
        _ => Vec::new(),
    }
}

impl<'a> Rewriter<'a> {
    fn new(payload_columns: &'a BTreeSet<String>) -> Self {
        let windows = Windows::default();
        Self { payload_columns, windows, whole_rows: Vec::new(), own_names: Vec::new(), read_names: Vec::new() }
    }
}

impl Rewriter<'_> {
    /// `alias.created.author_id` or `created.author_id` as one column, and so for objects within objects.
    fn payload_column(&self, parts: &[Ident]) -> Option<Expr> {
        let named = |path: &[Ident]| {
            let name = path.iter().map(folded).collect::<Vec<_>>().join(".");
            (path.len() > 1 && self.payload_columns.contains(&name)).then_some(name)
        };
        let (alias, behind) = parts.split_first()?;
        let is_read = self.read_names.iter().flatten().any(|name| *name == folded(alias));
        let (qualifier, name, path) = match (named(behind), named(parts)) {
            (Some(name), _) => (Some(alias), name, behind),
            (None, Some(name)) if !is_read => (None, name, parts),
            (None, _) => return None,
        };
        let mut column = Ident::with_quote('"', name);
        column.span = path.iter().map(|part| part.span).reduce(|span, part| span.union(&part))?;
        Some(match qualifier {
            Some(alias) => Expr::CompoundIdentifier(vec![alias.clone(), column]),
            None => Expr::Identifier(column),
        })
    }

    /// `alias.created.hashtags[1]` and `(alias.created).hashtags`: the column, and what is taken of it.
    fn payload_access(&self, root: &mut Box<Expr>, chain: &mut Vec<AccessExpr>) {
        let mut parts = match root.as_ref() {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(parts) => parts.clone(),
            Expr::Nested(object) => match object.as_ref() {
                Expr::Identifier(ident) => vec![ident.clone()],
                Expr::CompoundIdentifier(parts) => parts.clone(),
                _ => return,
            },
            _ => return,
        };
        let names = chain.iter().map_while(|access| match access {
            AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.clone()),
            _ => None,
        });
        let names: Vec<Ident> = names.collect();
        for taken in 0..=names.len() {
            if taken > 0 {
                parts.push(names[taken - 1].clone());
            }
            if let Some(column) = self.payload_column(&parts) {
                **root = column;
                chain.drain(..taken);
                return;
            }
        }
    }

    fn session(&mut self, arguments: &[Expr], span: Span) -> Result<TableFactor, RewriteError> {
        let [relation, time, gap, partition @ ..] = arguments else {
            let message = "SESSION takes (relation, time column, INTERVAL of the longest pause, partition columns...)";
            return refused(span, message.to_owned());
        };
        let call = SessionCall {
            name: format!("session {}", arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            relation: plain_name(relation, span)?,
            time: plain_name(time, span)?,
            gap: gap.clone(),
            partition: partition.iter().map(|column| plain_name(column, span)).collect::<Result<_, _>>()?,
        };
        let text = format!("SELECT * FROM \"{}\"", call.name.replace('"', "\"\""));
        self.windows.sessions.push(call);
        derived(&text, span)
    }
}

fn with_alias(mut factor: TableFactor, alias: Option<ast::TableAlias>, relation: &str) -> TableFactor {
    if let TableFactor::Derived { alias: slot, .. } = &mut factor {
        *slot = alias.or_else(|| {
            let name = Ident::new(relation.trim_matches('"'));
            Some(ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None })
        });
    }
    factor
}
