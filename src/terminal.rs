//! Output for people and programs, on standard output and standard error.
//!
//! Owns the rule that no character which steers reaches a terminal, whoever wrote the text: lines are printed here alone. Lines, texts and JSON
//! enter. A reader that went away, as `head` does, is no error: nobody is left to tell.

use std::io::{self, Write};

use serde_json::Value;

/// Prints a line and hands it over at once.
pub fn print_line(line: &str) {
    print_lines([line]);
}

/// Prints lines and hands them over at once.
pub fn print_lines(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    // An error says that the reader went away.
    let _ = write_lines(io::stdout().lock(), lines);
}

/// Prints a text of several lines.
pub fn print_text(text: &str) {
    print_lines(lines_of(text));
}

/// Prints a value as JSON on one line.
pub fn print_json(value: &Value) {
    print_line(&json_line(value));
}

/// Prints a text of several lines on standard error.
pub fn print_error_text(text: &str) {
    // An error says that the reader went away.
    let _ = write_lines(io::stderr().lock(), lines_of(text));
}

/// A value as JSON on one line. Characters that would steer a terminal are escaped, so that programs read what was there.
pub fn json_line(value: &Value) -> String {
    let line = value.to_string();
    // JSON allows them inside of texts alone.
    let escaped = |character: char| match steers(character) {
        true => format!("\\u{:04x}", u32::from(character)),
        false => character.to_string(),
    };
    if line.contains(steers) { line.chars().map(escaped).collect() } else { line }
}

/// Returns true for a character that a terminal obeys instead of showing it, or that changes what a reader sees of others: controls, those
/// without a width, those that turn the direction of a text, and the separators of lines and paragraphs. All of them have four hexadecimal digits.
fn steers(character: char) -> bool {
    let formats = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    formats || character.is_control()
}

fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line))
}

fn write_lines(mut out: impl Write, lines: impl IntoIterator<Item = impl AsRef<str>>) -> io::Result<()> {
    for line in lines {
        writeln!(out, "{}", printable(line.as_ref()))?;
    }
    out.flush()
}

/// A line without the characters that steer a terminal; a tab steers none.
fn printable(line: &str) -> String {
    line.chars().map(|c| if steers(c) && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 source`, `2 sources`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(lines: &[&str]) -> String {
        let mut out = Vec::new();
        write_lines(&mut out, lines).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_control_character_is_printed_and_no_line_becomes_two() {
        assert_eq!(written(&["a\u{1b}[2Jb\tc", "d\ne\u{9b}\u{7f}"]), "a\u{fffd}[2Jb\tc\nd\u{fffd}e\u{fffd}\u{fffd}\n");
        let turned = "a\u{202e}b\u{200b}c\u{2066}d\u{feff}e\u{2028}f\u{2029}g\u{200f}\u{2060}\u{2069}\u{202a}";
        assert_eq!(
            written(&[turned]),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f\u{fffd}g\u{fffd}\u{fffd}\u{fffd}\u{fffd}\n"
        );
        assert_eq!(written(&["\u{200a}\u{2027}\u{202f}\u{205f}\u{206a}é漢"]), "\u{200a}\u{2027}\u{202f}\u{205f}\u{206a}é漢\n");
        let lines: Vec<&str> = lines_of("a\r\nb\rc\n").collect();
        assert_eq!(lines, ["a", "b\rc", ""]);
    }

    #[test]
    fn control_characters_of_json_are_escaped_and_read_back() {
        let value = json!({ "text": "a\u{1b}\u{9b}\u{7f}\n\u{202e}\u{200b}\u{2028}\u{feff}" });
        let line = json_line(&value);
        assert_eq!(line, "{\"text\":\"a\\u001b\\u009b\\u007f\\n\\u202e\\u200b\\u2028\\ufeff\"}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
