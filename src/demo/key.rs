//! The demo's own key: who starts the demo can read as one of its users, and nobody else can.
//!
//! Owns two files in the demo's data directory, readable by their owner only: the secret, drawn once from the system's randomness,
//! and a header with a token of the demo user, in the form `curl -H @file` takes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::error::DemoError;
use crate::file_error::FileError;
use crate::process::clock::wall_micros;

/// Random bytes in the secret.
const SECRET_BYTES: usize = 32;
/// Validity of a token of the demo; each start writes a new one.
const TOKEN_VALID: Duration = Duration::from_secs(7 * 24 * 3600);
const SECRET_FILE: &str = "secret";
const HEADER_FILE: &str = "authorization";
const OWNER_ONLY: u32 = 0o600;
/// Source of the system's randomness.
const RANDOMNESS: &str = "/dev/urandom";

/// The secret and the file with the token.
pub struct DemoKey {
    /// secret that signs HS256 tokens of this demo
    pub secret: Vec<u8>,
    /// a file with the line `Authorization: Bearer <token>`
    pub header_file: PathBuf,
}

#[derive(Serialize)]
struct DemoClaims<'a> {
    sub: String,
    scope: &'a str,
    exp: u64,
}

/// Signs a token for a user with these scopes, which is good for `valid`; returns it with its end in seconds since 1970.
pub(super) fn signed_token(
    secret: &[u8],
    user: u64,
    scope: &str,
    valid: Duration,
) -> Result<(String, u64), jsonwebtoken::errors::Error> {
    let expires = (Duration::from_micros(wall_micros().unsigned_abs()) + valid).as_secs();
    let claims = DemoClaims { sub: user.to_string(), scope, exp: expires };
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret))?;
    Ok((token, expires))
}

impl DemoKey {
    /// The key in `directory`, made where there is none, and a new token for `user` with the scopes `scope`.
    pub fn open(directory: &Path, user: u64, scope: &str) -> Result<Self, DemoError> {
        let secret = secret(&directory.join(SECRET_FILE))?;
        let (token, _) = signed_token(&secret, user, scope, TOKEN_VALID).map_err(|source| DemoError::SignToken { source })?;
        let header_file = directory.join(HEADER_FILE);
        write_private(&header_file, format!("Authorization: Bearer {token}\n").as_bytes())
            .map_err(FileError::write(&header_file))?;
        Ok(Self { secret, header_file })
    }
}

fn secret(path: &Path) -> Result<Vec<u8>, DemoError> {
    match fs::read(path) {
        Ok(secret) if secret.len() >= SECRET_BYTES => return Ok(secret),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FileError::read(path)(error).into()),
    }
    let mut bytes = [0; SECRET_BYTES];
    File::open(RANDOMNESS).and_then(|mut source| source.read_exact(&mut bytes)).map_err(FileError::read(RANDOMNESS))?;
    let secret = hex::encode(bytes);
    write_private(path, secret.as_bytes()).map_err(FileError::write(path))?;
    Ok(secret.into_bytes())
}

/// Writes a file that only its owner can read, also when others could read the one that was there.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(OWNER_ONLY))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_private_and_the_token_is_signed_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = DemoKey::open(directory.path(), 42, "events:write").unwrap();
        let second = DemoKey::open(directory.path(), 42, "events:write").unwrap();
        assert_eq!(first.secret, second.secret);
        for file in [SECRET_FILE, HEADER_FILE] {
            let mode = fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, OWNER_ONLY, "{file}");
        }
        let header = fs::read_to_string(&first.header_file).unwrap();
        let token = header.trim_end().strip_prefix("Authorization: Bearer ").unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(&first.secret);
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, &key, &jsonwebtoken::Validation::default()).unwrap().claims;
        assert_eq!((claims["sub"].as_str(), claims["scope"].as_str()), (Some("42"), Some("events:write")));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_ne!(DemoKey::open(elsewhere.path(), 42, "").unwrap().secret, first.secret);
    }
}
