//! Rewrites of SQL that DataFusion's planner does not know: fields of event payloads, and windows as table functions.
//!
//! Owns the rewriting of a query's syntax tree before it is planned. `e.created.author_id` becomes the column
//! `"created.author_id"`, `TUMBLE(...)` a sub-query, `SESSION(...)` a relation of its own that the caller adds.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self, AccessExpr, Expr, FunctionArg, FunctionArgExpr, Ident, Query, Spanned, TableFactor, VisitMut, VisitorMut,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::lists::{Listed, name_apart};
use super::syntax::rewritten;
use super::syntax_tree::{RewriteError, call, call_arguments, derived};

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
    /// the lengths of fixed windows, to be checked
    pub sizes: Vec<Expr>,
}

/// Rewrites a query in place; returns the windows that it reads.
pub fn rewrite_query(query: &mut Query, payload_columns: &BTreeSet<String>) -> Result<Windows, RewriteError> {
    let mut rewriter = Rewriter { payload_columns, windows: Windows::default() };
    match VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(rewriter.windows),
    }
}

/// Rewrites an expression in place.
pub fn rewrite_expression(expression: &mut Expr, payload_columns: &BTreeSet<String>) -> Result<(), RewriteError> {
    let mut rewriter = Rewriter { payload_columns, windows: Windows::default() };
    match VisitMut::visit(expression, &mut rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter<'a> {
    payload_columns: &'a BTreeSet<String>,
    windows: Windows,
}

impl VisitorMut for Rewriter<'_> {
    type Break = RewriteError;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<RewriteError> {
        if let Expr::CompoundIdentifier(parts) = expression
            && let Some(column) = self.payload_column(parts)
        {
            *expression = column;
        }
        if let Expr::CompoundFieldAccess { root, access_chain } = expression {
            self.payload_access(root, access_chain);
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
        match function.name.to_string().to_lowercase().as_str() {
            // DataFusion's is a list, SQL's a row for each.
            "generate_series" => {
                let series = std::mem::replace(expression, Expr::value(ast::Value::Null));
                *expression = call("unnest", vec![series]);
                ControlFlow::Continue(())
            }
            "count" => count_of_rows(function),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<RewriteError> {
        let has_order = query.order_by.is_some() || query.limit_clause.is_some();
        match name_apart(&mut query.body, has_order) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<RewriteError> {
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
            "TUMBLE" => self.tumble(&arguments, span),
            "SESSION" => self.session(&arguments, span),
            "HOP" | "CUMULATE" => {
                refused(span, format!("{function} windows are not supported yet: there are TUMBLE and SESSION"))
            }
            _ => refused(span, format!("the table function '{function}' is not known: there are TUMBLE and SESSION")),
        };
        match window {
            Ok(window) => {
                let alias = alias.clone();
                *factor = with_alias(window, alias, &arguments[0].to_string());
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

impl Rewriter<'_> {
    /// `alias.created.author_id` or `created.author_id` as one column.
    fn payload_column(&self, parts: &[Ident]) -> Option<Expr> {
        let (qualifier, path) = match parts {
            [message, field] => (None, [message, field]),
            [alias, message, field] => (Some(alias), [message, field]),
            _ => return None,
        };
        let folded = |ident: &Ident| if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
        let name = format!("{}.{}", folded(path[0]), folded(path[1]));
        if !self.payload_columns.contains(&name) {
            return None;
        }
        let mut column = Ident::with_quote('"', name);
        column.span = path[0].span.union(&path[1].span);
        Some(match qualifier {
            Some(alias) => Expr::CompoundIdentifier(vec![alias.clone(), column]),
            None => Expr::Identifier(column),
        })
    }

    /// `alias.created.hashtags[1]`: the column, and what is taken of it.
    fn payload_access(&self, root: &mut Box<Expr>, chain: &mut Vec<AccessExpr>) {
        let mut parts = match root.as_ref() {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(parts) => parts.clone(),
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

    /// Fixed windows next to one another, aligned to 1970-01-01.
    fn tumble(&mut self, arguments: &[Expr], span: Span) -> Result<TableFactor, RewriteError> {
        let [relation, time, size] = arguments else {
            return refused(span, "TUMBLE takes (relation, time column, INTERVAL)".to_owned());
        };
        let (relation, column) = (identifier(relation, span)?, identifier(time, span)?);
        self.windows.sizes.push(size.clone());
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (relation, column) = (quoted(&relation), quoted(&column));
        let query = format!(
            "SELECT *, date_bin(NULL, {column}) AS window_start, date_bin(NULL, {column}) + NULL AS window_end FROM {relation}"
        );
        let mut window = derived(&query, span)?;
        let _ = VisitMut::visit(&mut window, &mut Placed { size, time: time.span(), call: span });
        Ok(window)
    }

    fn session(&mut self, arguments: &[Expr], span: Span) -> Result<TableFactor, RewriteError> {
        let [relation, time, gap, partition @ ..] = arguments else {
            let message = "SESSION takes (relation, time column, INTERVAL of the longest pause, partition columns...)";
            return refused(span, message.to_owned());
        };
        let call = SessionCall {
            name: format!("session {}", arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            relation: identifier(relation, span)?,
            time: identifier(time, span)?,
            gap: gap.clone(),
            partition: partition.iter().map(|column| identifier(column, span)).collect::<Result<_, _>>()?,
        };
        let text = format!("SELECT * FROM \"{}\"", call.name.replace('"', "\"\""));
        self.windows.sessions.push(call);
        derived(&text, span)
    }
}

/// Puts the size of the windows in place of NULL, and the places of what the user wrote in place of those of the made text.
struct Placed<'a> {
    size: &'a Expr,
    time: Span,
    call: Span,
}

impl VisitorMut for Placed<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Value(ast::ValueWithSpan { value: ast::Value::Null, .. }) => *expression = self.size.clone(),
            Expr::Identifier(ident) => ident.span = self.time,
            Expr::Function(function) => {
                for part in &mut function.name.0 {
                    if let ast::ObjectNamePart::Identifier(ident) = part {
                        ident.span = self.call;
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn identifier(expression: &Expr, span: Span) -> Result<String, RewriteError> {
    match expression {
        Expr::Identifier(ident) if ident.quote_style.is_some() => Ok(ident.value.clone()),
        Expr::Identifier(ident) => Ok(ident.value.to_lowercase()),
        other => refused(span, format!("'{other}' must be a plain name here")),
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
