//! Messages of a shape since an epoch, as many as a limit of bytes allows.
//!
//! Owns [`ShapeLog`]. Messages enter in the order of their offsets; those behind an offset leave, as many as one answer takes.

use std::collections::VecDeque;

use schemas::position::Epoch;

use super::offset::ShapeOffset;

/// A message and the place behind it.
struct LogMessage {
    behind: ShapeOffset,
    text: Box<str>,
}

/// The messages that are remembered.
pub(super) struct ShapeLog {
    messages: VecDeque<LogMessage>,
    /// bytes of all texts, with those of their entries
    bytes: usize,
    /// the place from which on nothing is missing
    complete_from: ShapeOffset,
}

/// Messages behind an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogPart {
    /// their texts, with commas between them
    pub(super) text: String,
    /// the place behind the last of them
    pub(super) behind: ShapeOffset,
    /// true if there are no more
    pub(super) is_last: bool,
}

impl ShapeLog {
    /// The log behind an epoch.
    pub(super) fn behind(epoch: Epoch) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, complete_from: ShapeOffset::message(epoch, 0) }
    }

    /// Adds a message.
    pub(super) fn push(&mut self, behind: ShapeOffset, text: String) {
        debug_assert!(self.messages.back().is_none_or(|last| last.behind < behind), "messages ascend");
        self.bytes += size_of::<LogMessage>() + text.len();
        self.messages.push_back(LogMessage { behind, text: text.into_boxed_str() });
    }

    /// Forgets the oldest messages until the others have at most so many bytes.
    pub(super) fn forget(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(LogMessage { behind, text }) = self.messages.pop_front() else { break };
            self.bytes -= size_of::<LogMessage>() + text.len();
            self.complete_from = behind;
        }
    }

    /// Returns the number of bytes that are remembered.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns true if no message behind an offset was forgotten.
    pub(super) fn is_complete_behind(&self, offset: ShapeOffset) -> bool {
        offset >= self.complete_from
    }

    /// Returns true if there are messages behind an offset.
    pub(super) fn goes_on_behind(&self, offset: ShapeOffset) -> bool {
        self.messages.back().is_some_and(|last| last.behind > offset)
    }

    /// The messages behind an offset, until they have so many bytes; `None` where some of them were forgotten.
    pub(super) fn part_behind(&self, offset: ShapeOffset, bytes: usize) -> Option<LogPart> {
        if !self.is_complete_behind(offset) {
            return None;
        }
        let first = self.messages.partition_point(|message| message.behind <= offset);
        let mut part = LogPart { text: String::new(), behind: offset, is_last: true };
        for message in self.messages.range(first..) {
            if part.text.len() >= bytes {
                part.is_last = false;
                break;
            }
            if !part.text.is_empty() {
                part.text.push(',');
            }
            part.text.push_str(&message.text);
            part.behind = message.behind;
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> ShapeLog {
        let mut log = ShapeLog::behind(Epoch(3));
        for (epoch, number, text) in [(4, 0, "a"), (4, 1, "b"), (6, 0, "c"), (9, 0, "d")] {
            log.push(ShapeOffset::message(Epoch(epoch), number), text.to_owned());
        }
        log
    }

    fn part(log: &ShapeLog, offset: ShapeOffset, bytes: usize) -> Option<(String, String, bool)> {
        log.part_behind(offset, bytes).map(|part| (part.text, part.behind.to_string(), part.is_last))
    }

    #[test]
    fn messages_are_read_in_parts_from_any_place() {
        let of = |text: &str, behind: &str, is_last| Some((text.to_owned(), behind.to_owned(), is_last));
        let log = log();
        assert_eq!(part(&log, ShapeOffset::behind_rows(Epoch(3)), 99), of("a,b,c,d", "9_0", true));
        assert_eq!(part(&log, ShapeOffset::behind_rows(Epoch(3)), 2), of("a,b", "4_1", false));
        assert_eq!(part(&log, ShapeOffset::message(Epoch(4), 0), 3), of("b,c", "6_0", false));
        assert_eq!(part(&log, ShapeOffset::behind_rows(Epoch(7)), 99), of("d", "9_0", true));
        assert_eq!(part(&log, ShapeOffset::message(Epoch(9), 0), 99), of("", "9_0", true));
        assert!(
            log.goes_on_behind(ShapeOffset::behind_rows(Epoch(8))) && !log.goes_on_behind(ShapeOffset::behind_rows(Epoch(9)))
        );
    }

    #[test]
    fn what_was_forgotten_is_not_left_out_in_silence() {
        let mut log = log();
        assert_eq!(part(&log, ShapeOffset::behind_rows(Epoch(2)), 99), None);
        log.forget(2 * (size_of::<LogMessage>() + 1));
        assert_eq!(part(&log, ShapeOffset::message(Epoch(4), 0), 99), None);
        let all = Some(("c,d".to_owned(), "9_0".to_owned(), true));
        assert_eq!(part(&log, ShapeOffset::message(Epoch(4), 1), 99), all);
        assert_eq!(part(&log, ShapeOffset::behind_rows(Epoch(5)), 99), all);
        log.forget(0);
        assert_eq!(part(&log, ShapeOffset::message(Epoch(6), 0), 99), None);
        assert_eq!(part(&log, ShapeOffset::message(Epoch(9), 0), 99), Some((String::new(), "9_0".to_owned(), true)));
    }
}
