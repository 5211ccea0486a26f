//! LIKE with patterns and escapes of any kind, and SIMILAR TO.
//!
//! Owns the matching of a pattern that is not a constant (DataFusion's own compares with constants), and the translation of a
//! pattern with another escape character into one with a backslash.

use schemas::field::Value;

use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, made, text};
use super::pattern::{escape_character, similar};

/// The name of the function that SIMILAR TO stands for; nobody can write a call of it by accident.
pub const SIMILAR_TO: &str = "similar to";

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "like",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Boolean), call: like }],
        strict: true,
        check: Some(Check::Values(check_like)),
    },
    Definition {
        name: "like_escape",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: like_escape,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: SIMILAR_TO,
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Boolean), call: similar_to },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Boolean),
                call: similar_to,
            },
        ],
        strict: true,
        check: Some(Check::Values(check_similar)),
    },
];

/// One character of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    One(char),
    AnyOne,
    AnyMany,
    /// an escape with nothing behind it: an error when a text gets as far
    Dangling,
}

/// Reads a pattern whose escape is the backslash.
fn elements(pattern: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        elements.push(match character {
            '%' => Element::AnyMany,
            '_' => Element::AnyOne,
            '\\' => characters.next().map_or(Element::Dangling, Element::One),
            other => Element::One(other),
        });
    }
    elements
}

fn dangling(pattern: &str) -> Fault {
    Fault::invalid(format!("the pattern '{pattern}' must not end with its escape character"))
}

fn like(arguments: &[Value<'_>]) -> Answer {
    let pattern = text(&arguments[1]);
    matches(text(&arguments[0]), &elements(pattern)).map(Value::Boolean).ok_or_else(|| dangling(pattern))
}

fn check_like(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match &constants[1] {
        Some(Value::Text(pattern)) => check_pattern(pattern),
        _ => Ok(()),
    }
}

/// Refuses a pattern that ends in the middle of an escape.
pub fn check_pattern(pattern: &str) -> Result<(), Fault> {
    if elements(pattern).contains(&Element::Dangling) { Err(dangling(pattern)) } else { Ok(()) }
}

/// Returns true if a text matches, in time proportional to the product of the lengths at worst: after a mismatch only the last `%` grows.
/// `None` when the text gets as far as an escape with nothing behind it.
fn matches(text: &str, pattern: &[Element]) -> Option<bool> {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(place) {
            Some(Element::Dangling) => return None,
            Some(Element::AnyMany) => {
                retry = Some((at, place));
                place += 1;
                continue;
            }
            Some(Element::AnyOne) => {}
            Some(Element::One(character)) if *character == text[at] => {}
            _ => {
                let Some((start, many)) = retry else { return Some(false) };
                retry = Some((start + 1, many));
                (at, place) = (start + 1, many + 1);
                continue;
            }
        }
        at += 1;
        place += 1;
    }
    match &pattern[place..] {
        [Element::AnyMany, .., Element::Dangling] => None,
        rest => Some(rest.iter().all(|element| *element == Element::AnyMany)),
    }
}

fn like_escape(arguments: &[Value<'_>]) -> Answer {
    made(with_backslash(text(&arguments[0]), text(&arguments[1]))?)
}

/// The same pattern with the backslash as its escape character; an empty escape means that there is none.
pub fn with_backslash(pattern: &str, escape: &str) -> Result<String, Fault> {
    let escape = escape_character(escape)?;
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            character if Some(character) == escape => {
                // An escape at the end stays one: it is the pattern that can't be used then.
                out.push('\\');
                out.extend(characters.next());
            }
            '\\' => out.push_str("\\\\"),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn similar_to(arguments: &[Value<'_>]) -> Answer {
    let escape = arguments.get(2).map_or("\\", |escape| text(escape));
    let regex = similar(text(&arguments[1]), escape)?;
    Ok(Value::Boolean(regex.is_match(text(&arguments[0]))))
}

fn check_similar(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match (&constants[1], constants.get(2)) {
        (Some(Value::Text(pattern)), None) => similar(pattern, "\\").map(|_| ()),
        (Some(Value::Text(pattern)), Some(Some(Value::Text(escape)))) => similar(pattern, escape).map(|_| ()),
        _ => Ok(()),
    }
}
