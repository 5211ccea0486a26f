//! Lines on their way to a server that may die at any moment: what was not acknowledged is sent again, with the same event ids.
//!
//! Owns how far the sender is. A client enters; how the last request ended leaves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::process::{Client, REFUSED_PAUSE, operator};

/// Lines of one request: few, so that requests and epochs are many.
const BATCH: usize = 3;

/// Lines sent so far: the first `acknowledged` are safe; those up to `sent` may have been taken or not.
pub struct Feed {
    lines: Vec<String>,
    acknowledged: AtomicUsize,
    sent: AtomicUsize,
    is_waiting: AtomicBool,
}

/// End of feeding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// it was told to
    Stopped,
    /// a request had begun and was never answered
    CutOff,
    /// nobody listened any more
    Refused,
}

/// Tells a feeder to end, also when a test fails meanwhile.
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Feed {
    pub fn new(lines: Vec<String>) -> Self {
        Self { lines, acknowledged: AtomicUsize::new(0), sent: AtomicUsize::new(0), is_waiting: AtomicBool::new(false) }
    }

    /// Sends request after request until the server is gone.
    pub fn run(&self, server: &Client, stop: &AtomicBool) -> End {
        let operator = operator();
        while !stop.load(Ordering::SeqCst) {
            let batch = self.next_batch();
            self.is_waiting.store(true, Ordering::SeqCst);
            let answer = server.try_post(batch.join("\n").as_bytes(), Some(&operator));
            self.is_waiting.store(false, Ordering::SeqCst);
            match answer {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged.fetch_add(batch.len() - answer.refused(), Ordering::SeqCst);
                }
                // The views are behind after a start: what was not taken is sent again.
                Ok(answer) if answer.status == 429 => std::thread::sleep(REFUSED_PAUSE),
                Ok(answer) => panic!("the server refused: {}", answer.text),
                Err(ureq::Error::ConnectionFailed) => return End::Refused,
                Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return End::Refused,
                // An answer that does not arrive in one piece is none.
                Err(_) => return End::CutOff,
            }
        }
        End::Stopped
    }

    /// The lines behind the acknowledged ones.
    fn next_batch(&self) -> &[String] {
        let from = self.acknowledged.load(Ordering::SeqCst);
        let to = (from + BATCH).min(self.lines.len());
        assert!(from < to, "all {from} lines were acknowledged before the last kill: make a larger world");
        self.sent.fetch_max(to, Ordering::SeqCst);
        &self.lines[from..to]
    }

    /// Sends what may not have been taken, and waits until it and everything before is visible.
    pub fn settle(&self, server: &Client) {
        let batch = self.next_batch();
        server.ingest(batch);
        self.acknowledged.fetch_add(batch.len(), Ordering::SeqCst);
    }

    /// Returns true if a request has begun and is not answered.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::SeqCst)
    }

    pub fn acknowledged(&self) -> &[String] {
        &self.lines[..self.acknowledged.load(Ordering::SeqCst)]
    }

    pub fn sent(&self) -> &[String] {
        &self.lines[..self.sent.load(Ordering::SeqCst)]
    }
}
