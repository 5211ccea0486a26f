//! Texts that are printed nowhere, such as an address with a password that nobody has checked yet.

use std::fmt;

/// A text that `Display` and `Debug` do not show.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// The text itself, for the code that uses it. It belongs into no message.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_its_own_name_shows_a_secret() {
        let text = SecretText::from("redis://user:secret@h".to_owned());
        let printed = [text.to_string(), format!("{text:?}"), format!("{:#?}", Some(&text))];
        assert!(printed.iter().all(|printed| printed.contains("***") && !printed.contains("secret")), "{printed:?}");
        assert_eq!(text.secret(), "redis://user:secret@h");
    }
}
