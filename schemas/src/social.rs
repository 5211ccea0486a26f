//! The messages of the social network, one per topic, as producers, benchmarks and tests write them.
//!
//! Generated from `proto/social/`. Reading events goes through [`crate::decoder`] instead, which needs no owned messages.

/// Version 1 of the messages.
#[allow(missing_docs, clippy::doc_markdown, clippy::large_enum_variant)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/social.v1.rs"));
}
