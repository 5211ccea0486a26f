//! Section f: what a read marker costs in a short and in a long conversation.
//!
//! Each marker is an epoch of its own and moves the reader one message on, near the end of the conversation, as a reader does who
//! follows it.

use tidewater::process::clock::wall_micros;

use crate::Failure;
use crate::engine::Engine;
use crate::lines::Lines;
use crate::processor::{ENGINE_THREADS, ThreadTimes};
use crate::table::{Figure, Goal};

const FILES: [&str; 4] = ["sources", "conversations", "messages", "unread"];
const SHORT: u64 = 10;
const LONG: u64 = 100_000;
const MARKERS: u64 = 8;
/// So many readers set them in each conversation, turn and turn about; the first time is not counted.
const ROUNDS: u64 = 4;
const MESSAGES_PER_EPOCH: u64 = 10_000;
/// Twice the cost is still of the same order; a cost that grows with the conversation would be ten thousand times.
const EQUAL: f64 = 2.0;
const WRITER: u64 = 1;
/// The readers are this one and those that follow.
const FIRST_READER: u64 = 2;
const MICROS_PER_SECOND: i64 = 1_000_000;
const START_SECONDS_AGO: i64 = 86_400;

/// A conversation, and how much its markers have cost.
struct Conversation {
    id: &'static str,
    messages: u64,
    seconds: f64,
}

/// Sets markers in both.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let engine = Engine::start(&FILES)?;
    let mut lines = Lines::default();
    let mut at = wall_micros() - START_SECONDS_AGO * MICROS_PER_SECOND;
    let new = |id, messages| Conversation { id, messages, seconds: 0.0 };
    let mut conversations = [new("1-2", SHORT), new("1-2-long", LONG)];
    let readers: Vec<u64> = (FIRST_READER..FIRST_READER + ROUNDS).collect();
    for conversation in &conversations {
        let members: Vec<u64> = [WRITER].iter().chain(&readers).copied().collect();
        engine.send([lines.conversation(conversation.id, &members, at)])?;
        for first in (1..=conversation.messages).step_by(MESSAGES_PER_EPOCH as usize) {
            let last = conversation.messages.min(first + MESSAGES_PER_EPOCH - 1);
            engine.send((first..=last).map(|message| lines.message(conversation.id, message, WRITER, at)))?;
        }
    }
    for &reader in &readers {
        for conversation in &mut conversations {
            let first = conversation.messages - MARKERS;
            engine.send([lines.read(conversation.id, reader, first, at)])?;
            let before = ThreadTimes::now()?;
            for message in first + 1..=conversation.messages {
                at += 1;
                engine.send([lines.read(conversation.id, reader, message, at)])?;
            }
            if reader != FIRST_READER {
                conversation.seconds += ThreadTimes::now()?.since(&before, &ENGINE_THREADS);
            }
        }
    }
    Ok(figures(&conversations))
}

fn figures(conversations: &[Conversation; 2]) -> Vec<Figure> {
    let cost = |conversation: &Conversation| conversation.seconds / ((ROUNDS - 1) * MARKERS) as f64;
    let figure = |what: String, value: f64, unit: &'static str, goal: Goal| Figure { section: 'f', what, value, unit, goal };
    let of = |conversation: &Conversation| {
        let what = format!("read marker in a conversation of {} messages", conversation.messages);
        figure(what, cost(conversation) * 1e6, "µs of CPU", Goal::None)
    };
    let [short, long] = conversations;
    let ratio = cost(long) / cost(short);
    vec![of(short), of(long), figure("the long one in proportion to the short one".to_owned(), ratio, "", Goal::AtMost(EQUAL))]
}
