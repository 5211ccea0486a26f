//! Texts that go to Redis. Pure.

use std::fmt::Write as _;

use schemas::field::json_string;

use crate::contract::Progress;

/// Returns the message to listeners of the channel; `members` are those behind the position, as JSON.
pub fn message(sink: &str, position: &str, members: &str) -> String {
    let mut message = String::from("{\"sink\":");
    json_string(sink, &mut message);
    let _infallible = write!(message, ",\"position\":\"{position}\",{members}}}");
    message
}

/// Returns the position of an epoch: timeline in hexadecimal, then its number.
pub fn position_text(progress: &Progress) -> String {
    format!("{:x}:{}", progress.timeline, progress.epoch)
}

/// Returns keys as a list in JSON.
pub fn json_list(keys: &[String]) -> String {
    let mut json = String::from("[");
    for (place, key) in keys.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        json_string(key, &mut json);
    }
    json.push(']');
    json
}
