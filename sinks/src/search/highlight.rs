//! What of a text matched: a part of it as HTML, with the words that were found in `<mark>`.
//!
//! A text and the words of a query enter; escaped HTML leaves. The part is the one with the most words that were found, the first of those.

use tantivy::tokenizer::{TextAnalyzer, Token};

use super::analysis::{Analysis, tokens};
use super::compile::Mark;

/// Words of the part that is shown.
const WORDS_SHOWN: usize = 30;
/// Bytes of a text that are looked at; a match behind them is not shown.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Stands where the text goes on.
const ELLIPSIS: char = '…';

/// Shows texts of one search.
pub(super) struct Highlighter {
    words: TextAnalyzer,
    written: Option<TextAnalyzer>,
    marks: Vec<(Option<usize>, Mark)>,
}

impl Highlighter {
    /// For the words of a query.
    pub fn new(analysis: &Analysis, marks: Vec<(Option<usize>, Mark)>) -> Self {
        Self { words: analysis.words(), written: analysis.has_stems().then(|| analysis.written()), marks }
    }

    /// The part of the text of a searched column that shows why it was found, or its beginning.
    pub fn show(&mut self, column: usize, text: &str) -> String {
        let text = beginning(text);
        let found = tokens(&mut self.words, text);
        let written = self.written.as_mut().map(|written| tokens(written, text));
        let is_match = |number: usize, token: &Token| {
            // Both ways to read a text find the same words at the same places.
            let as_written = written.as_ref().and_then(|written| written.get(number)).unwrap_or(token);
            self.marks.iter().filter(|(only, _)| only.is_none_or(|only| only == column)).any(|(_, mark)| match mark {
                Mark::Word(word) => token.text == *word,
                Mark::Prefix(prefix) => as_written.text.starts_with(prefix.as_str()),
            })
        };
        let matches: Vec<bool> = found.iter().enumerate().map(|(number, token)| is_match(number, token)).collect();
        let first = best_window(&matches);
        let last = (first + WORDS_SHOWN).min(found.len());
        write(text, &found[first..last], &matches[first..last], first > 0, last < found.len())
    }
}

/// Where the first window begins that has the most matches.
fn best_window(matches: &[bool]) -> usize {
    let mut inside = matches.iter().take(WORDS_SHOWN).filter(|is_match| **is_match).count();
    let (mut best, mut most) = (0, inside);
    for end in WORDS_SHOWN..matches.len() {
        inside += usize::from(matches[end]);
        inside -= usize::from(matches[end - WORDS_SHOWN]);
        if inside > most {
            (best, most) = (end + 1 - WORDS_SHOWN, inside);
        }
    }
    best
}

fn write(text: &str, found: &[Token], matches: &[bool], is_cut_before: bool, is_cut_after: bool) -> String {
    let mut html = String::new();
    let mut at = match found.first() {
        Some(first) if is_cut_before => {
            html.push(ELLIPSIS);
            first.offset_from
        }
        _ => 0,
    };
    for (token, is_match) in found.iter().zip(matches) {
        escape(&text[at..token.offset_from], &mut html);
        let word = &text[token.offset_from..token.offset_to];
        if *is_match {
            html.push_str("<mark>");
            escape(word, &mut html);
            html.push_str("</mark>");
        } else {
            escape(word, &mut html);
        }
        at = token.offset_to;
    }
    if is_cut_after {
        html.push(ELLIPSIS);
    } else {
        escape(&text[at..], &mut html);
    }
    html
}

fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use schemas::serving::Language;

    use super::*;

    fn shown(stemmer: Option<Language>, marks: &[Mark], text: &str) -> String {
        let marks = marks.iter().map(|mark| (None, mark.clone())).collect();
        Highlighter::new(&Analysis::new(stemmer), marks).show(0, text)
    }

    #[test]
    fn words_are_marked_and_everything_is_escaped() {
        let mark = Mark::Word("b".into());
        assert_eq!(
            shown(None, &[mark], "<i>a & B</i> 'b\""),
            "&lt;i&gt;a &amp; <mark>B</mark>&lt;/i&gt; &#39;<mark>b</mark>&quot;"
        );
        let mark = Mark::Prefix("ru".into());
        assert_eq!(shown(None, &[mark], "Running, prune"), "<mark>Running</mark>, prune");
        assert_eq!(shown(None, &[], ""), "");
    }

    #[test]
    fn words_are_marked_by_their_stem_and_prefixes_as_written() {
        let marks = [Mark::Word("run".into()), Mark::Prefix("happine".into())];
        assert_eq!(
            shown(Some(Language::English), &marks, "running happiness happily"),
            "<mark>running</mark> <mark>happiness</mark> happily"
        );
    }

    #[test]
    fn of_a_long_text_the_part_with_the_most_matches_is_shown() {
        let mut words: Vec<String> = (0..200).map(|number| format!("w{number}")).collect();
        words[10] = "x".into();
        words[150] = "x".into();
        words[152] = "y".into();
        let html = shown(None, &[Mark::Word("x".into()), Mark::Word("y".into())], &words.join(" "));
        assert!(html.starts_with(ELLIPSIS) && html.ends_with(ELLIPSIS), "{html}");
        assert!(html.contains("<mark>x</mark> w151 <mark>y</mark>") && !html.contains("w100"), "{html}");
        assert!(shown(None, &[], &"ä".repeat(TEXT_BYTES_MAX)).len() <= TEXT_BYTES_MAX);
    }
}
