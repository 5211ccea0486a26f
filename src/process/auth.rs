//! Permissions over HTTP, from files with keys.
//!
//! Key files enter, the API's configuration leaves. Without a key the events are open to whoever reaches the address, so that is
//! allowed on this machine only.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use api::{ApiConfig, INGEST_SCOPE, OPERATOR_SCOPE, Permission, TokenKey, Verifier};

use super::error::ProcessError;
use crate::file_error::FileError;

/// Keys whose tokens are accepted, each in a file.
#[derive(Clone, Debug, Default)]
pub struct AuthOptions {
    /// the secret of tokens signed with HS256; a line break at its end is not part of it
    pub hs256_secret_file: Option<PathBuf>,
    /// the public key (PEM) of tokens signed with RS256
    pub rs256_key_file: Option<PathBuf>,
    /// the public key (PEM) of tokens signed with ES256
    pub es256_key_file: Option<PathBuf>,
    /// the audience that tokens must name
    pub audience: Option<String>,
    /// the issuer that tokens must name
    pub issuer: Option<String>,
}

/// The configuration of an API that listens on `address`.
pub fn api_config(options: &AuthOptions, address: SocketAddr) -> Result<ApiConfig, ProcessError> {
    let keys = keys(options)?;
    if keys.is_empty() {
        if !address.ip().is_loopback() {
            return Err(ProcessError::OpenToTheNetwork { address });
        }
        return Ok(ApiConfig { ingest: Permission::Open, operator: Permission::Open, ..ApiConfig::default() });
    }
    let verifier = Verifier::new(&keys, options.audience.as_deref(), options.issuer.as_deref())?;
    Ok(ApiConfig { verifier: Some(verifier), ..ApiConfig::default() })
}

/// The configuration of the demo's API: tokens signed with its own secret.
pub fn demo_api_config(secret: &[u8]) -> Result<ApiConfig, ProcessError> {
    let verifier = Verifier::new(&[TokenKey::Hs256 { secret: secret.to_vec() }], None, None)?;
    Ok(ApiConfig { verifier: Some(verifier), ..ApiConfig::default() })
}

/// The scopes of the demo's token.
pub fn demo_scopes() -> String {
    format!("{INGEST_SCOPE} {OPERATOR_SCOPE}")
}

fn keys(options: &AuthOptions) -> Result<Vec<TokenKey>, ProcessError> {
    let read = |path: &Path| fs::read(path).map_err(FileError::read(path));
    let mut keys = Vec::new();
    if let Some(path) = &options.hs256_secret_file {
        keys.push(TokenKey::Hs256 { secret: without_line_break(read(path)?) });
    }
    if let Some(path) = &options.rs256_key_file {
        keys.push(TokenKey::Rs256 { pem: read(path)? });
    }
    if let Some(path) = &options.es256_key_file {
        keys.push(TokenKey::Es256 { pem: read(path)? });
    }
    Ok(keys)
}

/// An editor or `echo` adds a line break that nobody means.
fn without_line_break(mut secret: Vec<u8>) -> Vec<u8> {
    if secret.last() == Some(&b'\n') {
        secret.pop();
        if secret.last() == Some(&b'\r') {
            secret.pop();
        }
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(secret: &[u8]) -> (tempfile::TempDir, AuthOptions) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, secret).unwrap();
        (directory, AuthOptions { hs256_secret_file: Some(path), ..AuthOptions::default() })
    }

    #[test]
    fn without_a_key_events_are_open_on_this_machine_and_nowhere_else() {
        let none = AuthOptions::default();
        let here = api_config(&none, "127.0.0.1:80".parse().unwrap()).unwrap();
        assert_eq!(here.ingest, Permission::Open);
        let refused = api_config(&none, "0.0.0.0:80".parse().unwrap()).err().unwrap();
        assert!(matches!(refused, ProcessError::OpenToTheNetwork { .. }));
        let (_directory, key) = arguments(&[b'x'; 32]);
        let anywhere = api_config(&key, "0.0.0.0:80".parse().unwrap()).unwrap();
        assert_eq!(anywhere.ingest, Permission::Scope(INGEST_SCOPE.to_owned()));
        assert!(anywhere.verifier.is_some());
    }

    #[test]
    fn a_secret_that_is_too_short_is_refused_and_a_line_break_does_not_make_it_longer() {
        let (_directory, key) = arguments(b"0123456789012345678901234567890\n");
        let failure = api_config(&key, "127.0.0.1:80".parse().unwrap()).err().unwrap();
        assert!(failure.to_string().contains("31 bytes"), "{failure}");
        assert_eq!(without_line_break(b"secret\r\n".to_vec()), b"secret");
    }
}
