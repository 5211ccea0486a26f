//! Trust in servers that are asked over TLS: whose certificates are accepted, and words for those that are not.
//!
//! A file with the certificate of an authority enters, or nothing; the settings of a client leave.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::{CertificateError, Error as RustlsError};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::file_error::FileError;

/// The variable that names the file when no option does.
pub const CA_CERT_VARIABLE: &str = "TIDEWATER_CA_CERT";

/// A file that names no authority.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// a file that cannot be read
    #[error("cannot use the certificate of the authority (--ca-cert, {CA_CERT_VARIABLE}): {0}")]
    File(#[from] FileError),
    /// a file that is something else
    #[error("'{}' has no certificate in PEM form, as --ca-cert and {CA_CERT_VARIABLE} name one", path.display())]
    NoCertificate {
        /// the file
        path: PathBuf,
    },
}

/// Settings of a client that trusts the authorities in this file, or in the one that the environment names, and nobody else; without either
/// it trusts the public ones that come with the program.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn trust(ca_cert: Option<&Path>) -> Result<TlsConfig, TrustError> {
    let path = ca_cert.map(Path::to_owned).or_else(|| std::env::var_os(CA_CERT_VARIABLE).map(PathBuf::from));
    let Some(path) = path else { return Ok(TlsConfig::default()) };
    let text = fs::read(&path).map_err(FileError::read(&path))?;
    let certificate = |item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None };
    let authorities: Vec<_> = parse_pem(&text).filter_map(certificate).collect();
    if authorities.is_empty() {
        return Err(TrustError::NoCertificate { path });
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::from(authorities)).build())
}

/// A connection that was not made since TLS says no, in words with advice; `None` for every other failure. It will fail again.
pub fn distrust(error: &ureq::Error) -> Option<String> {
    let error = match error {
        ureq::Error::Rustls(error) => error,
        ureq::Error::Io(error) => rustls_error(error)?,
        _ => return None,
    };
    Some(match error {
        RustlsError::InvalidCertificate(fault) => certificate_words(fault),
        RustlsError::InvalidMessage(_) => "it does not speak TLS: its address may begin with http://".to_owned(),
        error => format!("no TLS connection: {error}"),
    })
}

/// The error of TLS inside of one of a connection.
fn rustls_error(error: &io::Error) -> Option<&RustlsError> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<RustlsError>().or_else(|| rustls_error(inner.downcast_ref::<io::Error>()?))
}

fn certificate_words(fault: &CertificateError) -> String {
    use CertificateError as E;
    match fault {
        // A bad signature is that of somebody who has the name of a trusted authority and not its key.
        E::UnknownIssuer | E::BadSignature => format!(
            "its certificate is signed by nobody who is trusted: name the file with the certificate of its authority by --ca-cert or \
             {CA_CERT_VARIABLE}"
        ),
        E::NotValidForName => "its certificate is for another name: ask it by a name that the certificate has".to_owned(),
        E::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            format!("its certificate is not for '{}' but for: {}", expected.to_str(), names.join(", "))
        }
        E::Expired | E::ExpiredContext { .. } => {
            "its certificate has expired: renew it, or set the clock of this machine".to_owned()
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "its certificate is not valid yet: wait until it is, or set the clock of this machine".to_owned()
        }
        E::Revoked => "its certificate was revoked".to_owned(),
        fault => format!("its certificate is not accepted: {fault}"),
    }
}

/// A name as it is written, without the kind that stands around it.
fn bare_name(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_names_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority");
        let missing = trust(Some(&path)).unwrap_err().to_string();
        assert!(missing.contains("--ca-cert") && missing.contains("authority"), "{missing}");
        fs::write(&path, "not a certificate").unwrap();
        let other = trust(Some(&path)).unwrap_err().to_string();
        assert!(other.contains("no certificate in PEM form"), "{other}");
    }

    #[test]
    fn faults_of_certificates_have_words_and_other_failures_are_left_alone() {
        let of = |fault| distrust(&ureq::Error::Io(io::Error::other(RustlsError::InvalidCertificate(fault)))).unwrap();
        for unknown in [CertificateError::UnknownIssuer, CertificateError::BadSignature] {
            assert!(of(unknown).contains("signed by nobody who is trusted: name the file"));
        }
        assert!(of(CertificateError::Expired).contains("expired"));
        let presented = vec!["DnsName(\"app.example\")".to_owned()];
        let expected = "localhost".try_into().unwrap();
        let words = of(CertificateError::NotValidForNameContext { expected, presented });
        assert_eq!(words, "its certificate is not for 'localhost' but for: app.example");
        assert_eq!(distrust(&ureq::Error::Io(io::ErrorKind::ConnectionRefused.into())), None);
        assert_eq!(distrust(&ureq::Error::HostNotFound), None);
    }
}
