//! The end of a derived topic: how far it is, from its last record.
//!
//! Owns [`End`]. After a crash the last record alone says which unit is complete and which has begun; nothing else is trusted.

use schemas::position::{Offset, Topic};
use serde::Deserialize;

use super::log::{TopicLog, TopicLogError};
use crate::contract::{Progress, progress_text};

/// Content of a derived topic's last record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// end of the topic: the position behind every record
    pub(super) next: Offset,
    /// up to here the records are of complete units
    pub complete: Offset,
    /// the last complete unit
    pub(super) progress: Option<Progress>,
    /// the unit that has begun behind it, and how many of its parts are there
    pub(super) begun: Option<(Progress, usize)>,
}

/// The last record of an append.
#[derive(Deserialize)]
struct Control {
    /// headers of the record
    headers: ControlHeaders,
    /// progress of the unit, as a text
    progress: String,
    /// number of this part, from 1
    #[serde(default)]
    part: usize,
    /// number of parts of the unit; equal to `part` when the unit is complete
    #[serde(default)]
    parts: usize,
    /// progress of the unit before, as a text
    #[serde(default)]
    before: Option<String>,
    /// end of the complete units before this one
    #[serde(default)]
    complete: u64,
}

/// Headers that every record of a sink has.
#[derive(Deserialize)]
struct ControlHeaders {
    /// the sink that wrote it
    sink: String,
}

/// Returns the end of a derived topic; `None` when something else wrote there than the sink (any sink, if none is named).
pub fn end_of(log: &dyn TopicLog, topic: &Topic, sink: Option<&str>) -> Result<Option<End>, TopicLogError> {
    let next = log.end(topic)?;
    let Some(last) = log.last(topic, next)? else {
        return Ok(Some(End { next, complete: next, ..End::default() }));
    };
    let control = serde_json::from_slice::<Control>(&last).ok();
    Ok(control
        .filter(|control| sink.is_none_or(|sink| control.headers.sink == sink))
        .and_then(|control| end_from(&control, next)))
}

/// Returns the end that a control record describes; `None` when a progress in it can not be read.
fn end_from(control: &Control, next: Offset) -> Option<End> {
    let progress = progress_text::read(&control.progress)?;
    if control.part == control.parts {
        return Some(End { next, complete: next, progress: Some(progress), begun: None });
    }
    let before = control.before.as_deref().map(progress_text::read);
    // A progress that can't be read is no missing one.
    let before = match before {
        Some(None) => return None,
        before => before.flatten(),
    };
    Some(End { next, complete: Offset(control.complete), progress: before, begun: Some((progress, control.part)) })
}
