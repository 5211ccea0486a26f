//! Parts of JSONB, questions about it, and JSONB made of other values.
//!
//! Canonical texts enter and leave; [`schemas::jsonb`] knows what is in them.

use std::borrow::Cow;

use schemas::field::Value;
use schemas::jsonb::{self, Jsonb, JsonbError, PathKey};

use super::definition::{Answer, Definition, Fault, Gives, Kind, Overload, integer, json, made, text};

const JSON: Gives = Gives::Kind(Kind::Json);
const TRUTH: Gives = Gives::Kind(Kind::Boolean);

const fn function(name: &'static str, overloads: &'static [Overload]) -> Definition {
    Definition { name, aliases: &[], overloads, strict: true, check: None }
}

const fn way(takes: &'static [Kind], gives: Gives, call: fn(&[Value<'_>]) -> Answer) -> Overload {
    Overload { takes, rest: None, gives, call }
}

/// The functions of this file. Those with the name of an operator are written as that operator.
pub const FUNCTIONS: &[Definition] = &[
    function(
        "->",
        &[
            way(&[Kind::Json, Kind::Text], Gives::Maybe(Kind::Json), member),
            way(&[Kind::Json, Kind::BigInt], Gives::Maybe(Kind::Json), element),
        ],
    ),
    function(
        "->>",
        &[
            way(&[Kind::Json, Kind::Text], Gives::Maybe(Kind::Text), member_text),
            way(&[Kind::Json, Kind::BigInt], Gives::Maybe(Kind::Text), element_text),
        ],
    ),
    function("#>", &[way(&[Kind::Json, Kind::Texts], Gives::Maybe(Kind::Json), path)]),
    function("#>>", &[way(&[Kind::Json, Kind::Texts], Gives::Maybe(Kind::Text), path_text)]),
    function("@>", &[way(&[Kind::Json, Kind::Json], TRUTH, contains)]),
    function("?", &[way(&[Kind::Json, Kind::Text], TRUTH, has)]),
    function("?|", &[way(&[Kind::Json, Kind::Texts], TRUTH, has_any)]),
    function("?&", &[way(&[Kind::Json, Kind::Texts], TRUTH, has_all)]),
    function("#-", &[way(&[Kind::Json, Kind::Texts], JSON, delete_path)]),
    function(
        "jsonb_delete",
        &[
            way(&[Kind::Json, Kind::Text], JSON, delete_name),
            way(&[Kind::Json, Kind::BigInt], JSON, delete_element),
            way(&[Kind::Json, Kind::Texts], JSON, delete_names),
        ],
    ),
    function("jsonb_concat", &[way(&[Kind::Json, Kind::Json], JSON, concat)]),
    // A cast of a text, one to BOOLEAN, and the form in which two values are compared.
    function("jsonb_of", &[way(&[Kind::Text], JSON, of_text)]),
    function("jsonb_boolean", &[way(&[Kind::Json], TRUTH, boolean)]),
    function("jsonb_comparable", &[way(&[Kind::Json], JSON, comparable)]),
    function("jsonb_array_length", &[way(&[Kind::Json], Gives::Kind(Kind::Integer), array_length)]),
    function("jsonb_typeof", &[way(&[Kind::Json], Gives::Kind(Kind::Text), type_of)]),
    function(
        "jsonb_extract_path",
        &[Overload { takes: &[Kind::Json, Kind::Text], rest: Some(Kind::Text), gives: Gives::Maybe(Kind::Json), call: extract }],
    ),
    function(
        "jsonb_extract_path_text",
        &[Overload {
            takes: &[Kind::Json, Kind::Text],
            rest: Some(Kind::Text),
            gives: Gives::Maybe(Kind::Text),
            call: extract_text,
        }],
    ),
    function("jsonb_strip_nulls", &[way(&[Kind::Json], JSON, strip_nulls)]),
    function(
        "jsonb_set",
        &[
            way(&[Kind::Json, Kind::Texts, Kind::Json], JSON, set),
            way(&[Kind::Json, Kind::Texts, Kind::Json, Kind::Boolean], JSON, set),
        ],
    ),
    function("to_jsonb", &[way(&[Kind::Any], JSON, of_value)]),
    Definition {
        name: "jsonb_build_array",
        aliases: &[],
        overloads: &[Overload { takes: &[], rest: Some(Kind::Any), gives: JSON, call: build_array }],
        strict: false,
        check: None,
    },
    Definition {
        name: "jsonb_build_object",
        aliases: &[],
        overloads: &[Overload { takes: &[], rest: Some(Kind::Any), gives: JSON, call: build_object }],
        strict: false,
        check: None,
    },
    // Lists, of which a query makes rows.
    function("jsonb_array_elements", &[way(&[Kind::Json], Gives::Kind(Kind::Jsons), elements)]),
    function("jsonb_array_elements_text", &[way(&[Kind::Json], Gives::Kind(Kind::Texts), element_texts)]),
    function("jsonb_object_keys", &[way(&[Kind::Json], Gives::Kind(Kind::Texts), keys)]),
    function("jsonb_object_values", &[way(&[Kind::Json], Gives::Kind(Kind::Jsons), values)]),
    function("jsonb_object_values_text", &[way(&[Kind::Json], Gives::Kind(Kind::Texts), value_texts)]),
];

impl From<JsonbError> for Fault {
    fn from(error: JsonbError) -> Self {
        Fault::invalid(error.to_string())
    }
}

fn made_json(value: &Jsonb<'_>) -> Answer {
    Ok(Value::Json(value.canonical()?.into()))
}

/// A part of a canonical text, or NULL.
fn part(found: Option<&str>) -> Answer {
    Ok(found.map_or(Value::Null, |found| Value::Json(found.to_owned().into())))
}

/// The text of a part; that of `null` is NULL.
fn part_text(found: Option<&str>) -> Answer {
    let text = found.and_then(jsonb::scalar_text);
    Ok(text.map_or(Value::Null, |text| Value::Text(text.into_owned().into())))
}

fn truth(truth: bool) -> Answer {
    Ok(Value::Boolean(truth))
}

fn member(arguments: &[Value<'_>]) -> Answer {
    part(jsonb::member(json(&arguments[0]), text(&arguments[1])))
}

fn member_text(arguments: &[Value<'_>]) -> Answer {
    part_text(jsonb::member(json(&arguments[0]), text(&arguments[1])))
}

/// The element at a place. A scalar is its own first and last element, which PostgreSQL keeps for its history.
fn element_at<'v>(arguments: &'v [Value<'_>]) -> Option<&'v str> {
    let (value, place) = (json(&arguments[0]), integer(&arguments[1]));
    let is_scalar = !value.starts_with(['[', '{']);
    if is_scalar && matches!(place, 0 | -1) { Some(value) } else { jsonb::element(value, place) }
}

fn element(arguments: &[Value<'_>]) -> Answer {
    part(element_at(arguments))
}

fn element_text(arguments: &[Value<'_>]) -> Answer {
    part_text(element_at(arguments))
}

/// The texts of a list; an item is `None` for NULL.
fn texts<'v>(value: &'v Value<'_>) -> Vec<Option<&'v str>> {
    let Value::List(items) = value else { panic!("{value:?} is not the TEXT[] that the signature takes") };
    items.iter().map(|item| if *item == Value::Null { None } else { Some(text(item)) }).collect()
}

fn walked<'v>(value: &'v str, steps: impl IntoIterator<Item = Option<&'v str>>) -> Option<&'v str> {
    steps.into_iter().try_fold(value, |value, key| jsonb::step(value, &PathKey::Text(Cow::Borrowed(key?))))
}

fn path(arguments: &[Value<'_>]) -> Answer {
    part(walked(json(&arguments[0]), texts(&arguments[1])))
}

fn path_text(arguments: &[Value<'_>]) -> Answer {
    part_text(walked(json(&arguments[0]), texts(&arguments[1])))
}

fn extract(arguments: &[Value<'_>]) -> Answer {
    part(walked(json(&arguments[0]), arguments[1..].iter().map(|key| Some(text(key)))))
}

fn extract_text(arguments: &[Value<'_>]) -> Answer {
    part_text(walked(json(&arguments[0]), arguments[1..].iter().map(|key| Some(text(key)))))
}

fn contains(arguments: &[Value<'_>]) -> Answer {
    truth(jsonb::contains(&Jsonb::read(json(&arguments[0])), &Jsonb::read(json(&arguments[1]))))
}

fn has(arguments: &[Value<'_>]) -> Answer {
    truth(jsonb::has_name(json(&arguments[0]), text(&arguments[1])))
}

fn has_any(arguments: &[Value<'_>]) -> Answer {
    let value = json(&arguments[0]);
    truth(texts(&arguments[1]).into_iter().flatten().any(|name| jsonb::has_name(value, name)))
}

fn has_all(arguments: &[Value<'_>]) -> Answer {
    let value = json(&arguments[0]);
    truth(texts(&arguments[1]).into_iter().flatten().all(|name| jsonb::has_name(value, name)))
}

fn delete_name(arguments: &[Value<'_>]) -> Answer {
    made_json(&jsonb::delete_name(Jsonb::read(json(&arguments[0])), text(&arguments[1]))?)
}

fn delete_names(arguments: &[Value<'_>]) -> Answer {
    let value = Jsonb::read(json(&arguments[0]));
    if !matches!(value, Jsonb::Object(_) | Jsonb::Array(_)) {
        return Err(Fault::invalid("cannot delete from scalar"));
    }
    let mut names = texts(&arguments[1]).into_iter().flatten();
    made_json(&names.try_fold(value, jsonb::delete_name)?)
}

fn delete_element(arguments: &[Value<'_>]) -> Answer {
    made_json(&jsonb::delete_element(Jsonb::read(json(&arguments[0])), integer(&arguments[1]))?)
}

fn delete_path(arguments: &[Value<'_>]) -> Answer {
    made_json(&jsonb::delete_path(Jsonb::read(json(&arguments[0])), &texts(&arguments[1]))?)
}

fn set(arguments: &[Value<'_>]) -> Answer {
    let creates = !matches!(arguments.get(3), Some(Value::Boolean(false)));
    let (value, new) = (Jsonb::read(json(&arguments[0])), Jsonb::read(json(&arguments[2])));
    made_json(&jsonb::set_path(value, &texts(&arguments[1]), new, creates)?)
}

fn concat(arguments: &[Value<'_>]) -> Answer {
    made_json(&jsonb::concat(Jsonb::read(json(&arguments[0])), Jsonb::read(json(&arguments[1]))))
}

fn strip_nulls(arguments: &[Value<'_>]) -> Answer {
    made_json(&jsonb::strip_nulls(Jsonb::read(json(&arguments[0]))))
}

fn of_text(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Json(jsonb::canonical(text(&arguments[0]))?.into()))
}

fn boolean(arguments: &[Value<'_>]) -> Answer {
    match Jsonb::read(json(&arguments[0])) {
        Jsonb::Boolean(value) => truth(value),
        other => Err(Fault::invalid(format!("cannot cast jsonb {} to type boolean", other.type_name()))),
    }
}

fn comparable(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Json(jsonb::comparable(json(&arguments[0])).into_owned().into()))
}

fn array_length(arguments: &[Value<'_>]) -> Answer {
    let elements = elements_of(&arguments[0], "get the length of")?;
    match i64::try_from(elements.len()) {
        Ok(length) => Ok(Value::Int(length)),
        Err(_) => Err(Fault::OutOfRange("integer")),
    }
}

fn type_of(arguments: &[Value<'_>]) -> Answer {
    made(Jsonb::read(json(&arguments[0])).type_name())
}

fn of_value(arguments: &[Value<'_>]) -> Answer {
    made_json(&Jsonb::of_value(&arguments[0])?)
}

fn build_array(arguments: &[Value<'_>]) -> Answer {
    made_json(&Jsonb::Array(arguments.iter().map(Jsonb::of_value).collect::<Result<_, _>>()?))
}

fn build_object(arguments: &[Value<'_>]) -> Answer {
    if !arguments.len().is_multiple_of(2) {
        return Err(Fault::invalid("the argument list must have an even number of elements: names and values"));
    }
    let member = |(place, pair): (usize, &'_ [Value<'_>])| -> Result<_, Fault> {
        Ok((Cow::Owned(name_of(&pair[0], place * 2 + 1)?), Jsonb::of_value(&pair[1])?.into_owned()))
    };
    let members = arguments.chunks(2).enumerate().map(member).collect::<Result<Vec<_>, _>>()?;
    made_json(&Jsonb::object(members))
}

/// The name of a member, which may be written as any scalar.
fn name_of(value: &Value<'_>, number: usize) -> Result<String, Fault> {
    if let Value::Json(_) | Value::List(_) = value {
        return Err(Fault::invalid("the name of a member must be a scalar, and neither an array nor JSONB"));
    }
    Ok(match Jsonb::of_value(value)? {
        Jsonb::Null => return Err(Fault::invalid(format!("argument {number}: the name of a member must not be NULL"))),
        Jsonb::Boolean(value) => value.to_string(),
        Jsonb::Number(digits) => digits.into_owned(),
        Jsonb::Text(text) => text.into_owned(),
        Jsonb::Array(_) | Jsonb::Object(_) => return Err(Fault::invalid("the name of a member must be a scalar")),
    })
}

fn elements_of<'v>(value: &'v Value<'_>, to: &str) -> Result<Vec<&'v str>, Fault> {
    let value = json(value);
    jsonb::elements(value).ok_or_else(|| {
        let kind = Jsonb::read(value).type_name();
        Fault::invalid(format!("cannot {to} JSONB of type {kind}: it is no array"))
    })
}

fn members_of<'v>(value: &'v Value<'_>) -> Result<Vec<(Cow<'v, str>, &'v str)>, Fault> {
    let value = json(value);
    jsonb::members(value).ok_or_else(|| {
        let kind = Jsonb::read(value).type_name();
        Fault::invalid(format!("cannot take members of JSONB of type {kind}: it is no object"))
    })
}

fn elements(arguments: &[Value<'_>]) -> Answer {
    let elements = elements_of(&arguments[0], "extract elements from")?;
    elements.into_iter().map(|element| part(Some(element))).collect::<Result<_, _>>().map(Value::List)
}

fn element_texts(arguments: &[Value<'_>]) -> Answer {
    let elements = elements_of(&arguments[0], "extract elements from")?;
    elements.into_iter().map(|element| part_text(Some(element))).collect::<Result<_, _>>().map(Value::List)
}

fn keys(arguments: &[Value<'_>]) -> Answer {
    let name = |(name, _): (Cow<'_, str>, &str)| Value::Text(name.into_owned().into());
    Ok(Value::List(members_of(&arguments[0])?.into_iter().map(name).collect()))
}

fn values(arguments: &[Value<'_>]) -> Answer {
    members_of(&arguments[0])?.into_iter().map(|(_, value)| part(Some(value))).collect::<Result<_, _>>().map(Value::List)
}

fn value_texts(arguments: &[Value<'_>]) -> Answer {
    members_of(&arguments[0])?.into_iter().map(|(_, value)| part_text(Some(value))).collect::<Result<_, _>>().map(Value::List)
}
