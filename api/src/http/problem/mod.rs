//! Errors as `application/problem+json`: one conversion per typed error, all into [`Problem`](answer::Problem).

pub(crate) mod answer;
mod deployments;
mod events;
pub(crate) mod health;
mod limits;
mod origin;
mod provenance;
mod query;
mod read;
mod resource;
mod search;
mod shapes;
mod subscriptions;
mod token;
