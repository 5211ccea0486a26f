//! Addresses of servers, which may hold a password.
//!
//! Owns [`ServerUrl`], whose printed forms never hold the secret, and [`masked`], which hides secrets of addresses in any text.

use std::fmt;
use std::ops::Range;

/// End of the schemes of sockets in the file system.
const SOCKET_SCHEME: &str = "unix";
/// Printed form of a query, which may hold a password.
const HIDDEN_QUERY: &str = "?***";

/// Address of a server: `scheme://[user:password@]host[:port][/path]`, or `unix:///path[?query]` for a socket in the file system.
///
/// `Display` and `Debug` hide everything between `://` and `@`, and every query. Only a client that connects calls [`Self::secret`].
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Reason why a text is not an address. It never quotes the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadServerUrl {
    /// another beginning
    #[error("it does not begin with {}", beginnings(schemes))]
    Scheme {
        /// the schemes that are known
        schemes: &'static [&'static str],
    },
    /// nothing where the host has to be
    #[error("it names no host")]
    Host,
    /// a port outside 1 to 65535
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// the address of a socket that does not go on with its path
    #[error("it does not name the absolute path of a socket, as unix:///run/server.sock does")]
    Path,
    /// white space or a control character
    #[error("it has white space in it")]
    Space,
}

impl ServerUrl {
    /// Checks the form of an address that begins with one of these schemes. A client finds out later if a server answers there.
    ///
    /// # Errors
    /// A text that is not such an address.
    pub fn parse(text: &str, schemes: &'static [&'static str]) -> Result<Self, BadServerUrl> {
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(BadServerUrl::Space);
        }
        let parts = text.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
        let (scheme, rest) = parts.ok_or(BadServerUrl::Scheme { schemes })?;
        let checked = if scheme.ends_with(SOCKET_SCHEME) { check_path(rest) } else { check_host(rest) };
        checked.map(|()| Self(text.to_owned()))
    }

    /// The whole address with its password, for the client that connects. It belongs into no message.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

/// Checks what follows the scheme of a socket.
fn check_path(rest: &str) -> Result<(), BadServerUrl> {
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    if path.starts_with('/') && path.len() > 1 { Ok(()) } else { Err(BadServerUrl::Path) }
}

/// Checks host and port in what follows the scheme of a server in the network.
fn check_host(rest: &str) -> Result<(), BadServerUrl> {
    let behind_user = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let authority = behind_user.find(['/', '?', '#']).map_or(behind_user, |end| &behind_user[..end]);
    let (host, port) = host_and_port(authority);
    if host.is_empty() {
        return Err(BadServerUrl::Host);
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(()),
        Some(_) => Err(BadServerUrl::Port),
    }
}

/// Divides `host[:port]`. An IPv6 address is in brackets and has colons of its own.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The beginnings of addresses with these schemes, for a message.
fn beginnings(schemes: &[&str]) -> String {
    let quoted: Vec<String> = schemes.iter().map(|scheme| format!("'{scheme}://'")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").expect("an address without a scheme is refused when it is parsed");
        let (shown, query) = match rest.split_once('?') {
            Some((shown, query)) => (shown, Some(query)),
            None => (rest, None),
        };
        let hidden = if query.is_some() { HIDDEN_QUERY } else { "" };
        match shown.rsplit_once('@') {
            // The password has a question mark, or the query an at sign.
            _ if query.is_some_and(|query| query.contains('@')) => write!(f, "{scheme}://***"),
            Some((_, behind)) => write!(f, "{scheme}://***@{behind}{hidden}"),
            None => write!(f, "{scheme}://{shown}{hidden}"),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns a line, or a value, with a `*` for every character that may belong to the secret of an address. Places in it stay where they are.
///
/// A password may hold everything, also spaces, quotes and `@`, so nothing but the end of the text ends an address for certain. Hidden is
/// what lies between `://` and the last `@`; all that follows `://` if there is a query too, or if no host and port are where they have to
/// be; and what lies between a colon and the last `@` where the scheme is missing. Rather too much is hidden than too little.
pub fn masked(text: &str) -> String {
    let address = address_secret(text);
    let before = &text[..address.as_ref().map_or(text.len(), |hidden| hidden.start)];
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for hidden in secret_without_scheme(before).into_iter().chain(address) {
        out.push_str(&text[at..hidden.start]);
        out.extend(text[hidden.clone()].chars().map(|_| '*'));
        at = hidden.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The bytes of a text that may be the secret of an address, behind the first `://` that may begin one.
fn address_secret(text: &str) -> Option<Range<usize>> {
    text.match_indices("://").find_map(|(at, sign)| {
        let begin = at + sign.len();
        let rest = &text[begin..];
        let hidden = match (rest.rfind('@'), rest.find('?')) {
            (Some(user), None) if is_host(&rest[user + 1..]) => begin..begin + user,
            (Some(_), _) => begin..text.len(),
            (None, _) if !is_host(rest) => begin..text.len(),
            (None, Some(query)) => begin + query + 1..text.len(),
            (None, None) => return None,
        };
        // A scheme has no colon: behind one, this `://` lies within a password.
        Some(behind_colon(&text[..at]).unwrap_or(hidden.start)..hidden.end)
    })
}

/// The place behind the first colon of the last word of a text.
fn behind_colon(text: &str) -> Option<usize> {
    let is_end = |character: char| character.is_whitespace() || "'\"(,".contains(character);
    let before = text.char_indices().rfind(|(_, character)| is_end(*character));
    let word = before.map_or(0, |(at, character)| at + character.len_utf8());
    text[word..].find(':').map(|colon| word + colon + 1)
}

/// Returns true if a text begins with a host, or with nothing that may be one, and a number follows the colon if there is one.
fn is_host(text: &str) -> bool {
    let ends = |character: char| character.is_whitespace() || "/?#'\",;)".contains(character);
    let authority = text.find(ends).map_or(text, |end| &text[..end]);
    let (host, port) = host_and_port(authority);
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let is_name = host.starts_with('[') || !host.contains(':');
    is_name && port.is_none_or(|port| !host.is_empty() && is_number(port))
}

/// The bytes between the first colon of a text and its last `@`. A doubled colon is a cast of SQL.
fn secret_without_scheme(text: &str) -> Option<Range<usize>> {
    let end = text.rfind('@')?;
    let is_single = |at: &usize| !text[..*at].ends_with(':') && !text[at + 1..].starts_with(':');
    let colon = text[..end].match_indices(':').map(|(at, _)| at).find(is_single)?;
    Some(colon + 1..end)
}

#[cfg(test)]
mod tests;
