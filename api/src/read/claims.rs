//! Claims of a reader who is known: the identity that policies compare.
//!
//! A protocol verifies them before they enter; they are only looked up here.

use serde_json::{Map, Value};

/// Claims of a verified reader.
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// The claims of a reader; whoever calls this has verified them.
    pub(crate) fn verified(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// One claim.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// End of their validity in seconds since 1970; verified claims have one.
    pub(crate) fn expires_at(&self) -> Option<f64> {
        self.0.get("exp").and_then(Value::as_f64)
    }

    /// Returns true if the claim `scope`, a text of words or a list, has this scope.
    pub(crate) fn grants(&self, scope: &str) -> bool {
        match self.0.get("scope") {
            Some(Value::String(words)) => words.split(' ').any(|word| word == scope),
            Some(Value::Array(words)) => words.iter().any(|word| word == scope),
            _ => false,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(claims: Value) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object, not {claims}") };
        Self(claims)
    }
}
