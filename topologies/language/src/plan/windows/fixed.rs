//! Windows of fixed length as table functions: TUMBLE, HOP and CUMULATE.
//!
//! Owns their rewriting into sub-queries, and the checks of their lengths. A call enters, a FROM item leaves: rows with `window_start` and
//! `window_end`, one for each window that the time of a row is in. A row without a time is in none.

use std::fmt;
use std::ops::ControlFlow;

use datafusion_common::ScalarValue;
use datafusion_sql::sqlparser::ast::{
    self, Expr, Ident, ObjectName, Query, Spanned, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::bounds::{CUMULATE_ENDS, HOP_STARTS};
use crate::plan::syntax::tree::{RewriteError, derived, folded};
use crate::plan::types::interval_micros;

/// The most windows of HOP or CUMULATE that one row may be in.
pub const WINDOWS_PER_ROW_MAX: i64 = 1_000;

/// Name of the relation in the text of a window, in whose place the sub-query of the user is put.
const RELATION: &str = "the rows";

/// A kind of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowForm {
    /// windows of equal length that follow each other
    Tumble,
    /// windows of equal length that may overlap
    Hop,
    /// windows that begin together and grow step by step
    Cumulate,
}

impl fmt::Display for WindowForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tumble => "TUMBLE",
            Self::Hop => "HOP",
            Self::Cumulate => "CUMULATE",
        })
    }
}

impl WindowForm {
    /// The form of a table function by its name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tumble, Self::Hop, Self::Cumulate].into_iter().find(|form| form.to_string() == name)
    }

    /// Names of the lengths that it takes, before the offset.
    fn lengths(self) -> &'static [&'static str] {
        match self {
            Self::Tumble => &["size"],
            Self::Hop => &["slide", "size"],
            Self::Cumulate => &["step", "max"],
        }
    }
}

/// Windows of fixed length that a query reads.
#[derive(Clone, Debug)]
pub struct FixedWindows {
    /// their kind
    pub form: WindowForm,
    /// their lengths, in the order of the call
    pub lengths: Vec<Expr>,
    /// distance of their beginning from midnight of 1970-01-01, which may be negative
    pub offset: Option<Expr>,
}

/// Something wrong with a length: its place, and the fault.
#[derive(Debug)]
pub struct LengthError {
    /// its place
    pub span: Span,
    /// the fault
    pub message: String,
}

impl FixedWindows {
    /// Reads a call over `(relation, time, lengths..., offset)`.
    pub fn of(form: WindowForm, arguments: &[Expr], span: Span) -> Result<(Self, TableFactor), RewriteError> {
        let refused = |message: String| RewriteError { message, span };
        let names = form.lengths();
        let is_complete = (names.len()..=names.len() + 1).contains(&arguments.len().saturating_sub(2));
        let ([relation, time, rest @ ..], true) = (arguments, is_complete) else {
            let lengths: Vec<String> = names.iter().map(|name| format!("INTERVAL {name}")).collect();
            return Err(refused(format!("{form} takes (relation, time column, {} [, INTERVAL offset])", lengths.join(", "))));
        };
        let windows = Self { form, lengths: rest[..names.len()].to_vec(), offset: rest.get(names.len()).cloned() };
        let (from, query) = match relation {
            Expr::Subquery(query) => (quoted(RELATION), Some(query.as_ref().clone())),
            name => (quoted(&plain_name(name, span)?), None),
        };
        let column = quoted(&plain_name(time, span)?);
        let mut factor = derived(&windows.text(&column, &from), span)?;
        let mut places = Places { windows: &windows, query, time: time.span(), call: span };
        let _ = VisitMut::visit(&mut factor, &mut places);
        Ok((windows, factor))
    }

    /// The sub-query, with `$1` and `$2` for the lengths and `$3` for the offset.
    fn text(&self, column: &str, from: &str) -> String {
        let start = |size: &str| match self.offset {
            None => format!("date_bin({size}, {column})"),
            Some(_) => format!("date_bin({size}, {column} - $3) + $3"),
        };
        let offset = if self.offset.is_some() { ", $3" } else { "" };
        match self.form {
            WindowForm::Tumble => {
                let start = start("$1");
                format!("SELECT *, {start} AS window_start, {start} + $1 AS window_end FROM {from} WHERE {column} IS NOT NULL")
            }
            WindowForm::Hop => format!(
                "SELECT *, window_start + $2 AS window_end FROM \
                 (SELECT *, unnest(\"{HOP_STARTS}\"({column}, $1, $2{offset})) AS window_start FROM {from}) AS hops"
            ),
            WindowForm::Cumulate => format!(
                "SELECT *, unnest(\"{CUMULATE_ENDS}\"({column}, $1, $2{offset})) AS window_end FROM \
                 (SELECT *, {} AS window_start FROM {from} WHERE {column} IS NOT NULL) AS steps",
                start("$2")
            ),
        }
    }

    /// Checks the lengths; `constant` computes an expression.
    ///
    /// # Errors
    /// A length is not a constant, has months or is not greater than zero; or a row would be in too many windows.
    pub fn check(&self, constant: &dyn Fn(&Expr) -> Result<ScalarValue, String>) -> Result<(), LengthError> {
        let refused = |what: &str, length: &Expr, fault: &str| LengthError {
            span: length.span(),
            message: format!("the {what} of {}: {fault}", self.form),
        };
        let micros = |what: &str, length: &Expr| {
            let value = constant(length).map_err(|fault| refused(what, length, &fault))?;
            interval_micros(&value).map_err(|fault| refused(what, length, &fault.to_string()))
        };
        let mut lengths = Vec::with_capacity(self.lengths.len());
        for (what, length) in self.form.lengths().iter().zip(&self.lengths) {
            match micros(what, length)? {
                found @ 1.. => lengths.push(found),
                _ => return Err(refused(what, length, &format!("it must be longer than nothing, not {length}"))),
            }
        }
        if let Some(offset) = &self.offset {
            micros("offset", offset)?;
        }
        let [first, second] = lengths[..] else { return Ok(()) };
        if self.form == WindowForm::Cumulate && second % first != 0 {
            let fault = format!("it must be a multiple of the step, which {} is not of {}", self.lengths[1], self.lengths[0]);
            return Err(refused("max", &self.lengths[1], &fault));
        }
        let windows = second / first + i64::from(second % first != 0);
        if windows > WINDOWS_PER_ROW_MAX {
            let fault = format!("each row would be in {windows} windows, and it may be in {WINDOWS_PER_ROW_MAX}");
            return Err(refused(self.form.lengths()[1], &self.lengths[1], &fault));
        }
        Ok(())
    }
}

/// A name in the text of a query.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A relation or a column that is named without an expression around it.
pub fn plain_name(expression: &Expr, span: Span) -> Result<String, RewriteError> {
    match expression {
        Expr::Identifier(ident) => Ok(folded(ident)),
        other => Err(RewriteError { message: format!("'{other}' must be a plain name here"), span }),
    }
}

/// Puts lengths in place of their numbers, the sub-query in place of its name, and the places of what the user wrote in place of those of the
/// made text.
struct Places<'a> {
    windows: &'a FixedWindows,
    query: Option<Query>,
    time: Span,
    call: Span,
}

impl Places<'_> {
    fn length(&self, number: &str) -> Option<Expr> {
        match number {
            "$1" => self.windows.lengths.first().cloned(),
            "$2" => self.windows.lengths.get(1).cloned(),
            _ => self.windows.offset.clone(),
        }
    }
}

impl VisitorMut for Places<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Value(ValueWithSpan { value: Value::Placeholder(number), .. }) => {
                if let Some(length) = self.length(number) {
                    *expression = length;
                }
            }
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

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let is_place = matches!(factor, TableFactor::Table { name, .. } if is_relation(name));
        if let (true, Some(query)) = (is_place, self.query.take()) {
            let name = Ident::new(self.windows.form.to_string().to_lowercase());
            let alias = Some(ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None });
            *factor = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias, sample: None };
        }
        ControlFlow::Continue(())
    }
}

fn is_relation(name: &ObjectName) -> bool {
    name.0.first().and_then(|part| part.as_ident()).is_some_and(|ident| ident.value == RELATION)
}
