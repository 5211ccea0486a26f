//! Addresses of servers, which may hold a password.
//!
//! Owns [`ServerUrl`], whose printed forms never hold the secret, and [`masked`], which hides secrets of addresses in any text.

use std::fmt;

/// Address of a server: `scheme://[user:password@]host[:port][/path]`.
///
/// `Display` and `Debug` hide everything between `://` and `@`. Only a client that connects calls [`Self::secret`].
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Reason why a text is not an address. It never quotes the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// another beginning
    #[error("it does not begin with '{scheme}://'")]
    Scheme {
        /// the scheme that is expected
        scheme: &'static str,
    },
    /// nothing where the host has to be
    #[error("it names no host")]
    Host,
    /// a port outside 1 to 65535
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// white space or a control character
    #[error("it has white space in it")]
    Space,
}

impl ServerUrl {
    /// Checks the form of an address; whether a server answers there is found out by whoever connects.
    pub fn parse(text: &str, scheme: &'static str) -> Result<Self, BadServerUrl> {
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(BadServerUrl::Space);
        }
        let rest = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        let rest = rest.ok_or(BadServerUrl::Scheme { scheme })?;
        let behind_user = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
        let authority = behind_user.split(['/', '?', '#']).next().unwrap_or(behind_user);
        // An IPv6 address is in brackets and has colons of its own.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() {
            return Err(BadServerUrl::Host);
        }
        match port.map(str::parse::<u16>) {
            None | Some(Ok(1..)) => Ok(Self(text.to_owned())),
            Some(_) => Err(BadServerUrl::Port),
        }
    }

    /// The whole address with its password, for the client that connects. It belongs into no message.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, behind))) => write!(f, "{scheme}://***@{behind}"),
            _ => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the text with a `*` for every character between `://` and the last `@` of an address, so that places in it stay where they are.
///
/// An address ends at a quote or at the end of its line. A doubled quote is one inside of it, as SQL writes it. Rather too much is hidden
/// than too little.
pub fn masked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = characters.clone();
    let mut at = 0;
    while at + 2 < characters.len() {
        if characters[at..at + 3] != [':', '/', '/'] {
            at += 1;
            continue;
        }
        let begin = at + 3;
        let end = end_of_address(&characters, begin);
        if let Some(sign) = characters[begin..end].iter().rposition(|character| *character == '@') {
            out[begin..begin + sign].fill('*');
        }
        at = end.max(begin);
    }
    out.into_iter().collect()
}

fn end_of_address(characters: &[char], begin: usize) -> usize {
    let mut at = begin;
    while let Some(character) = characters.get(at) {
        match character {
            '\'' if characters.get(at + 1) == Some(&'\'') => at += 2,
            '\'' | '"' | '\n' => return at,
            _ => at += 1,
        }
    }
    characters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_errors_quote_nothing() {
        for good in ["redis://h", "redis://h:6379/", "redis://:secret@h:1/0", "redis://user:p@ss/w@[::1]:6379/2", "redis://[::1]"]
        {
            assert!(ServerUrl::parse(good, "redis").is_ok(), "{good}");
        }
        let bad = [
            ("http://user:secret@h", BadServerUrl::Scheme { scheme: "redis" }),
            ("secret", BadServerUrl::Scheme { scheme: "redis" }),
            ("redis://user:secret@", BadServerUrl::Host),
            ("redis://:6379", BadServerUrl::Host),
            ("redis://secret@h:0", BadServerUrl::Port),
            ("redis://secret@h:99999", BadServerUrl::Port),
            ("redis://secret@h:port", BadServerUrl::Port),
            ("redis://sec ret@h", BadServerUrl::Space),
        ];
        for (text, expected) in bad {
            let error = ServerUrl::parse(text, "redis").expect_err(text);
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn secrets_are_printed_by_nothing_but_their_own_name() {
        let url = ServerUrl::parse("redis://user:secret@h:1/0", "redis").expect("an address");
        assert_eq!((url.to_string(), format!("{url:?}")), ("redis://***@h:1/0".to_owned(), "redis://***@h:1/0".to_owned()));
        assert_eq!(url.secret(), "redis://user:secret@h:1/0");
    }

    #[test]
    fn a_text_keeps_its_places_and_loses_its_secrets() {
        let cases = [
            ("WITH (url = 'redis://u:secret@h:1', key = 'a')", "WITH (url = 'redis://********@h:1', key = 'a')"),
            ("'redis://:se''cr@et@h' 'a@b'", "'redis://**********@h' 'a@b'"),
            ("redis://h:1 'a@b'", "redis://h:1 'a@b'"),
            ("://", "://"),
            ("ü://ö@", "ü://*@"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(text).chars().count(), text.chars().count());
        }
    }
}
