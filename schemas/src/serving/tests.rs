//! Readers before and now: it is never said that nobody sees more unless that is certain.

use super::*;

fn columns(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column { name: (*name).to_owned(), kind: FieldKind::Int64 }).collect()
}

/// Columns `user_id`, `author_id` and `visibility`.
fn usual() -> Vec<Column> {
    columns(&["user_id", "author_id", "visibility"])
}

fn own(column: usize) -> Policy {
    Policy::ColumnIsClaim { column, claim: "sub".into() }
}

fn service(text: &str) -> Policy {
    Policy::ClaimIs { claim: "service".into(), text: text.into() }
}

fn visible(json: &str) -> Policy {
    Policy::ColumnIs { column: 2, json: json.into() }
}

fn policies(policies: &[Policy]) -> Access {
    Access::Policies(policies.to_vec())
}

fn is_wider(before: &Access, after: &Access) -> bool {
    after.wider_than(&usual(), before, &usual())
}

#[test]
fn nobody_is_less_than_policies_and_these_are_less_than_everyone() {
    let order = [Access::Denied, policies(&[own(0)]), Access::Public];
    for (before, earlier) in order.iter().enumerate() {
        for (after, later) in order.iter().enumerate() {
            assert_eq!(is_wider(earlier, later), after > before, "{earlier:?} {later:?}");
        }
    }
}

#[test]
fn a_policy_that_is_added_or_asks_for_less_lets_more_readers_in() {
    let both = Policy::All(vec![own(0), visible("1")]);
    let either = Policy::Any(vec![own(0), visible("1")]);
    let widens = [
        (vec![own(0)], vec![own(0), service("auth")]),
        (vec![own(0)], vec![own(1)]),
        (vec![own(0)], vec![Policy::ColumnIsClaim { column: 0, claim: "friend".into() }]),
        (vec![own(0)], vec![Policy::ListHasClaim { column: 0, claim: "sub".into() }]),
        (vec![both.clone()], vec![own(0)]),
        (vec![own(0)], vec![either.clone()]),
        (vec![service("auth")], vec![service("cdn")]),
        (vec![visible("1")], vec![visible("2")]),
        (vec![Policy::All(vec![own(0), either.clone()])], vec![Policy::Any(vec![own(0), visible("2")])]),
        // All of nothing holds for every reader.
        (vec![own(0)], vec![Policy::All(vec![])]),
    ];
    for (before, after) in widens {
        assert!(is_wider(&policies(&before), &policies(&after)), "{before:?} {after:?}");
    }
    let does_not = [
        (vec![own(0), service("auth")], vec![own(0)]),
        (vec![own(0), service("auth")], vec![service("auth"), own(0)]),
        (vec![own(0)], vec![both.clone()]),
        (vec![own(0)], vec![both.clone(), Policy::All(vec![own(0), service("auth")])]),
        (vec![own(0), visible("1")], vec![either.clone()]),
        (vec![either.clone()], vec![own(0), visible("1")]),
        (vec![either], vec![both.clone()]),
        (vec![both.clone()], vec![Policy::All(vec![visible("1"), Policy::All(vec![own(0)])])]),
        (vec![own(0)], vec![Policy::All(vec![own(0), Policy::Any(vec![own(1), visible("1")])])]),
        (vec![own(0)], vec![Policy::Any(vec![])]),
    ];
    for (before, after) in does_not {
        assert!(!is_wider(&policies(&before), &policies(&after)), "{before:?} {after:?}");
    }
}

#[test]
fn columns_are_compared_by_their_names() {
    let before = policies(&[own(0)]);
    let moved = columns(&["text", "user_id"]);
    assert!(!policies(&[own(1)]).wider_than(&moved, &before, &usual()), "the same column at another place");
    assert!(before.wider_than(&moved, &before, &usual()), "another column at the same place");
}

#[test]
fn policies_with_too_many_alternatives_are_the_same_or_wider() {
    let pair = |number: usize| Policy::Any(vec![service(&format!("a{number}")), service(&format!("b{number}"))]);
    let many = policies(&[Policy::All((0..9).map(pair).collect())]);
    assert!(!is_wider(&many, &many));
    let fewer = policies(&[Policy::All((0..10).map(pair).collect())]);
    assert!(is_wider(&many, &fewer), "it shows less, and that is not found out");
    let narrow = policies(&[Policy::All((0..7).map(pair).collect())]);
    assert!(!is_wider(&policies(&[Policy::All((0..6).map(pair).collect())]), &narrow));
}

#[test]
fn readers_are_described_as_sql_has_them() {
    let described = |access: Access| access.describe(&usual());
    assert_eq!((described(Access::Denied).as_str(), described(Access::Public).as_str()), ("nobody", "everyone"));
    let list = Policy::ListHasClaim { column: 1, claim: "sub".into() };
    let some = policies(&[Policy::All(vec![own(0), visible("\"all\"")]), list, service("auth")]);
    assert_eq!(
        described(some),
        "where (user_id = jwt('sub') and visibility = \"all\") or jwt('sub') = ANY (author_id) or jwt('service') = 'auth'"
    );
}
