//! A strict JSON reader that never recurses deeper than the limit and tells apart why a text is not JSON.
//!
//! Owns the grammar of RFC 8259. Bytes enter; tokens that borrow from them leave, one value at a time, or a [`Fault`].

use std::borrow::Cow;

use crate::dead_letter::{Fault, Reason};
use crate::event::limits::NESTING_DEPTH_MAX;

/// One value. Arrays and objects are kept as their text and read again by whoever wants what is inside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JsonToken<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(&'a str),
    Object(&'a str),
}

/// Reads one JSON text from front to back.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// true if the text was cut where bytes follow that are not UTF-8
    cut: bool,
}

impl<'a> Reader<'a> {
    /// A reader of bytes that may be anything.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text, at: 0, depth: 0, cut: false },
            Err(_) => {
                let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                Self { text, at: 0, depth: 0, cut: true }
            }
        }
    }

    /// The first byte of the next value or sign.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Fails unless nothing is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None if !self.cut => Ok(()),
            _ => Err(self.unexpected("the end")),
        }
    }

    /// Reads an object and calls `member` with each key; `member` reads the value.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>) -> Result<(), Fault> {
        self.enter(b'{')?;
        if self.leave(b'}') {
            return Ok(());
        }
        loop {
            self.peek();
            let key = self.string("a key")?;
            self.expect(b':', "':'")?;
            member(self, key)?;
            if self.leave(b'}') {
                return Ok(());
            }
            self.expect(b',', "',' or '}'")?;
        }
    }

    /// Reads an array and calls `item` where each item begins; `item` reads it.
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.enter(b'[')?;
        if self.leave(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.leave(b']') {
                return Ok(());
            }
            self.expect(b',', "',' or ']'")?;
        }
    }

    /// Reads one value of any kind.
    pub(crate) fn value(&mut self) -> Result<JsonToken<'a>, Fault> {
        match self.peek() {
            Some(b'"') => Ok(JsonToken::Text(self.string("a text")?)),
            Some(b'{') => {
                let start = self.at;
                self.object(|reader, _| reader.skip())?;
                Ok(JsonToken::Object(&self.text[start..self.at]))
            }
            Some(b'[') => {
                let start = self.at;
                self.array(Self::skip)?;
                Ok(JsonToken::Array(&self.text[start..self.at]))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", JsonToken::Null),
            Some(b't') => self.word("true", JsonToken::Boolean(true)),
            Some(b'f') => self.word("false", JsonToken::Boolean(false)),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Reads one value with `read`, and returns its text too.
    pub(crate) fn spanned<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<(T, &'a str), Fault> {
        self.peek();
        let start = self.at;
        let value = read(self)?;
        Ok((value, &self.text[start..self.at]))
    }

    /// Reads one value that nobody wants; it has to be JSON all the same.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        self.value().map(drop)
    }

    fn enter(&mut self, sign: u8) -> Result<(), Fault> {
        self.expect(sign, if sign == b'{' { "an object" } else { "an array" })?;
        self.depth += 1;
        if self.depth > NESTING_DEPTH_MAX {
            return Err(Fault::new(Reason::TooDeep, format!("nested deeper than {NESTING_DEPTH_MAX} levels; send it flatter")));
        }
        Ok(())
    }

    fn leave(&mut self, sign: u8) -> bool {
        let found = self.take(sign);
        self.depth -= usize::from(found);
        found
    }

    fn take(&mut self, sign: u8) -> bool {
        let found = self.peek() == Some(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: u8, expected: &str) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn word(&mut self, word: &str, token: JsonToken<'a>) -> Result<JsonToken<'a>, Fault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(token)
    }

    fn number(&mut self) -> Result<JsonToken<'a>, Fault> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(JsonToken::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected("a digit")) }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads a string that begins here, borrowed when it holds no escapes.
    fn string(&mut self, expected: &str) -> Result<Cow<'a, str>, Fault> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        let first = self.plain_part()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(first));
        }
        let mut text = first.to_owned();
        loop {
            if self.byte() == Some(b'"') {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.plain_part()?);
        }
    }

    /// The characters up to the next quote or backslash.
    fn plain_part(&mut self) -> Result<&'a str, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let length = bytes[start..].iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ');
        self.at = length.map_or(bytes.len(), |length| start + length);
        match self.byte() {
            Some(b'"' | b'\\') => Ok(&self.text[start..self.at]),
            None if self.cut => {
                let detail = format!("the bytes at {} of the event are not UTF-8; send UTF-8", self.at);
                Err(Fault::new(Reason::InvalidUtf8, detail))
            }
            _ => Err(self.unexpected("the end of the string")),
        }
    }

    /// The character that an escape stands for; the backslash is next.
    fn escape(&mut self) -> Result<char, Fault> {
        let sign = self.text.as_bytes().get(self.at + 1).copied();
        let character = match sign {
            Some(sign @ (b'"' | b'\\' | b'/')) => char::from(sign),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.unexpected("an escape")),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let first = self.unicode_unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let lone = Fault::new(Reason::InvalidUtf8, format!("\\u{first:04x} is half of a character; send both surrogates"));
        if first >= 0xDC00 || !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Err(lone);
        }
        let second = self.unicode_unit()?;
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
        low.and_then(|low| char::from_u32(0x10000 + ((first - 0xD800) << 10) + low)).ok_or(lone)
    }

    /// The four digits of an escape whose backslash is next.
    fn unicode_unit(&mut self) -> Result<u32, Fault> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6);
        let unit =
            digits.and_then(|digits| digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?)));
        let Some(unit) = unit else { return Err(self.unexpected("an escape of four hexadecimal digits")) };
        self.at += 6;
        Ok(unit)
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let detail = match self.text[self.at..].chars().next() {
            Some(found) => format!("expected {expected}, found {found:?} at byte {}", self.at),
            None if self.cut => format!("expected {expected}, found bytes that are not UTF-8 at byte {}", self.at),
            None => format!("expected {expected}, but the text ends at byte {}", self.at),
        };
        Fault::new(Reason::NotJson, detail)
    }
}

#[cfg(test)]
mod tests;
