//! The call in a statement that an error is about.
//!
//! The optimiser moves expressions about and forgets where they stood, so the place is looked up by the name of the function. An error
//! and the syntax of a statement enter, the place of the call leaves.

use std::ops::ControlFlow;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::{Expr, Function, Visit, Visitor};
use datafusion_sql::sqlparser::tokenizer::Span;

use crate::plan::limits::bounded::TooLarge;

/// The place of the call that makes too much; one that reads no column where there are several.
pub fn span_of_call(syntax: &impl Visit, error: &DataFusionError) -> Option<Span> {
    let DataFusionError::External(external) = error.find_root() else { return None };
    let function = &external.downcast_ref::<TooLarge>()?.function;
    let mut calls = Calls { function, found: Vec::new() };
    let _: ControlFlow<()> = syntax.visit(&mut calls);
    let constant = calls.found.iter().find(|(_, reads_columns)| !reads_columns);
    constant.or(calls.found.first()).map(|(span, _)| *span)
}

struct Calls<'a> {
    function: &'a str,
    /// the place of each call, and if it reads a column
    found: Vec<(Span, bool)>,
}

impl Visitor for Calls<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(Function { name, args, .. }) = expression
            && let Some(ident) = name.0.last().and_then(|part| part.as_ident())
            && ident.value.eq_ignore_ascii_case(self.function)
        {
            let reads_columns = args.visit(&mut NoColumns).is_break();
            self.found.push((ident.span, reads_columns));
        }
        ControlFlow::Continue(())
    }
}

/// Stops at the first column.
struct NoColumns;

impl Visitor for NoColumns {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}
