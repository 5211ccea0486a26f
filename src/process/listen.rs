//! The addresses that a server listens on.
//!
//! An address or a name with a port enters and is looked up once, so that what is checked is what is bound; listening sockets leave.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use rustix::io::Errno;
use tokio::net::TcpListener;

use super::error::ProcessError;

/// Attempts to find a port that is free at every address of a name, where the system may choose one.
const PORT_ATTEMPTS_MAX: u32 = 16;

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
        self.bind_with(TcpListener::bind).await
    }

    /// Binds as [`Self::bind`] does. A port that the system chose for the first address may be taken at another one: then it chooses again.
    async fn bind_with<B>(&self, bind: impl Fn(SocketAddr) -> B) -> Result<(SocketAddr, Vec<TcpListener>), ProcessError>
    where
        B: Future<Output = io::Result<TcpListener>>,
    {
        for _ in 1..PORT_ATTEMPTS_MAX {
            match self.bind_once(&bind).await {
                Err(ProcessError::Listen { address, source })
                    if source.kind() == io::ErrorKind::AddrInUse && !self.addresses.contains(&address) =>
                {
                    tracing::debug!(%address, "the port that was free at the first address is taken at another one");
                }
                outcome => return outcome,
            }
        }
        self.bind_once(&bind).await
    }

    async fn bind_once<B>(&self, bind: impl Fn(SocketAddr) -> B) -> Result<(SocketAddr, Vec<TcpListener>), ProcessError>
    where
        B: Future<Output = io::Result<TcpListener>>,
    {
        let mut listeners = Vec::with_capacity(self.addresses.len());
        let mut first: Option<SocketAddr> = None;
        let mut missing = None;
        for address in &self.addresses {
            let port = first.filter(|_| address.port() == 0).map_or(address.port(), |first| first.port());
            let address = SocketAddr::new(address.ip(), port);
            let failure = |source| ProcessError::Listen { address, source };
            match bind(address).await {
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

/// Returns true if the machine does not have an address of IPv6: it lacks this one, or knows no IPv6 at all.
fn is_missing(address: IpAddr, error: &io::Error) -> bool {
    use io::ErrorKind as E;
    let is_unknown_family = Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT);
    address.is_ipv6() && (is_unknown_family || matches!(error.kind(), E::AddrNotAvailable | E::Unsupported))
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

    #[test]
    fn a_machine_without_ipv6_lacks_the_address() {
        let of = |errno: Errno| io::Error::from(errno);
        for errno in [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL] {
            assert!(is_missing("::1".parse().unwrap(), &of(errno)), "{errno}");
            assert!(!is_missing("127.0.0.1".parse().unwrap(), &of(errno)), "{errno}");
        }
        assert!(!is_missing("::1".parse().unwrap(), &of(Errno::ADDRINUSE)));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_at_another_address_is_chosen_again() {
        let two = ["127.0.0.1:0", "127.0.0.2:0"].map(|text| text.parse().unwrap());
        let name = ListenAddresses { addresses: two.to_vec(), text: "both:0".to_owned() };
        // The first two ports are taken at the second address.
        let refusals = std::cell::Cell::new(2);
        let (first, listeners) = name
            .bind_with(|address| {
                let is_refused = address.ip() == two[1].ip() && refusals.get() > 0;
                refusals.set(refusals.get() - u32::from(is_refused));
                async move { if is_refused { Err(Errno::ADDRINUSE.into()) } else { TcpListener::bind(address).await } }
            })
            .await
            .unwrap();
        assert_eq!((refusals.get(), listeners.len()), (0, 2));
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap().port() == first.port()));
        let taken = name.bind_with(|_| async { Err(Errno::ADDRINUSE.into()) }).await.unwrap_err().to_string();
        assert!(taken.contains("--listen"), "{taken}");
    }
}
