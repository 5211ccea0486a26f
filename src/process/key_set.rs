//! A published set of keys: the file or the address that it is read from.
//!
//! A text enters; the bytes of the set leave, a limited number within a limited time. Over the network a set is only as good as the way
//! to it, so an address is one of this machine; a set that is published elsewhere is fetched to a file by whoever knows how.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{StatusCode, Uri};

use crate::file_error::FileError;

/// The most bytes of a set.
const KEY_SET_BYTES_MAX: u64 = 256 * 1024;
/// Longest wait for a set that is asked for over HTTP.
const KEY_SET_TIMEOUT: Duration = Duration::from_secs(10);

/// The place of a set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetPlace {
    /// a file
    File(PathBuf),
    /// an address of this machine that begins with http://
    Address(String),
}

/// A text that names no place of a set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySetPlace {
    /// a way that this program does not know
    #[error(
        "'{address}' needs TLS, which this program does not speak as a client: fetch the set to a file now and then, and name the file"
    )]
    NeedsTls {
        /// the address
        address: String,
    },
    /// an address that anybody between here and there could answer for
    #[error("'{address}' is not an address of this machine: over http:// anybody on the way could put in a key; name a file")]
    NotLoopback {
        /// the address
        address: String,
    },
    /// not an address
    #[error("'{address}' is not an address: write http://127.0.0.1:PORT/PATH, or the name of a file")]
    NotAnAddress {
        /// the text
        address: String,
    },
}

/// A set of keys that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// a file
    #[error(transparent)]
    File(#[from] FileError),
    /// no answer
    #[error("cannot fetch the key set from {address}: {source}")]
    Fetch {
        /// the address
        address: String,
        /// the reason
        source: Box<ureq::Error>,
    },
    /// another answer
    #[error("cannot fetch the key set from {address}: the answer is {status}")]
    Status {
        /// the address
        address: String,
        /// the status
        status: StatusCode,
    },
    /// more than is read
    #[error("the key set {place} has more than {KEY_SET_BYTES_MAX} bytes")]
    TooLarge {
        /// file or address
        place: String,
    },
}

impl fmt::Display for KeySetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "'{}'", path.display()),
            Self::Address(address) => f.write_str(address),
        }
    }
}

impl KeySetPlace {
    /// Reads a place; whatever does not begin as an address is a file.
    pub fn parse(text: &str) -> Result<Self, BadKeySetPlace> {
        let address = || text.to_owned();
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("https://") {
            return Err(BadKeySetPlace::NeedsTls { address: address() });
        }
        if !lower.starts_with("http://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let uri: Uri = text.parse().map_err(|_| BadKeySetPlace::NotAnAddress { address: address() })?;
        let host = uri.host().ok_or_else(|| BadKeySetPlace::NotAnAddress { address: address() })?;
        let is_here = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if is_here { Ok(Self::Address(address())) } else { Err(BadKeySetPlace::NotLoopback { address: address() }) }
    }

    /// Reads the set.
    pub(super) fn read(&self) -> Result<Vec<u8>, KeySetError> {
        match self {
            Self::File(path) => {
                let bytes = File::open(path).and_then(limited).map_err(FileError::read(path))?;
                self.checked(bytes)
            }
            Self::Address(address) => self.checked(fetch(address)?),
        }
    }

    fn checked(&self, bytes: Vec<u8>) -> Result<Vec<u8>, KeySetError> {
        if bytes.len() as u64 > KEY_SET_BYTES_MAX {
            return Err(KeySetError::TooLarge { place: self.to_string() });
        }
        Ok(bytes)
    }
}

/// Reads one byte more than a set may have, if it is there.
fn limited(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(KEY_SET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Asks for a set; it is not looked for elsewhere, whatever the answer says.
fn fetch(address: &str) -> Result<Vec<u8>, KeySetError> {
    let failure = |source: ureq::Error| KeySetError::Fetch { address: address.to_owned(), source: Box::new(source) };
    let config = Agent::config_builder().timeout_global(Some(KEY_SET_TIMEOUT)).max_redirects(0).proxy(None);
    let agent = config.http_status_as_error(false).build().new_agent();
    let response = agent.get(address).call().map_err(failure)?;
    if response.status() != StatusCode::OK {
        return Err(KeySetError::Status { address: address.to_owned(), status: response.status() });
    }
    limited(response.into_body().into_reader()).map_err(|error| failure(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_an_address_of_this_machine() {
        for address in ["http://127.0.0.1:9/keys", "http://[::1]/keys", "HTTP://127.3.2.1/"] {
            assert_eq!(KeySetPlace::parse(address), Ok(KeySetPlace::Address(address.to_owned())));
        }
        assert_eq!(KeySetPlace::parse("keys/http.json"), Ok(KeySetPlace::File("keys/http.json".into())));
        for address in ["http://login.example/keys", "http://10.0.0.1/", "http://127.0.0.1.example/", "http://127.0.0.1@example/"]
        {
            assert!(matches!(KeySetPlace::parse(address), Err(BadKeySetPlace::NotLoopback { .. })), "{address}");
        }
        assert!(matches!(KeySetPlace::parse("https://login.example/keys"), Err(BadKeySetPlace::NeedsTls { .. })));
        assert!(matches!(KeySetPlace::parse("http://"), Err(BadKeySetPlace::NotAnAddress { .. })));
    }

    #[test]
    fn a_set_that_is_too_large_or_not_there_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let place = KeySetPlace::File(path.clone());
        assert!(matches!(place.read(), Err(KeySetError::File(_))));
        std::fs::write(&path, vec![b' '; KEY_SET_BYTES_MAX as usize]).unwrap();
        assert_eq!(place.read().unwrap().len() as u64, KEY_SET_BYTES_MAX);
        std::fs::write(&path, vec![b' '; KEY_SET_BYTES_MAX as usize + 1]).unwrap();
        assert!(matches!(place.read(), Err(KeySetError::TooLarge { .. })));
    }
}
