//! `lower`, `upper` and `initcap`: letters one for one, so that no text changes its length.

use schemas::field::Value;

use super::definition::{Answer, Definition, Gives, Kind, Overload, made, text};

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "lower",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: lower }],
        strict: true,
        check: None,
    },
    Definition {
        name: "upper",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: upper }],
        strict: true,
        check: None,
    },
    Definition {
        name: "initcap",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: initcap }],
        strict: true,
        check: None,
    },
];

/// The small letter of a character, one for one: PostgreSQL changes no length.
fn small(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// The capital of a character, one for one.
fn capital(character: char) -> char {
    let mut letters = character.to_uppercase();
    letters.next().filter(|_| letters.next().is_none()).unwrap_or(character)
}

/// The text in small letters.
pub fn lowered(text: &str) -> String {
    text.chars().map(small).collect()
}

fn lower(arguments: &[Value<'_>]) -> Answer {
    made(lowered(text(&arguments[0])))
}

fn upper(arguments: &[Value<'_>]) -> Answer {
    made(text(&arguments[0]).chars().map(capital).collect::<String>())
}

/// A capital at the beginning of each word, small letters inside; words are letters and digits.
fn initcap(arguments: &[Value<'_>]) -> Answer {
    let mut inside = false;
    let mut out = String::new();
    for character in text(&arguments[0]).chars() {
        out.push(if inside { small(character) } else { capital(character) });
        inside = character.is_alphanumeric();
    }
    made(out)
}
