//! Places in a file: from the spans of sqlparser's tokens and expressions to a line that can be shown.
//!
//! Owns the starts of a file's lines. Lines and columns count from 1, columns in characters.

use datafusion_sql::sqlparser::tokenizer::{self, Span};
use schemas::server_url::masked;

use crate::diagnostic::{Location, SourceFile};

/// A mark that some editors write before the first character; no editor counts it as one.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A file whose lines can be looked up.
#[derive(Debug, PartialEq, Eq)]
pub struct FileIndex {
    file: SourceFile,
    /// beginning of each line, in bytes
    line_starts: Vec<usize>,
}

impl FileIndex {
    /// Finds the lines of a file.
    pub fn new(file: &SourceFile) -> Self {
        let mut file = file.clone();
        if let Some(text) = file.text.strip_prefix(BYTE_ORDER_MARK) {
            file.text = text.into();
        }
        let breaks = file.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { file, line_starts }
    }

    /// The text that is parsed.
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// The place of a span, up to the end of its first line. An empty span is the start of the file.
    pub fn locate(&self, span: Span) -> Location {
        let (line, column) = (number(span.start.line).max(1), number(span.start.column).max(1));
        let line_text = self.line(line);
        let rest = (line_text.chars().count() + 1).saturating_sub(column);
        let length =
            if span.end.line > span.start.line { rest } else { number(span.end.column).saturating_sub(column).min(rest) };
        // The line is shown with messages, to people and in logs: an address in it loses its password.
        let line_text = masked(line_text).into();
        Location { file: self.file.path.clone(), line, column, length: length.max(1), line_text }
    }

    /// The text of a span, up to the end of its first line, as it may be shown: without passwords.
    pub fn text_of(&self, span: Span) -> String {
        let location = self.locate(span);
        location.line_text.chars().skip(location.column - 1).take(location.length).collect()
    }

    /// The place just after the last character that is not white space.
    pub fn end(&self) -> Location {
        let text = self.text().trim_end();
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit_once('\n').map_or(text, |(_, last)| last).chars().count() + 1;
        let at = tokenizer::Location::new(line as u64, column as u64);
        self.locate(Span::new(at, at))
    }

    /// A line without its end; empty if there is no such line.
    fn line(&self, line: usize) -> &str {
        let Some(&start) = self.line_starts.get(line - 1) else { return "" };
        let end = self.line_starts.get(line).map_or(self.text().len(), |next| next - 1);
        let text = &self.text()[start..end];
        text.strip_suffix('\r').unwrap_or(text)
    }
}

fn number(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
