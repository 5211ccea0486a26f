//! Admission of events while the views are behind the log: all, all after a little while, a part, or none.
//!
//! Owns [`Admission`]. The sizes of a request's lines enter; how many of them may be appended, after which delay, and why the others are
//! refused leave. Senders wait and send again, so the engine never falls behind by more than the limits, and readers go on.
//!
//! A line that is admitted is reserved until it was appended and is part of the measured lag. So any number of requests at a time stay below the
//! limits together: at no moment do the records that no view shows outnumber the limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Lag, LagLimits, Refusal};
use parking_lot::Mutex;

use super::lag::LagMeter;
use super::memory::{MemoryLimit, OutOfMemory, ReservedMemory};

/// Greatest age of a measured lag.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);
/// The part of a limit, in percent, from which on answers are delayed.
const SLOW_PERCENT: u64 = 50;
/// The delay of an answer right below a limit.
const DELAY_MAX: Duration = Duration::from_millis(500);
/// Bounds of the time after which a refused request is worth trying again: half of the time that the views are behind.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Decides how much is taken; clones share it.
#[derive(Clone)]
pub struct Admission(Arc<AdmissionShared>);

struct AdmissionShared {
    limits: LagLimits,
    memory: MemoryLimit,
    meter: LagMeter,
    taken: Mutex<Taken>,
}

/// The last measured lag, and what was taken since.
#[derive(Default)]
struct Taken {
    /// the lag, and when it was measured
    sample: Option<(Lag, Instant)>,
    /// records and bytes that are being appended
    reserved: (u64, u64),
    /// records and bytes whose append ended after the sample
    appended: (u64, u64),
}

/// Decision on a request's lines.
pub struct Admitted {
    /// so many of the first lines are taken
    pub lines: usize,
    /// time that their append has to wait
    pub delay: Duration,
    /// reason why the others are not taken, if there are others
    pub refusal: Option<Refusal>,
    /// the place of the lines until they were appended
    pub reservation: Reservation,
}

/// Lines that are admitted and not part of the measured lag yet; dropped when they were appended, or never will be.
pub struct Reservation {
    shared: Arc<AdmissionShared>,
    records: u64,
    bytes: u64,
}

impl Admission {
    /// Admission within these limits.
    pub fn new(limits: LagLimits, memory: MemoryLimit, meter: LagMeter) -> Self {
        Self(Arc::new(AdmissionShared { limits, memory, meter, taken: Mutex::default() }))
    }

    /// Returns the meter of the lag.
    pub fn meter(&self) -> &LagMeter {
        &self.0.meter
    }

    /// Returns the greatest lag within which events are taken.
    pub fn limits(&self) -> LagLimits {
        self.0.limits
    }

    /// Keeps memory free for a body of so many bytes; refuses it if there is none.
    pub fn reserve_memory(&self, body_bytes: u64) -> Result<ReservedMemory, Refusal> {
        self.0.memory.reserve(body_bytes).map_err(memory_refusal)
    }

    /// Admits the first lines of a request, as many as there is room for. A line of no bytes needs none.
    pub fn admit(&self, lines: &[usize]) -> Admitted {
        if let Err(full) = self.0.memory.check() {
            return self.admitted(0, (0, 0), Duration::ZERO, Some(memory_refusal(full)));
        }
        let mut taken = self.0.taken.lock();
        let lag = taken.measure(&self.0.meter, SAMPLE_INTERVAL);
        let mut room = taken.room(lag, &self.0.limits);
        if room.fit(lines).0 < lines.len() {
            let lag = taken.measure(&self.0.meter, Duration::ZERO);
            room = taken.room(lag, &self.0.limits);
        }
        let (count, records, bytes) = room.fit(lines);
        taken.reserved.0 += records;
        taken.reserved.1 += bytes;
        drop(taken);
        let refusal = (count < lines.len()).then(|| room.refusal(records, bytes));
        self.admitted(count, (records, bytes), room.delay(), refusal)
    }

    fn admitted(&self, lines: usize, (records, bytes): (u64, u64), delay: Duration, refusal: Option<Refusal>) -> Admitted {
        Admitted { lines, delay, refusal, reservation: Reservation { shared: Arc::clone(&self.0), records, bytes } }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut taken = self.shared.taken.lock();
        taken.reserved.0 -= self.records;
        taken.reserved.1 -= self.bytes;
        taken.appended.0 += self.records;
        taken.appended.1 += self.bytes;
    }
}

impl Taken {
    /// Returns the lag as it was at most `age_max` ago.
    fn measure(&mut self, meter: &LagMeter, age_max: Duration) -> Lag {
        if let Some((lag, _)) = self.sample.filter(|(_, at)| at.elapsed() < age_max) {
            return lag;
        }
        // In this order: what is appended meanwhile may count twice, and never not at all.
        self.appended = (0, 0);
        let lag = meter.lag();
        self.sample = Some((lag, Instant::now()));
        lag
    }

    fn room(&self, lag: Lag, limits: &LagLimits) -> Room {
        let records = lag.records + self.reserved.0 + self.appended.0;
        let bytes = lag.bytes + self.reserved.1 + self.appended.1;
        let is_late = lag.micros >= micros(limits.time);
        Room { lag: Lag { records, bytes, micros: lag.micros }, limits: *limits, is_late }
    }
}

/// Room beside what is under way.
struct Room {
    /// the lag, with what is being appended
    lag: Lag,
    limits: LagLimits,
    is_late: bool,
}

impl Room {
    /// Returns the number of first lines that fit, with their records and bytes. Where nothing at all is under way one line fits
    /// whatever its size, or it never would.
    fn fit(&self, lines: &[usize]) -> (usize, u64, u64) {
        let (mut records, mut bytes) = (0, 0);
        for (count, line) in lines.iter().enumerate().filter(|(_, line)| **line > 0) {
            let line = *line as u64;
            let is_first = self.lag.records + records == 0;
            let fits = self.lag.records + records < self.limits.records && self.lag.bytes + bytes + line <= self.limits.bytes;
            if !is_first && (self.is_late || !fits) {
                return (count, records, bytes);
            }
            records += 1;
            bytes += line;
        }
        (lines.len(), records, bytes)
    }

    /// The part of the nearest limit that is used, in percent.
    fn percent(&self) -> u64 {
        let of = |lag: u64, limit: u64| lag.saturating_mul(100) / limit.max(1);
        let Lag { records, bytes, micros: age } = self.lag;
        of(records, self.limits.records).max(of(bytes, self.limits.bytes)).max(of(age, micros(self.limits.time)))
    }

    /// Returns the delay of an answer: longer, the less room there is.
    fn delay(&self) -> Duration {
        let above = self.percent().clamp(SLOW_PERCENT, 100) - SLOW_PERCENT;
        DELAY_MAX * u32::try_from(above).unwrap_or(u32::MAX) / (100 - SLOW_PERCENT) as u32
    }

    /// Returns the reason why a line is not taken beside so many records and bytes of its request.
    fn refusal(&self, records: u64, bytes: u64) -> Refusal {
        let (records, bytes, age) = (self.lag.records + records, self.lag.bytes + bytes, self.lag.micros);
        let retry_after = Duration::from_micros(age / 2).clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX);
        if self.is_late {
            return Refusal::LagTime { behind: Duration::from_micros(age), limit: self.limits.time, retry_after };
        }
        if records >= self.limits.records {
            return Refusal::LagRecords { behind: records, limit: self.limits.records, retry_after };
        }
        Refusal::LagBytes { behind: bytes, limit: self.limits.bytes, retry_after }
    }
}

fn memory_refusal(OutOfMemory { used, limit }: OutOfMemory) -> Refusal {
    Refusal::Memory { used, limit, retry_after: RETRY_AFTER_MIN }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
