//! Parts of joins and FROM clauses for USING and NATURAL: the columns that are visible, the conditions of joins, and names.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, SelectItem, TableAlias, TableFactor,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::tree::{RewriteError, folded};

/// One column that a FROM clause makes visible.
#[derive(Clone)]
pub struct Visible {
    /// its name, folded
    pub name: String,
    /// the expression that it stands for
    pub expression: Expr,
    /// one column of two
    pub is_merged: bool,
}

impl Visible {
    /// The expression where its plain name was written.
    pub fn at(&self, span: Span) -> Expr {
        match self.expression.clone() {
            Expr::CompoundIdentifier(mut parts) => {
                parts.iter_mut().for_each(|part| part.span = span);
                Expr::CompoundIdentifier(parts)
            }
            other => other,
        }
    }

    /// The item of a SELECT list that shows it.
    pub fn item(&self) -> SelectItem {
        match self.is_merged {
            true => SelectItem::ExprWithAlias { expr: self.expression.clone(), alias: Ident::with_quote('"', self.name.clone()) },
            false => SelectItem::UnnamedExpr(self.expression.clone()),
        }
    }
}

/// The sides whose rows are all there.
#[derive(Clone, Copy)]
pub enum Keeps {
    /// the left one
    Left,
    /// the right one
    Right,
    /// both of a full join
    Both,
}

impl Keeps {
    /// The sides that a join keeps whole; of an inner join either will do.
    pub fn of(operator: &JoinOperator) -> Self {
        match operator {
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Self::Right,
            JoinOperator::FullOuter(_) => Self::Both,
            _ => Self::Left,
        }
    }
}

/// The condition of a join, if it may have one.
pub fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// The same to be changed.
pub fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// A name in the list of a USING, and its place.
pub fn using_name(name: &ObjectName) -> Option<(String, Span)> {
    let ident = name.0.last()?.as_ident()?;
    Some((folded(ident), ident.span))
}

/// The only column of a side with a name.
pub fn only<'v>(side: &'v [Visible], name: &str, span: Span) -> Result<&'v Visible, RewriteError> {
    let mut named = side.iter().filter(|column| column.name == name);
    let message = match (named.next(), named.next()) {
        (Some(column), None) => return Ok(column),
        (None, _) => format!("column '{name}' of USING does not exist on both sides"),
        (Some(_), Some(_)) => format!("column '{name}' of USING may be any of several columns: join ON an equality instead"),
    };
    Err(RewriteError { message, span })
}

/// The column that one of two columns became, when a plain name can mean no other.
pub fn found<'v>(visible: &'v [Visible], name: &str) -> Option<&'v Visible> {
    let mut named = visible.iter().filter(|column| column.name == name);
    match (named.next(), named.next()) {
        (Some(column), None) if column.is_merged => Some(column),
        _ => None,
    }
}

/// The condition that two expressions are equal.
pub fn equality(left: &Expr, right: &Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left.clone()), op: BinaryOperator::Eq, right: Box::new(right.clone()) }
}

/// Names of columns after an alias has renamed the first of them.
pub fn renamed(mut names: Vec<String>, alias: &TableAlias) -> Vec<String> {
    for (name, given) in names.iter_mut().zip(&alias.columns) {
        *name = folded(&given.name);
    }
    names
}

/// The name of an item of a SELECT list, if it has one.
pub fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

/// The place of a FROM item.
pub fn factor_span(factor: &TableFactor) -> Span {
    match factor {
        TableFactor::Table { name, .. } => {
            name.0.first().and_then(|part| part.as_ident()).map_or(Span::empty(), |name| name.span)
        }
        TableFactor::Derived { alias: Some(alias), .. } => alias.name.span,
        _ => Span::empty(),
    }
}
