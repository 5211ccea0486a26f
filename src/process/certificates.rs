//! The certificate of the server and its key: files that are read at the start, and again while the process runs.
//!
//! Names of two files enter; the identity that handshakes use leaves, and is replaced when the files have changed. A pair that cannot be used
//! changes nothing: it is said in the log, and the pair that was used last stays. So whoever renews a certificate may write one file after
//! the other.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use api::{TlsIdentity, TlsIdentityError};

use crate::file_error::FileError;

/// Interval at which the files are looked at when nothing else is said.
pub const CERTIFICATES_EVERY: Duration = Duration::from_secs(60);
/// The most bytes of a file with certificates or a key.
const CERTIFICATE_BYTES_MAX: u64 = 1024 * 1024;
/// Options that name the files.
const CERTIFICATE_OPTION: &str = "--tls-cert";
const KEY_OPTION: &str = "--tls-key";

/// Files with the certificate of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// certificates in PEM form, that of the server first, then those by which it was signed
    pub chain: PathBuf,
    /// the private key of the first certificate, in PEM form
    pub key: PathBuf,
    /// interval at which both are looked at
    pub interval: Duration,
}

/// Certificates by which a server cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// a file
    #[error("cannot use the file of {option}: {source}")]
    File {
        /// the option that names it
        option: &'static str,
        /// the reason
        source: FileError,
    },
    /// a file that is something else
    #[error("cannot use the file of {option}: '{}' has more than {CERTIFICATE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// the option that names it
        option: &'static str,
        /// the file
        path: PathBuf,
    },
    /// the thread that looks at them
    #[error("cannot look at certificates again and again: {source}")]
    Thread {
        /// the reason
        source: io::Error,
    },
    /// the contents
    #[error("cannot use --tls-cert '{}' with --tls-key '{}': {source}", chain.display(), key.display())]
    Identity {
        /// file with certificates
        chain: PathBuf,
        /// file with the key
        key: PathBuf,
        /// the reason
        source: TlsIdentityError,
    },
}

/// The texts of both files.
#[derive(PartialEq, Eq)]
struct CertificateTexts {
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// Reads the certificate again when its files change; dropping it ends that.
pub struct CertificateReading {
    identity: Arc<TlsIdentity>,
    request: Sender<()>,
}

impl CertificateReading {
    /// Reads the files, and begins to look at them again and again.
    ///
    /// # Errors
    /// They cannot be read, or hold no certificate with its key.
    pub fn start(files: CertificateFiles) -> Result<Self, CertificateError> {
        let texts = files.read()?;
        let identity = TlsIdentity::new(&texts.chain, &texts.key).map_err(|source| files.unusable(source))?;
        let identity = Arc::new(identity);
        let (request, requests) = channel();
        let keeper = CertificateKeeper { files, identity: Arc::clone(&identity), used: texts };
        let thread = thread::Builder::new().name("certificates".to_owned());
        thread.spawn(move || keeper.keep(&requests)).map_err(|source| CertificateError::Thread { source })?;
        Ok(Self { identity, request })
    }

    /// The identity that handshakes use, now and after the next change.
    pub fn identity(&self) -> Arc<TlsIdentity> {
        Arc::clone(&self.identity)
    }

    /// Looks at the files soon; for whoever has changed one and does not want to wait.
    pub fn read_again(&self) {
        // The thread ends with this handle, not before.
        let _ = self.request.send(());
    }
}

/// The thread that looks at the files.
struct CertificateKeeper {
    files: CertificateFiles,
    identity: Arc<TlsIdentity>,
    /// the texts of the pair that is in use
    used: CertificateTexts,
}

impl CertificateKeeper {
    fn keep(mut self, requests: &Receiver<()>) {
        while !matches!(requests.recv_timeout(self.files.interval), Err(RecvTimeoutError::Disconnected)) {
            match self.read_again() {
                Ok(true) => tracing::info!("the certificate of --tls-cert has changed: new connections get the new one"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the certificate could not be read again: the one that was read last stays"),
            }
        }
    }

    /// Reads the files, and returns true if they hold another pair, which is used from now on.
    fn read_again(&mut self) -> Result<bool, CertificateError> {
        let texts = self.files.read()?;
        if texts == self.used {
            return Ok(false);
        }
        self.identity.replace(&texts.chain, &texts.key).map_err(|source| self.files.unusable(source))?;
        self.used = texts;
        Ok(true)
    }
}

impl CertificateFiles {
    fn read(&self) -> Result<CertificateTexts, CertificateError> {
        Ok(CertificateTexts { chain: limited(CERTIFICATE_OPTION, &self.chain)?, key: limited(KEY_OPTION, &self.key)? })
    }

    fn unusable(&self, source: TlsIdentityError) -> CertificateError {
        CertificateError::Identity { chain: self.chain.clone(), key: self.key.clone(), source }
    }
}

fn limited(option: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let read = |file: File| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(CERTIFICATE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let failure = |source| CertificateError::File { option, source: FileError::read(path)(source) };
    let bytes = File::open(path).and_then(read).map_err(failure)?;
    if bytes.len() as u64 > CERTIFICATE_BYTES_MAX {
        return Err(CertificateError::TooLarge { option, path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// Writes a certificate for this machine and its key.
    fn issue(files: &CertificateFiles) {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(&files.key)
            .arg("-out")
            .arg(&files.chain)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn files(folder: &Path, name: &str) -> CertificateFiles {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        CertificateFiles { chain: path("crt"), key: path("key"), interval: CERTIFICATES_EVERY }
    }

    fn refusal(files: &CertificateFiles) -> String {
        CertificateReading::start(files.clone()).err().expect("they are refused").to_string()
    }

    #[test]
    fn files_that_are_no_certificate_with_its_key_are_refused_by_the_option_that_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (files(folder.path(), "first"), files(folder.path(), "second"));
        let missing = refusal(&first);
        assert!(missing.contains("--tls-cert") && missing.contains("first.crt"), "{missing}");
        issue(&first);
        issue(&second);
        assert!(CertificateReading::start(first.clone()).is_ok());
        let of = |chain: &Path, key: &Path| CertificateFiles { chain: chain.to_owned(), key: key.to_owned(), ..first.clone() };
        let other = refusal(&of(&first.chain, &second.key));
        assert!(other.contains("--tls-key") && other.contains("not the one of the first certificate"), "{other}");
        let swapped = refusal(&of(&first.key, &first.chain));
        assert!(swapped.contains("no certificate in PEM form"), "{swapped}");
        let keyless = refusal(&of(&first.chain, &first.chain));
        assert!(keyless.contains("no private key in PEM form"), "{keyless}");
        let encrypted = folder.path().join("encrypted.key");
        let mut encrypt = Command::new("openssl");
        encrypt.args(["pkcs8", "-topk8", "-passout", "pass:secret", "-in"]).arg(&first.key).arg("-out").arg(&encrypted);
        assert!(encrypt.output().unwrap().status.success());
        let locked = refusal(&of(&first.chain, &encrypted));
        assert!(locked.contains("encrypted") && locked.contains("openssl pkey"), "{locked}");
        fs::write(&second.key, vec![b' '; CERTIFICATE_BYTES_MAX as usize + 1]).unwrap();
        let large = refusal(&of(&first.chain, &second.key));
        assert!(large.contains("--tls-key") && large.contains("more than 1048576 bytes"), "{large}");
    }

    #[test]
    fn a_pair_that_is_half_written_changes_nothing_and_a_whole_one_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (files(folder.path(), "first"), files(folder.path(), "second"));
        issue(&first);
        issue(&second);
        let texts = first.read().unwrap();
        let identity = Arc::new(TlsIdentity::new(&texts.chain, &texts.key).unwrap());
        let mut keeper = CertificateKeeper { files: first.clone(), identity, used: texts };
        assert!(!keeper.read_again().unwrap());
        fs::copy(&second.chain, &first.chain).unwrap();
        let half = keeper.read_again().unwrap_err().to_string();
        assert!(half.contains("not the one of the first certificate"), "{half}");
        fs::copy(&second.key, &first.key).unwrap();
        assert!(keeper.read_again().unwrap());
        assert!(!keeper.read_again().unwrap());
    }
}
