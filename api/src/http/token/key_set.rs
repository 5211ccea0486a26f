//! Keys from a published set: a JSON Web Key Set (RFC 7517).
//!
//! The text of a set enters; [`TokenKeys`] take up its keys for signatures: RSA for RS256, EC on P-256 for ES256, oct for HS256. Keys of other
//! kinds, for encryption or for another algorithm are passed over, since a set may be meant for others too. A key of ours that is broken
//! is an error: half a set would refuse the tokens of the other half.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::error::TokenConfigError;
use super::keys::TokenKeys;

impl TokenKeys {
    /// Adds the keys of a set; an error where none of them is for tokens.
    pub fn add_key_set(&mut self, text: &[u8]) -> Result<(), TokenConfigError> {
        let bad = |detail: String| TokenConfigError::BadKeySet { detail };
        let set: Value = serde_json::from_slice(text).map_err(|error| bad(error.to_string()))?;
        let Some(Value::Array(keys)) = set.get("keys") else { return Err(bad("there is no such list".to_owned())) };
        let before = self.len();
        for (number, key) in (1..).zip(keys) {
            let Value::Object(key) = key else { return Err(bad(format!("key {number} is not an object"))) };
            self.add_published(&PublishedKey { number, key })?;
        }
        if self.len() == before { Err(TokenConfigError::NoKey) } else { Ok(()) }
    }

    fn add_published(&mut self, key: &PublishedKey<'_>) -> Result<(), TokenConfigError> {
        // Keys that are for others are passed over as they are, whatever their members hold: so an id is asked for last.
        let added = match (key.text("kty"), key.text("crv"), key.text("alg")) {
            _ if !key.is_for_signatures() => return Ok(()),
            (Some("RSA"), _, None | Some("RS256")) => self.add_rsa(key.id()?, &key.bytes("n")?, &key.bytes("e")?),
            (Some("EC"), Some("P-256"), None | Some("ES256")) => self.add_ec(key.id()?, &key.bytes("x")?, &key.bytes("y")?),
            (Some("oct"), _, None | Some("HS256")) => self.add_secret(key.id()?, &key.bytes("k")?),
            _ => return Ok(()),
        };
        added.map_err(|source| TokenConfigError::BadSetKey { number: key.number, id: key.id_text(), source: Box::new(source) })
    }
}

/// A key of a set as it is written.
struct PublishedKey<'a> {
    /// its number, from 1
    number: usize,
    key: &'a Map<String, Value>,
}

impl PublishedKey<'_> {
    fn text(&self, member: &str) -> Option<&str> {
        self.key.get(member).and_then(Value::as_str)
    }

    fn id_text(&self) -> Option<String> {
        self.text("kid").map(str::to_owned)
    }

    /// Its id, which is a text if it has one.
    fn id(&self) -> Result<Option<String>, TokenConfigError> {
        match self.key.get("kid") {
            None => Ok(None),
            Some(Value::String(id)) => Ok(Some(id.clone())),
            Some(_) => Err(self.bad_member("kid")),
        }
    }

    /// Returns false if it says that it is for something else (RFC 7517, 4.2 and 4.3).
    fn is_for_signatures(&self) -> bool {
        let is_verified_with = |operations: &Value| match operations {
            Value::Array(operations) => operations.iter().any(|operation| operation == "verify"),
            _ => false,
        };
        self.key.get("use").is_none_or(|purpose| purpose == "sig") && self.key.get("key_ops").is_none_or(is_verified_with)
    }

    fn bytes(&self, member: &'static str) -> Result<Vec<u8>, TokenConfigError> {
        let decoded = self.text(member).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        decoded.ok_or_else(|| self.bad_member(member))
    }

    fn bad_member(&self, member: &'static str) -> TokenConfigError {
        TokenConfigError::BadMember { number: self.number, id: self.id_text(), member }
    }
}
