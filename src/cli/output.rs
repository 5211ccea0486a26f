//! Output of commands for people and programs on standard output.
//!
//! Lines enter. A reader that went away, as `head` does, is no error: nobody is left to tell.

use std::io::Write;

/// Prints a line and hands it over at once.
pub(super) fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Control characters of a stranger must not reach the terminal.
pub(super) fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
