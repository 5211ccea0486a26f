//! Text in the form in which it is compared: the same for what is indexed, asked for, suggested and highlighted.
//!
//! A text enters, [`Letter`]s leave, each with the bytes of the text it was made from. The form is Unicode's NFKC with full case folding: composed
//! and decomposed letters, full and half width, ligatures, `ß` and `ss`, and every sigma are alike. What no reader sees (soft hyphens, joiners,
//! variation selectors) is left out. Beyond Unicode the dotted and the dotless `i` are one letter, since a capital does not tell
//! which of them it was written for. Case folding is the capital of a letter in lower case, as Rust's tables have it.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::{CanonicalCombiningClassMapBorrowed, CanonicalCompositionBorrowed};

/// Combining class of the marks that stand above a letter; one of them is the dot of a capital `İ`.
const ABOVE: u8 = 230;
/// The dot above, which an `i` has anyway.
const DOT_ABOVE: char = '\u{307}';
/// Signs behind a name that are made of letters and belong to no word.
const TRADE_MARKS: [char; 5] = ['\u{2120}', '\u{2122}', '\u{1f16a}', '\u{1f16b}', '\u{1f16c}'];

/// A character of the form that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// the character
    pub character: char,
    /// start of the characters that it was made from, in bytes of the text
    pub from: usize,
    /// their end
    pub to: usize,
}

/// Fills `letters` with the letters of a text, in place of what it holds.
pub(super) fn normalize(text: &str, letters: &mut Vec<Letter>) {
    letters.clear();
    if text.is_ascii() {
        let letter = |(from, byte): (usize, u8)| Letter { character: char::from(byte.to_ascii_lowercase()), from, to: from + 1 };
        letters.extend(text.bytes().enumerate().map(letter));
        return;
    }
    for (from, character) in text.char_indices() {
        let to = from + character.len_utf8();
        if TRADE_MARKS.contains(&character) {
            letters.push(Letter { character: ' ', from, to });
        } else if !is_invisible(character) {
            decompose(Letter { character, from, to }, letters);
        } else if let Some(before) = letters.last_mut() {
            // It belongs to the letter before: a word with a soft hyphen is one word where it is marked.
            before.to = to;
        }
    }
    order_marks(letters);
    let folded = std::mem::take(letters);
    folded.iter().for_each(|letter| fold(*letter, letters));
    order_marks(letters);
    remove_dots(letters);
    compose(letters);
}

/// A text in the form that is compared.
pub(super) fn normalized(text: &str) -> String {
    let mut letters = Vec::new();
    normalize(text, &mut letters);
    letters.iter().map(|letter| letter.character).collect()
}

/// Takes a letter apart into its base and its marks, as Unicode does (NFKD).
fn decompose(letter: Letter, into: &mut Vec<Letter>) {
    if letter.character.is_ascii() || is_unified_ideograph(letter.character) {
        return into.push(letter);
    }
    let parts = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(letter.character));
    into.extend(parts.map(|character| Letter { character, ..letter }));
}

/// Folds the case of a letter; it may become several.
fn fold(letter: Letter, into: &mut Vec<Letter>) {
    if letter.character.is_ascii() {
        return into.push(Letter { character: letter.character.to_ascii_lowercase(), ..letter });
    }
    if is_unified_ideograph(letter.character) {
        return into.push(letter);
    }
    // In lower case first: the capital of a capital `ẞ` is itself, that of a small one is `SS`.
    let capitals = letter.character.to_lowercase().flat_map(char::to_uppercase);
    for character in capitals.flat_map(char::to_lowercase) {
        decompose(Letter { character, ..letter }, into);
    }
}

/// Ideographs are most of a text that has them, and are what they are.
fn is_unified_ideograph(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}')
}

/// Returns the combining class of a character, by which marks are ordered.
fn class_of(character: char) -> u8 {
    if character.is_ascii() { 0 } else { CanonicalCombiningClassMapBorrowed::new().get_u8(character) }
}

/// Sorts each run of marks by their classes; marks of one class stay as they are.
fn order_marks(letters: &mut [Letter]) {
    let mut start = 0;
    while start < letters.len() {
        let is_mark = |letter: &Letter| class_of(letter.character) > 0;
        let marks = letters[start..].iter().take_while(|letter| is_mark(letter)).count();
        if marks > 1 {
            letters[start..start + marks].sort_by_key(|letter| class_of(letter.character));
        }
        start += marks.max(1);
    }
}

/// Takes the dot from each `i` that no other mark above it follows.
fn remove_dots(letters: &mut Vec<Letter>) {
    let mut is_below_dot = false;
    let mut kept = 0;
    for at in 0..letters.len() {
        let letter = letters[at];
        let class = class_of(letter.character);
        if is_below_dot && letter.character == DOT_ABOVE {
            letters[kept - 1].to = letters[kept - 1].to.max(letter.to);
            continue;
        }
        is_below_dot = letter.character == 'i' || is_below_dot && class > 0 && class < ABOVE;
        letters[kept] = letter;
        kept += 1;
    }
    letters.truncate(kept);
}

/// Puts letters and their marks together where one character stands for both.
fn compose(letters: &mut Vec<Letter>) {
    let composition = CanonicalCompositionBorrowed::new();
    let mut starter: Option<usize> = None;
    // The class of the last letter that is kept behind the starter.
    let mut last_class = 0;
    let mut kept = 0;
    for at in 0..letters.len() {
        let letter = letters[at];
        let class = class_of(letter.character);
        if let Some(starter) = starter.filter(|starter| kept == starter + 1 || last_class < class)
            && let Some(composed) = composition.compose(letters[starter].character, letter.character)
        {
            let before = letters[starter];
            letters[starter] = Letter { character: composed, from: before.from.min(letter.from), to: before.to.max(letter.to) };
            continue;
        }
        if class == 0 {
            starter = Some(kept);
        }
        last_class = class;
        letters[kept] = letter;
        kept += 1;
    }
    letters.truncate(kept);
}

/// Unicode's `Default_Ignorable_Code_Point`.
fn is_invisible(character: char) -> bool {
    !character.is_ascii()
        && matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use icu_normalizer::ComposingNormalizerBorrowed;

    use super::*;
    use testkit::random::Random;

    #[test]
    fn what_readers_take_for_the_same_word_has_one_form() {
        for (form, texts) in [
            (
                "caf\u{e9}",
                &[
                    "caf\u{e9}",
                    "cafe\u{301}",
                    "CAF\u{c9}",
                    "CAFE\u{301}",
                    "ca\u{ad}f\u{e9}",
                    "\u{ff23}\u{ff21}\u{ff26}\u{ff25}\u{301}",
                ][..],
            ),
            ("οδοσ", &["οδος", "ΟΔΟΣ", "Οδοσ"]),
            ("istanbul", &["İstanbul", "I\u{307}stanbul", "ISTANBUL", "ıstanbul", "istanbul"]),
            ("strasse", &["Straße", "STRASSE", "STRAẞE", "strasse"]),
            ("full", &["ＦＵＬＬ", "full", "Full"]),
            ("first", &["ﬁrst", "FIRST", "ﬁrﬆ"]),
            ("ガード", &["ガード", "カ\u{3099}ード", "ｶﾞｰﾄﾞ"]),
            ("한국", &["한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"]),
            ("q\u{323}\u{307}", &["q\u{307}\u{323}", "Q\u{323}\u{307}"]),
            ("acme \u{e9}", &["Acme™\u{e9}"]),
            ("می‌خواهم".replace('\u{200c}', "").as_str(), &["می‌خواهم"]),
        ] {
            for text in texts {
                assert_eq!(normalized(text), form, "{text:?}");
            }
        }
    }

    /// A text of letters that change when they are normalised, and marks.
    fn text(random: &mut Random) -> String {
        const ALPHABET: &[char] = &[
            'a', 'I', 'i', 'S', ' ', '-', '\u{301}', '\u{307}', '\u{323}', '\u{345}', '\u{327}', 'ß', 'ẞ', 'Σ', 'ς', 'İ', 'ı',
            'é', 'ﬁ', 'ΐ', 'ᾳ', 'Ω', 'Å', '日', 'カ', '\u{3099}', 'ｶ', 'ﾞ', '㍿', '½', '한', '\u{1112}', '\u{1161}', '\u{11ab}',
            'ㄱ', 'น', '\u{e49}', '\u{e33}', '\u{93c}', 'क', '\u{ad}', '\u{200d}', '\u{fe0f}', '😀', '™', 'Ｆ', 'ǰ', 'ŉ', 'ᾴ',
            'Ꭰ', 'Ა',
        ];
        (0..random.below(9)).map(|_| ALPHABET[random.below(ALPHABET.len())]).collect()
    }

    #[test]
    fn the_form_is_that_of_unicode_and_stays_as_it_is() {
        let (nfkc, nfkd) = (ComposingNormalizerBorrowed::new_nfkc(), DecomposingNormalizerBorrowed::new_nfkd());
        let (nfc, nfd) = (ComposingNormalizerBorrowed::new_nfc(), DecomposingNormalizerBorrowed::new_nfd());
        let mut random = Random::new(11);
        for _ in 0..30_000 {
            let text = text(&mut random);
            let form = normalized(&text);
            assert_eq!(nfkc.normalize(&form), form, "{text:?} is in NFKC");
            assert_eq!(normalized(&form), form, "{text:?} is in its form");
            for other in [nfc.normalize(&text), nfd.normalize(&text)] {
                assert_eq!(normalized(&other), form, "{text:?} and {other:?}");
            }
            if !text.contains(TRADE_MARKS) {
                assert_eq!(normalized(&nfkd.normalize(&text)), form, "{text:?} decomposed");
            }
            // The capital of the iota below a letter stands beside it, and no longer lets marks change their places.
            if text.contains(['\u{345}', 'ᾳ', 'ᾴ']) {
                continue;
            }
            for other in [text.to_lowercase(), text.to_uppercase()] {
                assert_eq!(normalized(&other), form, "{text:?} and {other:?}");
            }
        }
    }

    #[test]
    fn every_letter_knows_where_it_stands() {
        let mut random = Random::new(12);
        let mut letters = Vec::new();
        for _ in 0..30_000 {
            let text = text(&mut random);
            normalize(&text, &mut letters);
            for letter in &letters {
                let written = text.get(letter.from..letter.to).unwrap();
                assert!(!written.is_empty(), "{text:?} {letter:?}");
            }
        }
        normalize("aİ日e\u{301}", &mut letters);
        let places: Vec<(usize, usize)> = letters.iter().map(|letter| (letter.from, letter.to)).collect();
        assert_eq!(places, [(0, 1), (1, 3), (3, 6), (6, 9)]);
    }
}
