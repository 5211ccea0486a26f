//! Errors of the connector for Redis. None of them quotes an address, which may hold a password.

/// A text that is not an address of Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of Redis can't be used: {detail}; write redis://[user:password@]host[:port][/database]")]
pub struct BadRedisUrl {
    /// the fault
    pub detail: String,
}
