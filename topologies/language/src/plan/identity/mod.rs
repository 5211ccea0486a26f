//! Identities: which states, views and nodes of two plans, perhaps of two versions of this program, are the same.
//!
//! Owns the canonical form, a sequence of bytes that is written by hand for everything that a result depends on: explicit tags, numbers and
//! lengths, never the text of a structure of ours or of DataFusion. Parts of a plan enter; forms and their fingerprints leave. What is only
//! for people (names of columns, texts of literals) is no part of a form.
//!
//! A form is never changed: states on disks are known by it. A new kind of part gets a new tag. What is computed otherwise than before gets
//! another number in [`expression::semantics`], or, when that affects everything, in [`form::FORM_VERSION`]: the states concerned are then
//! recomputed. `topologies/engine/tests/identities.rs` pins the fingerprints of a topology that has everything.

pub mod expression;
pub mod form;
mod layout;
pub mod relations;
pub mod scalar;
pub mod serving;
pub mod types;

pub use form::{Form, Subject};
pub use scalar::scalar_form;

#[cfg(test)]
mod tests;
