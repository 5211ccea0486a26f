//! Conditions as they are written: `not.eq(any).{1,2}` behind a column, and `(a.eq.1,or(b.is.null,c.gt.2))` behind `and` and `or`.
//!
//! Text enters; [`FilterText`] leaves, in which no column and no type is known yet.

use schemas::list_text::list_items;

use super::error::PostgrestError;
use super::scanner::{NamedPlace, Scanner};

/// The deepest that `and` and `or` may lie in each other.
const DEPTH_MAX: usize = 16;
/// Characters that end a value without quotes within `and` and `or`.
const VALUE_ENDS: &[char] = &[',', ')'];
/// Operators for words, which PostgREST has and views have not.
const WORD_OPERATORS: [&str; 4] = ["fts", "plfts", "phfts", "wfts"];

/// A condition as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FilterText {
    /// a condition on a place
    Test(NamedPlace, Operation),
    /// does not hold
    Not(Box<FilterText>),
    /// all hold
    All(Vec<FilterText>),
    /// one holds
    Any(Vec<FilterText>),
}

/// An operator with its other side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// true if it must not hold
    pub(crate) is_negated: bool,
    /// the name of the operator
    pub(crate) operator: String,
    /// the other side
    pub(crate) operand: OperandText,
}

/// The other side of an operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OperandText {
    /// one value
    One(String),
    /// the values of `in`
    List(Vec<String>),
    /// one of these: `(any)`
    AnyOf(Vec<String>),
    /// each of these: `(all)`
    EachOf(Vec<String>),
}

/// The condition of a parameter, which is the name of a place and an operation.
pub(crate) fn parameter(name: &str, text: &str) -> Result<FilterText, PostgrestError> {
    let mut place = Scanner::new("filter", name);
    let column = place.place()?;
    if place.is_at(".") || place.is_at("(") {
        return Err(PostgrestError::NotEmbedded { name: column.name });
    }
    place.expect_end("'=' behind the name of a column")?;
    let mut scanner = Scanner::new("filter", text);
    let (is_negated, operator, quantifier) = head(&mut scanner)?;
    let operand = match (operator.as_str(), quantifier) {
        ("in", _) => OperandText::List(list(&mut scanner)?),
        (_, None) => OperandText::One(scanner.take_rest().to_owned()),
        (_, Some(quantifier)) => {
            let items = items(&scanner, scanner.rest())?;
            scanner.take_rest();
            quantifier(items)
        }
    };
    scanner.expect_end("the end")?;
    Ok(FilterText::Test(column, Operation { is_negated, operator, operand }))
}

/// The condition `(a.eq.1,b.eq.2)` of a parameter `and`, `or`, `not.and` or `not.or`.
pub(crate) fn logic_parameter(name: &str, text: &str) -> Result<FilterText, PostgrestError> {
    let mut scanner = Scanner::new("filter", text);
    let joined = joined(name.ends_with("and"), &mut scanner, 1)?;
    scanner.expect_end("the end")?;
    Ok(if name.starts_with("not.") { FilterText::Not(Box::new(joined)) } else { joined })
}

fn joined(is_and: bool, scanner: &mut Scanner<'_>, depth: usize) -> Result<FilterText, PostgrestError> {
    if depth > DEPTH_MAX {
        return Err(scanner.error(&format!("at most {DEPTH_MAX} of 'and' and 'or' within each other")));
    }
    scanner.expect("(")?;
    let mut filters = vec![element(scanner, depth)?];
    while scanner.take(",") {
        filters.push(element(scanner, depth)?);
    }
    scanner.expect(")")?;
    Ok(if is_and { FilterText::All(filters) } else { FilterText::Any(filters) })
}

fn element(scanner: &mut Scanner<'_>, depth: usize) -> Result<FilterText, PostgrestError> {
    for (prefix, is_and, is_negated) in
        [("and(", true, false), ("or(", false, false), ("not.and(", true, true), ("not.or(", false, true)]
    {
        if scanner.is_at(prefix) {
            scanner.take(prefix.trim_end_matches('('));
            let joined = joined(is_and, scanner, depth + 1)?;
            return Ok(if is_negated { FilterText::Not(Box::new(joined)) } else { joined });
        }
    }
    let column = scanner.place()?;
    scanner.expect(".")?;
    let (is_negated, operator, quantifier) = head(scanner)?;
    let operand = match (operator.as_str(), quantifier) {
        ("in", _) => OperandText::List(list(scanner)?),
        (_, None) => OperandText::One(value(scanner)?),
        (_, Some(quantifier)) => {
            let text = value(scanner)?;
            quantifier(items(scanner, &text)?)
        }
    };
    if !scanner.is_at(",") && !scanner.is_at(")") {
        return Err(scanner.error("',' or ')'"));
    }
    Ok(FilterText::Test(column, Operation { is_negated, operator, operand }))
}

/// Makes the other side of the values of `(any)` or `(all)`.
type Quantifier = fn(Vec<String>) -> OperandText;

/// `not.`, the name of an operator, `(any)` or `(all)`, and the point behind these.
fn head(scanner: &mut Scanner<'_>) -> Result<(bool, String, Option<Quantifier>), PostgrestError> {
    let is_negated = scanner.take("not.");
    let start = scanner.clone();
    let operator = scanner.until(&['.', '(', ',', ')']).to_owned();
    if WORD_OPERATORS.contains(&operator.as_str()) {
        return Err(PostgrestError::UnknownOperator { operator });
    }
    let quantifier: Option<Quantifier> = if scanner.take("(any)") {
        Some(OperandText::AnyOf)
    } else if scanner.take("(all)") {
        Some(OperandText::EachOf)
    } else {
        None
    };
    if !scanner.take(".") {
        return Err(start.error("an operator such as eq. or not.in."));
    }
    Ok((is_negated, operator, quantifier))
}

/// The values of `(a,"b,c")`.
fn list(scanner: &mut Scanner<'_>) -> Result<Vec<String>, PostgrestError> {
    scanner.expect("(")?;
    let mut values = Vec::new();
    if scanner.take(")") {
        return Ok(values);
    }
    loop {
        let value = match scanner.quoted()? {
            Some(value) => value,
            None => scanner.until(VALUE_ENDS).to_owned(),
        };
        values.push(value);
        if scanner.take(")") {
            return Ok(values);
        }
        scanner.expect(",")?;
    }
}

/// A value within `and` and `or`: in quotes, in braces, or up to a comma or a bracket.
fn value(scanner: &mut Scanner<'_>) -> Result<String, PostgrestError> {
    if let Some(value) = scanner.quoted()? {
        return Ok(value);
    }
    if !scanner.is_at("{") {
        return Ok(scanner.until(VALUE_ENDS).to_owned());
    }
    let mut text = scanner.until(&['}']).to_owned();
    scanner.expect("}")?;
    text.push('}');
    Ok(text)
}

/// The values of `{a,"b,c"}`.
fn items(scanner: &Scanner<'_>, text: &str) -> Result<Vec<String>, PostgrestError> {
    let items = list_items(text).and_then(|items| items.into_iter().collect());
    items.ok_or_else(|| scanner.error("a list such as {a,b}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, is_negated: bool, operator: &str, operand: OperandText) -> FilterText {
        let place = NamedPlace { name: name.into(), steps: Vec::new(), is_text: false };
        FilterText::Test(place, Operation { is_negated, operator: operator.into(), operand })
    }

    fn one(text: &str) -> OperandText {
        OperandText::One(text.into())
    }

    #[test]
    fn parameters_have_an_operator_and_a_value() {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        for (text, expected) in [
            ("eq.a.b,c)", test("x", false, "eq", one("a.b,c)"))),
            ("not.is.null", test("x", true, "is", one("null"))),
            ("in.(1,\"a,\\\"b\", c)", test("x", false, "in", OperandText::List(list(&["1", "a,\"b", " c"])))),
            ("not.in.()", test("x", true, "in", OperandText::List(Vec::new()))),
            ("like(any).{a*,b}", test("x", false, "like", OperandText::AnyOf(list(&["a*", "b"])))),
            ("eq(all).{1}", test("x", false, "eq", OperandText::EachOf(list(&["1"])))),
            ("eq.", test("x", false, "eq", one(""))),
        ] {
            assert_eq!(parameter("x", text).unwrap(), expected, "{text}");
        }
        for refused in ["", "eq", "not.eq", "in.1", "in.(1", "in.(1)x", "eq(any).1", "eq(any).{NULL}", "eq(some).{1}", "fts.word"]
        {
            assert!(parameter("x", refused).is_err(), "{refused}");
        }
        assert!(matches!(parameter("a.b", "eq.1"), Err(PostgrestError::NotEmbedded { name }) if name == "a"));
    }

    #[test]
    fn conditions_lie_within_each_other() {
        let text = "(a.eq.1,not.or(b.gt.2,c.not.in.(x,\"y)\")),d.cs.{1,2},e.eq.\"z,)\")";
        let expected = FilterText::All(vec![
            test("a", false, "eq", one("1")),
            FilterText::Not(Box::new(FilterText::Any(vec![
                test("b", false, "gt", one("2")),
                test("c", true, "in", OperandText::List(vec!["x".into(), "y)".into()])),
            ]))),
            test("d", false, "cs", one("{1,2}")),
            test("e", false, "eq", one("z,)")),
        ]);
        assert_eq!(logic_parameter("and", text).unwrap(), expected);
        assert_eq!(logic_parameter("not.and", text).unwrap(), FilterText::Not(Box::new(expected)));
        for refused in ["", "()", "(a)", "(a.eq.1", "(a.eq.1))", "(a.eq.1,)", "a.eq.1", "(a.eq.{1)"] {
            assert!(logic_parameter("or", refused).is_err(), "{refused}");
        }
        let deep = |depth: usize| format!("({}a.eq.1{})", "or(".repeat(depth), ")".repeat(depth));
        assert!(logic_parameter("or", &deep(DEPTH_MAX - 1)).is_ok());
        assert!(logic_parameter("or", &deep(DEPTH_MAX)).is_err());
    }
}
