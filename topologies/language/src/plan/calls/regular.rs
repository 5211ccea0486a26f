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
    Definition {
        name: "regexp_matches",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::TextLists), call: matches },
            Overload {
                takes: &[Kind::Text, Kind::Text, Kind::Text],
                rest: None,
                gives: Gives::Kind(Kind::TextLists),
                call: matches,
            },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 2, "g"))),
    },
    Definition {
        name: "regexp_split_to_array",
        aliases: &[],
        overloads: &[
            Overload { takes: &[Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Texts), call: split },
            Overload { takes: &[Kind::Text, Kind::Text, Kind::Text], rest: None, gives: Gives::Kind(Kind::Texts), call: split },
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 2, ""))),
    },
    Definition {
        name: "regexp_substr",
        aliases: &[],
        overloads: &[
            way(&[Kind::Text, Kind::Text], Gives::Maybe(Kind::Text), part),
            way(&[Kind::Text, Kind::Text, Kind::BigInt], Gives::Maybe(Kind::Text), part),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt], Gives::Maybe(Kind::Text), part),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt, Kind::Text], Gives::Maybe(Kind::Text), part),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt, Kind::Text, Kind::BigInt], Gives::Maybe(Kind::Text), part),
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 4, ""))),
    },
    Definition {
        name: "regexp_instr",
        aliases: &[],
        overloads: &[
            way(&[Kind::Text, Kind::Text], INTEGER, place),
            way(&[Kind::Text, Kind::Text, Kind::BigInt], INTEGER, place),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt], INTEGER, place),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt, Kind::BigInt], INTEGER, place),
            way(&[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt, Kind::BigInt, Kind::Text], INTEGER, place),
            way(
                &[Kind::Text, Kind::Text, Kind::BigInt, Kind::BigInt, Kind::BigInt, Kind::Text, Kind::BigInt],
                INTEGER,
                place,
            ),
        ],
        strict: true,
        check: Some(Check::Values(|constants| check(constants, 5, ""))),
    },
];

const INTEGER: Gives = Gives::Kind(Kind::Integer);

const fn way(takes: &'static [Kind], gives: Gives, call: fn(&[Value<'_>]) -> Answer) -> Overload {
    Overload { takes, rest: None, gives, call }
}

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
    Ok(shown_groups(searched, &groups))
}

/// The groups of a match, or the whole match of a pattern without groups.
fn shown_groups(searched: &str, groups: &Groups) -> Value<'static> {
    let shown = if groups.len() > 1 { &groups[1..] } else { &groups[..] };
    let group = |group: &Option<(usize, usize)>| match group {
        Some((start, end)) => Value::Text(searched[*start..*end].to_owned().into()),
        None => Value::Null,
    };
    Value::List(shown.iter().map(group).collect())
}

/// The groups of every match with `g`, of the first one without.
fn matches(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 2, "g")?;
    let searched = text(&arguments[0]);
    let pattern = compiled(text(&arguments[1]), flags.ignore_case)?;
    let found = if flags.all { pattern.find_all(searched, 0) } else { pattern.find(searched, 0).into_iter().collect() };
    Ok(Value::List(found.iter().map(|groups| shown_groups(searched, groups)).collect()))
}

/// The parts between the matches. An empty match at the beginning, at the end or right behind another one separates nothing.
fn split(arguments: &[Value<'_>]) -> Answer {
    let flags = flags(arguments, 2, "")?;
    let searched = text(&arguments[0]);
    let mut parts = Vec::new();
    let (mut from, mut last_end) = (0, 0);
    for groups in compiled(text(&arguments[1]), flags.ignore_case)?.find_all(searched, 0) {
        let Some(Some((start, end))) = groups.first().copied() else { continue };
        if start < searched.len() && end > last_end {
            parts.push(Value::Text(searched[from..start].to_owned().into()));
            from = end;
        }
        last_end = end;
    }
    parts.push(Value::Text(searched[from..].to_owned().into()));
    Ok(Value::List(parts))
}

/// The bytes of a match, or of a group of it; `None` where there is none. `flags_at` is the number of the argument with the flags.
fn found_part(arguments: &[Value<'_>], flags_at: usize) -> Result<Option<(usize, usize)>, Fault> {
    let flags = flags(arguments, flags_at, "")?;
    let positive = |at: usize, name: &str| match arguments.get(at).map_or(1, integer) {
        number @ 1.. => Ok(number),
        number => Err(Fault::invalid(format!("the {name} must be 1 or more, not {number}"))),
    };
    let (start, number) = (positive(2, "start")?, positive(3, "number of the match")?);
    let group = arguments.get(flags_at + 1).map_or(0, integer);
    if group < 0 {
        return Err(Fault::invalid(format!("the number of the group must not be negative, and is {group}")));
    }
    let searched = text(&arguments[0]);
    let Some(from) = byte_at(searched, start) else { return Ok(None) };
    let found = compiled(text(&arguments[1]), flags.ignore_case)?.find_all(searched, from);
    let groups = usize::try_from(number - 1).ok().and_then(|number| found.get(number));
    Ok(groups.and_then(|groups| usize::try_from(group).ok().and_then(|group| groups.get(group).copied().flatten())))
}

fn part(arguments: &[Value<'_>]) -> Answer {
    let searched = text(&arguments[0]);
    let part = found_part(arguments, 4)?;
    Ok(part.map_or(Value::Null, |(start, end)| Value::Text(searched[start..end].to_owned().into())))
}

/// The place of a match, counted from 1, or that behind it; 0 where there is none.
fn place(arguments: &[Value<'_>]) -> Answer {
    let is_behind = match arguments.get(4).map_or(0, integer) {
        0 => false,
        1 => true,
        other => return Err(Fault::invalid(format!("the end option is 0 or 1, and not {other}"))),
    };
    let searched = text(&arguments[0]);
    let Some((start, end)) = found_part(arguments, 5)? else { return Ok(Value::Int(0)) };
    let before = searched[..if is_behind { end } else { start }].chars().count();
    i64::try_from(before + 1).map(Value::Int).map_err(|_| Fault::OutOfRange("integer"))
}

/// The byte at which a character begins, counted from 1; the end is one behind the last. `None` behind that.
fn byte_at(searched: &str, character: i64) -> Option<usize> {
    let skipped = usize::try_from(character - 1).ok()?;
    searched.char_indices().map(|(place, _)| place).chain([searched.len()]).nth(skipped)
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
    if start < 1 {
        return Err(Fault::invalid(format!("the start must be 1 or more, not {start}")));
    }
    let Some(from) = byte_at(searched, start) else { return Ok(Value::Int(0)) };
    Ok(Value::Int(pattern.find_all(searched, from).len() as i64))
}
