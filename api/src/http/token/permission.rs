//! Permission for actions that no view's policy decides: sending events, reading dead letters.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::TokenError;
use crate::host::ingest::EventSender;
use crate::read::claims::Claims;

/// Permission for an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// anybody
    Open,
    /// whoever has a token with this scope
    Scope(String),
}

impl Permission {
    /// Refuses whoever may not do `what`.
    pub(crate) fn check(&self, what: &'static str, claims: Option<&Claims>) -> Result<(), TokenError> {
        match (self, claims) {
            (Self::Open, _) => Ok(()),
            (Self::Scope(_), None) => Err(TokenError::Needed { what: what.to_owned() }),
            (Self::Scope(scope), Some(claims)) if claims.grants(scope) => Ok(()),
            (Self::Scope(scope), Some(_)) => Err(TokenError::MissingScope { what, scope: scope.clone() }),
        }
    }

    /// The sender of events that a reader is: of all topics with the scope, of some with `<scope>:<topic>`; and of the actor whom the claim
    /// `actor_claim` names, where one is configured.
    pub(crate) fn sender(
        &self,
        what: &'static str,
        claims: Option<&Claims>,
        actor_claim: Option<&str>,
    ) -> Result<EventSender, TokenError> {
        let topics = self.topics(claims);
        if topics.is_none() {
            self.check(what, claims)?;
        }
        let actor = actor_claim.map(|claim| actor(what, claims, claim)).transpose()?;
        Ok(EventSender { topics, actor })
    }

    /// The topics that a token names beside the scope; `None` where it has the scope itself, or names none.
    fn topics(&self, claims: Option<&Claims>) -> Option<BTreeSet<String>> {
        let (Self::Scope(scope), Some(claims)) = (self, claims) else { return None };
        if claims.grants(scope) {
            return None;
        }
        let of_topic = |granted: &str| granted.strip_prefix(scope.as_str())?.strip_prefix(':').map(str::to_owned);
        let topics: BTreeSet<String> = claims.scopes().filter_map(of_topic).filter(|topic| !topic.is_empty()).collect();
        (!topics.is_empty()).then_some(topics)
    }
}

/// The actor whom a claim names.
fn actor(what: &'static str, claims: Option<&Claims>, claim: &str) -> Result<String, TokenError> {
    let claims = claims.ok_or_else(|| TokenError::Needed { what: what.to_owned() })?;
    match claims.get(claim) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(TokenError::MissingClaim { what, claim: claim.to_owned() }),
    }
}
