//! Disk of a data directory: its free space, the reserve that a start on a full disk gives up, and the bytes of each topic of the log.
//!
//! Owns [`DiskWatch`], which looks at the disk on a thread of its own, and the reserve file. Appends leave space free (see
//! [`sources::embedded`]), but others can fill the disk to its end. A start writes a little: without the reserve it could not serve readers then.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate};
use sources::embedded::free_bytes;
use sources::log::{Log, LogSpace};

use crate::file_error::FileError;
use crate::stop::StopSignal;

/// File of a data directory that holds space and nothing else.
pub const RESERVE_FILE: &str = "reserve";
/// Its length: enough for a start and what it computes before somebody looks.
pub const RESERVE_BYTES: u64 = 64 << 20;
/// A start with less free space than this gives up the reserve.
pub const START_FREE_BYTES_MIN: u64 = 32 << 20;
/// Space that stays free beside what appends leave free when the reserve is made again.
const RESERVE_MARGIN_BYTES: u64 = 32 << 20;
/// Interval at which the disk is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Interval at which the bytes of topics are counted.
const TOPICS_INTERVAL: Duration = Duration::from_secs(10);

/// The disk as it was when it was last looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskSample {
    /// its space; `None` when the log is on no disk, or the disk does not say
    pub space: Option<LogSpace>,
    /// about how many bytes the records of each topic have; empty until they are counted
    pub topic_bytes: BTreeMap<String, u64>,
}

/// A thread that looks at the disk; it ends when this is dropped.
pub struct DiskWatch {
    sample: Arc<Mutex<DiskSample>>,
    stop: StopSignal,
    thread: Option<JoinHandle<()>>,
}

/// Gives up the reserve of a data directory if its disk has too little space for a start.
pub fn make_room(data: &Path) -> Result<(), FileError> {
    let reserve = data.join(RESERVE_FILE);
    // A disk that does not tell how full it is tells soon enough.
    if !reserve.exists() || free_bytes(data).unwrap_or(u64::MAX) >= START_FREE_BYTES_MIN {
        return Ok(());
    }
    tracing::error!(directory = %data.display(), "the disk is full: the reserve is given up, so that readers are served");
    fs::remove_file(&reserve).map_err(FileError::write(&reserve))
}

impl DiskWatch {
    /// Looks once, and then on a thread.
    pub fn start(data: &Path, log: Arc<dyn Log>) -> io::Result<Self> {
        let first = DiskSample { space: log.space(), ..DiskSample::default() };
        let (sample, stop) = (Arc::new(Mutex::new(first)), StopSignal::default());
        let watch =
            Watching { reserve: data.join(RESERVE_FILE), log, sample: Arc::clone(&sample), counted_at: None, is_refused: false };
        let thread = std::thread::Builder::new().name("disk-watch".to_owned()).spawn({
            let stop = stop.clone();
            move || watch.run(&stop)
        })?;
        Ok(Self { sample, stop, thread: Some(thread) })
    }

    /// Returns what was seen last.
    pub fn sample(&self) -> DiskSample {
        self.sample.lock().clone()
    }

    /// Returns the space that was seen last.
    pub fn space(&self) -> Option<LogSpace> {
        self.sample.lock().space
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been printed.
            thread.join().ok();
        }
    }
}

/// The thread's state.
struct Watching {
    reserve: PathBuf,
    log: Arc<dyn Log>,
    sample: Arc<Mutex<DiskSample>>,
    counted_at: Option<Instant>,
    /// the reserve could not be made for another reason than space: it is not tried again
    is_refused: bool,
}

impl Watching {
    fn run(mut self, stop: &StopSignal) {
        loop {
            self.keep_reserve();
            let space = self.log.space();
            self.sample.lock().space = space;
            if self.counted_at.is_none_or(|at| at.elapsed() >= TOPICS_INTERVAL) {
                self.count_topics();
                self.counted_at = Some(Instant::now());
            }
            if stop.wait(SAMPLE_INTERVAL) {
                return;
            }
        }
    }

    /// Makes the reserve if it is not there and there is room for it.
    fn keep_reserve(&mut self) {
        let Some(LogSpace { free, reserve }) = self.log.space() else { return };
        if self.is_refused || self.reserve.exists() || free < reserve + RESERVE_BYTES + RESERVE_MARGIN_BYTES {
            return;
        }
        if let Err(error) = allocate(&self.reserve) {
            // What was made of it holds nothing for a start.
            let _ = fs::remove_file(&self.reserve);
            self.is_refused = error.kind() != io::ErrorKind::StorageFull;
            let path = self.reserve.display();
            tracing::warn!(%path, %error, "no space can be reserved for a start on a full disk: such a start may be refused");
        }
    }

    fn count_topics(&self) {
        let topics = self.log.topics().unwrap_or_default().into_iter();
        let bytes = topics.filter_map(|metadata| {
            let bytes = self.log.topic_bytes(&metadata.topic).ok()?;
            Some((metadata.topic.as_str().to_owned(), bytes))
        });
        let topic_bytes = bytes.collect();
        self.sample.lock().topic_bytes = topic_bytes;
    }
}

/// Makes the reserve: a file whose space is taken from the disk.
fn allocate(path: &Path) -> io::Result<()> {
    let file = File::create(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use schemas::position::Topic;
    use sources::embedded::EmbeddedLog;
    use sources::log::{LogAppender, LogReader};
    use sources::memory::MemoryLog;

    use super::*;

    fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_there() {
            assert!(begun.elapsed() < Duration::from_secs(60), "gave up waiting: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_reserve_takes_space_and_stays_while_a_start_has_enough() {
        use std::os::unix::fs::MetadataExt as _;
        let data = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&data.path().join("log")).unwrap();
        log.create_topic(&Topic::new("t"), 1).unwrap();
        let watch = DiskWatch::start(data.path(), Arc::new(log)).unwrap();
        let reserve = data.path().join(RESERVE_FILE);
        wait_for("the reserve", || fs::metadata(&reserve).is_ok_and(|file| file.blocks() * 512 >= RESERVE_BYTES));
        wait_for("the topics", || watch.sample().topic_bytes.contains_key("t"));
        assert!(watch.space().is_some_and(|space| !space.is_full()));
        make_room(data.path()).unwrap();
        assert!(reserve.exists(), "the disk of the tests is full");
    }

    #[test]
    fn a_log_on_no_disk_has_no_reserve() {
        let data = tempfile::tempdir().unwrap();
        let log = MemoryLog::new();
        assert!(log.space().is_none());
        let watch = DiskWatch::start(data.path(), Arc::new(log)).unwrap();
        assert_eq!(watch.sample(), DiskSample::default());
        drop(watch);
        assert!(!data.path().join(RESERVE_FILE).exists());
    }
}
