//! Values made of others: joined, without a part, with a part set.

use std::borrow::Cow;

use super::error::JsonbError;
use super::path::place_of;
use super::value::Jsonb;

/// `a || b`: the members of both objects, those of the right one in place of equal names; otherwise the elements of both, where a value that is not
/// an array is one element.
pub fn concat<'a>(left: Jsonb<'a>, right: Jsonb<'a>) -> Jsonb<'a> {
    match (left, right) {
        (Jsonb::Object(mut left), Jsonb::Object(right)) => {
            left.extend(right);
            Jsonb::object(left)
        }
        (left, right) => {
            let mut all = as_elements(left);
            all.extend(as_elements(right));
            Jsonb::Array(all)
        }
    }
}

fn as_elements(value: Jsonb<'_>) -> Vec<Jsonb<'_>> {
    match value {
        Jsonb::Array(elements) => elements,
        other => vec![other],
    }
}

/// `value - 'name'`: an object without the member, an array without the elements that are this text.
///
/// # Errors
/// The value is neither.
pub fn delete_name<'a>(value: Jsonb<'a>, name: &str) -> Result<Jsonb<'a>, JsonbError> {
    match value {
        Jsonb::Object(mut members) => {
            members.retain(|(other, _)| other != name);
            Ok(Jsonb::Object(members))
        }
        Jsonb::Array(mut elements) => {
            elements.retain(|element| !matches!(element, Jsonb::Text(text) if text == name));
            Ok(Jsonb::Array(elements))
        }
        _ => Err(refused("cannot delete from scalar")),
    }
}

/// `value - 1`: an array without the element at a place, from the end when it is negative.
///
/// # Errors
/// The value is not an array.
pub fn delete_element(value: Jsonb<'_>, place: i64) -> Result<Jsonb<'_>, JsonbError> {
    match value {
        Jsonb::Array(mut elements) => {
            if let Some(place) = inside(place, elements.len()) {
                elements.remove(place);
            }
            Ok(Jsonb::Array(elements))
        }
        Jsonb::Object(_) => Err(refused("cannot delete from object using integer index")),
        _ => Err(refused("cannot delete from scalar")),
    }
}

/// `value #- path`: the value without what lies at the path.
///
/// # Errors
/// The value is a scalar, or the path names a place of an array by something else than a number, or leads to a NULL of its own.
pub fn delete_path<'a>(value: Jsonb<'a>, path: &[Option<&str>]) -> Result<Jsonb<'a>, JsonbError> {
    match value {
        Jsonb::Object(_) | Jsonb::Array(_) => changed(value, path, 0, &mut PathChange::Delete),
        _ => Err(refused("cannot delete path in scalar")),
    }
}

/// `jsonb_set(value, path, new, creates)`: the value with another one at the path; one that is not there is added if `creates` says so.
///
/// # Errors
/// The value is a scalar, or the path names a place of an array by something else than a number, or leads to a NULL of its own.
pub fn set_path<'a>(value: Jsonb<'a>, path: &[Option<&str>], new: Jsonb<'a>, creates: bool) -> Result<Jsonb<'a>, JsonbError> {
    match value {
        Jsonb::Object(_) | Jsonb::Array(_) => changed(value, path, 0, &mut PathChange::Set { new: Some(new), creates }),
        _ => Err(refused("cannot set path in scalar")),
    }
}

/// The value without members that are null, at every depth; null elements stay.
pub fn strip_nulls(value: Jsonb<'_>) -> Jsonb<'_> {
    match value {
        Jsonb::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| *value != Jsonb::Null);
            Jsonb::Object(kept.map(|(name, value)| (name, strip_nulls(value))).collect())
        }
        Jsonb::Array(elements) => Jsonb::Array(elements.into_iter().map(strip_nulls).collect()),
        other => other,
    }
}

/// Something that is done at the end of a path, once.
enum PathChange<'a> {
    Delete,
    Set { new: Option<Jsonb<'a>>, creates: bool },
}

impl<'a> PathChange<'a> {
    /// The value that is put at the end of the path; `None` when it is deleted.
    fn replacement(&mut self) -> Option<Jsonb<'a>> {
        match self {
            Self::Delete => None,
            Self::Set { new, .. } => new.take(),
        }
    }

    /// The value that is put where nothing is.
    fn addition(&mut self) -> Option<Jsonb<'a>> {
        match self {
            Self::Set { new, creates: true } => new.take(),
            _ => None,
        }
    }
}

fn changed<'a>(
    value: Jsonb<'a>,
    path: &[Option<&str>],
    level: usize,
    change: &mut PathChange<'a>,
) -> Result<Jsonb<'a>, JsonbError> {
    let Some(key) = path.get(level) else { return Ok(value) };
    let Some(key) = key else { return Err(refused(&format!("path element at position {} is null", level + 1))) };
    let is_last = level + 1 == path.len();
    Ok(match value {
        Jsonb::Object(mut members) => {
            match members.iter().position(|(name, _)| name == key) {
                Some(place) if is_last => match change.replacement() {
                    Some(new) => members[place].1 = new,
                    None => drop(members.remove(place)),
                },
                Some(place) => {
                    let inner = std::mem::replace(&mut members[place].1, Jsonb::Null);
                    members[place].1 = changed(inner, path, level + 1, change)?;
                }
                None if is_last => {
                    members.extend(change.addition().map(|new| (Cow::Owned((*key).to_owned()), new)));
                }
                None => {}
            }
            Jsonb::object(members)
        }
        Jsonb::Array(mut elements) => {
            let Some(place) = place_of(key) else {
                return Err(refused(&format!("path element at position {} is not an integer: \"{key}\"", level + 1)));
            };
            match inside(place, elements.len()) {
                Some(place) if is_last => match change.replacement() {
                    Some(new) => elements[place] = new,
                    None => drop(elements.remove(place)),
                },
                Some(place) => {
                    let inner = std::mem::replace(&mut elements[place], Jsonb::Null);
                    elements[place] = changed(inner, path, level + 1, change)?;
                }
                // A place before the first one is the new first one, and one behind the last one the new last one.
                None if is_last => {
                    let at = if place < 0 { 0 } else { elements.len() };
                    elements.splice(at..at, change.addition());
                }
                None => {}
            }
            Jsonb::Array(elements)
        }
        scalar => scalar,
    })
}

/// The place in an array of a length; `None` where it has none.
fn inside(place: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if place < 0 { length + place } else { place };
    usize::try_from(place).ok().filter(|_| place < length)
}

fn refused(reason: &str) -> JsonbError {
    JsonbError::NoSuchPlace(reason.to_owned())
}
