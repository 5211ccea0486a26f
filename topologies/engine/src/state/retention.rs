//! Forgetting what the log need not keep.
//!
//! Owns the thread that trims, because the log may take its time. After each checkpoint the offsets enter before which no restart reads;
//! while the log is larger than it should be, as much of what lies before them goes, the oldest first.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use epochs::reader::Offsets;
use schemas::position::Offset;
use sources::error::LogError;
use sources::log::Log;

/// The thread's other end; there is none when everything is kept.
pub struct Retention {
    floors: Option<Sender<Offsets>>,
    thread: Option<JoinHandle<()>>,
}

impl Retention {
    /// Starts the thread, unless everything is kept.
    pub fn start(log: Arc<dyn Log>, bytes_max: Option<u64>) -> std::io::Result<Self> {
        let Some(bytes_max) = bytes_max else { return Ok(Self { floors: None, thread: None }) };
        let (floors, queue) = channel::<Offsets>();
        let run = move || {
            for floor in queue {
                if let Err(error) = trim(log.as_ref(), &floor, bytes_max) {
                    tracing::warn!(%error, "the log can't be trimmed now; trying again after the next checkpoint");
                }
            }
        };
        let thread = std::thread::Builder::new().name("retention".to_owned()).spawn(run)?;
        Ok(Self { floors: Some(floors), thread: Some(thread) })
    }

    /// Has the log trimmed, if it is too large, at most up to these offsets.
    pub fn trim(&self, floor: Option<Offsets>) {
        if let (Some(floors), Some(floor)) = (&self.floors, floor) {
            // The thread ends only when this is dropped, or by a panic, which has been printed.
            let _ = floors.send(floor);
        }
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        drop(self.floors.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been printed.
            thread.join().ok();
        }
    }
}

/// Forgets about as many records as the log has too many bytes for, but none from the floor on.
fn trim(log: &dyn Log, floor: &Offsets, bytes_max: u64) -> Result<(), LogError> {
    let bytes = log.bytes();
    if bytes <= bytes_max {
        return Ok(());
    }
    let surplus = u128::from(bytes - bytes_max);
    for ((topic, partition), (_, needed)) in &floor.0 {
        let (earliest, end) = log.bounds(topic, *partition)?;
        // By offsets, which are as many as the records where there are no gaps. At most all of them: the surplus is a part of the bytes.
        let offsets = u128::from(end.0.saturating_sub(earliest.0));
        let superfluous = (offsets * surplus).div_ceil(u128::from(bytes)) as u64;
        log.trim(topic, *partition, Offset(earliest.0 + superfluous).min(*needed))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use schemas::position::{Partition, Topic};
    use sources::log::{LogAppender, LogReader};
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;

    #[test]
    fn what_a_restart_needs_stays_and_the_rest_goes_only_as_far_as_it_has_to() {
        let log = MemoryLog::new();
        let topic = Topic::new("t");
        let id = log.create_topic(&topic, 1).unwrap().topic_id;
        let record = Record { key: vec![], value: vec![0; 1_000], timestamp: 0 };
        log.append(&topic, vec![record; 100]).unwrap();
        let floor = |offset| Offsets([((topic.clone(), Partition(0)), (id, Offset(offset)))].into());
        let earliest = || log.bounds(&topic, Partition(0)).unwrap().0.0;
        let all = log.bytes();
        trim(&log, &floor(100), all).unwrap();
        assert_eq!(earliest(), 0, "it was not too large");
        trim(&log, &floor(100), all * 3 / 4).unwrap();
        assert_eq!(earliest(), 25);
        trim(&log, &floor(40), 0).unwrap();
        assert_eq!(earliest(), 40, "a restart reads from 40 on");
        assert_eq!(log.bounds(&topic, Partition(0)).unwrap().1, Offset(100));
    }
}
