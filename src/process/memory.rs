//! Memory limit of the process, and the point from which it takes no more events.
//!
//! Owns [`MemoryLimit`]. The limit enters from the command line, the control group or the machine; whether there is room leaves. Ingest
//! asks before it takes a batch: readers go on, senders wait and send again, and the system does not have to end the process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The part of the limit, in percent, from which on no events are taken: what is under way needs the rest.
pub const INGEST_PERCENT: u64 = 80;
/// Interval at which the system is asked.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// Control groups say this or more when they set no limit.
const NO_LIMIT: u64 = 1 << 60;
const PAGE_BYTES: u64 = 4096;

/// The memory of the process; clones share it.
#[derive(Clone)]
pub struct MemoryLimit(Arc<MemoryShared>);

struct MemoryShared {
    limit: u64,
    /// bytes of bodies that are on their way
    reserved: AtomicU64,
    used: AtomicU64,
    sampled: Mutex<Option<Instant>>,
}

/// There is no room for more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// bytes that the process uses, and those that it keeps free for bodies on their way
    pub used: u64,
    /// bytes that it may use
    pub limit: u64,
}

/// Room that is kept free for a body, until it is dropped.
pub struct ReservedMemory {
    memory: MemoryLimit,
    bytes: u64,
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        self.memory.0.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl MemoryLimit {
    /// So many bytes, or else what the control group or the machine has.
    pub fn new(bytes: Option<u64>) -> Self {
        let limit = bytes.or_else(of_control_group).or_else(of_machine).unwrap_or(NO_LIMIT);
        Self(Arc::new(MemoryShared { limit, reserved: AtomicU64::new(0), used: AtomicU64::new(0), sampled: Mutex::new(None) }))
    }

    /// Refuses events that were read if there is no room for more.
    pub fn check(&self) -> Result<(), OutOfMemory> {
        self.compare(self.used(), 0)
    }

    /// Keeps room free for a body of so many bytes, beside those that are on their way. What has come of them already counts twice: as
    /// reserved and as used.
    pub fn reserve(&self, bytes: u64) -> Result<ReservedMemory, OutOfMemory> {
        let used = self.used();
        let before = self.0.reserved.fetch_add(bytes, Ordering::Relaxed);
        // Dropped with an error, it is given back.
        let reserved = ReservedMemory { memory: self.clone(), bytes };
        self.compare(used.saturating_add(before), bytes).map(|()| reserved)
    }

    fn compare(&self, used: u64, bytes: u64) -> Result<(), OutOfMemory> {
        let limit = self.0.limit;
        if used.saturating_add(bytes) >= limit / 100 * INGEST_PERCENT { Err(OutOfMemory { used, limit }) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        let mut sampled = self.0.sampled.lock();
        if sampled.is_none_or(|last| last.elapsed() >= SAMPLE_INTERVAL) {
            *sampled = Some(Instant::now());
            // Where the system does not say, nothing is held back: 0 bytes are below every limit.
            self.0.used.store(resident().unwrap_or(0), Ordering::Relaxed);
        }
        self.0.used.load(Ordering::Relaxed)
    }
}

/// Bytes of the process that are in memory.
fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE_BYTES)
}

fn of_control_group() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = files.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    limits.filter(|limit| *limit < NO_LIMIT).min()
}

fn of_machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?.trim().parse::<u64>();
    kilobytes.ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_larger_than_its_limit_takes_nothing() {
        assert!(resident().unwrap() > 1 << 20);
        assert!(MemoryLimit::new(Some(1 << 20)).check().is_err_and(|full| full.used > full.limit));
        assert_eq!(MemoryLimit::new(None).check(), Ok(()), "the tests take 80 % of this machine");
        let large = MemoryLimit::new(Some(1 << 40));
        assert!(large.check().is_ok() && large.reserve(1 << 20).is_ok());
        assert!(large.reserve(1 << 40).is_err(), "a body that is larger than the rest");
    }

    #[test]
    fn bodies_on_their_way_have_room_together_and_give_it_back() {
        let memory = MemoryLimit::new(Some(1 << 40));
        let most = |percent: u64| (1_u64 << 40) / 100 * percent;
        let first = memory.reserve(most(50)).ok().unwrap();
        assert!(memory.reserve(most(50)).is_err_and(|full| full.used >= most(50)), "each of them alone would have room");
        assert!(memory.reserve(most(20)).is_ok(), "one that was refused or has come keeps nothing");
        assert!(memory.check().is_ok(), "what was read is not refused for what may come");
        drop(first);
        assert!(memory.reserve(most(50)).is_ok());
    }
}
