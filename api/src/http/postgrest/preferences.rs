//! `Prefer: count=exact, handling=strict`: the preferences that PostgREST knows.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use super::error::PostgrestError;
use crate::read::filtered::RowCount;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Preferences about what a write does and returns: nothing is written here, so they say nothing.
const OF_WRITES: [&str; 4] = ["return", "resolution", "missing", "tx"];

/// Preferences of a request beside the form of BIGINT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowPreferences {
    /// number of all rows that is wanted
    pub(crate) count: RowCount,
    /// the preference for it as it was written
    applied: Option<&'static str>,
    is_strict: bool,
}

impl RowPreferences {
    /// The preferences of a request. With `handling=strict` one that is not known is an error, else it is passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, PostgrestError> {
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let (mut preferences, mut unknown) = (Self { count: RowCount::Unasked, applied: None, is_strict: false }, Vec::new());
        for preference in values.flat_map(|value| value.split(',')).map(str::trim).filter(|preference| !preference.is_empty()) {
            let counted = match preference {
                "count=exact" => Some((RowCount::Exact, "count=exact")),
                "count=planned" => Some((RowCount::Estimated, "count=planned")),
                "count=estimated" => Some((RowCount::Estimated, "count=estimated")),
                _ => None,
            };
            match counted {
                // The first of several holds.
                Some((count, applied)) if preferences.applied.is_none() => {
                    (preferences.count, preferences.applied) = (count, Some(applied));
                }
                Some(_) => {}
                None if preference == "handling=strict" => preferences.is_strict = true,
                None if is_known(preference) => {}
                None => unknown.push(preference),
            }
        }
        match preferences.is_strict && !unknown.is_empty() {
            true => Err(PostgrestError::BadPreferences { given: unknown.join(", ") }),
            false => Ok(preferences),
        }
    }

    /// Says in an answer what was applied.
    pub(crate) fn note(self, total: Option<u64>, response: &mut Response) {
        let strict = self.is_strict.then_some("handling=strict");
        for applied in strict.into_iter().chain(self.applied.filter(|_| total.is_some())) {
            response.headers_mut().append(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
        }
    }
}

fn is_known(preference: &str) -> bool {
    let name = preference.split_once('=').map_or(preference, |(name, _)| name).trim();
    preference == "handling=lenient" || name.eq_ignore_ascii_case("bigint") || OF_WRITES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_applied_passed_over_or_refused() {
        let of = |text: &'static str| {
            let headers = [(PREFER, HeaderValue::from_static(text))].into_iter().collect();
            RowPreferences::of(&headers).map(|preferences| preferences.count).map_err(|error| error.to_string())
        };
        assert_eq!(of("return=minimal, count=exact"), Ok(RowCount::Exact));
        assert_eq!(of("count=planned,count=exact"), Ok(RowCount::Estimated));
        assert_eq!(of("max-affected=1"), Ok(RowCount::Unasked));
        assert_eq!(of("handling=strict, count=exact, bigint=string"), Ok(RowCount::Exact));
        for refused in ["handling=strict,max-affected=1", "handling=strict, count=many"] {
            assert!(of(refused).is_err(), "{refused}");
        }
    }
}
