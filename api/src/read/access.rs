//! The rows of a view that a reader may see.
//!
//! A view's [`Access`] and the claims of a verified token enter; [`Admission`] leaves. A [`Rule`] is a policy in which the claims are
//! filled in. Nothing is visible unless a statement says so, and what can't be compared is not equal.

use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use schemas::serving::{Access, Column, Policy, View};

use crate::read::claims::Claims;
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::value::printed_as;

/// Admission of a reader to a view.
pub(crate) enum Admission {
    /// the reader must not learn that it exists
    Hidden,
    /// only readers with a token
    NeedsToken,
    /// the rows for which the rule holds
    Rows(Rule),
}

/// A condition on a row for one reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// every row
    Always,
    /// no row
    Never,
    /// rows whose column has this encoded value
    Is(usize, Row),
    /// rows whose column is a list of this kind that has this encoded element
    Has(usize, FieldKind, Row),
    /// all hold
    All(Vec<Rule>),
    /// one holds
    Any(Vec<Rule>),
}

/// Returns the rows of `view` that a reader with these claims may see.
pub(crate) fn admit(view: &View, claims: Option<&Claims>) -> Admission {
    match (&view.access, claims) {
        (Access::Denied, _) => Admission::Hidden,
        (Access::Public, _) => Admission::Rows(Rule::Always),
        (Access::Policies(_), None) => Admission::NeedsToken,
        (Access::Policies(policies), Some(claims)) => {
            Admission::Rows(any(policies.iter().map(|policy| rule(policy, &view.columns, claims))))
        }
    }
}

fn rule(policy: &Policy, columns: &[Column], claims: &Claims) -> Rule {
    match policy {
        Policy::ColumnIsClaim { column, claim } => {
            let field = claims.get(claim).and_then(|value| printed_as(&columns[*column].kind, value));
            field.map_or(Rule::Never, |field| Rule::Is(*column, field))
        }
        Policy::ListHasClaim { column, claim } => match &columns[*column].kind {
            list @ FieldKind::List(element) => {
                let field = claims.get(claim).and_then(|value| printed_as(element, value));
                field.map_or(Rule::Never, |field| Rule::Has(*column, list.clone(), field))
            }
            _ => Rule::Never,
        },
        Policy::ColumnIs { column, json } => {
            let value = serde_json::from_str(json).ok();
            let field = value.and_then(|value| printed_as(&columns[*column].kind, &value));
            field.map_or(Rule::Never, |field| Rule::Is(*column, field))
        }
        Policy::ClaimIs { claim, text } => match claims.get(claim) {
            Some(serde_json::Value::String(value)) if value == text => Rule::Always,
            Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) if value.to_string() == *text => {
                Rule::Always
            }
            _ => Rule::Never,
        },
        Policy::All(policies) => all(policies.iter().map(|policy| rule(policy, columns, claims))),
        Policy::Any(policies) => any(policies.iter().map(|policy| rule(policy, columns, claims))),
    }
}

fn all(rules: impl Iterator<Item = Rule>) -> Rule {
    let mut kept: Vec<Rule> = rules.filter(|rule| *rule != Rule::Always).collect();
    if kept.contains(&Rule::Never) {
        return Rule::Never;
    }
    match kept.len() {
        0 => Rule::Always,
        1 => kept.remove(0),
        _ => Rule::All(kept),
    }
}

fn any(rules: impl Iterator<Item = Rule>) -> Rule {
    let mut kept: Vec<Rule> = rules.filter(|rule| *rule != Rule::Never).collect();
    if kept.contains(&Rule::Always) {
        return Rule::Always;
    }
    match kept.len() {
        0 => Rule::Never,
        1 => kept.remove(0),
        _ => Rule::Any(kept),
    }
}

impl Rule {
    /// The columns that every visible row has a known value in, with that value: they can narrow an index.
    pub(crate) fn implied(&self) -> Vec<(usize, &Row)> {
        match self {
            Self::Is(column, field) => vec![(*column, field)],
            Self::All(rules) => rules.iter().flat_map(Rule::implied).collect(),
            Self::Always | Self::Never | Self::Has(..) | Self::Any(_) => Vec::new(),
        }
    }

    /// Returns true if this reader may see the row.
    pub(crate) fn holds(&self, reader: &RowReader<'_>, row: &LoadedRow) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Is(column, field) => reader.field(row, *column) == field.as_bytes(),
            Self::Has(column, list, field) => has(list, reader.field(row, *column), field),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(reader, row)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(reader, row)),
        }
    }
}

/// True for an encoded list with this encoded element.
fn has(list: &FieldKind, encoded: &[u8], wanted: &Row) -> bool {
    let (FieldKind::List(element), Value::List(values)) = (list, list.read(encoded, 0)) else { return false };
    values.iter().any(|value| {
        let mut field = Row::empty();
        element.write(value, &mut field);
        field == *wanted
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read::value::parse;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        vec![column("user_id", FieldKind::Int64), column("visibility", FieldKind::Text)]
    }

    fn evaluated(policies: Vec<Policy>, claims: serde_json::Value) -> Rule {
        let view =
            View { name: "v".into(), columns: columns(), indexes: vec![], access: Access::Policies(policies), max_age: None };
        match admit(&view, Some(&Claims::for_test(claims))) {
            Admission::Rows(rule) => rule,
            Admission::Hidden | Admission::NeedsToken => panic!("a token was not enough"),
        }
    }

    fn own() -> Policy {
        Policy::ColumnIsClaim { column: 0, claim: "sub".into() }
    }

    #[test]
    fn claims_are_filled_in_and_missing_ones_equal_nothing() {
        let forty_two = Rule::Is(0, parse(&FieldKind::Int64, "42").unwrap());
        assert_eq!(evaluated(vec![own()], json!({"sub": "42"})), forty_two);
        assert_eq!(evaluated(vec![own()], json!({"sub": 42})), forty_two);
        for claims in [json!({}), json!({"sub": null}), json!({"sub": "4 2"}), json!({"sub": ["42"]})] {
            assert_eq!(evaluated(vec![own()], claims.clone()), Rule::Never, "{claims}");
        }
    }

    #[test]
    fn policies_add_up_and_conditions_within_one_narrow() {
        let admin = || Policy::ClaimIs { claim: "role".into(), text: "admin".into() };
        let public = || Policy::ColumnIs { column: 1, json: "\"public\"".into() };
        assert_eq!(evaluated(vec![own(), admin()], json!({"role": "admin"})), Rule::Always);
        assert_eq!(evaluated(vec![Policy::All(vec![own(), admin()])], json!({"sub": 1})), Rule::Never);
        let both = evaluated(vec![Policy::All(vec![own(), public()])], json!({"sub": 1}));
        assert_eq!(both.implied().len(), 2);
        let either = evaluated(vec![own(), public()], json!({"sub": 1}));
        assert!(matches!(&either, Rule::Any(rules) if rules.len() == 2) && either.implied().is_empty());
    }

    #[test]
    fn a_claim_is_found_among_the_elements_of_a_list_and_a_missing_one_is_not() {
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        let columns = vec![Column { name: "member_ids".into(), kind: list.clone() }];
        let policy = Policy::ListHasClaim { column: 0, claim: "sub".into() };
        let view = View { name: "v".into(), columns, indexes: vec![], access: Access::Policies(vec![policy]), max_age: None };
        let encoded = |value: Value<'_>| {
            let mut field = Row::empty();
            list.write(&value, &mut field);
            field
        };
        let members = encoded(Value::List(vec![Value::Int(7), Value::Null, Value::Int(42)]));
        let lists = [members, encoded(Value::List(Vec::new())), encoded(Value::Null)];
        for (claims, sees) in
            [(json!({"sub": "42"}), true), (json!({"sub": "8"}), false), (json!({"sub": null}), false), (json!({}), false)]
        {
            let Admission::Rows(rule) = admit(&view, Some(&Claims::for_test(claims.clone()))) else { panic!("{claims}") };
            let seen = lists.each_ref().map(|field| match &rule {
                Rule::Has(0, kind, wanted) => has(kind, field.as_bytes(), wanted),
                rule => *rule != Rule::Never,
            });
            assert_eq!(seen, [sees, false, false], "{claims}");
        }
    }

    #[test]
    fn null_constants_and_an_empty_list_of_policies_let_nobody_in() {
        assert_eq!(evaluated(vec![], json!({"sub": 1})), Rule::Never);
        assert_eq!(evaluated(vec![Policy::ColumnIs { column: 1, json: "null".into() }], json!({})), Rule::Never);
    }
}
