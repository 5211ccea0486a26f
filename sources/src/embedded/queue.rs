//! The bounded queue between the callers of `append` and the writer thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use parking_lot::{Condvar, Mutex};
use schemas::position::Offset;

use super::batch::Section;
use super::topics::TopicState;
use crate::error::LogError;

/// The most appends that wait for the writer; another caller waits for a place.
const QUEUE_APPENDS_MAX: usize = 1024;
/// The most bytes that wait for the writer, unless a single append is larger.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// The most bytes that are synced at once, unless a single append is larger.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// An append that waits to be written.
pub struct Pending {
    /// the topic
    pub topic: Arc<TopicState>,
    /// its records in stored form, in the order in which they were appended within each partition
    pub sections: Vec<Section>,
    /// for each record in the order of the append, its section, its place there, and the time that its caller gives
    pub order: Vec<(usize, u64, i64)>,
    /// channel for the offset of the first record of each section
    pub reply: SyncSender<Result<Vec<Offset>, LogError>>,
}

/// Appends in the order in which they arrived.
///
/// Bounds what waits: at most [`QUEUE_APPENDS_MAX`] appends and [`QUEUE_BYTES_MAX`] bytes. A caller that finds it full waits, which is the
/// backpressure on producers. One append that is larger by itself is let in when the queue is empty.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    left: Condvar,
}

/// Invariant: `bytes` is the sum over `appends`.
#[derive(Default)]
struct Waiting {
    appends: VecDeque<Pending>,
    bytes: usize,
    closed: bool,
}

impl Pending {
    /// The bytes of its records in stored form.
    pub fn bytes(&self) -> usize {
        self.sections.iter().map(|section| section.bytes.len()).sum()
    }
}

impl Queue {
    /// Adds an append; waits while the queue is full. Gives it back when the queue is closed.
    ///
    /// # Errors
    /// The append itself, when the queue was closed while it waited or before.
    pub fn push(&self, pending: Pending) -> Result<(), Pending> {
        let bytes = pending.bytes();
        let full = |waiting: &mut Waiting| {
            let appends = waiting.appends.len();
            !waiting.closed && appends > 0 && (appends >= QUEUE_APPENDS_MAX || waiting.bytes + bytes > QUEUE_BYTES_MAX)
        };
        let mut waiting = self.waiting.lock();
        self.left.wait_while(&mut waiting, full);
        if waiting.closed {
            return Err(pending);
        }
        waiting.bytes += bytes;
        waiting.appends.push_back(pending);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes what is to be written together; waits for something to arrive. Nothing once the queue is closed and empty.
    ///
    /// At most [`GROUP_BYTES_MAX`], unless the first append is larger: a sync takes about as long for few bytes as for many, and longer ones would
    /// keep the callers waiting.
    pub fn take_group(&self) -> Option<Vec<Pending>> {
        let mut waiting = self.waiting.lock();
        self.arrived.wait_while(&mut waiting, |waiting| waiting.appends.is_empty() && !waiting.closed);
        let mut group = vec![waiting.appends.pop_front()?];
        let mut bytes = group[0].bytes();
        while let Some(next) = waiting.appends.front() {
            if bytes + next.bytes() > GROUP_BYTES_MAX {
                break;
            }
            bytes += next.bytes();
            group.extend(waiting.appends.pop_front());
        }
        waiting.bytes -= bytes;
        drop(waiting);
        self.left.notify_all();
        Some(group)
    }

    /// Takes no more appends. What waits is still written.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_all();
        self.left.notify_all();
    }

    /// Takes no more appends and drops what waits, whose callers learn that there is no answer.
    pub fn abandon(&self) {
        let dropped = {
            let mut waiting = self.waiting.lock();
            waiting.closed = true;
            waiting.bytes = 0;
            std::mem::take(&mut waiting.appends)
        };
        drop(dropped);
        self.left.notify_all();
    }
}
