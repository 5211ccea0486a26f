//! Conditions with the types of a view's columns.
//!
//! [`FilterText`] and a view enter; a [`RowFilter`] leaves, or the error that PostgreSQL has for such an operator or such a value.

use schemas::field::FieldKind;
use schemas::jsonb::Jsonb;
use schemas::row::Row;
use schemas::serving::View;

use super::error::PostgrestError;
use super::operation::{FilterText, OperandText, Operation};
use crate::read::columns::column_or;
use crate::read::expression_error::ExpressionError;
use crate::read::filter::RowFilter;
use crate::read::filter::field_test::{Comparison, FieldTest, elements_and_nulls};
use crate::read::filter::json_test::JsonTest;
use crate::read::filter::pattern::{like, regular};
use crate::read::limits::{FILTER_TESTS_MAX, FILTER_VALUES_MAX, PATTERN_BYTES_TOTAL_MAX};
use crate::read::literal::{Operand, kind_name, literal, operand};
use crate::read::source::ValueSource;

/// Operators that may have `(any)` or `(all)`.
const QUANTIFIED: [&str; 9] = ["eq", "like", "ilike", "gt", "gte", "lt", "lte", "match", "imatch"];

/// Gives conditions the types of a view.
pub(crate) struct FilterTypes<'v> {
    view: &'v View,
    /// names of parameters that may have been meant
    parameters: &'static [&'static str],
    tests: usize,
    values: usize,
    pattern_bytes: usize,
}

impl<'v> FilterTypes<'v> {
    /// For the columns of a view.
    pub(crate) fn new(view: &'v View, parameters: &'static [&'static str]) -> Self {
        Self { view, parameters, tests: 0, values: 0, pattern_bytes: 0 }
    }

    /// The typed condition.
    pub(crate) fn filter(&mut self, text: FilterText) -> Result<RowFilter, PostgrestError> {
        Ok(match text {
            FilterText::Not(filter) => self.filter(*filter)?.negated(),
            FilterText::All(filters) => RowFilter::All(self.filters(filters)?),
            FilterText::Any(filters) => RowFilter::Any(self.filters(filters)?),
            FilterText::Test(place, operation) => {
                let position = column_or(self.view, &place.name, self.parameters)?;
                let is_negated = operation.is_negated;
                let test = self.test(&place.source(self.view, position), operation)?;
                if is_negated { test.negated() } else { test }
            }
        })
    }

    fn filters(&mut self, filters: Vec<FilterText>) -> Result<Vec<RowFilter>, PostgrestError> {
        filters.into_iter().map(|filter| self.filter(filter)).collect()
    }

    fn test(&mut self, source: &ValueSource, operation: Operation) -> Result<RowFilter, PostgrestError> {
        let Operation { operator, operand, .. } = operation;
        self.count(&operand)?;
        let is_quantified = QUANTIFIED.contains(&operator.as_str());
        match operand {
            OperandText::One(text) => self.single(source, &operator, &text),
            OperandText::List(texts) if texts.is_empty() => Ok(RowFilter::Any(Vec::new())),
            OperandText::List(texts) => self.one_of(source, &texts),
            OperandText::AnyOf(texts) if is_quantified => Ok(RowFilter::Any(self.each(source, &operator, &texts)?)),
            OperandText::EachOf(texts) if is_quantified => Ok(RowFilter::All(self.each(source, &operator, &texts)?)),
            OperandText::AnyOf(_) | OperandText::EachOf(_) => {
                Err(PostgrestError::UnknownOperator { operator: format!("{operator}(any) and {operator}(all)") })
            }
        }
    }

    /// Counts tests and values, before anything is made of them.
    fn count(&mut self, operand: &OperandText) -> Result<(), PostgrestError> {
        match operand {
            OperandText::One(_) => self.tests += 1,
            OperandText::List(values) => (self.tests, self.values) = (self.tests + 1, self.values + values.len()),
            OperandText::AnyOf(values) | OperandText::EachOf(values) => self.tests += values.len(),
        }
        if self.tests > FILTER_TESTS_MAX {
            return Err(PostgrestError::TooMany { what: "tests of a row", most: FILTER_TESTS_MAX });
        }
        if self.values > FILTER_VALUES_MAX {
            return Err(PostgrestError::TooMany { what: "values of lists", most: FILTER_VALUES_MAX });
        }
        Ok(())
    }

    fn each(&mut self, source: &ValueSource, operator: &str, texts: &[String]) -> Result<Vec<RowFilter>, PostgrestError> {
        texts.iter().map(|text| self.single(source, operator, text)).collect()
    }

    fn one_of(&self, source: &ValueSource, texts: &[String]) -> Result<RowFilter, PostgrestError> {
        let view = self.view;
        let Some(kind) = source.kind(|column| &view.columns[column].kind) else {
            let values = texts.iter().map(|text| json(text)).collect::<Result<_, _>>()?;
            return Ok(of_json(source, JsonTest::one_of(values)));
        };
        let mut fields = Vec::new();
        for text in texts {
            // A number that the column does not keep equals none of its values.
            if let Operand::Field(field) = operand(kind, text)? {
                fields.push(field);
            }
        }
        Ok(of_field(source, kind, FieldTest::OneOf(sorted(fields))))
    }

    fn single(&mut self, source: &ValueSource, operator: &str, text: &str) -> Result<RowFilter, PostgrestError> {
        let view = self.view;
        let filter = match source.kind(|column| &view.columns[column].kind) {
            Some(kind) => field_filter(source, kind, operator, text),
            None => json_filter(source, operator, text),
        }?;
        self.pattern_bytes += filter.pattern_bytes();
        match self.pattern_bytes > PATTERN_BYTES_TOTAL_MAX {
            true => Err(PostgrestError::TooMany { what: "bytes of compiled patterns", most: PATTERN_BYTES_TOTAL_MAX }),
            false => Ok(filter),
        }
    }
}

fn field_filter(source: &ValueSource, kind: &FieldKind, operator: &str, text: &str) -> Result<RowFilter, PostgrestError> {
    if let Some(comparison) = comparison(operator) {
        return Ok(compared(source, kind, comparison, operand(kind, text)?));
    }
    let elements = |symbol| elements(kind, symbol, text);
    let test = match operator {
        "isdistinct" => match operand(kind, text)? {
            Operand::Field(field) => FieldTest::DistinctFrom(field),
            // A number that the column does not keep is distinct from all of its values.
            Operand::Behind(_) | Operand::Below | Operand::Above => return Ok(RowFilter::All(Vec::new())),
        },
        "is" => return is_filter(text, kind, |test| of_field(source, kind, test)),
        "like" => FieldTest::Matches(like(text_pattern(kind, "~~", text)?, false)?),
        "ilike" => FieldTest::Matches(like(text_pattern(kind, "~~*", text)?, true)?),
        "match" => FieldTest::Matches(regular(text_pattern(kind, "~", text)?, false)?),
        "imatch" => FieldTest::Matches(regular(text_pattern(kind, "~*", text)?, true)?),
        "cs" => FieldTest::Contains(sorted(elements("@>")?)),
        "cd" => FieldTest::ContainedIn(sorted(without_nulls(elements("<@")?))),
        "ov" => FieldTest::Overlaps(sorted(without_nulls(elements("&&")?))),
        other => return Err(unserved(&kind_name(kind), other)),
    };
    Ok(of_field(source, kind, test))
}

/// The comparison with an operand; one with a number that the column does not keep is the same as one with a value that it keeps, or is true or
/// false of every value.
fn compared(source: &ValueSource, kind: &FieldKind, comparison: Comparison, operand: Operand) -> RowFilter {
    use Comparison as C;
    let test = |comparison, field| of_field(source, kind, FieldTest::Compare(comparison, field));
    let never = || of_field(source, kind, FieldTest::OneOf(Vec::new()));
    match (operand, comparison) {
        (Operand::Field(field), comparison) => test(comparison, field),
        (_, C::Equal) => never(),
        (_, C::NotEqual) => never().negated(),
        (Operand::Behind(field), C::Less | C::LessOrEqual) => test(C::LessOrEqual, field),
        (Operand::Behind(field), C::Greater | C::GreaterOrEqual) => test(C::Greater, field),
        (Operand::Above, C::Less | C::LessOrEqual) | (Operand::Below, C::Greater | C::GreaterOrEqual) => never().negated(),
        (Operand::Above | Operand::Below, _) => never(),
    }
}

fn json_filter(source: &ValueSource, operator: &str, text: &str) -> Result<RowFilter, PostgrestError> {
    let undefined = |operator| ExpressionError::UndefinedOperator { kind: "jsonb".to_owned(), operator };
    let test = match (comparison(operator), operator) {
        (Some(comparison), _) => JsonTest::Compare(comparison, json(text)?),
        (_, "isdistinct") => JsonTest::DistinctFrom(json(text)?),
        (_, "cs") => JsonTest::Contains(json(text)?),
        (_, "cd") => JsonTest::ContainedIn(json(text)?),
        (_, "is") => match text.to_ascii_lowercase().as_str() {
            "null" => JsonTest::Null,
            "not_null" => return Ok(of_json(source, JsonTest::Null).negated()),
            "true" => return Err(not_boolean("jsonb", "TRUE").into()),
            "false" => return Err(not_boolean("jsonb", "FALSE").into()),
            "unknown" => return Err(not_boolean("jsonb", "UNKNOWN").into()),
            _ => return Err(bad_truth(text)),
        },
        (_, "like") => return Err(undefined("~~").into()),
        (_, "ilike") => return Err(undefined("~~*").into()),
        (_, "match") => return Err(undefined("~").into()),
        (_, "imatch") => return Err(undefined("~*").into()),
        (_, "ov") => return Err(undefined("&&").into()),
        (_, other) => return Err(unserved("jsonb", other)),
    };
    Ok(of_json(source, test))
}

fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "eq" => Comparison::Equal,
        "neq" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// `is.null`, `is.not_null`, and for truth values `is.true`, `is.false` and `is.unknown`.
fn is_filter(text: &str, kind: &FieldKind, of: impl Fn(FieldTest) -> RowFilter) -> Result<RowFilter, PostgrestError> {
    let (asked, filter) = match text.to_ascii_lowercase().as_str() {
        "null" => return Ok(of(FieldTest::Null)),
        "not_null" => return Ok(of(FieldTest::Null).negated()),
        "true" => ("TRUE", of(FieldTest::Truth(true))),
        "false" => ("FALSE", of(FieldTest::Truth(false))),
        "unknown" => ("UNKNOWN", of(FieldTest::Null)),
        _ => return Err(bad_truth(text)),
    };
    if *kind == FieldKind::Boolean { Ok(filter) } else { Err(not_boolean(&kind_name(kind), asked).into()) }
}

fn not_boolean(kind: &str, asked: &'static str) -> ExpressionError {
    ExpressionError::NotBoolean { kind: kind.to_owned(), asked }
}

fn bad_truth(text: &str) -> PostgrestError {
    PostgrestError::Syntax {
        part: "filter",
        text: format!("is.{text}"),
        at: "is.".len() + 1,
        expected: "null, not_null, true, false or unknown".to_owned(),
    }
}

/// The error for an operator that values of a kind do not have, or nothing has.
fn unserved(kind: &str, operator: &str) -> PostgrestError {
    let symbol = match operator {
        "sl" => "<<",
        "sr" => ">>",
        "nxr" => "&<",
        "nxl" => "&>",
        "adj" => "-|-",
        _ => return PostgrestError::UnknownOperator { operator: operator.to_owned() },
    };
    ExpressionError::UndefinedOperator { kind: kind.to_owned(), operator: symbol }.into()
}

/// The pattern, if values of the kind can be compared with one.
fn text_pattern<'t>(kind: &FieldKind, operator: &'static str, text: &'t str) -> Result<&'t str, ExpressionError> {
    match kind {
        FieldKind::Text => Ok(text),
        kind => Err(ExpressionError::UndefinedOperator { kind: kind_name(kind), operator }),
    }
}

/// The encoded elements of a list that is compared with a column of lists.
fn elements(kind: &FieldKind, operator: &'static str, text: &str) -> Result<Vec<Row>, ExpressionError> {
    match kind {
        FieldKind::List(_) => Ok(elements_and_nulls(kind, literal(kind, text)?.as_bytes())),
        kind => Err(ExpressionError::UndefinedOperator { kind: kind_name(kind), operator }),
    }
}

fn sorted(mut fields: Vec<Row>) -> Vec<Row> {
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// NULL is no element that another list could have.
fn without_nulls(elements: Vec<Row>) -> Vec<Row> {
    elements.into_iter().filter(|element| !schemas::field::is_null(element.as_bytes(), 0)).collect()
}

fn json(text: &str) -> Result<Jsonb<'static>, ExpressionError> {
    let bad = |_| ExpressionError::BadSyntax { kind: "json".to_owned(), text: text.to_owned() };
    Jsonb::parse(text).map(Jsonb::into_owned).map_err(bad)
}

fn of_field(source: &ValueSource, kind: &FieldKind, test: FieldTest) -> RowFilter {
    match source {
        ValueSource::Column(column) => RowFilter::Field { column: *column, kind: kind.clone(), test },
        ValueSource::Json { column, steps } | ValueSource::JsonText { column, steps } => {
            RowFilter::JsonText { column: *column, steps: steps.clone(), test }
        }
    }
}

fn of_json(source: &ValueSource, test: JsonTest) -> RowFilter {
    let steps = match source {
        ValueSource::Column(_) => Vec::new(),
        ValueSource::Json { steps, .. } | ValueSource::JsonText { steps, .. } => steps.clone(),
    };
    RowFilter::Json { column: source.column(), steps, test }
}
