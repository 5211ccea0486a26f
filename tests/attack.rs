//! Attacks on the doors of a running server. Each file tries one kind of abuse from outside, as a stranger would.

mod visibility;
mod wider_access;
mod connections;
mod keyless;
mod limits;
mod cursors;
mod tokens;
