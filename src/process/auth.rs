//! Permissions over HTTP, from files with keys.
//!
//! Key files and a published set of keys enter, the API's configuration leaves. Without a key the events are open to whoever reaches the
//! address, so that is allowed on this machine only. The keys may be read again while the process runs: see `key_reading`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::{ApiConfig, INGEST_SCOPE, OPERATOR_SCOPE, Permission, TokenKey, TokenKeys, TokenRules, Verifier};

use super::error::ProcessError;
use super::key_set::KeySetPlace;
use crate::file_error::FileError;

/// Keys whose tokens are accepted, each in a file or in a published set.
#[derive(Clone, Debug, Default)]
pub struct AuthOptions {
    /// secrets of tokens signed with HS256; a line break at the end of a file is not part of it
    pub hs256_secret_files: Vec<KeyFile>,
    /// public keys (PEM) of tokens signed with RS256
    pub rs256_key_files: Vec<KeyFile>,
    /// public keys (PEM) of tokens signed with ES256
    pub es256_key_files: Vec<KeyFile>,
    /// a set of keys (JWKS), and the interval at which everything is read again
    pub key_set: Option<(KeySetPlace, Duration)>,
    /// claim of a sender's token that its events have as `actor_id`
    pub actor_claim: Option<String>,
    /// the claims that tokens must have
    pub rules: TokenRules,
}

/// A file with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// the id by which tokens may name the key
    pub id: Option<String>,
    /// the file
    pub path: PathBuf,
}

/// The configuration of an API that listens on `address`.
pub fn api_config(options: &AuthOptions, address: SocketAddr) -> Result<ApiConfig, ProcessError> {
    let keys = keys(options)?;
    if keys.is_empty() {
        if !address.ip().is_loopback() {
            return Err(ProcessError::OpenToTheNetwork { address });
        }
        if let Some(claim) = &options.actor_claim {
            return Err(ProcessError::ActorClaimWithoutKeys { claim: claim.clone() });
        }
        return Ok(ApiConfig { ingest: Permission::Open, operator: Permission::Open, ..ApiConfig::default() });
    }
    let verifier = Verifier::new(keys, options.rules.clone());
    Ok(ApiConfig { verifier: Some(Arc::new(verifier)), actor_claim: options.actor_claim.clone(), ..ApiConfig::default() })
}

/// The configuration of the demo's API: tokens signed with its own secret.
pub fn demo_api_config(secret: &[u8]) -> Result<ApiConfig, ProcessError> {
    let mut keys = TokenKeys::default();
    keys.add(None, &TokenKey::Hs256 { secret: secret.to_vec() })?;
    let verifier = Verifier::new(keys, TokenRules::default());
    Ok(ApiConfig { verifier: Some(Arc::new(verifier)), ..ApiConfig::default() })
}

/// The scopes of the demo's token.
pub fn demo_scopes() -> String {
    format!("{INGEST_SCOPE} {OPERATOR_SCOPE}")
}

/// Reads all keys, as they are now; none where none are configured.
pub(super) fn keys(options: &AuthOptions) -> Result<TokenKeys, ProcessError> {
    let read = |path: &Path| fs::read(path).map_err(FileError::read(path));
    let mut keys = TokenKeys::default();
    for KeyFile { id, path } in &options.hs256_secret_files {
        let secret = without_line_break(read(path)?);
        keys.add(id.clone(), &TokenKey::Hs256 { secret })?;
    }
    for KeyFile { id, path } in &options.rs256_key_files {
        keys.add(id.clone(), &TokenKey::Rs256 { pem: read(path)? })?;
    }
    for KeyFile { id, path } in &options.es256_key_files {
        keys.add(id.clone(), &TokenKey::Es256 { pem: read(path)? })?;
    }
    if let Some((place, _)) = &options.key_set {
        let text = place.read()?;
        keys.add_key_set(&text).map_err(|source| ProcessError::KeySetKeys { place: place.to_string(), source })?;
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
        let options = AuthOptions { hs256_secret_files: vec![KeyFile { id: None, path }], ..AuthOptions::default() };
        (directory, options)
    }

    #[test]
    fn without_a_key_events_are_open_on_this_machine_and_nowhere_else() {
        let none = AuthOptions::default();
        let here = api_config(&none, "127.0.0.1:80".parse().unwrap()).unwrap();
        assert_eq!(here.ingest, Permission::Open);
        let refused = api_config(&none, "0.0.0.0:80".parse().unwrap()).err().unwrap();
        assert!(matches!(refused, ProcessError::OpenToTheNetwork { .. }));
        let tied = AuthOptions { actor_claim: Some("sub".into()), ..AuthOptions::default() };
        let refused = api_config(&tied, "127.0.0.1:80".parse().unwrap()).err().unwrap();
        assert!(matches!(refused, ProcessError::ActorClaimWithoutKeys { .. }));
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

    #[test]
    fn several_keys_are_read_and_two_of_one_id_are_refused() {
        let (directory, mut options) = arguments(&[b'x'; 32]);
        let set = directory.path().join("set.json");
        fs::write(&set, r#"{"keys":[{"kty":"oct","kid":"b","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#).unwrap();
        options.hs256_secret_files[0].id = Some("a".into());
        options.key_set = Some((KeySetPlace::parse(set.to_str().unwrap()).unwrap(), Duration::from_secs(1)));
        assert_eq!(keys(&options).unwrap().len(), 2);
        options.hs256_secret_files[0].id = Some("b".into());
        let failure = keys(&options).err().unwrap().to_string();
        assert!(failure.contains("two keys have the id 'b'") && failure.contains("set.json"), "{failure}");
        fs::write(&set, "{\"keys\":[]}").unwrap();
        let failure = keys(&options).err().unwrap().to_string();
        assert!(failure.contains("no key that tokens can be verified with"), "{failure}");
    }
}
