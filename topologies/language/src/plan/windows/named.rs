//! Windows by name: `OVER w`, `OVER (w ORDER BY ...)` and the WINDOW clause that defines them.
//!
//! Owns the rewriting of a query's syntax tree for them. Each call gets its window written out, and every order a frame: DataFusion does not look
//! at windows that are part of others, and takes a frame of rows where it believes that no two rows are peers.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, SetExpr, VisitMut, VisitorMut, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowSpec, WindowType,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use crate::plan::syntax::tree::{RewriteError, folded};

/// Writes out the windows of a query, of which the sub-queries have theirs written out already.
pub fn write_out(query: &mut Query) -> Result<(), RewriteError> {
    let mut windows = match query.body.as_ref() {
        SetExpr::Select(select) => windows_of(&select.named_window)?,
        _ => return in_body(&mut query.body),
    };
    in_body(&mut query.body)?;
    // The ORDER BY of the query sees the windows of its SELECT.
    match query.order_by.as_mut().map(|order| VisitMut::visit(order, &mut windows)) {
        Some(ControlFlow::Break(error)) => Err(error),
        _ => Ok(()),
    }
}

fn in_body(body: &mut SetExpr) -> Result<(), RewriteError> {
    match body {
        SetExpr::Select(select) => {
            let mut windows = windows_of(&select.named_window)?;
            select.named_window.clear();
            match VisitMut::visit(select, &mut windows) {
                ControlFlow::Break(error) => Err(error),
                ControlFlow::Continue(()) => Ok(()),
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left)?;
            in_body(right)
        }
        _ => Ok(()),
    }
}

/// The windows of a WINDOW clause; each may be made of those before it.
fn windows_of(definitions: &[NamedWindowDefinition]) -> Result<WindowsByName, RewriteError> {
    let mut windows = WindowsByName(Vec::with_capacity(definitions.len()));
    for definition in definitions {
        let spec = match &definition.1 {
            NamedWindowExpr::NamedWindow(name) => windows.get(name)?.clone(),
            NamedWindowExpr::WindowSpec(spec) => windows.completed(spec)?,
        };
        let name = folded(&definition.0);
        if windows.0.iter().any(|(other, _)| *other == name) {
            return refused(definition.0.span, format!("the window '{name}' is defined twice: name them apart"));
        }
        windows.0.push((name, spec));
    }
    Ok(windows)
}

struct WindowsByName(Vec<(String, WindowSpec)>);

impl WindowsByName {
    fn get(&self, name: &Ident) -> Result<&WindowSpec, RewriteError> {
        let wanted = folded(name);
        match self.0.iter().find(|(other, _)| *other == wanted) {
            Some((_, spec)) => Ok(spec),
            None => refused(name.span, format!("the window '{wanted}' does not exist: define it with WINDOW {wanted} AS (...)")),
        }
    }

    /// A window with what the one that it is made of has, by the rules of PostgreSQL.
    fn completed(&self, spec: &WindowSpec) -> Result<WindowSpec, RewriteError> {
        let Some(name) = &spec.window_name else { return Ok(spec.clone()) };
        let base = self.get(name)?;
        if !spec.partition_by.is_empty() {
            return refused(name.span, format!("PARTITION BY of the window '{name}' can't be replaced: write out the window"));
        }
        if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            return refused(name.span, format!("ORDER BY of the window '{name}' can't be replaced: write out the window"));
        }
        if base.window_frame.is_some() {
            return refused(name.span, format!("the window '{name}' has a frame, so nothing can be made of it: write OVER {name}"));
        }
        let order_by = if spec.order_by.is_empty() { base.order_by.clone() } else { spec.order_by.clone() };
        let (partition_by, window_frame) = (base.partition_by.clone(), spec.window_frame.clone());
        Ok(WindowSpec { window_name: None, partition_by, order_by, window_frame })
    }
}

impl VisitorMut for WindowsByName {
    type Break = RewriteError;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<RewriteError> {
        let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
        let Some(over) = &mut function.over else { return ControlFlow::Continue(()) };
        let spec = match over {
            WindowType::NamedWindow(name) => self.get(name).cloned(),
            WindowType::WindowSpec(spec) => self.completed(spec),
        };
        match spec {
            Ok(mut spec) => {
                if !spec.order_by.is_empty() && spec.window_frame.is_none() {
                    spec.window_frame = Some(to_the_last_peer());
                }
                *over = WindowType::WindowSpec(spec);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// The frame of a window with an order and without a frame.
fn to_the_last_peer() -> WindowFrame {
    WindowFrame {
        units: WindowFrameUnits::Range,
        start_bound: WindowFrameBound::Preceding(None),
        end_bound: Some(WindowFrameBound::CurrentRow),
    }
}

fn refused<T>(span: Span, message: String) -> Result<T, RewriteError> {
    Err(RewriteError { message, span })
}
