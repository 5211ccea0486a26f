//! The addresses that a server listens on.
//!
//! An address or a name with a port enters and is looked up once, so that what is checked is what is bound; listening sockets leave.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use tokio::net::TcpListener;

use super::error::ProcessError;

/// Addresses to listen on: one, or all that a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddresses {
    /// in the order in which the system names them; never empty
    addresses: Vec<SocketAddr>,
    /// the text that they were given as
    text: String,
}

/// A text that is not an address to listen on.
#[derive(Debug, thiserror::Error)]
pub enum BadListenAddress {
    /// no port, or none that is a number
    #[error(
        "'{text}' is not an address to listen on: write an address or a name and a port, such as 127.0.0.1:8080 or localhost:8080"
    )]
    Unreadable {
        /// the text
        text: String,
    },
    /// a name without an address
    #[error("'{text}' has no address to listen on: {reason}")]
    Unknown {
        /// the text
        text: String,
        /// the resolver's reason
        reason: String,
    },
}

impl FromStr for ListenAddresses {
    type Err = BadListenAddress;

    fn from_str(text: &str) -> Result<Self, BadListenAddress> {
        if let Ok(address) = text.parse() {
            return Ok(Self { addresses: vec![address], text: text.to_owned() });
        }
        let unknown = |reason: String| BadListenAddress::Unknown { text: text.to_owned(), reason };
        let is_name_and_port = text.rsplit_once(':').is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
        if !is_name_and_port {
            return Err(BadListenAddress::Unreadable { text: text.to_owned() });
        }
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in text.to_socket_addrs().map_err(|error| unknown(error.to_string()))? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        match addresses.is_empty() {
            true => Err(unknown("the name has none".to_owned())),
            false => Ok(Self { addresses, text: text.to_owned() }),
        }
    }
}

impl From<SocketAddr> for ListenAddresses {
    fn from(address: SocketAddr) -> Self {
        Self { addresses: vec![address], text: address.to_string() }
    }
}

impl fmt::Display for ListenAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ListenAddresses {
    /// The address that most can reach: one that is not of this machine alone, if there is one.
    pub fn most_open(&self) -> SocketAddr {
        let open = self.addresses.iter().find(|address| !address.ip().is_loopback());
        open.or(self.addresses.first()).copied().expect("there is an address")
    }

    /// Listens on every address, all with the same port. An address that this machine does not have is passed over: a name may have one of
    /// IPv6 where the system has none.
    pub(super) async fn bind(&self) -> Result<(SocketAddr, Vec<TcpListener>), ProcessError> {
        let mut listeners = Vec::with_capacity(self.addresses.len());
        let mut first: Option<SocketAddr> = None;
        let mut missing = None;
        for address in &self.addresses {
            let port = first.filter(|_| address.port() == 0).map_or(address.port(), |first| first.port());
            let address = SocketAddr::new(address.ip(), port);
            let failure = |source| ProcessError::Listen { address, source };
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    first.get_or_insert(listener.local_addr().map_err(failure)?);
                    listeners.push(listener);
                }
                Err(error) if is_missing(address.ip(), &error) => {
                    tracing::warn!(%address, %error, "not listening on an address that this machine does not have");
                    missing = Some(failure(error));
                }
                Err(error) => return Err(failure(error)),
            }
        }
        match (first, missing) {
            (Some(first), _) => Ok((first, listeners)),
            (None, Some(missing)) => Err(missing),
            (None, None) => unreachable!("there is an address"),
        }
    }
}

/// Returns true if the machine does not have an address of IPv6.
fn is_missing(address: IpAddr, error: &io::Error) -> bool {
    use io::ErrorKind as E;
    address.is_ipv6() && matches!(error.kind(), E::AddrNotAvailable | E::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<ListenAddresses, BadListenAddress> {
        text.parse()
    }

    #[test]
    fn a_name_stands_for_all_its_addresses_and_an_address_for_itself() {
        let localhost = of("localhost:8080").unwrap();
        assert!(localhost.addresses.contains(&"127.0.0.1:8080".parse().unwrap()), "{localhost:?}");
        assert!(localhost.most_open().ip().is_loopback());
        assert_eq!(of("0.0.0.0:80").unwrap().most_open(), "0.0.0.0:80".parse().unwrap());
        assert_eq!(of("[::1]:0").unwrap().addresses.len(), 1);
        for text in ["localhost", "8080", ":8080", "localhost:", "localhost:http", "localhost:99999", "::1:80:x"] {
            assert!(matches!(of(text), Err(BadListenAddress::Unreadable { .. })), "{text}");
        }
        let unknown = of("no..such:80").unwrap_err().to_string();
        assert!(unknown.contains("'no..such:80' has no address"), "{unknown}");
    }

    #[test]
    fn the_most_open_address_of_a_name_decides() {
        let mixed = ListenAddresses {
            addresses: vec!["127.0.0.1:80".parse().unwrap(), "10.0.0.1:80".parse().unwrap()],
            text: "both:80".to_owned(),
        };
        assert_eq!(mixed.most_open(), "10.0.0.1:80".parse().unwrap());
    }

    #[tokio::test]
    async fn all_addresses_have_one_port() {
        let (first, listeners) = of("localhost:0").unwrap().bind().await.unwrap();
        assert!(first.port() > 0 && listeners.iter().all(|listener| listener.local_addr().unwrap().port() == first.port()));
        let taken = ListenAddresses::from(first).bind().await.unwrap_err().to_string();
        assert!(taken.contains("--listen"), "{taken}");
    }
}
