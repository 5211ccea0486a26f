//! How text becomes words: runs of letters and digits in lower case, and without their endings where the index says so.
//!
//! Owns [`Analysis`]. A text enters, words with their places leave; the same for what is indexed, asked for and highlighted.

use schemas::serving::Language;
use tantivy::tokenizer::{LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer, Token, TokenStream as _};

/// Bytes of a longer run are no word: they are not found.
pub const WORD_BYTES_MAX: usize = 256;

/// The two ways in which an index reads text.
#[derive(Clone)]
pub(super) struct Analysis {
    stemmer: Option<Language>,
}

impl Analysis {
    /// Without endings in this language, or as written.
    pub fn new(stemmer: Option<Language>) -> Self {
        Self { stemmer }
    }

    /// Whether words are kept in a second form, as written, for prefixes.
    pub fn has_stems(&self) -> bool {
        self.stemmer.is_some()
    }

    /// Words as they are looked for.
    pub fn words(&self) -> TextAnalyzer {
        match self.stemmer {
            Some(language) => words_as_written().filter_dynamic(Stemmer::new(algorithm(language))).build(),
            None => self.written(),
        }
    }

    /// Words as written.
    pub fn written(&self) -> TextAnalyzer {
        words_as_written().build()
    }
}

fn words_as_written() -> tantivy::tokenizer::TextAnalyzerBuilder {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter_dynamic(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter_dynamic(LowerCaser)
}

/// The words of a text, in order.
pub(super) fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    analyzer.token_stream(text).process(&mut |token| tokens.push(token.clone()));
    tokens
}

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
