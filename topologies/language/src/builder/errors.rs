//! Errors of statements, at their places.

use datafusion_common::{DataFusionError, Result};
use datafusion_sql::sqlparser::ast::{Visit, VisitMut};
use datafusion_sql::sqlparser::tokenizer::{Location as TextLocation, Span};

use crate::diagnostic::{Diagnostic, Location};
use crate::parse::{Name, Statement};
use crate::plan::errors::blame::blame;
use crate::plan::errors::messages;
use crate::plan::errors::missing_relation::MissingRelation;
use crate::plan::syntax::tree::RewriteError;

/// Outcome of a statement.
pub type Outcome<T> = Result<T, Box<StatementError>>;

/// Reason why a statement has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementError {
    /// the kind of the fault, with the names in it
    pub cause: Cause,
    /// the fault at its place, for people
    pub diagnostic: Diagnostic,
}

/// Kind of a fault of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// it names a relation that is not there
    MissingRelation(MissingRelation),
    /// anything else
    Refused,
}

impl From<Diagnostic> for Box<StatementError> {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(StatementError { cause: Cause::Refused, diagnostic })
    }
}

/// A planning error at its place in the statement.
pub fn place(statement: &Statement, error: &DataFusionError) -> Box<StatementError> {
    let found = error.diagnostic();
    let span = found.and_then(|diagnostic| diagnostic.span).map(|span| {
        let location = |at: datafusion_common::Location| TextLocation { line: at.line, column: at.column };
        Span::new(location(span.start), location(span.end))
    });
    let (message, help) = messages::message(error);
    let diagnostic = Diagnostic::new(statement.locate(span.unwrap_or(Span::empty())), message);
    let diagnostic = match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    };
    let cause = MissingRelation::of(error).cloned().map_or(Cause::Refused, Cause::MissingRelation);
    Box::new(StatementError { cause, diagnostic })
}

/// An error at a name, with a remedy.
pub fn fail<T>(name: &Name, message: String, help: impl Into<String>) -> Outcome<T> {
    Err(Diagnostic::new(name.location.clone(), message).with_help(help).into())
}

/// A planning error at its own place, or at the name of the view that it is in.
pub fn at_name(statement: &Statement, name: &Name, error: &DataFusionError) -> Box<StatementError> {
    let mut placed = place(statement, error);
    if placed.diagnostic.location == statement.location {
        placed.diagnostic.location = name.location.clone();
    }
    placed
}

/// An error of planning a tree: at its own place, else at the expression that makes the difference, else at `otherwise`.
pub fn blamed<T: Visit + VisitMut + Clone>(
    statement: &Statement,
    tree: &T,
    error: &DataFusionError,
    attempt: impl Fn(T) -> Result<()>,
    otherwise: &Location,
) -> Box<StatementError> {
    let mut placed = place(statement, error);
    if placed.diagnostic.location == statement.location {
        placed.diagnostic.location = blame(tree, error, attempt).map_or_else(|| otherwise.clone(), |span| statement.locate(span));
    }
    placed
}

/// An error of a rewrite.
pub fn refused(statement: &Statement, error: &RewriteError) -> Box<StatementError> {
    Diagnostic::new(statement.locate(error.span), error.message.clone()).into()
}

/// The error for a name that no relation has.
pub fn no_relation(name: &Name, missing: MissingRelation) -> Box<StatementError> {
    let help = match &missing.suggestion {
        Some(near) => format!("did you mean '{near}'?"),
        None => "it must be created before it is used".to_owned(),
    };
    let message = format!("relation '{}' does not exist", missing.relation);
    let diagnostic = Diagnostic::new(name.location.clone(), message).with_help(help);
    Box::new(StatementError { cause: Cause::MissingRelation(missing), diagnostic })
}
