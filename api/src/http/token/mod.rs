//! Verified bearer tokens: the identity of the caller, and what it may do.
//!
//! The `Authorization` header enters, the reader's claims leave. `keys` are the keys that may have signed a token, `key_set` reads them from
//! a published set, `rules` are what its claims must say, `verifier` puts them together, and `permission` is for what no policy decides.

mod bounds;
mod error;
mod key_set;
mod keys;
mod pem;
mod permission;
mod rules;
mod verifier;

pub use bounds::{RSA_BITS_MIN, SECRET_BYTES_MIN, TOKEN_KEYS_MAX};
pub use error::TokenConfigError;
pub(crate) use error::TokenError;
pub use keys::{TokenKey, TokenKeys};
pub use permission::Permission;
pub use rules::{AUTH_LEEWAY, AUTH_LEEWAY_MAX, TokenRules};
pub use verifier::Verifier;
pub(crate) use verifier::{authenticate, authenticate_token};
