//! Regular expressions of PostgreSQL, translated for the engine that runs them.
//!
//! Owns the translation, and the search for the longest match where PostgreSQL takes the longest. What the engine can't do
//! (references back, conditions on what follows) is refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use regex::Regex;
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input, MatchKind, util::syntax};

use super::definition::Fault;

/// Translated patterns that a thread keeps.
const KEPT_MAX: usize = 64;

/// A pattern that was translated.
pub struct Pattern {
    regex: Regex,
    engine: PikeVM,
    /// true if the shortest of several matches at one place counts
    shortest: bool,
}

thread_local! {
    static PATTERNS: RefCell<HashMap<(String, bool), Rc<Pattern>>> = RefCell::new(HashMap::new());
    static SIMILAR: RefCell<HashMap<(String, String), Rc<Regex>>> = RefCell::new(HashMap::new());
}

/// The pattern, translated once.
pub fn compiled(pattern: &str, ignore_case: bool) -> Result<Rc<Pattern>, Fault> {
    kept(&PATTERNS, (pattern.to_owned(), ignore_case), || Pattern::new(pattern, ignore_case))
}

/// The pattern of a SIMILAR TO, translated once.
pub fn similar(pattern: &str, escape: &str) -> Result<Rc<Regex>, Fault> {
    kept(&SIMILAR, (pattern.to_owned(), escape.to_owned()), || {
        let text = format!("^(?:{})$", Translation::of_similar(pattern, escape_character(escape)?)?);
        regex(&text, pattern, false)
    })
}

fn kept<K: std::hash::Hash + Eq, V>(
    known: &'static std::thread::LocalKey<RefCell<HashMap<K, Rc<V>>>>,
    key: K,
    make: impl FnOnce() -> Result<V, Fault>,
) -> Result<Rc<V>, Fault> {
    if let Some(found) = known.with_borrow(|known| known.get(&key).cloned()) {
        return Ok(found);
    }
    let made = Rc::new(make()?);
    known.with_borrow_mut(|known| {
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(key, Rc::clone(&made));
    });
    Ok(made)
}

fn regex(text: &str, pattern: &str, ignore_case: bool) -> Result<Regex, Fault> {
    let mut builder = regex::RegexBuilder::new(text);
    builder.dot_matches_new_line(true).case_insensitive(ignore_case);
    builder.build().map_err(|error| refused(pattern, &reason(&error.to_string())))
}

fn refused(pattern: &str, reason: &str) -> Fault {
    Fault::invalid(format!("the pattern '{pattern}' can't be used: {reason}"))
}

/// The last line of what the engine says, which has the reason.
fn reason(text: &str) -> String {
    let last = text.lines().last().unwrap_or(text);
    last.trim_start_matches("error: ").to_owned()
}

/// The groups of a match: where each begins and ends, the whole match first.
pub type Groups = Vec<Option<(usize, usize)>>;

/// Memory of one search, which the next one uses again.
struct Scratch {
    cache: Cache,
    captures: Captures,
}

impl Pattern {
    fn new(pattern: &str, ignore_case: bool) -> Result<Self, Fault> {
        let (body, ignore_case) = options(pattern, ignore_case)?;
        let translated = Translation::of_regular(pattern, body)?;
        let engine = PikeVM::builder()
            .syntax(syntax::Config::new().dot_matches_new_line(true).case_insensitive(ignore_case))
            .configure(PikeVM::config().match_kind(MatchKind::All))
            .build(&translated.text)
            .map_err(|error| refused(pattern, &reason(&error.to_string())))?;
        Ok(Self { regex: regex(&translated.text, pattern, ignore_case)?, engine, shortest: translated.shortest })
    }

    /// Returns true if a text has a match.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The first match that begins at `from` or later.
    pub fn find(&self, text: &str, from: usize) -> Option<Groups> {
        self.search(text, from, &mut self.scratch())
    }

    fn scratch(&self) -> Scratch {
        Scratch { cache: self.engine.create_cache(), captures: self.engine.create_captures() }
    }

    fn search(&self, text: &str, from: usize, Scratch { cache, captures }: &mut Scratch) -> Option<Groups> {
        let start = self.regex.find_at(text, from)?.start();
        let input = Input::new(text).range(start..).anchored(Anchored::Yes).earliest(self.shortest);
        self.engine.search(cache, &input, captures);
        let groups = (0..captures.group_len()).map(|group| captures.get_group(group).map(|span| (span.start, span.end)));
        captures.is_match().then(|| groups.collect())
    }

    /// All matches that do not overlap; an empty one only where none ends.
    pub fn find_all(&self, text: &str, from: usize) -> Vec<Groups> {
        let (mut found, mut at) = (Vec::new(), from);
        // A text has many matches, and what a search needs is much larger than one of them.
        let mut scratch = self.scratch();
        while let Some(groups) = self.search(text, at, &mut scratch) {
            let Some(Some((start, end))) = groups.first().copied() else { break };
            found.push(groups);
            // An empty match is not found again: the search goes on behind the next character.
            let step = text[end..].chars().next().map_or(1, char::len_utf8);
            at = if end > start { end } else { end + step };
            if at > text.len() {
                break;
            }
        }
        found
    }
}

/// The escape character; `None` for an empty text.
pub fn escape_character(escape: &str) -> Result<Option<char>, Fault> {
    let mut characters = escape.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(Fault::invalid(format!("ESCAPE takes one character or none, not '{escape}'"))),
    }
}

/// Takes `(?i)` and the like from the beginning.
fn options(pattern: &str, ignore_case: bool) -> Result<(&str, bool), Fault> {
    if pattern.starts_with("***") {
        return Err(refused(pattern, "a beginning of '***' is not supported"));
    }
    let Some(rest) = pattern.strip_prefix("(?") else { return Ok((pattern, ignore_case)) };
    let Some((letters, body)) = rest.split_once(')') else { return Ok((pattern, ignore_case)) };
    if letters.is_empty() || !letters.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Ok((pattern, ignore_case));
    }
    letters.chars().try_fold((body, ignore_case), |(body, ignore_case), letter| match letter {
        'i' => Ok((body, true)),
        'c' => Ok((body, false)),
        's' | 't' => Ok((body, ignore_case)),
        other => Err(refused(pattern, &format!("the option '{other}' is not supported"))),
    })
}

/// A pattern in the words of the engine.
struct Translation<'p> {
    pattern: &'p str,
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    text: String,
    shortest: bool,
    greedy: usize,
    lazy: usize,
    alternatives: usize,
}

impl<'p> Translation<'p> {
    fn new(pattern: &'p str, body: &'p str) -> Self {
        Self { pattern, rest: body.chars().peekable(), text: String::new(), shortest: false, greedy: 0, lazy: 0, alternatives: 0 }
    }

    fn of_regular(pattern: &'p str, body: &'p str) -> Result<Self, Fault> {
        let mut translation = Self::new(pattern, body);
        while let Some(character) = translation.rest.next() {
            translation.piece(character)?;
        }
        let Self { greedy, lazy, alternatives, .. } = translation;
        if lazy > 0 && (greedy > 0 || alternatives > 0) {
            return Err(refused(
                pattern,
                "greedy and lazy repetitions, or alternatives, can't be mixed: write [^x]* instead of .*?",
            ));
        }
        translation.shortest = lazy > 0;
        Ok(translation)
    }

    fn piece(&mut self, character: char) -> Result<(), Fault> {
        match character {
            '\\' => self.escape(false)?,
            '[' => self.bracket()?,
            '(' => self.group()?,
            '*' | '+' | '?' => self.repetition(character)?,
            '{' if self.rest.peek().is_some_and(char::is_ascii_digit) => {
                self.text.push('{');
                self.until('}')?;
                self.laziness()?;
            }
            '{' | '}' => self.literal(character),
            '|' => {
                self.alternatives += 1;
                self.text.push('|');
            }
            other => self.text.push(other),
        }
        Ok(())
    }

    /// A repetition and its `?`.
    fn repetition(&mut self, character: char) -> Result<(), Fault> {
        self.text.push(character);
        self.laziness()
    }

    fn laziness(&mut self) -> Result<(), Fault> {
        if self.rest.next_if_eq(&'?').is_some() {
            self.lazy += 1;
            self.text.push('?');
        } else {
            self.greedy += 1;
        }
        match self.rest.peek() {
            Some('*' | '+' | '?') => Err(refused(self.pattern, "a repetition can't follow another")),
            _ => Ok(()),
        }
    }

    fn until(&mut self, end: char) -> Result<(), Fault> {
        for character in self.rest.by_ref() {
            self.text.push(character);
            if character == end {
                return Ok(());
            }
        }
        Err(refused(self.pattern, &format!("'{end}' is missing")))
    }

    fn group(&mut self) -> Result<(), Fault> {
        self.text.push('(');
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                Some(':') => self.text.push_str("?:"),
                _ => {
                    return Err(refused(
                        self.pattern,
                        "conditions on what precedes or follows, (?=...) and the like, are not supported",
                    ));
                }
            }
        }
        Ok(())
    }

    fn literal(&mut self, character: char) {
        self.text.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    /// Reads the character behind a backslash.
    fn escape(&mut self, in_bracket: bool) -> Result<(), Fault> {
        let Some(character) = self.rest.next() else { return Err(refused(self.pattern, "it ends with a backslash")) };
        match (character, in_bracket) {
            ('d', true) => self.text.push_str("0-9"),
            ('d', false) => self.text.push_str("[0-9]"),
            ('D', false) => self.text.push_str("[^0-9]"),
            ('w' | 's', _) | ('W' | 'S', false) => {
                self.text.push('\\');
                self.text.push(character);
            }
            ('A', false) => self.text.push_str("\\A"),
            ('Z', false) => self.text.push_str("\\z"),
            ('y', false) => self.text.push_str("\\b"),
            ('Y', false) => self.text.push_str("\\B"),
            ('m', false) => self.text.push_str("\\b{start}"),
            ('M', false) => self.text.push_str("\\b{end}"),
            ('a', _) => self.code(0x07),
            ('b', _) => self.code(0x08),
            ('e', _) => self.code(0x1b),
            ('f', _) => self.code(0x0c),
            ('n', _) => self.code(0x0a),
            ('r', _) => self.code(0x0d),
            ('t', _) => self.code(0x09),
            ('v', _) => self.code(0x0b),
            ('B', _) => self.literal('\\'),
            ('u', _) => self.digits(4)?,
            ('U', _) => self.digits(8)?,
            ('1'..='9', false) => return Err(refused(self.pattern, "references to what a group matched are not supported")),
            (other, _) if other.is_alphanumeric() => {
                return Err(refused(self.pattern, &format!("the escape '\\{other}' is not supported")));
            }
            (other, _) => self.literal(other),
        }
        Ok(())
    }

    fn digits(&mut self, count: usize) -> Result<(), Fault> {
        let digits: String = self.rest.by_ref().take(count).collect();
        match u32::from_str_radix(&digits, 16) {
            Ok(code) if digits.len() == count && char::from_u32(code).is_some() => {
                self.code(code);
                Ok(())
            }
            _ => Err(refused(self.pattern, "an escaped character has 4 hexadecimal digits after \\u, 8 after \\U")),
        }
    }

    fn code(&mut self, code: u32) {
        let _infallible = write!(self.text, "\\x{{{code:x}}}");
    }

    /// A bracket expression; `[` was read.
    fn bracket(&mut self) -> Result<(), Fault> {
        self.text.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.text.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.text.push_str("\\]");
        }
        loop {
            match self.rest.next() {
                None => return Err(refused(self.pattern, "']' is missing")),
                Some(']') => break,
                Some('\\') => self.escape(true)?,
                Some('[') => self.class()?,
                Some('-') => self.text.push('-'),
                Some(character @ ('&' | '~' | '^')) => {
                    self.text.push('\\');
                    self.text.push(character);
                }
                Some(character) => self.text.push(character),
            }
        }
        self.text.push(']');
        Ok(())
    }

    /// `[:name:]` inside of a bracket expression, or the bracket itself.
    fn class(&mut self) -> Result<(), Fault> {
        match self.rest.peek() {
            Some(':') => self.named_class(),
            Some('.' | '=') => Err(refused(self.pattern, "[. .] and [= =] are not supported")),
            _ => {
                self.text.push_str("\\[");
                Ok(())
            }
        }
    }

    /// `:name:]`; letters are those of every language.
    fn named_class(&mut self) -> Result<(), Fault> {
        let name: String = self.rest.by_ref().skip(1).take_while(|character| *character != ':').collect();
        if self.rest.next() != Some(']') {
            return Err(refused(self.pattern, "a class of characters is written [:name:]"));
        }
        self.text.push_str(match name.as_str() {
            "alpha" => "\\p{Alphabetic}",
            "alnum" => "\\p{Alphabetic}\\p{Nd}",
            "upper" => "\\p{Uppercase}",
            "lower" => "\\p{Lowercase}",
            "digit" => "0-9",
            "space" => "\\s",
            "punct" => "[:punct:]",
            "xdigit" => "0-9A-Fa-f",
            "blank" => " \\t",
            "word" => "\\w",
            _ => return Err(refused(self.pattern, &format!("there is no class [:{name}:]"))),
        });
        Ok(())
    }

    /// A pattern of SIMILAR TO.
    fn of_similar(pattern: &'p str, escape: Option<char>) -> Result<String, Fault> {
        let mut translation = Self::new(pattern, pattern);
        while let Some(character) = translation.rest.next() {
            match character {
                character if Some(character) == escape => match translation.rest.next() {
                    Some('"') => return Err(refused(pattern, "it has separators, which only SUBSTRING takes")),
                    Some(escaped) => translation.literal(escaped),
                    None => return Err(refused(pattern, "it ends with its escape character")),
                },
                '%' => translation.text.push_str(".*"),
                '_' => translation.text.push('.'),
                '(' => translation.text.push_str("(?:"),
                '[' => translation.similar_bracket(escape)?,
                '|' | '*' | '+' | '?' | ')' => translation.text.push(character),
                '{' => {
                    translation.text.push('{');
                    translation.until('}')?;
                }
                other => translation.literal(other),
            }
        }
        Ok(translation.text)
    }

    /// A bracket expression of SIMILAR TO, in which a backslash is a character like others unless it is the escape.
    fn similar_bracket(&mut self, escape: Option<char>) -> Result<(), Fault> {
        self.text.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.text.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.text.push_str("\\]");
        }
        loop {
            match self.rest.next() {
                None => return Err(refused(self.pattern, "']' is missing")),
                Some(']') => break,
                Some(character) if Some(character) == escape => match self.rest.next() {
                    Some(escaped) => self.literal(escaped),
                    None => return Err(refused(self.pattern, "it ends with its escape character")),
                },
                Some('[') => self.class()?,
                Some('-') => self.text.push('-'),
                Some(character @ ('\\' | '&' | '~' | '^')) => {
                    self.text.push('\\');
                    self.text.push(character);
                }
                Some(character) => self.text.push(character),
            }
        }
        self.text.push(']');
        Ok(())
    }
}
