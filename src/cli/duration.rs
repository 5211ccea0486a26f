//! Durations as a person types them: a whole number and `ms`, `s`, `m` or `h`.

use std::time::Duration;

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration: write a number from 1 on and ms, s, m or h, such as 10s")]
pub(super) struct BadDuration(String);

/// Reads one; nothing is done every 0 seconds.
pub(super) fn parse(text: &str) -> Result<Duration, BadDuration> {
    let expected = || BadDuration(text.to_owned());
    let (digits, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit()).ok_or_else(expected)?);
    let millis_of_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected()),
    };
    let millis = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(millis_of_unit)).filter(|millis| *millis > 0);
    millis.map(Duration::from_millis).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        for (text, millis) in [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "0s", "-1s", "1.5s", "s", "10 s", "3d", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse(text).is_err(), "'{text}' was read");
        }
    }
}
