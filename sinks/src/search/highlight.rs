//! Excerpt of a text as HTML, with the matching words in `<mark>`.
//!
//! A text and the words of a query enter; escaped HTML leaves. The part is the one with the most words that were found, the first of those.

use std::ops::Range;

use tantivy::tokenizer::{TextAnalyzer, Token};

use super::analysis::{Analysis, Part, parts, tokens};
use super::compile::Mark;

/// Words of the part that is shown.
const WORDS_SHOWN: usize = 30;
/// Bytes of a text that are looked at; a match behind them is not shown.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Stands where the text goes on.
const ELLIPSIS: char = '…';

/// Shows texts of one search.
pub(super) struct Highlighter {
    /// makes words as they are indexed
    words: TextAnalyzer,
    /// makes words as they are written, where prefixes are marked
    written: Option<TextAnalyzer>,
    /// marks to highlight, with their columns
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
        let found = parts(tokens(&mut self.words, text));
        // Both ways to read a text find the same words at the same places.
        let written = self.written.as_mut().map(|written| parts(tokens(written, text)));
        let marks: Vec<&Mark> =
            self.marks.iter().filter(|(only, _)| only.is_none_or(|only| only == column)).map(|(_, mark)| mark).collect();
        let mut matches = Vec::new();
        for (number, part) in found.iter().enumerate() {
            let as_written = written.as_ref().and_then(|written| written.get(number)).unwrap_or(part);
            let start = matches.len();
            matches.resize(start + part.units.len(), false);
            marks.iter().for_each(|mark| note_matches(mark, part, as_written, &mut matches[start..]));
        }
        let units: Vec<Token> = found.into_iter().flat_map(|part| part.units).collect();
        let first = best_window(&matches);
        let last = (first + WORDS_SHOWN).min(units.len());
        write(text, &units[first..last], &matches[first..last], first > 0, last < units.len())
    }
}

/// Notes which letters or words of a part a mark is for.
fn note_matches(mark: &Mark, part: &Part, as_written: &Part, matches: &mut [bool]) {
    match mark {
        Mark::Run(wanted) => {
            for (at, units) in part.units.windows(wanted.len()).enumerate() {
                if units.iter().zip(wanted).all(|(unit, wanted)| unit.text == *wanted) {
                    matches[at..at + wanted.len()].fill(true);
                }
            }
        }
        Mark::Word(word) => matches.iter_mut().zip(&part.units).for_each(|(is_match, unit)| *is_match |= unit.text == *word),
        Mark::Prefix(prefix) if !part.is_run() => {
            let units = matches.iter_mut().zip(&as_written.units);
            units.for_each(|(is_match, unit)| *is_match |= unit.text.starts_with(prefix.as_str()));
        }
        Mark::Prefix(_) => {}
    }
}

/// Returns the start of the first window that has the most matches.
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

/// Writes a part of a text with the matches in `<mark>`. Everything else is escaped: texts of users never become markup.
fn write(text: &str, found: &[Token], matches: &[bool], is_cut_before: bool, is_cut_after: bool) -> String {
    let begin = found.first().filter(|_| is_cut_before).map_or(0, |first| first.offset_from);
    let end = found.last().filter(|_| is_cut_after).map_or(text.len(), |last| last.offset_to);
    let mut html = String::new();
    html.extend(is_cut_before.then_some(ELLIPSIS));
    let mut at = begin;
    for marked in marked_ranges(found, matches) {
        escape(&text[at..marked.start], &mut html);
        html.push_str("<mark>");
        escape(&text[marked.clone()], &mut html);
        html.push_str("</mark>");
        at = marked.end;
    }
    escape(&text[at..end.max(at)], &mut html);
    html.extend(is_cut_after.then_some(ELLIPSIS));
    html
}

/// The bytes that matched, ascending; what touches is one range. One character may have become several letters.
fn marked_ranges(found: &[Token], matches: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (token, _) in found.iter().zip(matches).filter(|(_, is_match)| **is_match) {
        match ranges.last_mut() {
            Some(last) if token.offset_from <= last.end => last.end = last.end.max(token.offset_to),
            _ => ranges.push(token.offset_from..token.offset_to),
        }
    }
    ranges
}

/// Appends a text so that it is no markup.
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

/// Returns the beginning of a text that is looked at, up to a whole character.
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
    fn marks_stand_at_the_places_of_the_text_as_it_was_written() {
        let word = |word: &str| Mark::Word(word.to_owned());
        let run = |run: &str| Mark::Run(run.chars().map(String::from).collect());
        for (mark, text, expected) in [
            (word("caf\u{e9}"), "un cafe\u{301} noir", "un <mark>cafe\u{301}</mark> noir"),
            (word("istanbul"), "İstanbul gezisi", "<mark>İstanbul</mark> gezisi"),
            (word("strasse"), "die Straße & <ich>", "die <mark>Straße</mark> &amp; &lt;ich&gt;"),
            (word("kosmos"), "ΚΌΣΜΟΣ kosmos", "ΚΌΣΜΟΣ <mark>kosmos</mark>"),
            (word("first"), "ﬁrst", "<mark>ﬁrst</mark>"),
            (word("acme"), "Acme™ Acme", "<mark>Acme</mark>™ <mark>Acme</mark>"),
            (run("本語"), "日本語の本と語", "日<mark>本語</mark>の本と語"),
            (run("投稿"), "日本語の投\u{200b}稿です", "日本語の<mark>投\u{200b}稿</mark>です"),
            (run("株式"), "㍿の株式", "<mark>㍿</mark>の<mark>株式</mark>"),
            (run("会社"), "㍿の株式", "<mark>㍿</mark>の株式"),
            (Mark::Prefix("日".into()), "日本", "日本"),
        ] {
            assert_eq!(shown(None, &[mark], text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_is_marked_the_text_stays_what_it_is() {
        const ALPHABET: &[&str] = &[
            "a", "i", "\u{307}", "\u{301}", " ", "-", "İ", "ß", "日", "本", "㍿", "½", "™", "\u{200b}", "カ", "\u{3099}", "ｶ",
            "ﾞ", "น", "\u{e49}", "\u{e33}", "한", "\u{1161}", "ﷺ", "😀",
        ];
        let mut random = testkit::random::Random::new(9);
        for _ in 0..20_000 {
            let text: String = (0..random.below(60)).map(|_| ALPHABET[random.below(ALPHABET.len())]).collect();
            let asked: String = (0..1 + random.below(3)).map(|_| ALPHABET[random.below(ALPHABET.len())]).collect();
            let mut words = Analysis::new(None).words();
            let marks: Vec<Mark> = parts(tokens(&mut words, &asked))
                .into_iter()
                .map(|part| Mark::Run(part.units.into_iter().map(|unit| unit.text).collect()))
                .collect();
            let html = shown(None, &marks, &text);
            let plain = html.replace("<mark>", "").replace("</mark>", "");
            assert!(text.contains(plain.trim_matches(ELLIPSIS)), "{text:?} {html:?}");
            assert!(plain.contains(ELLIPSIS) || plain == text, "{text:?} {html:?}");
        }
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
