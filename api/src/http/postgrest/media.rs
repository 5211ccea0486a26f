//! Forms of an answer, as `Accept` asks for them.

use axum::http::{HeaderMap, header};

use super::error::PostgrestError;

/// Prefix of the media types that PostgREST made.
const VENDOR: &str = "application/vnd.pgrst.";

/// Form of the rows of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowsForm {
    /// a JSON array of objects
    Array,
    /// one JSON object; other numbers of rows are an error
    Object,
    /// CSV with a line of names
    Csv,
    /// one JSON object a line
    Lines,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AnswerForm {
    /// form of the rows
    pub(crate) rows: RowsForm,
    /// true if members that are NULL are left out
    pub(crate) strips_nulls: bool,
}

impl AnswerForm {
    /// The form that a request asks for, an array if it does not say.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, PostgrestError> {
        let accepted = accepted(headers);
        if accepted.is_empty() {
            return Ok(Self { rows: RowsForm::Array, strips_nulls: false });
        }
        let known = accepted.iter().find_map(|range| form(range));
        known.ok_or_else(|| PostgrestError::NotAcceptable { asked: accepted.join(", ") })
    }

    /// Its media type.
    pub(crate) fn media_type(self) -> &'static str {
        match (self.rows, self.strips_nulls) {
            (RowsForm::Array, false) => "application/json; charset=utf-8",
            (RowsForm::Array, true) => "application/vnd.pgrst.array+json; nulls=stripped; charset=utf-8",
            (RowsForm::Object, false) => "application/vnd.pgrst.object+json; charset=utf-8",
            (RowsForm::Object, true) => "application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8",
            (RowsForm::Csv, _) => "text/csv; charset=utf-8",
            (RowsForm::Lines, _) => "application/x-ndjson; charset=utf-8",
        }
    }
}

/// Returns true if a request to any view prefers a form of these conventions.
pub(crate) fn is_preferred(headers: &HeaderMap) -> bool {
    accepted(headers).first().is_some_and(|range| {
        range.starts_with(VENDOR) || form(range).is_some_and(|form| matches!(form.rows, RowsForm::Csv | RowsForm::Lines))
    })
}

/// The media ranges of a request with their parameters, in lower case, the best ones first.
fn accepted(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges: Vec<(f32, String)> = values.flat_map(|value| value.split(',')).filter_map(weighed).collect();
    ranges.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    ranges.into_iter().map(|(_, range)| range).collect()
}

/// A range and its weight; `None` for one that is empty or excluded.
fn weighed(range: &str) -> Option<(f32, String)> {
    let mut weight = 1.0;
    let mut kept = Vec::new();
    for part in range.split(';').map(|part| part.trim().to_ascii_lowercase()) {
        match part.strip_prefix("q=") {
            Some(text) => weight = text.parse().ok().filter(|weight: &f32| weight.is_finite())?,
            None => kept.push(part),
        }
    }
    let range = kept.join(";");
    (weight > 0.0 && !range.is_empty()).then_some((weight, range))
}

fn form(range: &str) -> Option<AnswerForm> {
    let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
    let is_vendor = name.starts_with(VENDOR);
    let mut strips_nulls = false;
    for parameter in parameters.split(';').filter(|parameter| !parameter.is_empty()) {
        match parameter {
            "nulls=stripped" if is_vendor => strips_nulls = true,
            "charset=utf-8" => {}
            _ => return None,
        }
    }
    let rows = match name {
        "*/*" | "application/*" | "application/json" | "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => {
            RowsForm::Array
        }
        "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => RowsForm::Object,
        "text/csv" => RowsForm::Csv,
        "application/x-ndjson" | "application/ndjson" => RowsForm::Lines,
        _ => return None,
    };
    Some(AnswerForm { rows, strips_nulls })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accept(text: &'static str) -> HeaderMap {
        [(header::ACCEPT, HeaderValue::from_static(text))].into_iter().collect()
    }

    #[test]
    fn the_best_form_that_is_known_is_taken() {
        let of = |text| AnswerForm::of(&accept(text)).map(|form| (form.rows, form.strips_nulls)).ok();
        for (text, expected) in [
            ("*/*", Some((RowsForm::Array, false))),
            ("text/html, application/json;q=0.5", Some((RowsForm::Array, false))),
            ("application/json;q=0.5, text/csv", Some((RowsForm::Csv, false))),
            ("application/vnd.pgrst.object+json;nulls=stripped", Some((RowsForm::Object, true))),
            ("Application/X-NDJSON; charset=UTF-8", Some((RowsForm::Lines, false))),
            ("application/geo+json", None),
            ("application/vnd.pgrst.plan+json", None),
            ("text/csv;q=0", Some((RowsForm::Array, false))),
            ("application/json;nulls=stripped", None),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(AnswerForm::of(&HeaderMap::new()).unwrap().rows, RowsForm::Array);
    }

    #[test]
    fn a_form_of_other_conventions_is_not_asked_for_by_chance() {
        for text in ["*/*", "application/json", "text/event-stream", "text/html,*/*;q=0.8", "application/json, text/csv;q=0.1"] {
            assert!(!is_preferred(&accept(text)), "{text}");
        }
        for text in ["text/csv", "application/vnd.pgrst.plan", "application/x-ndjson, application/json;q=0.5"] {
            assert!(is_preferred(&accept(text)), "{text}");
        }
    }
}
