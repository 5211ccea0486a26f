//! `encode` and `decode`: bytes as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::field::Value;

use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, made, text};
use super::text::bytes;

/// Characters of a line of base64, as PostgreSQL breaks them.
const BASE64_LINE: usize = 76;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "bytes_of",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Bytes), call: bytes_of }],
        strict: true,
        check: None,
    },
    Definition {
        name: "encode",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Bytes, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: encode }],
        strict: true,
        check: Some(Check::Values(check_encode)),
    },
    Definition {
        name: "decode",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Bytes), call: decode }],
        strict: true,
        check: Some(Check::Values(check_decode)),
    },
];

/// A cast to BYTEA: hexadecimal digits behind `\x`, else text with escapes.
fn bytes_of(arguments: &[Value<'_>]) -> Answer {
    let written = text(&arguments[0]);
    let bytes = match written.strip_prefix("\\x") {
        Some(digits) => decoded(digits, "hex")?,
        None => decoded(written, "escape")?,
    };
    Ok(Value::Bytes(bytes.into()))
}

fn unknown_encoding(name: &str) -> Fault {
    Fault::invalid(format!("'{name}' is not an encoding: there are base64, escape and hex"))
}

fn check_encode(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match &constants[1] {
        Some(Value::Text(name)) => encoded(&[], name).map(|_| ()),
        _ => Ok(()),
    }
}

fn check_decode(constants: Constants<'_, '_>) -> Result<(), Fault> {
    match &constants[1] {
        Some(Value::Text(name)) => decoded("", name).map(|_| ()),
        _ => Ok(()),
    }
}

fn encode(arguments: &[Value<'_>]) -> Answer {
    made(encoded(bytes(&arguments[0]), text(&arguments[1]))?)
}

fn encoded(bytes: &[u8], name: &str) -> Result<String, Fault> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "hex" => hex::encode(bytes),
        "base64" => {
            let line = BASE64.encode(bytes);
            let lines: Vec<&str> =
                (0..line.len()).step_by(BASE64_LINE).map(|at| &line[at..line.len().min(at + BASE64_LINE)]).collect();
            lines.join("\n")
        }
        "escape" => {
            let escaped = |byte: &u8| match byte {
                0 | 0x80.. => format!("\\{byte:03o}"),
                b'\\' => "\\\\".to_owned(),
                byte => char::from(*byte).to_string(),
            };
            bytes.iter().map(escaped).collect()
        }
        _ => return Err(unknown_encoding(name)),
    })
}

fn decode(arguments: &[Value<'_>]) -> Answer {
    Ok(Value::Bytes(decoded(text(&arguments[0]), text(&arguments[1]))?.into()))
}

fn decoded(text: &str, name: &str) -> Result<Vec<u8>, Fault> {
    let invalid = || Fault::invalid(format!("the text is not {name}"));
    match name.to_ascii_lowercase().as_str() {
        "hex" => hex_bytes(text.as_bytes()).ok_or_else(invalid),
        "base64" => {
            let digits: Vec<u8> = text.bytes().filter(|byte| !is_blank(*byte)).collect();
            BASE64.decode(digits).map_err(|_| invalid())
        }
        "escape" => unescaped(text.as_bytes()).ok_or_else(invalid),
        _ => Err(unknown_encoding(name)),
    }
}

/// Returns true for what PostgreSQL skips; a form feed, for example, is an error.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The bytes of pairs of digits. Blanks may be between two pairs, not inside of one.
fn hex_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut rest = text;
    while let [first, after @ ..] = rest {
        if is_blank(*first) {
            rest = after;
            continue;
        }
        let [second, after @ ..] = after else { return None };
        bytes.push(digit(first)? * 16 + digit(second)?);
        rest = after;
    }
    Some(bytes)
}

fn unescaped(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        text = rest;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match rest {
            [b'\\', rest @ ..] => {
                bytes.push(b'\\');
                text = rest;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                text = rest;
            }
            _ => return None,
        }
    }
    Some(bytes)
}
