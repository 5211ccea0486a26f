//! Members of an answer.

use serde_json::Value;

/// The text of a member; empty where a server of another version does not send it.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}
