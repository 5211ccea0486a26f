//! Errors of statements, at their places.

use datafusion_common::{DataFusionError, Result};
use datafusion_sql::sqlparser::ast::{Visit, VisitMut};
use datafusion_sql::sqlparser::tokenizer::{Location as TextLocation, Span};

use crate::diagnostic::{Diagnostic, Location};
use crate::parse::{Name, Statement};
use crate::plan::blame::blame;
use crate::plan::messages;
use crate::plan::syntax_tree::RewriteError;

/// Outcome of a statement.
pub type Outcome<T> = Result<T, Box<Diagnostic>>;

/// A planning error at its place in the statement.
pub fn place(statement: &Statement, error: &DataFusionError) -> Box<Diagnostic> {
    let found = error.diagnostic();
    let span = found.and_then(|diagnostic| diagnostic.span).map(|span| {
        let location = |at: datafusion_common::Location| TextLocation { line: at.line, column: at.column };
        Span::new(location(span.start), location(span.end))
    });
    let (message, help) = messages::message(error);
    let diagnostic = Diagnostic::new(statement.locate(span.unwrap_or(Span::empty())), message);
    Box::new(match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    })
}

/// An error at a name, with a remedy.
pub fn fail<T>(name: &Name, message: String, help: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Diagnostic::new(name.location.clone(), message).with_help(help)))
}

/// A planning error at its own place, or at the name of the view that it is in.
pub fn at_name(statement: &Statement, name: &Name, error: &DataFusionError) -> Box<Diagnostic> {
    let mut diagnostic = place(statement, error);
    if diagnostic.location == statement.location {
        diagnostic.location = name.location.clone();
    }
    diagnostic
}

/// An error of planning a tree: at its own place, else at the expression that makes the difference, else at `otherwise`.
pub fn blamed<T: Visit + VisitMut + Clone>(
    statement: &Statement,
    tree: &T,
    error: &DataFusionError,
    attempt: impl Fn(T) -> Result<()>,
    otherwise: &Location,
) -> Box<Diagnostic> {
    let mut diagnostic = place(statement, error);
    if diagnostic.location == statement.location {
        diagnostic.location = blame(tree, error, attempt).map_or_else(|| otherwise.clone(), |span| statement.locate(span));
    }
    diagnostic
}

/// An error of a rewrite.
pub fn refused(statement: &Statement, error: &RewriteError) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(statement.locate(error.span), error.message.clone()))
}
