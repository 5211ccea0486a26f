//! Arguments that name the certificate of a server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::duration;
use crate::process::certificates::CertificateFiles;

/// Certificate and key of a server that speaks TLS.
#[derive(Clone, Debug, Args)]
pub struct TlsArguments {
    /// File with the certificate of the server (PEM), and behind it those by which it was signed: the server speaks TLS then, HTTP/2 and
    /// HTTP/1.1, and no plain HTTP. The file is read again at an interval and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// File with the private key of that certificate (PEM), without a passphrase
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Interval at which both are looked at: a pair that has changed is used for new connections, one that cannot be used changes nothing
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    pub tls_interval: Duration,
}

impl TlsArguments {
    /// The files that they name.
    pub(in crate::cli) fn files(&self) -> Option<CertificateFiles> {
        let (chain, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(CertificateFiles { chain, key, interval: self.tls_interval })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::certificates::CERTIFICATES_EVERY;

    #[test]
    fn the_default_of_the_command_line_is_that_of_the_process() {
        assert_eq!(duration::parse("1m").unwrap(), CERTIFICATES_EVERY);
    }
}
