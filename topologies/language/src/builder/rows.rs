//! `INSERT INTO`: the rows that a table has before the first event, and the constants of DEFAULT.
//!
//! A statement enters; its rows are those of the table, each key once.

use datafusion_common::{DFSchema, DataFusionError, Result, plan_err};
use datafusion_sql::sqlparser::ast::{self, Spanned as _};
use schemas::field::is_null;
use schemas::row::Row;

use super::errors::{Outcome, blamed, fail};
use super::state::Builder;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::expression::evaluate::Evaluator;
use crate::parse::{Name, Statement, StatementKind};
use crate::plan::graph::NodeColumn;
use crate::plan::merge::is_default;
use crate::plan::scalar::{Scalar, constant, constant_value};
use crate::plan::temporal::mentions_now;
use crate::topology::{RelationKind, Table};

/// The most rows of a table from before the first event: a larger set is a topic.
const ROWS_MAX: usize = 100_000;

impl Builder {
    pub(super) fn insert_rows(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::InsertRows { table: name, columns, rows } = &statement.kind else { return Ok(()) };
        if self.relation(name)?.kind != RelationKind::Table {
            return fail(name, format!("'{}' is not a table", name.text), "INSERT INTO takes a relation made by CREATE TABLE");
        }
        let Some(number) = self.table_number(&name.text) else {
            return fail(name, format!("'{}' can't be inserted into", name.text), "create the table first");
        };
        let mut added = Vec::with_capacity(rows.len());
        {
            let table = &self.topology.tables[number];
            let named = named_columns(table, columns)?;
            for values in rows {
                added.push(self.first_row(statement, table, named.as_deref(), values)?);
            }
        }
        let table = &mut self.topology.tables[number];
        for ((key, row), values) in added.into_iter().zip(rows) {
            if table.rows.insert(key, row).is_some() {
                let message = format!("table '{}' has a row with this key already", table.name);
                let at = values.first().map_or_else(|| name.location.clone(), |value| statement.locate(value.span()));
                return Err(Box::from(Diagnostic::new(at, message).with_help("leave one of the two out")));
            }
        }
        if table.rows.len() > ROWS_MAX {
            let message = format!("table '{}' begins with more than {ROWS_MAX} rows", table.name);
            return fail(name, message, "send them as events: CREATE SOURCE, and a MERGE into the table");
        }
        Ok(())
    }

    /// The key and the row of a list of values.
    fn first_row(
        &self,
        statement: &Statement,
        table: &Table,
        named: Option<&[usize]>,
        values: &[ast::Expr],
    ) -> Outcome<(Row, Row)> {
        let place = |column: usize| named.map_or(Some(column), |named| named.iter().position(|&other| other == column));
        let at = |value: Option<&ast::Expr>| {
            value.map_or_else(|| statement.location.clone(), |value| statement.locate(value.span()))
        };
        if named.is_none() && values.len() > table.columns.len() {
            let message = format!("INSERT has {} values for {} columns", values.len(), table.columns.len());
            return Err(Box::from(Diagnostic::new(at(values.get(table.columns.len())), message)));
        }
        let mut fields = Vec::with_capacity(table.columns.len());
        for (column, definition) in table.columns.iter().enumerate() {
            let value = place(column).and_then(|place| values.get(place));
            let scalar = match value {
                Some(value) if !is_default(value) => self.constant(statement, value, definition)?,
                _ => table.defaults[column].clone(),
            };
            let Scalar::Constant { field, .. } = scalar else { panic!("a value of '{}' is no constant", table.name) };
            if table.not_null[column] && is_null(field.as_bytes(), 0) {
                let message = format!("NULL in column '{}', which is NOT NULL", definition.name);
                let at = at(value.or(values.first()));
                return Err(Box::from(Diagnostic::new(at, message).with_help("write a value for it, or give it a DEFAULT")));
            }
            fields.push(field);
        }
        let joined = |fields: &mut dyn Iterator<Item = &Row>| {
            let mut row = Row::empty();
            fields.for_each(|field| row.extend(field.as_bytes()));
            row
        };
        let key = joined(&mut table.primary_key.iter().map(|&column| &fields[column]));
        Ok((key, joined(&mut fields.iter())))
    }

    /// The constant that an expression without columns is, as a value of a column.
    pub(super) fn constant(&self, statement: &Statement, written: &ast::Expr, column: &NodeColumn) -> Outcome<Scalar> {
        let mut value = written.clone();
        self.rewrite(statement, &mut value)?;
        let attempt = |value: ast::Expr| {
            let planned = self.sql.plan_expression(value, &[])?;
            if mentions_now(&planned) {
                return plan_err!("NOW() is no constant: write a time, or take that of an event in a MERGE");
            }
            evaluated(Scalar::lower_as(&planned, &DFSchema::empty(), &column.data_type)?, column)
        };
        let at = statement.locate(written.span());
        attempt(value.clone()).map_err(|error| blamed(statement, &value, &error, |value| attempt(value).map(|_| ()), &at))
    }
}

/// Computes an expression without columns.
fn evaluated(scalar: Scalar, column: &NodeColumn) -> Result<Scalar> {
    let Scalar::Computed(_) = &scalar else { return Ok(scalar) };
    let evaluator = Evaluator::new(&[], &[], std::slice::from_ref(&scalar))?;
    let mut failed = None;
    let evaluated = evaluator.evaluate(Vec::new(), 1, |failure| failed = Some(failure.detail))?;
    if let Some(detail) = failed {
        return plan_err!("this value can't be computed: {detail}");
    }
    let field = evaluated.computed.into_iter().flatten().next();
    let field = field.ok_or_else(|| DataFusionError::Plan(format!("the value of '{}' was not computed", column.name)))?;
    constant(&constant_value(&field, &column.data_type)?, column.data_type.clone())
}

/// The numbers of the columns that an INSERT names; none where it names none.
fn named_columns(table: &Table, columns: &[Name]) -> Outcome<Option<Vec<usize>>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let number = |name: &Name| {
        let known = table.columns.iter().map(|column| column.name.as_str());
        table.columns.iter().position(|column| column.name == name.text).ok_or_else(|| {
            let error = Diagnostic::new(name.location.clone(), format!("table '{}' has no column '{}'", table.name, name.text));
            Box::from(Diagnostic { help: did_you_mean(&name.text, known), ..error })
        })
    };
    columns.iter().map(number).collect::<Outcome<Vec<usize>>>().map(Some)
}
