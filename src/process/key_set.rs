//! A published set of keys: the file or the address that it is read from.
//!
//! A text enters; the bytes of the set leave, a limited number within a limited time. Over the network a set is only as good as the way
//! to it, so an address is one of this machine, or begins with https://, where the server has to show who it is. An address may hold a
//! password, so no printed form of one shows it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::secret_text::SecretText;
use schemas::server_url::masked;
use ureq::Agent;
use ureq::http::{StatusCode, Uri};

use crate::file_error::FileError;
use crate::tls_trust::{TrustError, distrust, trust};

/// The most bytes of a set.
const KEY_SET_BYTES_MAX: u64 = 256 * 1024;
/// Longest wait for a set that is asked for over HTTP.
const KEY_SET_TIMEOUT: Duration = Duration::from_secs(10);

/// The place of a set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetPlace {
    /// a file
    File(PathBuf),
    /// an address of this machine that begins with http://, or any that begins with https://
    Address {
        /// the address
        url: SecretText,
        /// file with the authorities that are trusted to know its server; the public ones without
        ca_cert: Option<PathBuf>,
    },
}

/// A text that names no place of a set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySetPlace {
    /// an address that anybody between here and there could answer for
    #[error(
        "'{address}' is not an address of this machine: over http:// anybody on the way could put in a key; write https://, or name a file"
    )]
    NotLoopback {
        /// the address, without its password
        address: String,
    },
    /// not an address
    #[error("'{address}' is not an address: write https://HOST/PATH, http://127.0.0.1:PORT/PATH, or the name of a file")]
    NotAnAddress {
        /// the text, without what may be a password
        address: String,
    },
}

/// A set of keys that could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// a file
    #[error(transparent)]
    File(#[from] FileError),
    /// a file with the certificate of an authority
    #[error("cannot fetch the key set: {0}")]
    Trust(#[from] TrustError),
    /// a server that does not show who it is
    #[error("cannot fetch the key set from {address}: {detail}")]
    Untrusted {
        /// the address, without its password
        address: String,
        /// the fault of the certificate, with advice
        detail: String,
    },
    /// no answer
    #[error("cannot fetch the key set from {address}: {}", masked(&source.to_string()))]
    Fetch {
        /// the address, without its password
        address: String,
        /// the reason
        source: Box<ureq::Error>,
    },
    /// another answer
    #[error("cannot fetch the key set from {address}: the answer is {status}")]
    Status {
        /// the address, without its password
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
            Self::Address { url, .. } => f.write_str(&masked(url.secret())),
        }
    }
}

impl KeySetPlace {
    /// Reads a place; whatever does not begin as an address is a file.
    pub fn parse(text: &str) -> Result<Self, BadKeySetPlace> {
        let address = || masked(text);
        let lower = text.to_ascii_lowercase();
        let is_secure = lower.starts_with("https://");
        if !is_secure && !lower.starts_with("http://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let uri: Uri = text.parse().map_err(|_| BadKeySetPlace::NotAnAddress { address: address() })?;
        let host = uri.host().ok_or_else(|| BadKeySetPlace::NotAnAddress { address: address() })?;
        let is_here = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match is_here || is_secure {
            true => Ok(Self::Address { url: text.to_owned().into(), ca_cert: None }),
            false => Err(BadKeySetPlace::NotLoopback { address: address() }),
        }
    }

    /// The same place, at which the authorities in a file are trusted.
    pub fn trusting(self, authorities: Option<PathBuf>) -> Self {
        match self {
            Self::Address { url, .. } => Self::Address { url, ca_cert: authorities },
            file @ Self::File(_) => file,
        }
    }

    /// Reads the set.
    pub(super) fn read(&self) -> Result<Vec<u8>, KeySetError> {
        match self {
            Self::File(path) => {
                let bytes = File::open(path).and_then(limited).map_err(FileError::read(path))?;
                self.checked(bytes)
            }
            Self::Address { url, ca_cert } => self.checked(fetch(url.secret(), ca_cert.as_deref())?),
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
fn fetch(address: &str, ca_cert: Option<&Path>) -> Result<Vec<u8>, KeySetError> {
    let failure = |source: ureq::Error| match distrust(&source) {
        Some(detail) => KeySetError::Untrusted { address: masked(address), detail },
        None => KeySetError::Fetch { address: masked(address), source: Box::new(source) },
    };
    let config = Agent::config_builder().timeout_global(Some(KEY_SET_TIMEOUT)).max_redirects(0).proxy(None);
    let agent = config.http_status_as_error(false).tls_config(trust(ca_cert)?).build().new_agent();
    let response = agent.get(address).call().map_err(failure)?;
    if response.status() != StatusCode::OK {
        return Err(KeySetError::Status { address: masked(address), status: response.status() });
    }
    limited(response.into_body().into_reader()).map_err(|error| failure(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_an_address_of_this_machine() {
        for address in ["http://127.0.0.1:9/keys", "http://[::1]/keys", "HTTP://127.3.2.1/", "https://login.example/keys"] {
            let place = KeySetPlace::Address { url: address.to_owned().into(), ca_cert: None };
            assert_eq!(KeySetPlace::parse(address), Ok(place));
            assert_eq!(KeySetPlace::parse(address).unwrap().to_string(), address, "nothing of it is a secret");
        }
        assert_eq!(KeySetPlace::parse("keys/http.json"), Ok(KeySetPlace::File("keys/http.json".into())));
        for address in ["http://login.example/keys", "http://10.0.0.1/", "http://127.0.0.1.example/", "http://127.0.0.1@example/"]
        {
            assert!(matches!(KeySetPlace::parse(address), Err(BadKeySetPlace::NotLoopback { .. })), "{address}");
        }
        for address in ["http://", "https://"] {
            assert!(matches!(KeySetPlace::parse(address), Err(BadKeySetPlace::NotAnAddress { .. })), "{address}");
        }
    }

    #[test]
    fn no_printed_form_of_a_place_or_of_its_errors_shows_a_password() {
        let printed = |error: &dyn std::error::Error| format!("{error} {error:?}");
        for address in ["https://user:hunter2@", "http://user:hunter2@login.example/", "http://user:hunter2@"] {
            let error = KeySetPlace::parse(address).unwrap_err();
            assert!(printed(&error).contains('*') && !printed(&error).contains("hunter2"), "{}", printed(&error));
        }
        // Nobody listens at this port of this machine.
        let place = KeySetPlace::parse("http://user:hunter2@127.0.0.1:1/keys").unwrap();
        let error = place.read().unwrap_err();
        let all = format!("{place} {place:?} {}", printed(&error));
        assert!(all.contains("127.0.0.1:1/keys") && !all.contains("hunter2"), "{all}");
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
