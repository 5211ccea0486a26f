//! The claims that every token must have, and the leeway of clocks.
//!
//! The claims of a token whose signature is right enter; the end of their validity leaves, the same for a page and for a stream.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::error::TokenError;

/// Time by which the clocks of issuer and server may differ, unless configured: `exp` and `nbf` count that much later and earlier.
pub const AUTH_LEEWAY: Duration = Duration::from_secs(60);
/// The most that may be configured: a token that has expired is accepted for as long.
pub const AUTH_LEEWAY_MAX: Duration = Duration::from_secs(600);

/// Rules for the claims of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// the audience that a token must name, alone or among others
    pub audience: Option<String>,
    /// the issuer that a token must name, exactly
    pub issuer: Option<String>,
    /// time by which clocks may differ
    pub leeway: Duration,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self { audience: None, issuer: None, leeway: AUTH_LEEWAY }
    }
}

impl TokenRules {
    /// Checks claims; returns the end of their validity in seconds since 1970, with the leeway.
    pub(super) fn check(&self, claims: &Map<String, Value>) -> Result<f64, TokenError> {
        // A clock before 1970 lets no token expire and none begin; there is no such machine.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        self.check_at(now, claims)
    }

    fn check_at(&self, now: f64, claims: &Map<String, Value>) -> Result<f64, TokenError> {
        let leeway = self.leeway.as_secs_f64();
        let expires = seconds(claims, "exp")?.ok_or_else(|| missing("exp"))? + leeway;
        if now >= expires {
            return Err(TokenError::expired());
        }
        if seconds(claims, "nbf")?.is_some_and(|begins| now + leeway < begins) {
            return Err(TokenError::refused("it is not valid yet"));
        }
        if let Some(audience) = &self.audience {
            check_audience(audience, claims.get("aud"))?;
        }
        if let Some(issuer) = &self.issuer {
            // A list is not the issuer's name, whatever is in it.
            match claims.get("iss") {
                None => return Err(missing("iss")),
                Some(Value::String(found)) if found == issuer => {}
                Some(_) => return Err(TokenError::refused("it was issued by somebody else")),
            }
        }
        Ok(expires)
    }
}

/// A time in seconds since 1970, fractions included (RFC 7519, 2: NumericDate).
fn seconds(claims: &Map<String, Value>, claim: &str) -> Result<Option<f64>, TokenError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    seconds.map(Some).ok_or_else(|| TokenError::refused(&format!("its claim '{claim}' is not a time in seconds")))
}

fn check_audience(wanted: &str, found: Option<&Value>) -> Result<(), TokenError> {
    let is_meant = match found {
        None => return Err(missing("aud")),
        Some(Value::String(audience)) => audience == wanted,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == wanted),
        Some(_) => false,
    };
    if is_meant { Ok(()) } else { Err(TokenError::refused("it is meant for another audience")) }
}

fn missing(claim: &str) -> TokenError {
    TokenError::refused(&format!("it has no claim '{claim}'"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(rules: &TokenRules, now: f64, claims: Value) -> Result<f64, String> {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        rules.check_at(now, &claims).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_counts_by_the_leeway_longer_and_earlier_and_not_a_moment_more() {
        let rules = TokenRules { leeway: Duration::from_secs(5), ..TokenRules::default() };
        let claims = json!({ "exp": 100, "nbf": 50 });
        for (now, is_good) in [(44.9, false), (45.0, true), (100.0, true), (104.9, true), (105.0, false)] {
            let found = checked(&rules, now, claims.clone());
            assert_eq!(found.is_ok(), is_good, "at {now}: {found:?}");
            assert!(found.is_err() || found == Ok(105.0), "{found:?}");
        }
        assert_eq!(checked(&rules, 1.0, json!({ "exp": 7.5 })), Ok(12.5));
    }

    #[test]
    fn times_are_numbers() {
        for (claims, claim) in [
            (json!({ "exp": "100" }), "exp"),
            (json!({ "exp": null }), "exp"),
            (json!({ "exp": -1 }), "exp"),
            (json!({ "exp": [100] }), "exp"),
            (json!({ "exp": 100, "nbf": "0" }), "nbf"),
            (json!({ "exp": 100, "nbf": null }), "nbf"),
            (json!({ "exp": 100, "nbf": {} }), "nbf"),
        ] {
            let refusal = checked(&TokenRules::default(), 1.0, claims.clone()).unwrap_err();
            assert!(refusal.contains(&format!("'{claim}' is not a time")), "{claims}: {refusal}");
        }
    }
}
