//! `limit`, `offset` and `Range`: the part of the rows that is asked for.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::error::PostgrestError;
use crate::read::limits::PAGE_ROWS_MAX;

const RANGE_UNIT: HeaderName = HeaderName::from_static("range-unit");

/// A part of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RowWindow {
    /// rows that are left out at the beginning
    pub(crate) offset: u64,
    /// most rows that are asked for; `None` for all that follow
    asked: Option<u64>,
}

impl RowWindow {
    /// The part that parameters and headers ask for: what is in both.
    pub(crate) fn of(limit: Option<&str>, offset: Option<&str>, headers: &HeaderMap) -> Result<Self, PostgrestError> {
        let limit = limit.map(|text| number("limit", text)).transpose()?;
        let offset = offset.map(|text| number("offset", text)).transpose()?.unwrap_or(0);
        let window = Self { offset, asked: limit };
        Ok(match range(headers)? {
            Some(range) => window.and(range),
            None => window,
        })
    }

    /// Most rows of an answer.
    pub(crate) fn limit(self) -> usize {
        self.asked.and_then(|asked| usize::try_from(asked).ok()).map_or(PAGE_ROWS_MAX, |asked| asked.min(PAGE_ROWS_MAX))
    }

    /// Returns true if an answer with so many rows has all that was asked for.
    pub(crate) fn is_filled_by(self, rows: usize) -> bool {
        self.asked.is_some_and(|asked| asked <= rows as u64)
    }

    /// The value of `Content-Range` for an answer with so many rows; `None` as the first row where a cursor says where it begins.
    pub(crate) fn content_range(self, rows: usize, total: Option<u64>, has_cursor: bool) -> Option<HeaderValue> {
        let range = match rows {
            0 => "*".to_owned(),
            _ if has_cursor => "*".to_owned(),
            rows => format!("{}-{}", self.offset, self.offset.saturating_add(rows as u64 - 1)),
        };
        let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
        HeaderValue::from_str(&format!("{range}/{total}")).ok()
    }

    fn and(self, other: Self) -> Self {
        let offset = self.offset.max(other.offset);
        let end = |window: Self| window.asked.map(|asked| window.offset.saturating_add(asked));
        let end = match (end(self), end(other)) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        };
        Self { offset, asked: end.map(|end| end.saturating_sub(offset)) }
    }
}

fn number(name: &'static str, text: &str) -> Result<u64, PostgrestError> {
    if text.starts_with('-') && text[1..].parse::<u64>().is_ok() {
        return Err(PostgrestError::BadRange { detail: format!("'{name}' must not be negative"), total: None });
    }
    text.parse().map_err(|_| PostgrestError::Syntax {
        part: name,
        text: text.to_owned(),
        at: 1,
        expected: "a whole number".to_owned(),
    })
}

/// The range of `Range: 0-9`, of whose unit `Range-Unit: items` may speak; ranges of other units are passed over, as RFC 9110 demands.
fn range(headers: &HeaderMap) -> Result<Option<RowWindow>, PostgrestError> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(range) = text(&header::RANGE).filter(|_| text(&RANGE_UNIT).is_none_or(|unit| unit == "items")) else {
        return Ok(None);
    };
    let range = match range.split_once('=') {
        Some(("items", range)) => range,
        Some(_) => return Ok(None),
        None => range,
    };
    let bad = |detail: &str| PostgrestError::BadRange { detail: format!("'{range}' {detail}"), total: None };
    let (first, last) = range.split_once('-').ok_or_else(|| bad("is not a range such as 0-9"))?;
    let offset: u64 = first.parse().map_err(|_| bad("does not begin with a number"))?;
    if last.is_empty() {
        return Ok(Some(RowWindow { offset, asked: None }));
    }
    let last: u64 = last.parse().map_err(|_| bad("does not end with a number"))?;
    let asked = last.checked_sub(offset).ok_or_else(|| bad("ends before it begins"))?;
    Ok(Some(RowWindow { offset, asked: Some(asked.saturating_add(1)) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(limit: Option<&str>, offset: Option<&str>, headers: &[(HeaderName, &'static str)]) -> Result<(u64, usize), String> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let window = RowWindow::of(limit, offset, &headers).map_err(|error| error.to_string())?;
        Ok((window.offset, window.limit()))
    }

    #[test]
    fn parameters_and_the_header_narrow_each_other() {
        let range = |text| [(header::RANGE, text)];
        assert_eq!(window(None, None, &[]), Ok((0, PAGE_ROWS_MAX)));
        assert_eq!(window(Some("5"), Some("2"), &[]), Ok((2, 5)));
        assert_eq!(window(Some("5000"), None, &[]), Ok((0, PAGE_ROWS_MAX)));
        assert_eq!(window(None, None, &range("10-19")), Ok((10, 10)));
        assert_eq!(window(None, None, &range("10-")), Ok((10, PAGE_ROWS_MAX)));
        assert_eq!(window(Some("5"), Some("2"), &range("4-19")), Ok((4, 3)));
        assert_eq!(window(Some("1"), None, &range("4-19")), Ok((4, 0)));
        assert_eq!(window(None, None, &range("bytes=0-9")), Ok((0, PAGE_ROWS_MAX)));
        assert_eq!(window(None, None, &[(header::RANGE, "3-4"), (RANGE_UNIT, "bytes")]), Ok((0, PAGE_ROWS_MAX)));
        assert_eq!(window(None, None, &[(header::RANGE, "3-4"), (RANGE_UNIT, "items")]), Ok((3, 2)));
        for refused in ["9-0", "x-1", "1", "-5", "1-x"] {
            assert!(window(None, None, &[(header::RANGE, refused)]).is_err(), "{refused}");
        }
        for refused in ["-1", "x", "", "1.5"] {
            assert!(window(Some(refused), None, &[]).is_err() && window(None, Some(refused), &[]).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_answer_says_which_rows_it_has() {
        let window = RowWindow { offset: 10, asked: Some(5) };
        assert_eq!(window.content_range(3, Some(13), false).unwrap(), "10-12/13");
        assert_eq!(window.content_range(3, None, false).unwrap(), "10-12/*");
        assert_eq!(window.content_range(0, Some(2), false).unwrap(), "*/2");
        assert_eq!(window.content_range(3, None, true).unwrap(), "*/*");
    }
}
