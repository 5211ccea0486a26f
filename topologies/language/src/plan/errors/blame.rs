//! The place of an error that came without one.
//!
//! Owns the search for the expression that an error is about. DataFusion's expressions do not know where they were written, but the
//! syntax tree does: each expression in turn, the innermost first, is replaced by NULL, and the first whose absence makes the error
//! go away is the one to underline. A tree, an error and a way to plan the tree again enter, a span leaves.

use std::ops::ControlFlow;

use datafusion_common::{DataFusionError, Result};
use datafusion_sql::sqlparser::ast::{Expr, ObjectNamePart, Spanned, Value, Visit, VisitMut, Visitor, VisitorMut};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::messages::message;
use super::unusable::unusable;
use crate::plan::limits::patience::PlanningEnded;

/// Most plans that are tried for one error.
const ATTEMPTS_MAX: usize = 200;

/// The place of the expression that an error of planning `tree` is about; `None` when no single expression is.
pub fn blame<T: Visit + VisitMut + Clone>(tree: &T, error: &DataFusionError, attempt: impl Fn(T) -> Result<()>) -> Option<Span> {
    if PlanningEnded::is_cause_of(error) {
        return None;
    }
    let mut candidates = Candidates::default();
    let _ = Visit::visit(tree, &mut candidates);
    let function = unusable(error).and_then(|unusable| unusable.function.clone());
    // What is inside of a call that fails makes no difference to it, or hides it: the call itself is looked at first.
    let (mut order, others): (Vec<Candidate>, Vec<Candidate>) = candidates
        .found
        .into_iter()
        .partition(|candidate| function.is_some() && candidate.function.as_deref() == function.as_deref());
    order.extend(others);
    let said = message(error).0;
    let is_gone = |candidate: &&Candidate| {
        let mut without = tree.clone();
        let _ = VisitMut::visit(&mut without, &mut Remove { place: candidate.place, next: 0 });
        attempt(without).map_or_else(|other| !PlanningEnded::is_cause_of(&other) && message(&other).0 != said, |()| true)
    };
    order.iter().take(ATTEMPTS_MAX).find(is_gone).map(|candidate| candidate.span)
}

/// An expression that may be the culprit.
struct Candidate {
    /// its number in the order of beginnings
    place: usize,
    span: Span,
    /// the name of the function that it calls
    function: Option<String>,
}

/// Collects expressions in the order of their ends, so that inner ones come first.
#[derive(Default)]
struct Candidates {
    next: usize,
    open: Vec<usize>,
    found: Vec<Candidate>,
}

impl Visitor for Candidates {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.open.push(self.next);
        self.next += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let Some(place) = self.open.pop() else { return ControlFlow::Break(()) };
        let span = expression.span();
        let is_leaf = matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_));
        if !is_leaf && span != Span::empty() {
            self.found.push(Candidate { place, span, function: function_name(expression) });
        }
        ControlFlow::Continue(())
    }
}

fn function_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Function(function) => match function.name.0.last()? {
            ObjectNamePart::Identifier(ident) => Some(ident.value.to_lowercase()),
            ObjectNamePart::Function(_) => None,
        },
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Substring { .. } => Some("substr".to_owned()),
        Expr::Position { .. } => Some("strpos".to_owned()),
        Expr::Overlay { .. } => Some("overlay".to_owned()),
        _ => None,
    }
}

/// Replaces one expression by NULL.
struct Remove {
    place: usize,
    next: usize,
}

impl VisitorMut for Remove {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let place = self.next;
        self.next += 1;
        if place == self.place {
            *expression = Expr::value(Value::Null);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
