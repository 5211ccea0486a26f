//! Functions of regular expressions.

use schemas::field::Value;

use super::definition::{Answer, Check, Constants, Definition, Fault, Gives, Kind, Overload, integer, made, text};
use super::pattern::{Groups, Pattern, compiled};
use super::text::{TEXT_BYTES_MAX, limited};

/// The functions of this file.
pub const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "regexp_like",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Boolean), call: like },
            Overload { takes: &[Kind::Text, Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Boolean), call: like },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 2, ""))),
    },
    Definition {
        name: "regexp_match",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Texts), call: first_match },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Texts),
                call: first_match,
            },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 2, ""))),
    },
    Definition {
        name: "regexp_replace",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Text), call: replace },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::Text, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Text),
                call: replace,
            },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 3, "g"))),
    },
    Definition {
        name: "regexp_count",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Integer), call: count },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::BigInt],
                rest: None,
                gives: Gives::Kind(Kind::Integer),
                call: count,
            },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::BigInt, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::Integer),
                call: count,
            },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 3, ""))),
    },
];

/// Options that the letters of a flags argument ask for.
struct Flags {
    ignore_case: bool,
    all: bool,
}

fn flags(arguments: &[Value<'_>], place: usize, further: &str) -> Result<Flags, Fault> {
    parse_flags(arguments.get(place).map_or("", |flags| text(flags)), further)
}

fn parse_flags(letters: &str, further: &str) -> Result<Flags, Fault> {
    let mut flags = Flags { ignore_case: false, all: false };
    for letter in letters.chars() {
        match letter {
            'i' => flags.ignore_case = true,
            'c' => flags.ignore_case = false,
            's' | 't' => {}
            'g' if further.contains('g') => flags.all = true,
            other => {
                return Err(Fault::invalid(format!(
                    "the flag '{other}' is not supported: there are i, c, s{}",
                    if further.is_empty() { "" } else { ", g" }
                )));
            }
        }
    }
    Ok(flags)
}

/// Refuses a constant pattern or constant flags that can't be used; the flags are argument number `place`.
fn check(constants: Constants<'_, '_>, place: usize, further: &str) -> Result<(), Fault> {
    let flags = match constants.get(place) {
        Some(Some(Value::Text(letters))) => parse_flags(letters, further)?,
        _ => Flags { ignore_case: false, all: false },
    };
    if let Some(Value::Text(pattern)) = &constants[1] {
        compiled(pattern, flags.ignore_case)?;
    }
    Ok(())
}

fn like(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 2, "")?;
    Ok(Value::Boolean(compiled(text(&arguments[1]), flags.ignore_case)?.is_match(text(&arguments[0]))))
}

/// The groups of the first match, or the whole match of a pattern without groups; NULL where there is none.
fn first_match(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 2, "")?;
    let searched = text(&arguments[0]);
    let Some(groups) = compiled(text(&arguments[1]), flags.ignore_case)?.find(searched, 0) else { return Ok(Value::Null) };
    let shown = if groups.len() > 1 { &groups[1..] } else { &groups[..] };
    let group = |group: &Option<(usize, usize)>| match group {
        Some((start, end)) => Value::Text(searched[*start..*end].to_owned().into()),
        None => Value::Null,
    };
    Ok(Value::List(shown.iter().map(group).collect()))
}

fn replace(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 3, "g")?;
    let searched = text(&arguments[0]);
    let pattern = compiled(text(&arguments[1]), flags.ignore_case)?;
    let found = if flags.all { pattern.find_all(searched, 0) } else { pattern.find(searched, 0).into_iter().collect() };
    let mut out = String::new();
    let mut at = 0;
    for groups in found {
        let Some(Some((start, end))) = groups.first().copied() else { continue };
        out.push_str(&searched[at..start]);
        replacement(text(&arguments[2]), searched, &groups, &mut out);
        if out.len() > TEXT_BYTES_MAX {
            return limited(None, String::new);
        }
        at = end;
    }
    out.push_str(&searched[at..]);
    made(out)
}

/// Writes a replacement: `\1` to `\9` are groups, `\&` is the whole match, `\\` a backslash.
fn replacement(template: &str, searched: &str, groups: &Groups, out: &mut String) {
    let group = |number: usize, out: &mut String| {
        if let Some(Some((start, end))) = groups.get(number) {
            out.push_str(&searched[*start..*end]);
        }
    };
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('&') => group(0, out),
            Some(digit @ '1'..='9') => group(digit as usize - '0' as usize, out),
            Some('\\') => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
}

fn count(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 3, "")?;
    let searched = text(&arguments[0]);
    let start = arguments.get(2).map_or(1, integer);
    let pattern: std::rc::Rc<Pattern> = compiled(text(&arguments[1]), flags.ignore_case)?;
    let Some(skipped) = usize::try_from(start - 1).ok().filter(|_| start > 0) else {
        return Err(Fault::invalid(format!("the start must be 1 or more, not {start}")));
    };
    let from = match searched.char_indices().nth(skipped) {
        Some((place, _)) => place,
        None if searched.chars().count() == skipped => searched.len(),
        None => return Ok(Value::Int(0)),
    };
    Ok(Value::Int(pattern.find_all(searched, from).len() as i64))
}
