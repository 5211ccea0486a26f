//! `MERGE INTO table USING source`: the plan of a continuous fold.
//!
//! Owns [`Merge`]. The clauses of the statement enter; leaves what is computed of every event before it travels to its key (the rows that
//! are made of it, their keys, and every value that depends on the event alone), and what is computed there with the row that is found.

use arrow_schema::{DataType, Schema};
use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable as _, Operator};
use datafusion_sql::sqlparser::ast;

use super::event_rows::{EventRows, EventStep};
use super::graph::NodeColumn;
use super::identity::scalar::scalar_form;
use super::scalar::Scalar;
use super::sql::Relations;
use super::types::type_name;
use super::wording;
use crate::parse::{MergeAction, MergeClause};

/// A continuous fold of a source into a table.
#[derive(Clone, Debug)]
pub struct Merge {
    /// number of the source
    pub source: usize,
    /// the way from an event to the rows that are folded; none where the event is the row
    pub steps: Vec<EventStep>,
    /// the table's key, over the columns of those rows
    pub key: Vec<Scalar>,
    /// fields that travel with each row, over the same columns
    pub fields: Vec<(Scalar, NodeColumn)>,
    /// in order: the first that applies acts
    pub clauses: Vec<Clause>,
}

impl Merge {
    /// The columns of its source that it reads; the source has `width` of them.
    pub fn columns_read(&self, width: usize) -> Vec<usize> {
        let behind = self.key.iter().chain(self.fields.iter().map(|(field, _)| field));
        EventRows::columns_read(&self.steps, behind, width)
    }

    /// Returns true if some clause refuses events.
    pub fn raises(&self) -> bool {
        self.clauses.iter().any(|clause| matches!(clause.action, Action::Raise(_)))
    }
}

/// One `WHEN`.
#[derive(Clone, Debug)]
pub struct Clause {
    /// for rows that exist
    pub matched: bool,
    /// further condition
    pub condition: Option<FoldValue>,
    /// condition on the event alone; `None` when that can't be told before the row is found
    pub guard: Option<FoldValue>,
    /// its action
    pub action: Action,
}

impl Clause {
    /// Everything that it computes.
    pub fn values(&self) -> impl Iterator<Item = &FoldValue> {
        let (inserted, updated) = match &self.action {
            Action::Insert(values) => (values.as_slice(), [].as_slice()),
            Action::Update(values) => ([].as_slice(), values.as_slice()),
            Action::Raise(reason) => (std::slice::from_ref(reason), [].as_slice()),
            Action::Delete | Action::Nothing => ([].as_slice(), [].as_slice()),
        };
        let assigned = inserted.iter().chain(updated.iter().map(|(_, value)| value));
        self.condition.iter().chain(&self.guard).chain(assigned)
    }
}

/// Action of a clause.
#[derive(Clone, Debug)]
pub enum Action {
    /// a new row: a value for every column
    Insert(Vec<FoldValue>),
    /// new values for some columns
    Update(Vec<(usize, FoldValue)>),
    /// the row goes
    Delete,
    /// nothing, and no later clause acts
    Nothing,
    /// the same, and the event becomes a dead letter with this reason
    Raise(FoldValue),
}

/// A value of a clause.
#[derive(Clone, Debug)]
pub enum FoldValue {
    /// a field that travelled with the event
    Event(usize),
    /// computed where the row is, over the table's columns followed by the event's fields
    Late(Scalar),
}

/// Context that a merge is planned in.
pub struct MergeContext<'a> {
    /// functions and types
    pub relations: &'a Relations,
    /// the table's name in the statement, and its columns
    pub target: (&'a str, &'a Schema),
    /// the source's name in the statement, and its columns
    pub event: (&'a str, &'a Schema),
    /// the table's columns as rows keep them
    pub columns: &'a [NodeColumn],
    /// the columns of the key
    pub primary_key: &'a [usize],
    /// the value of each column where an INSERT leaves it out
    pub defaults: &'a [Scalar],
}

/// Purpose of an expression of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRole {
    /// a condition
    Condition,
    /// the new value of a column
    Column(usize),
    /// the reason of a RAISE
    Reason,
}

/// Plans the key: the `ON` condition must equate each column of the primary key with a value of the event.
pub fn plan_key(context: &MergeContext<'_>, on: &ast::Expr) -> Result<Vec<Scalar>> {
    let condition = context.relations.plan_expression(on.clone(), &[context.target, context.event])?;
    let events = event_schema(context)?;
    let mut found: Vec<Option<Scalar>> = vec![None; context.primary_key.len()];
    for part in split_conjunction(&condition) {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part else {
            return plan_err!("ON may only contain equalities of the primary key: {part} is none");
        };
        let (column, value) = match (target_column(context, left), target_column(context, right)) {
            (Some(column), None) => (column, right),
            (None, Some(column)) => (column, left),
            _ => {
                return plan_err!("ON must equate a column of '{}' with a value of the event: {part} does not", context.target.0);
            }
        };
        let Some(place) = context.primary_key.iter().position(|&key| key == column) else {
            return plan_err!(
                "column '{}' is not part of the primary key of '{}'",
                context.columns[column].name,
                context.target.0
            );
        };
        if reads_target(context, value) {
            return plan_err!("the value for '{}' must depend on the event alone", context.columns[column].name);
        }
        found[place] = Some(Scalar::lower_as(value, &events, &context.columns[column].data_type)?);
    }
    let missing = found.iter().position(Option::is_none);
    match missing {
        Some(place) => plan_err!(
            "ON does not say which '{}' an event means: every column of the primary key needs an equality",
            context.columns[context.primary_key[place]].name
        ),
        None => Ok(found.into_iter().flatten().collect()),
    }
}

/// Plans the clauses; appends what must travel with an event to `fields`.
pub fn plan_clause(context: &MergeContext<'_>, clause: &MergeClause, fields: &mut Vec<(Scalar, NodeColumn)>) -> Result<Clause> {
    let (condition, guard) = match &clause.condition {
        None => (None, None),
        Some(condition) => {
            let expression = context.relations.plan_expression(condition.clone(), &visible(context, clause.matched))?;
            let condition = fold_value(context, &expression, &DataType::Boolean, fields)?;
            (Some(condition), guard(context, &expression, fields)?)
        }
    };
    let assigned = |expression: &ast::Expr, column: usize, fields: &mut Vec<(Scalar, NodeColumn)>| {
        if is_default(expression) {
            return Ok(FoldValue::Late(context.defaults[column].clone()));
        }
        let expression = context.relations.plan_expression(expression.clone(), &visible(context, clause.matched))?;
        fold_value(context, &expression, &context.columns[column].data_type, fields)
    };
    let action = match &clause.action {
        MergeAction::Delete => Action::Delete,
        MergeAction::DoNothing => Action::Nothing,
        MergeAction::Raise(reason) => Action::Raise(plan_reason(context, clause.matched, reason, fields)?),
        MergeAction::Update(assignments) => Action::Update(
            assignments
                .iter()
                .map(|(name, expression)| {
                    let column = column_number(context, &name.text)?;
                    if context.primary_key.contains(&column) {
                        return plan_err!(
                            "'{}' is part of the primary key and can't be changed: DELETE and INSERT instead",
                            name.text
                        );
                    }
                    Ok((column, assigned(expression, column, fields)?))
                })
                .collect::<Result<_>>()?,
        ),
        MergeAction::Insert { columns, values } => {
            let named: Vec<usize> = if columns.is_empty() {
                (0..values.len()).collect()
            } else {
                columns.iter().map(|name| column_number(context, &name.text)).collect::<Result<_>>()?
            };
            if named.len() != values.len() || named.len() > context.columns.len() {
                return plan_err!("INSERT has {} values for {} columns", values.len(), context.columns.len().min(named.len()));
            }
            Action::Insert(
                context
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(column, _)| match named.iter().position(|&other| other == column) {
                        Some(place) => assigned(&values[place], column, fields),
                        None => Ok(FoldValue::Late(context.defaults[column].clone())),
                    })
                    .collect::<Result<_>>()?,
            )
        }
    };
    Ok(Clause { matched: clause.matched, condition, guard, action })
}

/// The reason of a RAISE.
fn plan_reason(
    context: &MergeContext<'_>,
    matched: bool,
    reason: &ast::Expr,
    fields: &mut Vec<(Scalar, NodeColumn)>,
) -> Result<FoldValue> {
    let planned = context.relations.plan_expression(reason.clone(), &visible(context, matched))?;
    let mut schema = DFSchema::empty();
    for (alias, columns) in visible(context, matched) {
        schema = schema.join(&DFSchema::try_from_qualified_schema(alias, columns)?)?;
    }
    match planned.get_type(&schema)? {
        DataType::Utf8 | DataType::Utf8View => fold_value(context, &planned, &DataType::Utf8, fields),
        other => {
            let reason = wording::sql(&planned);
            plan_err!("RAISE takes a text, and {reason} is {}: write a text in single quotes", type_name(&other))
        }
    }
}

/// Returns true for the word DEFAULT in place of a value.
pub fn is_default(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default"))
}

/// Plans one expression of a clause by itself. Returns what is computed of the event, and the value.
pub fn plan_expression(
    context: &MergeContext<'_>,
    matched: bool,
    expression: &ast::Expr,
    role: ValueRole,
) -> Result<(Vec<Scalar>, FoldValue)> {
    let mut fields = Vec::new();
    let target = match role {
        ValueRole::Condition => &DataType::Boolean,
        ValueRole::Column(column) => &context.columns[column].data_type,
        ValueRole::Reason => {
            let value = plan_reason(context, matched, expression, &mut fields)?;
            return Ok((fields.into_iter().map(|(field, _)| field).collect(), value));
        }
    };
    let planned = context.relations.plan_expression(expression.clone(), &visible(context, matched))?;
    let value = fold_value(context, &planned, target, &mut fields)?;
    Ok((fields.into_iter().map(|(field, _)| field).collect(), value))
}

/// The expressions of a clause, each with its purpose.
pub fn expressions<'c>(context: &MergeContext<'_>, clause: &'c MergeClause) -> Vec<(&'c ast::Expr, ValueRole)> {
    let number = |name: &str| context.columns.iter().position(|column| column.name == name);
    let assigned: Vec<(&ast::Expr, Option<usize>)> = match &clause.action {
        MergeAction::Delete | MergeAction::DoNothing | MergeAction::Raise(_) => Vec::new(),
        MergeAction::Update(assignments) => assignments.iter().map(|(name, value)| (value, number(&name.text))).collect(),
        MergeAction::Insert { columns, values } => values
            .iter()
            .enumerate()
            .map(|(place, value)| match columns.get(place) {
                Some(name) => (value, number(&name.text)),
                None => (value, Some(place).filter(|place| *place < context.columns.len())),
            })
            .collect(),
    };
    let reason = match &clause.action {
        MergeAction::Raise(reason) => Some((reason, ValueRole::Reason)),
        _ => None,
    };
    let conditions = clause.condition.iter().map(|condition| (condition, ValueRole::Condition));
    // A value for a column that is not there is the clause's fault, not the value's.
    let assigned = assigned.into_iter().filter(|(value, _)| !is_default(value));
    let assigned = assigned.filter_map(|(value, column)| Some((value, ValueRole::Column(column?))));
    conditions.chain(assigned).chain(reason).collect()
}

/// The part of a condition that needs no row: an event that fails it concerns this clause as little as one of another type.
fn guard(context: &MergeContext<'_>, condition: &Expr, fields: &mut Vec<(Scalar, NodeColumn)>) -> Result<Option<FoldValue>> {
    let parts = split_conjunction(condition).into_iter().filter(|part| !reads_target(context, part));
    let Some(guard) = conjunction(parts.cloned()) else { return Ok(None) };
    fold_value(context, &guard, &DataType::Boolean, fields).map(Some)
}

fn visible<'a>(context: &MergeContext<'a>, matched: bool) -> Vec<(&'a str, &'a Schema)> {
    if matched { vec![context.target, context.event] } else { vec![context.event] }
}

fn event_schema(context: &MergeContext<'_>) -> Result<DFSchema> {
    DFSchema::try_from_qualified_schema(context.event.0, context.event.1)
}

fn fold_value(
    context: &MergeContext<'_>,
    expression: &Expr,
    target: &DataType,
    fields: &mut Vec<(Scalar, NodeColumn)>,
) -> Result<FoldValue> {
    let events = event_schema(context)?;
    if !reads_target(context, expression) {
        let scalar = Scalar::lower_as(expression, &events, target)?;
        if let Scalar::Constant { .. } = scalar {
            return Ok(FoldValue::Late(scalar));
        }
        return Ok(FoldValue::Event(travels(fields, scalar, expression.to_string(), target)));
    }
    // Columns of the table come first, then the event's fields that have been collected so far and those this expression adds.
    let tables = DFSchema::try_from_qualified_schema(context.target.0, context.target.1)?;
    let width = context.columns.len();
    let both = tables.join(&events)?;
    let late = Scalar::lower_as(expression, &both, target)?;
    let mut places: Vec<Scalar> = (0..width).map(Scalar::Column).collect();
    for column in 0..events.fields().len() {
        let field = events.field(column);
        let place = if late.columns().contains(&(width + column)) {
            travels(fields, Scalar::Column(column), field.name().clone(), field.data_type())
        } else {
            0
        };
        places.push(Scalar::Column(width + place));
    }
    Ok(FoldValue::Late(late.substitute(&places)?))
}

fn travels(fields: &mut Vec<(Scalar, NodeColumn)>, scalar: Scalar, name: String, data_type: &DataType) -> usize {
    let known = fields.iter().position(|(other, _)| scalar_form(other) == scalar_form(&scalar));
    known.unwrap_or_else(|| {
        fields.push((scalar, super::outputs::node_column(&name, data_type, true)));
        fields.len() - 1
    })
}

fn target_column(context: &MergeContext<'_>, expression: &Expr) -> Option<usize> {
    let expression = match expression {
        Expr::Cast(cast) => cast.expr.as_ref(),
        other => other,
    };
    let Expr::Column(column) = expression else { return None };
    if column.relation.as_ref().is_some_and(|relation| relation.table() == context.target.0) {
        context.columns.iter().position(|other| other.name == column.name)
    } else {
        None
    }
}

fn reads_target(context: &MergeContext<'_>, expression: &Expr) -> bool {
    let columns = expression.column_refs();
    columns.iter().any(|column| column.relation.as_ref().is_some_and(|relation| relation.table() == context.target.0))
}

fn column_number(context: &MergeContext<'_>, name: &str) -> Result<usize> {
    match context.columns.iter().position(|column| column.name == name) {
        Some(column) => Ok(column),
        None => {
            let known = context.columns.iter().map(|column| column.name.as_str());
            let hint =
                crate::diagnostic::suggestion(name, known).map(|near| format!(": did you mean '{near}'?")).unwrap_or_default();
            plan_err!("table '{}' has no column '{name}'{hint}", context.target.0)
        }
    }
}
