//! A manifest: the header of one checkpoint and the runs that make it up.
//!
//! Owns its bytes: eight hexadecimal digits with the CRC-32 of what follows, then JSON whose first member is the number of the format.
//! That much every later format has to keep, so that an unknown one can be told from a damaged one.

use serde::{Deserialize, Serialize};

use super::error::CheckpointError;
use super::header::{CheckpointHeader, RetainedCheckpoint, StateId};
use super::run::RunName;

/// The format of manifests and runs that this version writes and reads.
pub const FORMAT: u64 = 1;

/// Hexadecimal digits of the checksum.
const CHECKSUM_DIGITS: usize = 8;

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// the header
    pub(super) header: CheckpointHeader,
    /// oldest first
    pub(super) runs: Vec<RunName>,
}

/// Part of a manifest that every format has.
#[derive(Deserialize)]
struct Format {
    /// number of the format
    format: u64,
}

/// A manifest as JSON. Fields are only added, with a default for manifests that lack them.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// always [`FORMAT`]
    format: u64,
    /// the history
    timeline: u64,
    /// the epoch
    epoch: u64,
    /// identity of the epoch, hexadecimal
    chain: String,
    /// the plan, hexadecimal
    plan: String,
    /// its wall clock, microseconds since 1970
    wall_micros: i64,
    /// positions in the log
    offsets: Vec<StoredOffset>,
    /// the states
    states: Vec<StoredState>,
    /// manifests of earlier versions have none
    #[serde(default)]
    next_state: u32,
    /// manifests of earlier versions have none
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retained: Vec<StoredRetained>,
    /// data of the driver, hexadecimal
    meta: String,
    /// the runs, oldest first
    runs: Vec<RunName>,
}

/// A position in the log as JSON.
#[derive(Serialize, Deserialize)]
struct StoredOffset {
    topic: String,
    /// hexadecimal: JSON has no integers of 128 bits
    topic_id: String,
    partition: u32,
    next_offset: u64,
}

/// A retained checkpoint as JSON.
#[derive(Serialize, Deserialize)]
struct StoredRetained {
    epoch: u64,
    bytes: u64,
}

/// A state as JSON.
#[derive(Serialize, Deserialize)]
struct StoredState {
    id: u32,
    fingerprint: String,
    name: String,
}

impl Manifest {
    /// The bytes of the manifest.
    pub(super) fn encode(&self, path: &str) -> Result<Vec<u8>, CheckpointError> {
        let body = serde_json::to_vec(&store(self)).map_err(|error| CheckpointError::damaged(path, error.to_string()))?;
        let mut bytes = format!("{:08x}", crc32fast::hash(&body)).into_bytes();
        bytes.extend(body);
        Ok(bytes)
    }

    /// Reads the bytes of a manifest.
    pub(super) fn decode(path: &str, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let damaged = |detail: &str| CheckpointError::damaged(path, detail);
        let (crc, body) = bytes.split_at_checked(CHECKSUM_DIGITS).ok_or_else(|| damaged("it is too short"))?;
        if crc != format!("{:08x}", crc32fast::hash(body)).as_bytes() {
            return Err(damaged("it does not fit its checksum"));
        }
        let Format { format: found } = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
        if found != FORMAT {
            return Err(CheckpointError::Format { path: path.to_owned(), found, supported: FORMAT });
        }
        let stored: Stored = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
        restore(stored).ok_or_else(|| damaged("a number in it is not hexadecimal or too short"))
    }
}

/// Returns the JSON form of a manifest.
fn store(manifest: &Manifest) -> Stored {
    let header = &manifest.header;
    let offsets = header.offsets.iter().map(|(topic, topic_id, partition, next_offset)| StoredOffset {
        topic: topic.clone(),
        topic_id: format!("{topic_id:032x}"),
        partition: *partition,
        next_offset: *next_offset,
    });
    let states = header.states.iter();
    let states =
        states.map(|(id, fingerprint, name)| StoredState { id: id.0, fingerprint: hex::encode(fingerprint), name: name.clone() });
    Stored {
        format: FORMAT,
        timeline: header.timeline,
        epoch: header.epoch,
        chain: hex::encode(&header.chain),
        plan: hex::encode(&header.plan),
        wall_micros: header.wall_micros,
        offsets: offsets.collect(),
        states: states.collect(),
        next_state: header.next_state,
        retained: header.retained.iter().map(|kept| StoredRetained { epoch: kept.epoch, bytes: kept.bytes }).collect(),
        meta: hex::encode(&header.meta),
        runs: manifest.runs.clone(),
    }
}

/// Reads the JSON form; `None` when a hash or a number in it is damaged.
fn restore(stored: Stored) -> Option<Manifest> {
    let offset = |offset: StoredOffset| {
        let topic_id = u128::from_str_radix(&offset.topic_id, 16).ok()?;
        Some((offset.topic, topic_id, offset.partition, offset.next_offset))
    };
    let state = |state: StoredState| Some((StateId(state.id), hash(&state.fingerprint)?, state.name));
    let header = CheckpointHeader {
        timeline: stored.timeline,
        epoch: stored.epoch,
        chain: hash(&stored.chain)?,
        plan: hash(&stored.plan)?,
        wall_micros: stored.wall_micros,
        offsets: stored.offsets.into_iter().map(offset).collect::<Option<_>>()?,
        states: stored.states.into_iter().map(state).collect::<Option<_>>()?,
        next_state: stored.next_state,
        retained: stored.retained.iter().map(|kept| RetainedCheckpoint { epoch: kept.epoch, bytes: kept.bytes }).collect(),
        meta: hex::decode(&stored.meta).ok()?,
    };
    Some(Manifest { header, runs: stored.runs })
}

/// Reads 32 bytes in hexadecimal.
fn hash(digits: &str) -> Option<[u8; 32]> {
    hex::decode(digits).ok()?.try_into().ok()
}
