//! Attacks on the doors of a running server. Each file tries one kind of abuse from outside, as a stranger would.

mod browsers;
mod connections;
mod cursors;
mod http2;
mod keyless;
mod limits;
mod tokens;
mod visibility;
mod wider_access;
