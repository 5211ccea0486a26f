//! Permissions over HTTP, from the command line's arguments.
//!
//! Key files enter, the API's configuration leaves. Without a key the events are open to whoever reaches the address, so that is
//! allowed on this machine only.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use api::{ApiConfig, INGEST_SCOPE, OPERATOR_SCOPE, Permission, TokenKey, Verifier};

use crate::cli::AuthArguments;
use crate::error::Failure;

/// The configuration of an API that listens on `address`.
pub fn api_config(arguments: &AuthArguments, address: SocketAddr) -> Result<ApiConfig, Failure> {
    let keys = keys(arguments)?;
    if keys.is_empty() {
        if !address.ip().is_loopback() {
            return Err(Failure::OpenToTheNetwork { address });
        }
        return Ok(ApiConfig { ingest: Permission::Open, operator: Permission::Open, ..ApiConfig::default() });
    }
    let verifier = Verifier::new(&keys, arguments.auth_audience.as_deref(), arguments.auth_issuer.as_deref())?;
    Ok(ApiConfig { verifier: Some(verifier), ..ApiConfig::default() })
}

/// The configuration of the demo's API: tokens signed with its own secret.
pub fn demo_api_config(secret: &[u8]) -> Result<ApiConfig, Failure> {
    let verifier = Verifier::new(&[TokenKey::Hs256 { secret: secret.to_vec() }], None, None)?;
    Ok(ApiConfig { verifier: Some(verifier), ..ApiConfig::default() })
}

/// The scopes of the demo's token.
pub fn demo_scopes() -> String {
    format!("{INGEST_SCOPE} {OPERATOR_SCOPE}")
}

fn keys(arguments: &AuthArguments) -> Result<Vec<TokenKey>, Failure> {
    let read = |path: &Path| fs::read(path).map_err(Failure::read(path));
    let mut keys = Vec::new();
    if let Some(path) = &arguments.auth_hs256_secret_file {
        keys.push(TokenKey::Hs256 { secret: without_line_break(read(path)?) });
    }
    if let Some(path) = &arguments.auth_rs256_key_file {
        keys.push(TokenKey::Rs256 { pem: read(path)? });
    }
    if let Some(path) = &arguments.auth_es256_key_file {
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
    use crate::error::Exit;

    fn arguments(secret: &[u8]) -> (tempfile::TempDir, AuthArguments) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, secret).unwrap();
        (directory, AuthArguments { auth_hs256_secret_file: Some(path), ..AuthArguments::default() })
    }

    #[test]
    fn without_a_key_events_are_open_on_this_machine_and_nowhere_else() {
        let none = AuthArguments::default();
        let here = api_config(&none, "127.0.0.1:80".parse().unwrap()).unwrap();
        assert_eq!(here.ingest, Permission::Open);
        let refused = api_config(&none, "0.0.0.0:80".parse().unwrap()).err().unwrap();
        assert_eq!(refused.exit(), Exit::Usage);
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
