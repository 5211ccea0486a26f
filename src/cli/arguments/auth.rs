//! Arguments that name the keys of tokens.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use api::{AUTH_LEEWAY_MAX, TokenRules};
use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};

use crate::cli::duration;
use crate::process::auth::{AuthOptions, KeyFile};
use crate::process::key_set::KeySetPlace;

/// Keys whose tokens are accepted. Secrets are read from files, so that no list of processes shows them.
#[derive(Clone, Debug, Args)]
pub struct AuthArguments {
    /// File with the secret of tokens signed with HS256, at least 32 bytes; a line break at its end is not part of it. May be given several
    /// times, as the next two: every key is accepted. KID= gives a key the id by which the header of a token names it
    #[arg(long, value_name = "[KID=]FILE", value_parser = key_file)]
    pub auth_hs256_secret_file: Vec<KeyFile>,
    /// File with the public key (PEM) of tokens signed with RS256
    #[arg(long, value_name = "[KID=]FILE", value_parser = key_file)]
    pub auth_rs256_key_file: Vec<KeyFile>,
    /// File with the public key (PEM) of tokens signed with ES256
    #[arg(long, value_name = "[KID=]FILE", value_parser = key_file)]
    pub auth_es256_key_file: Vec<KeyFile>,
    /// Set of keys (JWKS): a file, an https:// address, or an http:// address of this machine. All keys are read again at an interval and on SIGHUP, so that they
    /// rotate without a restart; what can't be read changes nothing
    #[arg(long, value_name = "FILE|URL", value_parser = KeySetPlaceParser)]
    pub auth_jwks: Option<KeySetPlace>,
    /// The interval at which the keys are read again where --auth-jwks is given
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    pub auth_jwks_interval: Duration,
    /// File with the certificates (PEM) of the authorities that are trusted to say who the server of --auth-jwks is; TIDEWATER_CA_CERT when
    /// not given, and the public ones without either
    #[arg(long, value_name = "FILE")]
    pub auth_jwks_ca_cert: Option<PathBuf>,
    /// The audience that tokens must name
    #[arg(long, value_name = "AUDIENCE")]
    pub auth_audience: Option<String>,
    /// The issuer that tokens must name, exactly
    #[arg(long, value_name = "ISSUER")]
    pub auth_issuer: Option<String>,
    /// Claim of a sender's token, such as sub, that every event of its has as actor_id: nobody says what others did. Without it a sender may
    /// send events of anybody
    #[arg(long, value_name = "CLAIM")]
    pub ingest_actor_claim: Option<String>,
    /// Time by which the clocks of issuer and server may differ, at most 10m: a token counts that much longer and earlier than it says, for
    /// pages and for streams; 0s for none
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = leeway)]
    pub auth_leeway: Duration,
}

impl AuthArguments {
    /// The keys that they name.
    pub(in crate::cli) fn options(&self) -> AuthOptions {
        let place = |place: KeySetPlace| place.trusting(self.auth_jwks_ca_cert.clone());
        AuthOptions {
            hs256_secret_files: self.auth_hs256_secret_file.clone(),
            rs256_key_files: self.auth_rs256_key_file.clone(),
            es256_key_files: self.auth_es256_key_file.clone(),
            key_set: self.auth_jwks.clone().map(|set| (place(set), self.auth_jwks_interval)),
            actor_claim: self.ingest_actor_claim.clone(),
            rules: TokenRules {
                audience: self.auth_audience.clone(),
                issuer: self.auth_issuer.clone(),
                leeway: self.auth_leeway,
            },
        }
    }
}

/// Reads the place of a set of keys. Other parsers have the text repeated when it is refused, and this one may hold a password.
#[derive(Clone, Copy, Debug)]
struct KeySetPlaceParser;

impl TypedValueParser for KeySetPlaceParser {
    type Value = KeySetPlace;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<KeySetPlace, clap::Error> {
        let refused = |kind, reason: &str| {
            clap::Error::raw(kind, format!("invalid value for '--auth-jwks <FILE|URL>': {reason}\n")).with_cmd(command)
        };
        let text = value.to_str().ok_or_else(|| refused(ErrorKind::InvalidUtf8, "it is not UTF-8"))?;
        KeySetPlace::parse(text).map_err(|error| refused(ErrorKind::ValueValidation, &error.to_string()))
    }
}

/// A text that names no file with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write FILE or KID=FILE; before a file whose name has '=' in it, write './'")]
struct BadKeyFile;

/// Reads `[KID=]FILE`. What has a slash before its first '=' is a path.
fn key_file(text: &str) -> Result<KeyFile, BadKeyFile> {
    let (id, path) = match text.split_once('=') {
        Some((id, path)) if !id.contains('/') => (Some(id), path),
        _ => (None, text),
    };
    if path.is_empty() || id.is_some_and(str::is_empty) {
        return Err(BadKeyFile);
    }
    Ok(KeyFile { id: id.map(str::to_owned), path: PathBuf::from(path) })
}

/// A text that is not a leeway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a leeway: write a duration from 0s to {} s", AUTH_LEEWAY_MAX.as_secs())]
struct BadLeeway {
    text: String,
}

/// Reads a duration that may be none.
fn leeway(text: &str) -> Result<Duration, BadLeeway> {
    let read = if text == "0s" { Some(Duration::ZERO) } else { duration::parse(text).ok() };
    read.filter(|leeway| *leeway <= AUTH_LEEWAY_MAX).ok_or_else(|| BadLeeway { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_may_have_an_id_before_it() {
        let read = |text: &str| key_file(text).map(|file| (file.id, file.path.to_str().unwrap().to_owned()));
        assert_eq!(read("keys/a.pem"), Ok((None, "keys/a.pem".into())));
        assert_eq!(read("2024=keys/a=b.pem"), Ok((Some("2024".into()), "keys/a=b.pem".into())));
        assert_eq!(read("./a=b.pem"), Ok((None, "./a=b.pem".into())));
        assert!(read("").is_err() && read("=a").is_err() && read("a=").is_err());
    }

    #[test]
    fn a_leeway_may_be_none_and_not_be_long() {
        assert_eq!((leeway("0s"), leeway("10m")), (Ok(Duration::ZERO), Ok(AUTH_LEEWAY_MAX)));
        assert!(leeway("11m").is_err() && leeway("60").is_err());
        assert_eq!(leeway("60s"), Ok(api::AUTH_LEEWAY), "the default of the command line is that of the API");
    }
}
