//! Dead letters of ingest: the record of a line that is no event, and whether a letter can be sent again as it is.
//!
//! A rejected line and its sender enter and a record leaves, or a letter enters and the hindrance leaves.

use api::EventSender;
use engine::run::DEAD_LETTER_TOPIC;
use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, DeadLetter, Fault, Reason};
use schemas::event::Rejected;
use sources::record::Record;

/// The record of a line that is no event. Partition, offset and time of arrival are those of this record: who reads it sets them.
pub(super) fn dead_letter(line: &[u8], rejected: &Rejected, sender: &EventSender, now: i64) -> Record {
    let letter = DeadLetter {
        topic: DEAD_LETTER_TOPIC.to_owned(),
        partition: 0,
        offset: 0,
        sent_to: rejected.sent_to.clone(),
        fault: rejected.fault.clone(),
        bytes: line[..line.len().min(DEAD_LETTER_BYTES_MAX)].to_vec(),
        length: line.len() as u64,
        arrived: None,
        sender_actor: sender.actor.clone(),
        relation: None,
    };
    let value = serde_json::json!(letter).to_string().into_bytes();
    Record { key: Vec::new(), value, timestamp: now }
}

/// Returns true if a letter is a record that was taken out of its topic before anything has seen its event.
pub(super) fn was_taken_out(letter: &DeadLetter) -> bool {
    matches!(letter.fault.reason, Reason::Quarantined | Reason::OverBudget)
}

/// Returns the reason why a letter can't be sent again as it is.
pub(super) fn hindrance(letter: &DeadLetter) -> Option<Fault> {
    if letter.fault.reason == Reason::Raised {
        let table = letter.relation.as_deref().unwrap_or("a table");
        let detail = format!(
            "the event was taken, and other views have it; '{table}' refuses it: discard the letter, or send another event with a line in its place"
        );
        return Some(Fault::new(Reason::Raised, detail));
    }
    if letter.topic != DEAD_LETTER_TOPIC {
        let detail =
            format!("it was not refused here: its record is in topic '{}' and is read again with that topic", letter.topic);
        return Some(Fault::new(Reason::WrongTopic, detail));
    }
    let kept = letter.bytes.len();
    let is_whole = letter.length == kept as u64;
    let detail =
        || format!("only the first {kept} of its {} bytes were kept; send it again with a line in its place", letter.length);
    (!is_whole).then(|| Fault::new(Reason::TooLarge, detail()))
}
