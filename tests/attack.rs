//! Attacks on the doors of a running server. Each file tries one kind of abuse from outside, as a stranger would.

mod cursors;
mod tokens;
