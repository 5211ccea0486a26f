//! Functions of texts.
//!
//! Characters are Unicode code points, and counting begins at 1.

use std::borrow::Cow;

use schemas::field::Value;

use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, integer, made, text};
use super::written::written;

/// The longest text that a function makes, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "text_of",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Any], rest: None, gives: Gives::Kind(Kind::Text), call: text_of }],
        strict: true,
        check: None,
    },
    Definition {
        name: "ascii",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: ascii }],
        strict: true,
        check: None,
    },
    Definition {
        name: "chr",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: chr }],
        strict: true,
        check: None,
    },
    Definition {
        name: "char_length",
        aliases: &["character_length", "length"],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: char_length }],
        strict: true,
        check: None,
    },
    Definition {
        name: "octet_length",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: octet_length },
            Overload { takes: &[Kind::Bytes], rest: None, gives: Gives::Kind(Kind::Integer), call: octet_length },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "bit_length",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: bit_length },
            Overload { takes: &[Kind::Bytes], rest: None, gives: Gives::Kind(Kind::Integer), call: bit_length },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "btrim",
        aliases: &["trim"],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_both },
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_both },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "ltrim",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_left },
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_left },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "rtrim",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_right },
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: trim_right },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "left",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: left }],
        strict: true,
        check: None,
    },
    Definition {
        name: "right",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: right }],
        strict: true,
        check: None,
    },
    Definition {
        name: "lpad",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: pad_left },
            Overload {
                takes: &[Kind::Text, Kind::BigInt, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: pad_left,
            },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "rpad",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: pad_right },
            Overload {
                takes: &[Kind::Text, Kind::BigInt, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: pad_right,
            },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "repeat",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: repeat }],
        strict: true,
        check: Some(Check::Values(check_repeat)),
    },
    Definition {
        name: "replace",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Text, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: replace,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "translate",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Text, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: translate,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "reverse",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: reverse }],
        strict: true,
        check: None,
    },
    Definition {
        name: "split_part",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Text, Kind::BigInt],
            rest: None,
            gives: Gives::Kind(Kind::Text),
            call: split_part,
        }],
        strict: true,
        check: Some(Check::Values(check_split_part)),
    },
    Definition {
        name: "starts_with",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Text],
            rest: None,
            gives: Gives::Kind(Kind::Boolean),
            call: starts_with,
        }],
        strict: true,
        check: None,
    },
    Definition {
        name: "strpos",
        aliases: &["position"],
        overloads: &[Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: strpos }],
        strict: true,
        check: None,
    },
    Definition {
        name: "substr",
        aliases: &["substring"],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: substring },
            Overload {
                takes: &[Kind::Text, Kind::BigInt, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: substring,
            },
            Overload {
                takes: &[Kind::Bytes, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Bytes),
                call: substring_of_bytes,
            },
            Overload {
                takes: &[Kind::Bytes, Kind::BigInt, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Bytes),
                call: substring_of_bytes,
            },
        ],
        strict: true,
        check: Some(Check::Values(check_substring)),
    },
    Definition {
        name: "overlay",
        aliases: &[],
        overloads: &[
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: overlay,
            },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: overlay,
            },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "to_hex",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Integer], rest: None, gives: Gives::Kind(Kind::Text), call: to_hex_of_32_bits },
            Overload { takes: &[Kind::BigInt], rest: None, gives: Gives::Kind(Kind::Text), call: to_hex },
        ],
        strict: true,
        check: None,
    },
    Definition {
        name: "concat",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Any], rest: Some(Kind::Any), gives: Gives::Kind(Kind::Text), call: concat }],
        strict: false,
        check: None,
    },
    Definition {
        name: "concat_ws",
        aliases: &[],
        overloads: &[Overload {
            takes: &[Kind::Text, Kind::Any],
            rest: Some(Kind::Any),
            gives: Gives::Kind(Kind::Text),
            call: concat_with,
        }],
        strict: false,
        check: None,
    },
];

/// A text, unless it is too long to be kept.
pub fn limited(bytes: Option<usize>, make: impl FnOnce() -> String) -> Answer {
    match bytes {
        Some(bytes) if bytes <= TEXT_BYTES_MAX => made(make()),
        _ => Err(Fault::invalid(format!("the text would be longer than {TEXT_BYTES_MAX} bytes"))),
    }
}

fn ascii(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Int(text(&arguments[0]).chars().next().map_or(0, |first| i64::from(u32::from(first)))))
}

fn chr(arguments: &[Value<'_>]) -> Answer {
    let code = integer(&arguments[0]);
    match u32::try_from(code).ok().and_then(char::from_u32).filter(|character| *character != '\0') {
        Some(character) => made(character),
        None => Err(Fault::invalid(format!("there is no character {code}"))),
    }
}

fn char_length(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Int(text(&arguments[0]).chars().count() as i64))
}

pub fn bytes<'v>(value: &'v Value<'_>) -> &'v [u8] {
    match value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        other => panic!("{other:?} has no bytes"),
    }
}

fn octet_length(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Int(bytes(&arguments[0]).len() as i64))
}

fn bit_length(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Int(bytes(&arguments[0]).len() as i64 * 8))
}

fn trimmed<'v>(arguments: &'v [Value<'_>], left: bool, right: bool) -> &'v str {
    let set: Vec<char> = arguments.get(1).map_or(" ", |set| text(set)).chars().collect();
    let mut trimmed = text(&arguments[0]);
    if left {
        trimmed = trimmed.trim_start_matches(&set[..]);
    }
    if right { trimmed.trim_end_matches(&set[..]) } else { trimmed }
}

fn trim_both(arguments: &[Value<'_>]) -> Answer {
    made(trimmed(arguments, true, true))
}

fn trim_left(arguments: &[Value<'_>]) -> Answer {
    made(trimmed(arguments, true, false))
}

fn trim_right(arguments: &[Value<'_>]) -> Answer {
    made(trimmed(arguments, false, true))
}

/// Returns the number of characters, among `length`, that a count means: a negative one leaves so many out.
fn taken(length: usize, count: i64) -> usize {
    match usize::try_from(count) {
        Ok(count) => count.min(length),
        Err(_) => length.saturating_sub(usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX)),
    }
}

/// Returns the first byte of the character of a number; the end for numbers behind the last.
fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

fn left(arguments: &[Value<'_>]) -> Answer {
    let whole = text(&arguments[0]);
    let taken = taken(whole.chars().count(), integer(&arguments[1]));
    made(&whole[..byte_of(whole, taken)])
}

fn right(arguments: &[Value<'_>]) -> Answer {
    let whole = text(&arguments[0]);
    let length = whole.chars().count();
    made(&whole[byte_of(whole, length - taken(length, integer(&arguments[1])))..])
}

/// The text cut off at a length, and the characters that fill it up.
fn padded<'v>(arguments: &'v [Value<'_>]) -> Result<(&'v str, String), Fault> {
    let whole = text(&arguments[0]);
    let width = usize::try_from(integer(&arguments[1])).unwrap_or(0);
    let fill = arguments.get(2).map_or(" ", |fill| text(fill));
    let length = whole.chars().count();
    if width <= length || fill.is_empty() {
        return Ok((&whole[..byte_of(whole, width)], String::new()));
    }
    let missing = width - length;
    if missing.checked_mul(fill.chars().map(char::len_utf8).max().unwrap_or(1)).is_none_or(|bytes| bytes > TEXT_BYTES_MAX) {
        return Err(Fault::invalid(format!("the text would be longer than {TEXT_BYTES_MAX} bytes")));
    }
    Ok((whole, fill.chars().cycle().take(missing).collect()))
}

fn pad_left(arguments: &[Value<'_>]) -> Answer {
    let (whole, fill) = padded(arguments)?;
    made(fill + whole)
}

fn pad_right(arguments: &[Value<'_>]) -> Answer {
    let (whole, fill) = padded(arguments)?;
    made(whole.to_owned() + &fill)
}

fn check_repeat(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match (&constants[0], &constants[1]) {
        (Some(repeated @ Value::Text(_)), Some(count @ Value::Int(_))) => repeat(&[repeated.clone(), count.clone()]).map(|_| ()),
        _ => Ok(()),
    }
}

fn repeat(arguments: &[Value<'_>]) -> Answer {
    let (repeated, count) = (text(&arguments[0]), usize::try_from(integer(&arguments[1])).unwrap_or(0));
    limited(repeated.len().checked_mul(count), || repeated.repeat(count))
}

fn replace(arguments: &[Value<'_>]) -> Answer {
    let (whole, from, to) = (text(&arguments[0]), text(&arguments[1]), text(&arguments[2]));
    if from.is_empty() {
        return made(whole);
    }
    let found = whole.matches(from).count();
    limited(found.checked_mul(to.len()).and_then(|more| more.checked_add(whole.len())), || whole.replace(from, to))
}

/// Replaces each character of the second text by the one at its place in the third; without one there it goes.
fn translate(arguments: &[Value<'_>]) -> Answer {
    let from: Vec<char> = text(&arguments[1]).chars().collect();
    let to: Vec<char> = text(&arguments[2]).chars().collect();
    let translated =
        text(&arguments[0]).chars().filter_map(|character| match from.iter().position(|other| *other == character) {
            Some(place) => to.get(place).copied(),
            None => Some(character),
        });
    made(translated.collect::<String>())
}

fn reverse(arguments: &[Value<'_>]) -> Answer {
    made(text(&arguments[0]).chars().rev().collect::<String>())
}

fn check_split_part(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match &constants[2] {
        Some(Value::Int(0)) => Err(no_field_zero()),
        _ => Ok(()),
    }
}

fn no_field_zero() -> Fault {
    Fault::invalid("fields are counted from 1, or from -1 at the end: there is no field 0")
}

fn split_part(arguments: &[Value<'_>]) -> Answer {
    let (whole, separator, number) = (text(&arguments[0]), text(&arguments[1]), integer(&arguments[2]));
    if number == 0 {
        return Err(no_field_zero());
    }
    let place = usize::try_from(number.unsigned_abs() - 1).unwrap_or(usize::MAX);
    if separator.is_empty() || whole.is_empty() {
        return made(if place == 0 { whole } else { "" });
    }
    let mut parts: Vec<&str> = whole.split(separator).collect();
    if number < 0 {
        parts.reverse();
    }
    made(parts.get(place).copied().unwrap_or(""))
}

fn starts_with(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Boolean(text(&arguments[0]).starts_with(text(&arguments[1]))))
}

fn strpos(arguments: &[Value<'_>]) -> Answer {
    let whole = text(&arguments[0]);
    let place = whole.find(text(&arguments[1])).map_or(0, |byte| whole[..byte].chars().count() + 1);
    Ok(Value::Int(place as i64))
}

fn check_substring(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match constants.get(2) {
        Some(Some(Value::Int(count))) if *count < 0 => Err(negative_length()),
        _ => Ok(()),
    }
}

fn negative_length() -> Fault {
    Fault::invalid("negative substring length not allowed")
}

/// The places from which and up to which a substring goes, of `length`.
fn window(length: usize, start: i64, count: Option<i64>) -> Result<(usize, usize), Fault> {
    if count.is_some_and(|count| count < 0) {
        return Err(negative_length());
    }
    let end = count.map_or(i64::MAX, |count| start.saturating_add(count));
    let place = |number: i64| usize::try_from(number.saturating_sub(1)).map_or(0, |place| place.min(length));
    Ok((place(start), place(end).max(place(start))))
}

fn substring(arguments: &[Value<'_>]) -> Answer {
    let whole = text(&arguments[0]);
    let (from, to) = window(whole.chars().count(), integer(&arguments[1]), arguments.get(2).map(integer))?;
    made(&whole[byte_of(whole, from)..byte_of(whole, to)])
}

fn substring_of_bytes(arguments: &[Value<'_>]) -> Answer {
    let whole = bytes(&arguments[0]);
    let (from, to) = window(whole.len(), integer(&arguments[1]), arguments.get(2).map(integer))?;
    Ok(Value::Bytes(whole[from..to].to_vec().into()))
}

fn overlay(arguments: &[Value<'_>]) -> Answer {
    let (whole, inserted, start) = (text(&arguments[0]), text(&arguments[1]), integer(&arguments[2]));
    let count = arguments.get(3).map_or(inserted.chars().count() as i64, integer);
    if start < 1 {
        return Err(negative_length());
    }
    let length = whole.chars().count();
    let (_, head) = window(length, 1, Some(start - 1))?;
    let (tail, _) = window(length, start.saturating_add(count), None)?;
    limited(whole.len().checked_mul(2).and_then(|bytes| bytes.checked_add(inserted.len())), || {
        format!("{}{inserted}{}", &whole[..byte_of(whole, head)], &whole[byte_of(whole, tail)..])
    })
}

fn to_hex_of_32_bits(arguments: &[Value<'_>]) -> Answer {
    made(format!("{:x}", integer(&arguments[0]) as i32))
}

fn to_hex(arguments: &[Value<'_>]) -> Answer {
    made(format!("{:x}", integer(&arguments[0])))
}

/// A cast to TEXT, in which truth values are written out.
fn text_of(arguments: &[Value<'_>]) -> Answer {
    match &arguments[0] {
        Value::Boolean(value) => made(value.to_string()),
        other => made(written(other)),
    }
}

fn concat(arguments: &[Value<'_>]) -> Answer {
    let texts: Vec<Cow<'_, str>> = arguments.iter().map(written).collect();
    limited(Some(texts.iter().map(|text| text.len()).sum()), || texts.concat())
}

fn concat_with(arguments: &[Value<'_>]) -> Answer {
    let [Value::Text(separator), values @ ..] = arguments else { return Ok(Value::Null) };
    let texts: Vec<Cow<'_, str>> = values.iter().filter(|value| **value != Value::Null).map(written).collect();
    let bytes = texts.iter().map(|text| text.len() + separator.len()).sum();
    limited(Some(bytes), || texts.join(separator.as_ref()))
}
