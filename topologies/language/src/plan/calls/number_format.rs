//! `to_char` of numbers, in PostgreSQL's patterns of 9, 0, point, comma and signs.

use schemas::field::Value;

use super::definition::{Answer, Fault, made, text};
use super::written::written;

/// The most characters of a pattern.
const PATTERN_CHARACTERS_MAX: usize = 100;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DigitPart {
    /// a digit; true for 0, which is shown even when nothing is there
    Digit(bool),
    Point,
    Comma,
    /// S: the sign, with the number
    Sign,
    /// MI: minus or a space
    Minus,
    /// SG: plus or minus, at this place
    PlainSign,
    /// PR: the closing angle bracket of a negative number
    Bracket,
    Literal(char),
}

/// A pattern that was read.
struct NumberPattern {
    parts: Vec<DigitPart>,
    /// FM: without padding
    bare: bool,
    whole: usize,
    /// from which digit before the point zeros are shown
    zeros_from: usize,
    fraction: usize,
    /// digits behind the point that are shown even when they are zeros and FM is given
    fraction_min: usize,
}

const WORDS: [(&str, DigitPart); 7] = [
    ("MI", DigitPart::Minus),
    ("SG", DigitPart::PlainSign),
    ("PR", DigitPart::Bracket),
    ("S", DigitPart::Sign),
    ("D", DigitPart::Point),
    ("G", DigitPart::Comma),
    ("9", DigitPart::Digit(false)),
];

const UNSUPPORTED: [&str; 8] = ["EEEE", "RN", "TH", "PL", "L", "V", "B", "C"];

fn parse(pattern: &str) -> Result<NumberPattern, Fault> {
    let refused =
        |reason: &str| Fault::invalid(format!("'{pattern}' {reason}: there are 9, 0, '.', ',', S, MI, SG, PR, FM and \"text\""));
    if pattern.chars().count() > PATTERN_CHARACTERS_MAX {
        return Err(Fault::invalid(format!("a pattern has at most {PATTERN_CHARACTERS_MAX} characters")));
    }
    let (mut parts, mut bare) = (Vec::new(), false);
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let upper = rest.to_ascii_uppercase();
        if let Some(word) = UNSUPPORTED.iter().find(|word| upper.starts_with(*word)) {
            return Err(refused(&format!("has {word}, which is not supported in patterns of numbers")));
        }
        let known = WORDS.iter().find(|(word, _)| upper.starts_with(word));
        rest = match (known, first) {
            (Some((word, part)), _) => {
                parts.push(part.clone());
                &rest[word.len()..]
            }
            _ if upper.starts_with("FM") => {
                bare = true;
                &rest[2..]
            }
            (_, '0') => {
                parts.push(DigitPart::Digit(true));
                &rest[1..]
            }
            (_, '.' | ',') => {
                parts.push(if first == '.' { DigitPart::Point } else { DigitPart::Comma });
                &rest[1..]
            }
            (_, '"') => {
                let (quoted, after) = rest[1..].split_once('"').ok_or_else(|| refused("has a quote that is not closed"))?;
                parts.extend(quoted.chars().map(DigitPart::Literal));
                after
            }
            (_, other) => {
                parts.push(DigitPart::Literal(other));
                &rest[other.len_utf8()..]
            }
        };
    }
    measured(parts, bare).ok_or_else(|| refused("is not a pattern of numbers"))
}

/// Counts the digits; `None` for what no number can be written in.
fn measured(parts: Vec<DigitPart>, bare: bool) -> Option<NumberPattern> {
    let point = parts.iter().position(|part| *part == DigitPart::Point);
    let (before, behind) = parts.split_at(point.unwrap_or(parts.len()));
    let digits = |parts: &[DigitPart]| {
        parts.iter().filter_map(|part| if let DigitPart::Digit(zero) = part { Some(*zero) } else { None }).collect()
    };
    let (whole, fraction): (Vec<bool>, Vec<bool>) = (digits(before), digits(behind));
    let count = |wanted: &[DigitPart]| parts.iter().filter(|part| wanted.contains(part)).count();
    let signs = count(&[DigitPart::Sign, DigitPart::Minus, DigitPart::PlainSign, DigitPart::Bracket]);
    if whole.is_empty() || count(&[DigitPart::Point]) > 1 || signs > 1 || (point.is_some() && fraction.is_empty()) {
        return None;
    }
    Some(NumberPattern {
        bare,
        whole: whole.len(),
        zeros_from: whole.iter().position(|zero| *zero).unwrap_or(whole.len()),
        fraction: fraction.len(),
        fraction_min: fraction.iter().rposition(|zero| *zero).map_or(0, |last| last + 1),
        parts,
    })
}

/// `to_char(number, pattern)`.
pub fn to_char(arguments: &[Value<'_>]) -> Answer {
    let pattern = parse(text(&arguments[1]))?;
    let digits = written(&arguments[0]);
    made(pattern.write(&digits))
}

/// Refuses a constant pattern that no number can be written in.
pub fn check(pattern: &str) -> Result<(), Fault> {
    parse(pattern).map(|_| ())
}

/// The digits of a number, rounded to so many behind the point.
fn rounded(number: &str, fraction: usize) -> (bool, String, String) {
    let text = number.trim_start_matches('-');
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let padded = format!("{behind:0<fraction$}");
    let mut digits: Vec<u8> = whole.bytes().chain(padded.bytes().take(fraction)).collect();
    if padded.as_bytes().get(fraction).is_some_and(|next| *next >= b'5') {
        let carried = digits.iter().rposition(|digit| *digit != b'9');
        digits.iter_mut().skip(carried.map_or(0, |place| place + 1)).for_each(|digit| *digit = b'0');
        match carried {
            Some(place) => digits[place] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let is_negative = number.starts_with('-') && digits.iter().any(|digit| *digit != b'0');
    let text: String = digits.into_iter().map(char::from).collect();
    let (whole, behind) = text.split_at(text.len() - fraction);
    (is_negative, whole.to_owned(), behind.to_owned())
}

impl NumberPattern {
    fn has(&self, part: &DigitPart) -> bool {
        self.parts.contains(part)
    }

    /// Writes the number.
    fn write(&self, number: &str) -> String {
        let (is_negative, whole, behind) = rounded(number, self.fraction);
        let overflows = whole.len() > self.whole;
        // A zero before the point is only written where nothing is behind it, or where the pattern has a 0.
        let shown = if overflows {
            self.whole
        } else if whole == "0" && self.fraction > 0 {
            0
        } else {
            whole.len()
        };
        let kept =
            if overflows || !self.bare { self.fraction } else { behind.trim_end_matches('0').len().max(self.fraction_min) };
        let lone_zero = self.bare && shown == 0 && kept == 0;
        let start = (self.whole - if lone_zero { 1 } else { shown }).min(self.zeros_from);
        let digits = format!("{whole:0>width$}", width = self.whole);
        let digit = |text: &str, place: usize| if overflows { '#' } else { char::from(text.as_bytes()[place]) };
        let mut out = String::new();
        let (mut place, mut behind_place, mut begun) = (0, None, false);
        for part in &self.parts {
            match (part, behind_place) {
                (DigitPart::Digit(_), None) => {
                    if place >= start {
                        self.begin(&mut begun, is_negative, &mut out);
                        out.push(digit(&digits, place));
                    } else if !self.bare {
                        out.push(' ');
                    }
                    place += 1;
                }
                (DigitPart::Digit(_), Some(number)) => {
                    if number < kept {
                        out.push(digit(&behind, number));
                    }
                    behind_place = Some(number + 1);
                }
                (DigitPart::Point, _) => {
                    self.begin(&mut begun, is_negative, &mut out);
                    out.push('.');
                    behind_place = Some(0);
                }
                (DigitPart::Comma, _) if begun => out.push(','),
                (DigitPart::Comma, _) => out.extend((!self.bare).then_some(' ')),
                (DigitPart::Literal(character), _) => out.push(*character),
                (DigitPart::Sign, _) if place == 0 => {}
                (DigitPart::Sign | DigitPart::PlainSign, _) => out.push(if is_negative { '-' } else { '+' }),
                (DigitPart::Minus | DigitPart::Bracket, _) if !is_negative => out.extend((!self.bare).then_some(' ')),
                (DigitPart::Minus, _) => out.push('-'),
                (DigitPart::Bracket, _) => out.push('>'),
            }
        }
        out
    }

    /// Writes what stands directly before the first digit or the point.
    fn begin(&self, begun: &mut bool, is_negative: bool, out: &mut String) {
        if std::mem::replace(begun, true) || self.has(&DigitPart::Minus) || self.has(&DigitPart::PlainSign) {
            return;
        }
        let sign_is_first = self.parts.iter().position(|part| *part == DigitPart::Sign)
            < self.parts.iter().position(|part| matches!(part, DigitPart::Digit(_)));
        match (self.has(&DigitPart::Sign), self.has(&DigitPart::Bracket)) {
            (true, _) if sign_is_first => out.push(if is_negative { '-' } else { '+' }),
            (true, _) => {}
            (_, true) if is_negative => out.push('<'),
            _ if is_negative => out.push('-'),
            _ => out.extend((!self.bare).then_some(' ')),
        }
    }
}
