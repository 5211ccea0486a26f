//! The query of a request: names and values, decoded, in the order they were sent.
//!
//! The text after `?` enters; [`QueryString`] leaves. An undecodable text, a parameter given twice or an unknown one is an error that
//! names it.

use std::borrow::Cow;

use super::error::QueryStringError;
use crate::http::limits::QUERY_PARAMETERS_MAX;
use crate::read::suggest::nearest;
use crate::read::value::hexadecimal;

/// Decoded parameters.
pub(crate) struct QueryString<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> QueryString<'a> {
    /// Decodes `a=1&b=2`; `+` is a space, as in every form.
    pub(crate) fn parse(text: Option<&'a str>) -> Result<Self, QueryStringError> {
        let pairs = text.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        let mut parameters = Vec::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decode(name)?, decode(value)?));
        }
        if parameters.len() > QUERY_PARAMETERS_MAX {
            return Err(QueryStringError::TooManyParameters { found: parameters.len() });
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, QueryStringError> {
        let mut found = self.0.iter().filter(|(given, _)| given == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(QueryStringError::RepeatedParameter { name }),
            (first, None) => Ok(first.map(|(_, value)| value.as_ref())),
        }
    }

    /// The parameters that are none of `reserved`.
    pub(crate) fn others(&self, reserved: &'static [&'static str]) -> impl Iterator<Item = (&str, &str)> {
        let is_other = |name: &str| !reserved.contains(&name);
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).filter(move |(name, _)| is_other(name))
    }

    /// Refuses every parameter that is not one of `known`.
    pub(crate) fn only(&self, known: &'static [&'static str]) -> Result<(), QueryStringError> {
        match self.others(known).next() {
            None => Ok(()),
            Some((name, _)) => Err(QueryStringError::UnknownParameter {
                name: name.to_owned(),
                known: known.join(", "),
                suggestion: nearest(name, known.iter().copied()),
            }),
        }
    }

    /// A whole number from `least` to `most`, or `default` when the parameter is not given.
    pub(crate) fn number(
        &self,
        name: &'static str,
        default: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, QueryStringError> {
        number_within(name, self.one(name)?, default, (least, most))
    }
}

/// The whole number of a text, which has to lie within bounds, or `default` when there is no text.
pub(crate) fn number_within(
    name: &'static str,
    text: Option<&str>,
    default: usize,
    (least, most): (usize, usize),
) -> Result<usize, QueryStringError> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| QueryStringError::BadParameter {
        name,
        value: text.to_owned(),
        expected: format!("a whole number from {least} to {most}"),
    })
}

fn decode(text: &str) -> Result<Cow<'_, str>, QueryStringError> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let bad = || QueryStringError::BadEncoding { text: text.to_owned() };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2).ok_or_else(bad)?;
                bytes.push(hexadecimal(digits[0]).zip(hexadecimal(digits[1])).map(|(a, b)| a * 16 + b).ok_or_else(bad)?);
                rest = tail;
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_in_order() {
        let query = QueryString::parse(Some("a=1&b=x%20y+z&a=2&flag&&u=%C3%A4")).unwrap();
        let all: Vec<_> = query.others(&["b"]).collect();
        assert_eq!(all, [("a", "1"), ("a", "2"), ("flag", ""), ("u", "ä")]);
        assert_eq!(query.one("b").unwrap(), Some("x y z"));
        assert!(matches!(query.one("a"), Err(QueryStringError::RepeatedParameter { name: "a" })));
    }

    #[test]
    fn broken_encodings_are_errors() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%ff", "%C3=1", "a=%+1"] {
            assert!(matches!(QueryString::parse(Some(text)), Err(QueryStringError::BadEncoding { .. })), "{text}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_known_is_named_with_those_that_are() {
        let query = QueryString::parse(Some("key=1")).unwrap();
        let said = |known| query.only(known).unwrap_err().to_string();
        assert_eq!(said(&[]), "'key' is not a parameter here; there are none");
        assert_eq!(said(&["limit", "wait"]), "'key' is not a parameter here; there are: limit, wait");
    }

    #[test]
    fn numbers_have_limits() {
        let query = QueryString::parse(Some("limit=1001&wait=x")).unwrap();
        assert!(query.number("limit", 100, 1, 1000).is_err());
        assert!(query.number("wait", 1, 0, 10).is_err());
        assert_eq!(query.number("after", 7, 0, 10).unwrap(), 7);
    }
}
