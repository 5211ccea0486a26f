//! Identity of the writer: the timeline of a data directory and the incarnation of the process that has it.
//!
//! Owns the file `identity`. It is replaced as a whole, by rename, at every start: a process whose incarnation is no longer the one in
//! the file has been overtaken and must not write.

use serde::{Deserialize, Serialize};

use crate::binding::Parent;
use crate::disk::{Disk, DiskCause, replace};
use crate::error::EpochError;

/// The format of the data directory that this version writes and reads.
pub const FORMAT: u64 = 1;

/// File of the identity.
const PATH: &str = "identity";
/// File that it is written to before it gets its name: a crash leaves the old identity or the new one, whole.
const PATH_TEMPORARY: &str = "identity.new";

/// Identity of a data directory, known before anything else is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// the format of all files
    pub format: u64,
    /// the history
    pub timeline: u64,
    /// counts the starts
    pub incarnation: u64,
    /// origin of the timeline: `(timeline, epoch, chain)`; it is written into the first binding
    pub parent: Option<(u64, u64, Vec<u8>)>,
}

impl Identity {
    /// The identity of a data directory; `None` when it is new.
    pub fn load(disk: &impl Disk) -> Result<Option<Self>, EpochError> {
        let length = match disk.length(PATH) {
            Ok(length) => length,
            Err(error) if error.cause == DiskCause::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = disk.read(PATH, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let damaged = |detail: String| EpochError::Damaged { path: PATH.to_owned(), offset: 0, detail };
        let (crc, body) = bytes.split_at_checked(8).ok_or_else(|| damaged("it is too short".to_owned()))?;
        if format!("{:08x}", crc32fast::hash(body)).as_bytes() != crc {
            return Err(damaged("it does not fit its checksum".to_owned()));
        }
        let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| damaged(error.to_string()))?;
        let found = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found != FORMAT {
            return Err(EpochError::Format { path: PATH.to_owned(), found, supported: FORMAT });
        }
        serde_json::from_value(value).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Writes the identity, durably and as a whole.
    pub fn store(&self, disk: &impl Disk) -> Result<(), EpochError> {
        let body = serde_json::to_vec(self).map_err(|error| EpochError::Damaged {
            path: PATH.to_owned(),
            offset: 0,
            detail: error.to_string(),
        })?;
        let mut bytes = format!("{:08x}", crc32fast::hash(&body)).into_bytes();
        bytes.extend(body);
        Ok(replace(disk, "", PATH_TEMPORARY, PATH, &bytes)?)
    }

    /// Refuses to go on when another incarnation took over.
    pub fn check(&self, disk: &impl Disk) -> Result<(), EpochError> {
        match Self::load(disk)? {
            Some(found) if found.timeline == self.timeline && found.incarnation == self.incarnation => Ok(()),
            Some(found) => Err(EpochError::Fenced { ours: self.incarnation, found: found.incarnation }),
            None => Err(EpochError::Fenced { ours: self.incarnation, found: 0 }),
        }
    }

    /// The parent as a binding tells it.
    pub fn opened(&self) -> Option<Parent> {
        let (timeline, epoch, chain) = self.parent.clone()?;
        Some(Parent { timeline, epoch, chain })
    }
}

#[cfg(test)]
mod tests;
