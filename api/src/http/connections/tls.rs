//! TLS: the identity of the server, and the handshake in which a client learns it.
//!
//! Texts in PEM form enter; an identity leaves that may be replaced while connections are open: each keeps the one that it began with.

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as RustlsError, InconsistentKeys, ServerConfig};

/// Protocols that a client may choose from, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Texts that only the PEM form of an encrypted key has: that of PKCS #8, and the older one of OpenSSL.
const ENCRYPTED_KEY: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
/// Methods of HTTP begin with a capital letter, and no message of TLS does.
const METHOD_LETTERS: std::ops::RangeInclusive<u8> = b'A'..=b'Z';

/// The certificate of the server with its key.
pub struct TlsIdentity {
    current: RwLock<Arc<ServerConfig>>,
}

/// Texts that are not a certificate with its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// no certificate
    #[error(
        "the first file has no certificate in PEM form: it holds that of the server, and behind it those by which it was signed"
    )]
    NoCertificate,
    /// a certificate that is cut off or changed
    #[error("a certificate of the first file cannot be read: {source}")]
    BadCertificate {
        /// the reason
        source: PemError,
    },
    /// no key
    #[error("the second file has no private key in PEM form")]
    NoKey,
    /// a key that a passphrase protects
    #[error(
        "the key in the second file is encrypted, and nobody is here to ask for its passphrase: write it without one, as \
         'openssl pkey -in KEY -out FILE' does, and let nobody else read that file"
    )]
    EncryptedKey,
    /// a key that is cut off or changed
    #[error("the key in the second file cannot be read: {source}")]
    BadKey {
        /// the reason
        source: PemError,
    },
    /// the key of another certificate
    #[error("the key in the second file is not the one of the first certificate in the first file")]
    OtherKey,
    /// another fault, such as an algorithm that is not known
    #[error("{source}")]
    Unusable {
        /// the reason
        source: RustlsError,
    },
}

impl TlsIdentity {
    /// The identity of a chain of certificates and the private key of the first one, both in PEM form.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsIdentityError> {
        Ok(Self { current: RwLock::new(Arc::new(config(chain, key)?)) })
    }

    /// Uses another chain and key for the connections that begin from now on.
    ///
    /// # Errors
    /// They are no identity; then nothing has changed.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsIdentityError> {
        let config = Arc::new(config(chain, key)?);
        *self.current.write() = config;
        Ok(())
    }

    /// The maker of the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read()))
    }
}

fn config(chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsIdentityError> {
    let chain = certificates(chain)?;
    let key = private_key(key)?;
    let unusable = |source| TlsIdentityError::Unusable { source };
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = builder.map_err(unusable)?.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| match error {
        RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsIdentityError::OtherKey,
        source => unusable(source),
    })?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsIdentityError> {
    let chain: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|source| TlsIdentityError::BadCertificate { source })?;
    if chain.is_empty() { Err(TlsIdentityError::NoCertificate) } else { Ok(chain) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsIdentityError> {
    if ENCRYPTED_KEY.iter().any(|text| pem.windows(text.len()).any(|found| found == *text)) {
        return Err(TlsIdentityError::EncryptedKey);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        PemError::NoItemsFound => TlsIdentityError::NoKey,
        source => TlsIdentityError::BadKey { source },
    })
}

/// Waits for the first byte of a client, and returns true if it speaks HTTP without TLS.
pub(super) async fn speaks_plainly(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let read = stream.peek(&mut first).await?;
    Ok(read == 1 && METHOD_LETTERS.contains(&first[0]))
}
