//! `format` and quoting.

use schemas::field::Value;

use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, made, text};
use super::text::{TEXT_BYTES_MAX, limited};
use super::written::written;

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "format",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: Some(Kind::Any), gives: Gives::Kind(Kind::Text), call: format }],
        strict: false,
        check: Some(Check::Values(check_format)),
    },
    Definition {
        name: "quote_ident",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: quote_ident }],
        strict: true,
        check: None,
    },
    Definition {
        name: "quote_literal",
        aliases: &[],
        overloads: &[Overload { takes: &[Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: quote_literal }],
        strict: true,
        check: None,
    },
];

fn quote_ident(arguments: &[Value<'_>]) -> Answer {
    made(quoted_name(text(&arguments[0])))
}

/// A name with quotes where it needs them. Reserved words are few here, so every word that PostgreSQL might reserve gets them too.
fn quoted_name(name: &str) -> String {
    let mut bytes = name.bytes();
    let is_plain = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_reserved = datafusion_sql::sqlparser::keywords::ALL_KEYWORDS.contains(&name.to_ascii_uppercase().as_str());
    if is_plain && !is_reserved { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn quote_literal(arguments: &[Value<'_>]) -> Answer {
    made(quoted_literal(text(&arguments[0])))
}

fn quoted_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

fn check_format(constants: Constants<'_, '_>) -> Result<(), Fault> {
    let Some(Value::Text(template)) = &constants[0] else { return Ok(()) };
    pieces(template)?.iter().try_for_each(|piece| match piece {
        Piece::Value { number, .. } if *number >= constants.len() => Err(too_few(*number)),
        _ => Ok(()),
    })
}

fn too_few(number: usize) -> Fault {
    Fault::invalid(format!("the template has a place for value {number}, which is not given"))
}

/// A piece of a template of `format`.
enum Piece {
    Literal(char),
    Value {
        /// number of the value, from 1
        number: usize,
        width: usize,
        left: bool,
        kind: char,
    },
}

fn pieces(template: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut last = 0;
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        if first != '%' {
            pieces.push(Piece::Literal(first));
            continue;
        }
        if let Some(after) = rest.strip_prefix('%') {
            pieces.push(Piece::Literal('%'));
            rest = after;
            continue;
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let place = digits(rest);
        if place > 0 && rest[place..].starts_with('$') {
            last = rest[..place].parse().unwrap_or(usize::MAX);
            rest = &rest[place + 1..];
        } else {
            last += 1;
        }
        let left = rest.starts_with('-');
        rest = rest.trim_start_matches('-');
        let width = digits(rest);
        let kind = rest[width..].chars().next();
        let Some(kind) = kind.filter(|kind| matches!(kind, 's' | 'I' | 'L') && last > 0) else {
            return Err(Fault::invalid(format!("'{template}' is not a template: there are %s, %I, %L and %%, such as %1$-10s")));
        };
        let number_width = if width == 0 { 0 } else { rest[..width].parse().unwrap_or(usize::MAX) };
        if number_width > TEXT_BYTES_MAX {
            return Err(Fault::invalid(format!("a width of {number_width} is too much")));
        }
        pieces.push(Piece::Value { number: last, width: number_width, left, kind });
        rest = &rest[width + 1..];
    }
    Ok(pieces)
}

fn format(arguments: &[Value<'_>]) -> Answer {
    let Value::Text(template) = &arguments[0] else { return Ok(Value::Null) };
    let mut out = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Literal(character) => out.push(character),
            Piece::Value { number, width, left, kind } => {
                let value = arguments.get(number).ok_or_else(|| too_few(number))?;
                let text = match (kind, value) {
                    ('I', Value::Null) => return Err(Fault::invalid("null values cannot be formatted as an SQL identifier")),
                    ('I', value) => quoted_name(&written(value)),
                    ('L', Value::Null) => "NULL".to_owned(),
                    ('L', value) => quoted_literal(&written(value)),
                    (_, value) => written(value).into_owned(),
                };
                let missing = width.saturating_sub(text.chars().count());
                if out.len() + text.len() + missing > TEXT_BYTES_MAX {
                    return limited(None, String::new);
                }
                let padding = " ".repeat(missing);
                out.extend(if left { [text, padding] } else { [padding, text] });
            }
        }
    }
    limited(Some(out.len()), || out)
}
