//! Handles: names of logs.
//!
//! Owns [`ShapeHandle`] and its text, `<digest>-<start>-<turn>`. The digest is that of the view as it is served, the question and the run of
//! the process; the start is the epoch behind which the log begins. A reader that has to begin again must get another handle than the one it
//! had, since it takes nothing more under that one. The log itself may be as it was: so each log has two handles that mean the same, and a
//! reader that fell behind turns from one to the other, while all others stay at the addresses that they have.

use std::fmt;
use std::str::FromStr;

use schemas::position::Epoch;

const RADIX: u32 = 16;

/// The name of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShapeHandle {
    digest: u64,
    start: Epoch,
    is_turned: bool,
}

/// A text that is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadShapeHandle;

impl ShapeHandle {
    /// The first of the two handles of a log.
    pub(crate) fn first(digest: u64, start: Epoch) -> Self {
        Self { digest, start, is_turned: false }
    }

    /// The other handle of the same log.
    pub(crate) fn turned(self) -> Self {
        Self { is_turned: !self.is_turned, ..self }
    }

    /// Returns true if both name the same log.
    pub(crate) fn is_of_log(self, other: Self) -> bool {
        (self.digest, self.start) == (other.digest, other.start)
    }

    /// This handle, or the other one of the log where this is the one that a reader takes nothing under any more.
    pub(crate) fn unless(self, expired: Option<Self>) -> Self {
        if expired == Some(self) { self.turned() } else { self }
    }
}

impl fmt::Display for ShapeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}-{}", self.digest, self.start, u8::from(self.is_turned))
    }
}

impl FromStr for ShapeHandle {
    type Err = BadShapeHandle;

    fn from_str(text: &str) -> Result<Self, BadShapeHandle> {
        let mut parts = text.splitn(3, '-');
        let digest = parts.next().and_then(|text| u64::from_str_radix(text, RADIX).ok());
        let start = parts.next().and_then(|text| text.parse().ok()).map(Epoch);
        let is_turned = parts.next().map(|text| text == "1");
        let (Some(digest), Some(start), Some(is_turned)) = (digest, start, is_turned) else { return Err(BadShapeHandle) };
        let handle = Self { digest, start, is_turned };
        // Another spelling of the same handle would be another address.
        if handle.to_string() == text { Ok(handle) } else { Err(BadShapeHandle) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_two_handles_and_a_reader_gets_the_one_that_it_did_not_have() {
        let first = ShapeHandle::first(0xfeed, Epoch(17));
        let second = first.turned();
        assert_eq!((first.to_string(), second.to_string()), ("000000000000feed-17-0".into(), "000000000000feed-17-1".into()));
        assert!(first != second && first.is_of_log(second) && second.turned() == first);
        assert_eq!((first.unless(None), first.unless(Some(first)), first.unless(Some(second))), (first, second, first));
        assert!(!first.is_of_log(ShapeHandle::first(0xfeed, Epoch(18))));
        assert!(!first.is_of_log(ShapeHandle::first(0xfeee, Epoch(17))));
    }

    #[test]
    fn other_texts_are_no_handle() {
        let first = ShapeHandle::first(0xfeed, Epoch(17));
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(first.turned().to_string().parse(), Ok(first.turned()));
        for text in
            ["", "feed-17-0", "000000000000feed-17", "000000000000feed-017-0", "000000000000FEED-17-0", "000000000000feed-17-2"]
        {
            assert_eq!(text.parse::<ShapeHandle>(), Err(BadShapeHandle), "{text}");
        }
    }
}
