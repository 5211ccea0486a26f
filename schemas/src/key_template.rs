//! Keys of a cache, made of the columns of a row: `feed:{user_id}`.
//!
//! Owns [`KeyTemplate`]. A text with names of columns in braces enters, the key of a row leaves. `{{` and `}}` stand for braces.

use std::collections::BTreeSet;

use crate::field::{FieldKind, Value};

/// Template of a key, filled from a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate(Vec<KeyPart>);

/// Part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// a text that is the same in every key
    Literal(String),
    /// the number of a column of the view
    Column(usize),
}

impl KeyTemplate {
    /// Reads a template for a view with these columns; fails with what is wrong and what to do.
    pub fn parse(text: &str, names: &[String], kinds: &[FieldKind]) -> Result<Self, (String, String)> {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '{' | '}' if characters.peek() == Some(&character) => {
                    characters.next();
                    literal.push(character);
                }
                '{' => {
                    let name: String = up_to_brace(&mut characters)?;
                    if !literal.is_empty() {
                        parts.push(KeyPart::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(KeyPart::Column(column(&name, names, kinds)?));
                }
                '}' => return Err(("a '}' closes nothing in the key".to_owned(), "write }} for a brace".to_owned())),
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            parts.push(KeyPart::Literal(literal));
        }
        if !matches!(parts.first(), Some(KeyPart::Literal(_))) {
            let help = "begin it with a word, as in 'feed:{user_id}', so that it is told apart from other keys".to_owned();
            return Err(("the key does not begin with a text of its own".to_owned(), help));
        }
        Ok(Self(parts))
    }

    /// The parts in their order; two templates with equal parts make equal keys.
    pub fn parts(&self) -> &[KeyPart] {
        &self.0
    }

    /// The columns that it is made of.
    pub fn columns(&self) -> BTreeSet<usize> {
        self.0.iter().filter_map(|part| if let KeyPart::Column(column) = part { Some(*column) } else { None }).collect()
    }

    /// The key of a row, whose values are in the order of the view.
    pub fn key(&self, values: &[Value<'_>]) -> String {
        let mut key = String::new();
        for part in &self.0 {
            match part {
                KeyPart::Literal(text) => key.push_str(text),
                KeyPart::Column(column) => write_text(&values[*column], &mut key),
            }
        }
        key
    }

    /// A pattern of Redis that every key fits.
    pub fn pattern(&self) -> String {
        let mut pattern = String::new();
        for part in &self.0 {
            match part {
                KeyPart::Literal(text) => text.chars().for_each(|character| {
                    if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
                        pattern.push('\\');
                    }
                    pattern.push(character);
                }),
                KeyPart::Column(_) => pattern.push('*'),
            }
        }
        pattern
    }
}

fn up_to_brace(characters: &mut impl Iterator<Item = char>) -> Result<String, (String, String)> {
    let mut name = String::new();
    for character in characters {
        match character {
            '}' => return Ok(name),
            other => name.push(other),
        }
    }
    Err(("a '{' is not closed in the key".to_owned(), "write {column}, or {{ for a brace".to_owned()))
}

fn column(name: &str, names: &[String], kinds: &[FieldKind]) -> Result<usize, (String, String)> {
    let Some(column) = names.iter().position(|other| other == name) else {
        return Err((format!("the view has no column '{name}'"), format!("it has {}", names.join(", "))));
    };
    match kinds[column] {
        FieldKind::List(_) | FieldKind::Json | FieldKind::Bytes | FieldKind::Float64 | FieldKind::Interval => {
            let message = format!("the column '{name}' is {}, which makes no key", kinds[column].sql_name());
            Err((message, "name columns that are numbers, texts, times or truth values".to_owned()))
        }
        _ => Ok(column),
    }
}

/// As JSON, but a text without quotes and escapes.
fn write_text(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Text(text) => out.push_str(text),
        Value::Timestamp(_) | Value::LocalTimestamp(_) | Value::Date(_) | Value::Decimal(..) | Value::Numeric(_) => {
            let mut json = String::new();
            value.write_json(&mut json);
            out.push_str(json.trim_matches('"'));
        }
        other => other.write_json(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeyTemplate, String> {
        let names = ["user_id", "name", "tags"].map(str::to_owned);
        let kinds = [FieldKind::Int64, FieldKind::Text, FieldKind::List(Box::new(FieldKind::Text))];
        KeyTemplate::parse(text, &names, &kinds).map_err(|(message, _)| message)
    }

    #[test]
    fn a_key_is_the_text_with_the_values_in_it() {
        let row = [Value::Int(-7), Value::Text("a*\r\n{b}".into()), Value::Null];
        let cases = [
            ("feed:{user_id}", "feed:-7", "feed:*"),
            ("f[1]:{name}:{user_id}", "f[1]:a*\r\n{b}:-7", "f\\[1\\]:*:*"),
            ("feed:{{{user_id}}}", "feed:{-7}", "feed:{*}"),
            ("all", "all", "all"),
        ];
        for (text, key, pattern) in cases {
            let template = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((template.key(&row).as_str(), template.pattern().as_str()), (key, pattern), "{text}");
        }
        assert_eq!(parse("x{name}{user_id}{name}").map(|template| template.columns()), Ok([0, 1].into()));
    }

    #[test]
    fn what_makes_no_key_is_refused() {
        for text in ["", "{user_id}", "feed:{id}", "feed:{", "feed:}", "feed:{tags}", "feed:{user_id"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
