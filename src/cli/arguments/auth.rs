//! Arguments that name the keys of tokens.

use std::path::PathBuf;

use clap::Args;

use crate::process::auth::AuthOptions;

/// Keys whose tokens are accepted. Secrets are read from files, so that no list of processes shows them.
#[derive(Clone, Debug, Default, Args)]
pub struct AuthArguments {
    /// File with the secret of tokens signed with HS256, at least 32 bytes; a line break at its end is not part of it
    #[arg(long, value_name = "FILE")]
    pub auth_hs256_secret_file: Option<PathBuf>,
    /// File with the public key (PEM) of tokens signed with RS256
    #[arg(long, value_name = "FILE")]
    pub auth_rs256_key_file: Option<PathBuf>,
    /// File with the public key (PEM) of tokens signed with ES256
    #[arg(long, value_name = "FILE")]
    pub auth_es256_key_file: Option<PathBuf>,
    /// The audience that tokens must name
    #[arg(long, value_name = "AUDIENCE")]
    pub auth_audience: Option<String>,
    /// The issuer that tokens must name
    #[arg(long, value_name = "ISSUER")]
    pub auth_issuer: Option<String>,
}

impl AuthArguments {
    /// The keys that they name.
    pub(in crate::cli) fn options(&self) -> AuthOptions {
        AuthOptions {
            hs256_secret_file: self.auth_hs256_secret_file.clone(),
            rs256_key_file: self.auth_rs256_key_file.clone(),
            es256_key_file: self.auth_es256_key_file.clone(),
            audience: self.auth_audience.clone(),
            issuer: self.auth_issuer.clone(),
        }
    }
}
