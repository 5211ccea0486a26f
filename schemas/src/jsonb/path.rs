//! Ways into a canonical text: members, elements and the texts of scalars.
//!
//! Canonical texts enter; parts of them leave, which are canonical themselves. Nothing is built for what lies beside the way.

use std::borrow::Cow;

use super::text::shown;
use crate::dead_letter::Fault;
use crate::json::reader::{JsonToken, Reader};

/// One step of a path of texts, such as that of `#>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathKey<'a> {
    /// a name of a member, or the digits of a place
    Text(Cow<'a, str>),
    /// a place, from the end when it is negative
    Place(i64),
}

fn first_sign(value: &str) -> Option<u8> {
    value.as_bytes().first().copied()
}

/// Returns the value of the member with a name; `None` for a value that is not an object, or has no such member.
pub fn member<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    if first_sign(value) == Some(b'{') {
        sound(Reader::new(value.as_bytes()).object(|reader, other| {
            let ((), text) = reader.spanned(Reader::skip)?;
            if other == name {
                found = Some(text);
            }
            Ok(())
        }));
    }
    found
}

/// Returns the element at a place, counted from 0, or from -1 at the end; `None` for a value that is not an array, or is shorter.
pub fn element(value: &str, place: i64) -> Option<&str> {
    if place >= 0 {
        let mut found = None;
        let mut at = 0;
        for_each_element(value, |text| {
            if at == place {
                found = Some(text);
            }
            at += 1;
        });
        return found;
    }
    let all = elements(value)?;
    let from_end = usize::try_from(place.unsigned_abs()).ok()?;
    all.get(all.len().checked_sub(from_end)?).copied()
}

/// Follows one step; a text is a place where the value is an array.
pub fn step<'a>(value: &'a str, key: &PathKey<'_>) -> Option<&'a str> {
    match (key, first_sign(value)?) {
        (PathKey::Text(name), b'{') => member(value, name),
        (PathKey::Text(digits), b'[') => element(value, place_of(digits)?),
        (PathKey::Place(place), b'[') => element(value, *place),
        _ => None,
    }
}

/// The number of a place in a path; blanks around it are those that C's numbers may have.
pub(super) fn place_of(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    digits.parse::<i32>().ok().map(i64::from)
}

/// The elements of an array; `None` for anything else.
pub fn elements(value: &str) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for_each_element(value, |text| all.push(text)).then_some(all)
}

/// The members of an object in their order; `None` for anything else.
pub fn members(value: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    if first_sign(value) != Some(b'{') {
        return None;
    }
    let mut all = Vec::new();
    sound(Reader::new(value.as_bytes()).object(|reader, name| {
        let ((), text) = reader.spanned(Reader::skip)?;
        all.push((name, text));
        Ok(())
    }));
    Some(all)
}

/// The names of the members of an object; `None` for anything else.
pub fn names(value: &str) -> Option<Vec<Cow<'_, str>>> {
    members(value).map(|members| members.into_iter().map(|(name, _)| name).collect())
}

/// Returns true if an object has a member with the name, an array has an element that is this text, or the value is this text.
pub fn has_name(value: &str, name: &str) -> bool {
    let is_name = |text: &str| first_sign(text) == Some(b'"') && scalar_text(text).is_some_and(|text| text == name);
    match first_sign(value) {
        Some(b'{') => member(value, name).is_some(),
        Some(b'[') => elements(value).is_some_and(|elements| elements.into_iter().any(is_name)),
        _ => is_name(value),
    }
}

/// The text of a value as `->>` has it: that of a text without its quotes, that of anything else as PostgreSQL prints it, and `None` for `null`.
pub fn scalar_text(value: &str) -> Option<Cow<'_, str>> {
    match first_sign(value) {
        Some(b'"') => match sound(Reader::new(value.as_bytes()).value()) {
            JsonToken::Text(text) => Some(text),
            other => panic!("a text of a JSONB was read as {other:?}"),
        },
        Some(b'n') => None,
        Some(b'[' | b'{') => Some(Cow::Owned(shown(value))),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// Calls `visit` with every element; returns false for a value that is not an array.
fn for_each_element<'a>(value: &'a str, mut visit: impl FnMut(&'a str)) -> bool {
    if first_sign(value) != Some(b'[') {
        return false;
    }
    sound(Reader::new(value.as_bytes()).array(|reader| {
        let ((), text) = reader.spanned(Reader::skip)?;
        visit(text);
        Ok(())
    }));
    true
}

fn sound<T>(read: Result<T, Fault>) -> T {
    match read {
        Ok(read) => read,
        Err(fault) => panic!("a stored JSONB can't be read: {}", fault.detail),
    }
}
