//! The time for which a reader is known while an answer goes on: until its claims expire or their key is withdrawn.
//!
//! Claims enter; a check for each signal and a moment to wait for leave.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep_until};

use super::error::SubscriptionError;
use crate::read::claims::{Claims, KeyStanding};

/// Validity of a reader's claims; one without claims stays.
pub(crate) struct Validity {
    /// end of the claims; `None` for never
    expires: Option<Instant>,
    /// the key that vouches for them
    key: Option<KeyStanding>,
}

impl Validity {
    /// The validity of these claims.
    pub(crate) fn of(claims: Option<&Claims>) -> Self {
        Self { expires: claims.and_then(|claims| instant(claims.expires_at())), key: claims.map(|claims| claims.key().clone()) }
    }

    /// Refuses to go on when the claims are over.
    pub(crate) fn check(&self) -> Result<(), SubscriptionError> {
        if self.key.as_ref().is_some_and(KeyStanding::is_withdrawn) {
            return Err(SubscriptionError::KeyWithdrawn);
        }
        match self.expires {
            Some(expires) if Instant::now() >= expires => Err(SubscriptionError::ClaimsExpired),
            _ => Ok(()),
        }
    }

    /// Waits until [`check`](Self::check) refuses.
    pub(crate) async fn ended(&mut self) {
        let expired = async {
            match self.expires {
                Some(expires) => sleep_until(expires).await,
                None => std::future::pending().await,
            }
        };
        let withdrawn = async {
            match &mut self.key {
                Some(key) => key.withdrawn().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expired => {}
            () = withdrawn => {}
        }
    }
}

/// The instant of a time in seconds since 1970; now, if it has passed.
fn instant(seconds: f64) -> Option<Instant> {
    let at = Duration::try_from_secs_f64(seconds).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Instant::now().checked_add(at.saturating_sub(now))
}
