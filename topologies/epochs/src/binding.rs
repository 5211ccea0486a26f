//! The binding record R[e]: which records are in an epoch and which wall clock it has, decided once.
//!
//! Owns [`Binding`], its hash chain and its bytes. An epoch's number is no identity (after a restore, 100 may bind other records); the
//! hash of its binding is, because it covers everything that was ever bound before it.

use prost::Message;
use schemas::chain::Chain;
use schemas::position::Topic;
use sha2::{Digest, Sha256};

/// Records of one partition that belong to an epoch.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct BoundRange {
    /// the topic's name
    #[prost(string, tag = "1")]
    pub topic: String,
    /// the topic's identity, 16 bytes: another one means that it was deleted and made again
    #[prost(bytes = "vec", tag = "2")]
    pub topic_id: Vec<u8>,
    /// the partition
    #[prost(uint32, tag = "3")]
    pub partition: u32,
    /// the first offset
    #[prost(uint64, tag = "4")]
    pub from: u64,
    /// the offset after the last
    #[prost(uint64, tag = "5")]
    pub next: u64,
    /// the CRC-32 of the records
    #[prost(uint32, tag = "6")]
    pub crc: u32,
}

/// Control entry of an epoch, besides its records.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Control {
    /// another plan computes from this epoch on: its generation
    #[prost(uint64, tag = "10")]
    Deploy(u64),
    /// a view or a record was quarantined, because computing it ended the process again and again: what and why
    #[prost(string, tag = "11")]
    Quarantine(String),
    /// this timeline begins here, after an epoch of another one
    #[prost(message, tag = "12")]
    Opened(Parent),
}

/// Origin of a timeline's branch.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Parent {
    /// the timeline before
    #[prost(uint64, tag = "1")]
    pub timeline: u64,
    /// its last epoch that is part of this history too
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    /// that epoch's identity
    #[prost(bytes = "vec", tag = "3")]
    pub chain: Vec<u8>,
}

/// Content of an epoch. Once it is durable it is never decided again.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Binding {
    /// the history
    #[prost(uint64, tag = "1")]
    pub timeline: u64,
    /// the epoch
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    /// the run of the process that bound it
    #[prost(uint64, tag = "3")]
    pub incarnation: u64,
    /// the wall clock of the epoch, microseconds since 1970
    #[prost(sint64, tag = "4")]
    pub wall_micros: i64,
    /// the records, each partition at most once
    #[prost(message, repeated, tag = "5")]
    pub ranges: Vec<BoundRange>,
    /// the plan that computes it
    #[prost(bytes = "vec", tag = "6")]
    pub plan: Vec<u8>,
    /// the identity of the epoch before
    #[prost(bytes = "vec", tag = "7")]
    pub previous: Vec<u8>,
    /// the control entry
    #[prost(oneof = "Control", tags = "10, 11, 12")]
    pub control: Option<Control>,
}

impl Binding {
    /// The identity of this epoch.
    pub fn chain(&self) -> Chain {
        Chain(Sha256::digest(self.encode_to_vec()).into())
    }

    /// Returns the number of records that it binds.
    pub fn records(&self) -> u64 {
        self.ranges.iter().map(|range| range.next.saturating_sub(range.from)).sum()
    }

    /// Returns true if it follows the epoch with this number and identity.
    pub fn follows(&self, epoch: u64, chain: Chain) -> bool {
        self.epoch == epoch + 1 && self.previous == chain.0
    }
}

impl BoundRange {
    /// The topic.
    pub fn topic(&self) -> Topic {
        Topic::new(&self.topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_fixed_and_covers_everything() {
        let binding = Binding { timeline: 7, epoch: 3, incarnation: 2, wall_micros: -5, ..Binding::default() };
        // Stored sinks name epochs by these: they may not change between versions.
        assert_eq!(binding.chain().to_string(), "8007338282b05d31");
        let others = [
            Binding { wall_micros: -4, ..binding.clone() },
            Binding { previous: vec![1], ..binding.clone() },
            Binding { control: Some(Control::Deploy(1)), ..binding.clone() },
            Binding { ranges: vec![BoundRange::default()], ..binding.clone() },
        ];
        for other in others {
            assert_ne!(other.chain(), binding.chain(), "{other:?}");
        }
    }
}
