//! Errors of requests that only HTTP knows, by subject; those of query strings and tokens stand beside these.

pub(crate) mod body;
pub(crate) mod cloud_event;
pub(crate) mod deployment;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod lines;
pub(crate) mod origin;
pub(crate) mod provenance;
pub(crate) mod resource;
