//! Words of a text: runs of letters and digits, and without their endings where the index says so.
//!
//! Owns [`Analysis`]. A text enters, words with their places leave; the same for what is indexed, asked for and highlighted. Words are in the
//! form of `normal`. Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese are found inside a run of their letters: each letter with its marks is a
//! word, and so is each pair of them. A longer run is asked for as its pairs in a row.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use schemas::serving::Language;
use tantivy::tokenizer::{Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer};

use super::normal::{Letter, normalize};

/// Bytes of a longer run are no word: they are not found.
pub const WORD_BYTES_MAX: usize = 256;
/// Letters of a piece of a run that is suggested.
const PIECE_LETTERS_MAX: usize = 4;
/// Letters of a whole run that is suggested; of a longer one its beginning.
const RUN_LETTERS_MAX: usize = 16;

/// The ways in which an index reads text.
#[derive(Clone)]
pub(super) struct Analysis {
    /// language whose endings are taken off
    stemmer: Option<Language>,
}

impl Analysis {
    /// Without endings in this language, or as written.
    pub fn new(stemmer: Option<Language>) -> Self {
        Self { stemmer }
    }

    /// Returns true if words are kept in a second form, as written, for prefixes.
    pub fn has_stems(&self) -> bool {
        self.stemmer.is_some()
    }

    /// Words as they are looked for, with the letters and pairs of runs.
    pub fn words(&self) -> TextAnalyzer {
        match self.stemmer {
            Some(language) => {
                TextAnalyzer::builder(Words::of(true, Runs::Pairs)).filter_dynamic(Stemmer::new(algorithm(language))).build()
            }
            None => self.written(),
        }
    }

    /// The same words as written.
    pub fn written(&self) -> TextAnalyzer {
        TextAnalyzer::from(Words::of(true, Runs::Pairs))
    }

    /// Words as written, without those of runs.
    pub fn spaced(&self) -> TextAnalyzer {
        TextAnalyzer::from(Words::of(true, Runs::Nothing))
    }

    /// Pieces of runs, which are suggested.
    pub fn pieces(&self) -> TextAnalyzer {
        TextAnalyzer::from(Words::of(false, Runs::Pieces))
    }

    /// Words as written and what is suggested of runs.
    pub fn beginnings(&self) -> TextAnalyzer {
        TextAnalyzer::from(Words::of(true, Runs::Pieces))
    }
}

/// The words of a text, in order.
pub(super) fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    analyzer.token_stream(text).process(&mut |token| tokens.push(token.clone()));
    tokens
}

/// A word, or a run of letters that is found inside.
#[derive(Debug)]
pub(super) struct Part {
    /// the word, or the letters of the run
    pub units: Vec<Token>,
    /// the pairs of the run
    pairs: Vec<Token>,
}

impl Part {
    /// Words that stand in a row where this is found.
    pub fn sequence(&self) -> &[Token] {
        if self.pairs.is_empty() { &self.units } else { &self.pairs }
    }

    /// Returns true where it is found inside of longer ones.
    pub fn is_run(&self) -> bool {
        self.units.iter().any(|unit| unit.text.starts_with(is_unspaced))
    }
}

/// Puts the letters of each run together.
pub(super) fn parts(tokens: Vec<Token>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for token in tokens {
        let last = parts.last_mut();
        match last {
            Some(part) if token.position_length > 1 => part.pairs.push(token),
            // A pair begins at the letter before: the run goes on.
            Some(part) if part.pairs.last().is_some_and(|pair| pair.position + 1 == token.position) => part.units.push(token),
            _ => parts.push(Part { units: vec![token], pairs: Vec::new() }),
        }
    }
    parts
}

/// The treatment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    /// nothing
    Nothing,
    /// its letters and pairs
    Pairs,
    /// up to four letters in a row, and its beginning
    Pieces,
}

/// Finds words.
#[derive(Clone)]
struct Words {
    /// false for the field of letters without blanks
    has_words: bool,
    /// treatment of letters that are written without blanks
    runs: Runs,
    /// the normalised letters of the text, each with its place in it
    letters: Vec<Letter>,
    /// bounds among `letters` of each letter of the run at hand, with its marks
    units: Vec<(usize, usize)>,
    /// the token that was found last
    token: Token,
}

impl Words {
    /// Makes the analysis of one kind of field.
    fn of(has_words: bool, runs: Runs) -> Self {
        Self { has_words, runs, letters: Vec::new(), units: Vec::new(), token: Token::default() }
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        normalize(text, &mut self.letters);
        self.units.clear();
        self.token.reset();
        WordStream { words: self, at: 0, position: 0, unit: 0, length: 0 }
    }
}

/// The words of one text.
struct WordStream<'a> {
    /// tokens found so far
    words: &'a mut Words,
    /// the first letter that was not looked at
    at: usize,
    /// the position of the next word
    position: usize,
    /// the letter of the run at hand whose words come
    unit: usize,
    /// letters of the last of them
    length: usize,
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            if self.unit < self.words.units.len() {
                if self.advance_in_run() {
                    return true;
                }
                continue;
            }
            let letters = &self.words.letters;
            let Some(start) = (self.at..letters.len()).find(|at| letters[*at].character.is_alphanumeric()) else { return false };
            if is_mark(letters[start].character) {
                self.at = start + 1;
            } else if is_unspaced(letters[start].character) {
                self.find_units(start);
            } else if self.take_word(start) {
                return true;
            }
        }
    }

    fn token(&self) -> &Token {
        &self.words.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.words.token
    }
}

impl WordStream<'_> {
    /// Finds the words and runs from a letter on.
    fn find_units(&mut self, start: usize) {
        let Words { letters, units, runs, .. } = &mut *self.words;
        units.clear();
        self.at = start;
        while let Some(letter) = letters.get(self.at).filter(|letter| is_in_run(letter.character)) {
            match units.last_mut() {
                Some(last) if is_mark(letter.character) => last.1 = self.at + 1,
                _ => units.push((self.at, self.at + 1)),
            }
            self.at += 1;
        }
        self.position += units.len();
        (self.unit, self.length) = (0, 0);
        if *runs == Runs::Nothing {
            units.clear();
        }
    }

    /// Takes the word that begins at a letter; false when it is not written. One longer than [`WORD_BYTES_MAX`] keeps its position and is not
    /// found.
    fn take_word(&mut self, start: usize) -> bool {
        let letters = &self.words.letters;
        let is_inside = |letter: &Letter| {
            let character = letter.character;
            (character.is_alphanumeric() || is_mark(character)) && !is_unspaced(character)
        };
        let end = start + letters[start..].iter().take_while(|letter| is_inside(letter)).count();
        self.at = end;
        self.position += 1;
        let bytes: usize = letters[start..end].iter().map(|letter| letter.character.len_utf8()).sum();
        if !self.words.has_words || bytes > WORD_BYTES_MAX {
            return false;
        }
        self.write(start, end, self.position - 1, 1);
        true
    }

    /// The next word of the run; false when its letter has no more.
    fn advance_in_run(&mut self) -> bool {
        let units = self.words.units.len();
        let length = match self.words.runs {
            Runs::Pairs => Some(self.length + 1).filter(|length| *length <= 2 && self.unit + length <= units),
            Runs::Pieces | Runs::Nothing => next_piece(self.unit, self.length, units),
        };
        let Some(length) = length else {
            (self.unit, self.length) = (self.unit + 1, 0);
            return false;
        };
        self.length = length;
        let (start, end) = (self.words.units[self.unit].0, self.words.units[self.unit + length - 1].1);
        self.write(start, end, self.position - units + self.unit, length);
        true
    }

    /// Adds a token. Positions ascend, so that phrases are found by them.
    fn write(&mut self, start: usize, end: usize, position: usize, length: usize) {
        let Words { letters, token, .. } = &mut *self.words;
        token.text.clear();
        (token.offset_from, token.offset_to) = (letters[start].from, letters[start].to);
        for letter in &letters[start..end] {
            token.text.push(letter.character);
            token.offset_from = token.offset_from.min(letter.from);
            token.offset_to = token.offset_to.max(letter.to);
        }
        token.position = position;
        token.position_length = length;
    }
}

/// The letters of the next piece that begins with this letter of a run, after one of `length`.
fn next_piece(unit: usize, length: usize, units: usize) -> Option<usize> {
    let rest = units - unit;
    let next = length.max(1) + 1;
    if next <= PIECE_LETTERS_MAX && next <= rest {
        return Some(next);
    }
    // A run is suggested by its beginning, however long it is.
    let whole = rest.min(RUN_LETTERS_MAX);
    (unit == 0 && whole > length).then_some(whole)
}

/// Returns true for a character that belongs to the letter before it.
fn is_mark(character: char) -> bool {
    use GeneralCategory::{NonspacingMark, SpacingMark};
    !character.is_ascii() && matches!(CodePointMapData::<GeneralCategory>::new().get(character), NonspacingMark | SpacingMark)
}

/// Returns true for letters that are written without blanks.
fn is_in_run(character: char) -> bool {
    is_mark(character) || is_unspaced(character) && character.is_alphanumeric()
}

/// Returns true for a script whose words stand in a row without blanks, or have others stuck to them.
pub(super) fn is_unspaced(character: char) -> bool {
    !character.is_ascii()
        && matches!(
            character,
            // Thai, Lao; Burmese; Korean; Khmer; Tai scripts
            '\u{e00}'..='\u{eff}'
                | '\u{1000}'..='\u{109f}'
                | '\u{1100}'..='\u{11ff}'
                | '\u{1780}'..='\u{17ff}'
                | '\u{1950}'..='\u{19ff}'
                | '\u{1a20}'..='\u{1aaf}'
                // radicals, marks of repetition, kana, bopomofo, Korean letters, ideographs, Yi
                | '\u{2e80}'..='\u{2fdf}'
                | '\u{3005}'..='\u{3007}'
                | '\u{3021}'..='\u{3029}'
                | '\u{3031}'..='\u{318f}'
                | '\u{31a0}'..='\u{31ff}'
                | '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{a48f}'
                | '\u{a960}'..='\u{a97f}'
                | '\u{a9e0}'..='\u{a9ff}'
                | '\u{aa60}'..='\u{aadf}'
                | '\u{ac00}'..='\u{d7ff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{16fe0}'..='\u{18d8f}'
                | '\u{1aff0}'..='\u{1b2ff}'
                | '\u{20000}'..='\u{3ffff}'
        )
}

/// Returns the algorithm of a language in the engine.
fn algorithm(language: Language) -> tantivy::tokenizer::Language {
    use tantivy::tokenizer::Language as Stem;
    match language {
        Language::Danish => Stem::Danish,
        Language::Dutch => Stem::Dutch,
        Language::English => Stem::English,
        Language::Finnish => Stem::Finnish,
        Language::French => Stem::French,
        Language::German => Stem::German,
        Language::Italian => Stem::Italian,
        Language::Norwegian => Stem::Norwegian,
        Language::Portuguese => Stem::Portuguese,
        Language::Russian => Stem::Russian,
        Language::Spanish => Stem::Spanish,
        Language::Swedish => Stem::Swedish,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(mut analyzer: TextAnalyzer, text: &str) -> Vec<String> {
        tokens(&mut analyzer, text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn runs_are_letters_and_pairs_and_other_words_are_whole() {
        let analysis = Analysis::new(None);
        assert_eq!(texts(analysis.words(), "Well-known caf\u{e9}s"), ["well", "known", "caf\u{e9}s"]);
        assert_eq!(
            texts(analysis.words(), "日本語 iPhone手機"),
            ["日", "日本", "本", "本語", "語", "iphone", "手", "手機", "機"]
        );
        assert_eq!(texts(analysis.words(), "เป็น"), ["เ", "เป็", "ป็", "ป็น", "น"], "a mark belongs to its letter");
        assert_eq!(texts(analysis.words(), "हिन्दी 한국"), ["हिन्दी", "한", "한국", "국"]);
        assert_eq!(texts(analysis.words(), "\u{301}a 1\u{fe0f}\u{20e3} \u{1f600}"), ["a", "1"]);
        assert_eq!(texts(analysis.spaced(), "日本語 iPhone手機"), ["iphone"]);
        assert_eq!(
            texts(analysis.pieces(), "猫 日本語の投稿 x"),
            [
                "猫",
                "日本",
                "日本語",
                "日本語の",
                "日本語の投稿",
                "本語",
                "本語の",
                "本語の投",
                "語の",
                "語の投",
                "語の投稿",
                "の投",
                "の投稿",
                "投稿"
            ]
        );
        assert_eq!(texts(analysis.pieces(), "日本語"), ["日本", "日本語", "本語"]);
        let long = "x".repeat(WORD_BYTES_MAX + 1);
        assert_eq!(texts(analysis.words(), &format!("{long} y")), ["y"]);
    }

    #[test]
    fn positions_count_words_and_letters() {
        let mut analyzer = Analysis::new(None).words();
        let places: Vec<(usize, usize, usize)> =
            tokens(&mut analyzer, "a 日本 b").iter().map(|token| (token.position, token.offset_from, token.offset_to)).collect();
        assert_eq!(places, [(0, 0, 1), (1, 2, 5), (1, 2, 8), (2, 5, 8), (3, 9, 10)]);
        let parts = parts(tokens(&mut analyzer, "a日本語 日 b"));
        let shown: Vec<(Vec<&str>, bool)> =
            parts.iter().map(|part| (part.sequence().iter().map(|token| token.text.as_str()).collect(), part.is_run())).collect();
        assert_eq!(shown, [(vec!["a"], false), (vec!["日本", "本語"], true), (vec!["日"], true), (vec!["b"], false)]);
    }
}
