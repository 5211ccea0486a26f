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
use rustix::io::Errno;
use sources::embedded::free_bytes;
use sources::error::LogError;
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

/// Returns true if a file holds all the space of a reserve. A process that was killed while it made one leaves a shorter file.
pub fn is_whole_reserve(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() >= RESERVE_BYTES)
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
        let watch = Watching::new(data.join(RESERVE_FILE), log, Arc::clone(&sample));
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
    /// the disk can't reserve space at all: it is not tried again
    is_refused: bool,
    /// the log says why the reserve could not be made when it was last tried
    is_told: bool,
}

impl Watching {
    fn new(reserve: PathBuf, log: Arc<dyn Log>, sample: Arc<Mutex<DiskSample>>) -> Self {
        Self { reserve, log, sample, counted_at: None, is_refused: false, is_told: false }
    }

    fn run(mut self, stop: &StopSignal) {
        loop {
            self.keep_reserve();
            let space = self.log.space();
            self.sample.lock().space = space;
            if self.counted_at.is_none_or(|at| at.elapsed() >= TOPICS_INTERVAL) {
                self.take_topic_bytes(self.count_topics());
                self.counted_at = Some(Instant::now());
            }
            if stop.wait(SAMPLE_INTERVAL) {
                return;
            }
        }
    }

    /// Makes the reserve if it is not there whole and there is room for it. What failed is tried again, unless it can never work.
    fn keep_reserve(&mut self) {
        let Some(LogSpace { free, reserve }) = self.log.space() else { return };
        if self.is_refused || is_whole_reserve(&self.reserve) || free < reserve + RESERVE_BYTES + RESERVE_MARGIN_BYTES {
            return;
        }
        let Err(error) = allocate(&self.reserve) else {
            self.is_told = false;
            return;
        };
        // What was made of it holds nothing for a start.
        let _ = fs::remove_file(&self.reserve);
        self.is_refused = is_for_good(&error);
        if !self.is_told {
            let path = self.reserve.display();
            tracing::warn!(%path, %error, "no space can be reserved for a start on a full disk: such a start may be refused");
            self.is_told = true;
        }
    }

    fn count_topics(&self) -> Result<BTreeMap<String, u64>, LogError> {
        let topics = self.log.topics()?.into_iter();
        topics.map(|metadata| Ok((metadata.topic.as_str().to_owned(), self.log.topic_bytes(&metadata.topic)?))).collect()
    }

    /// Takes in the bytes of all topics. While they can't be counted those that were counted last stay.
    fn take_topic_bytes(&self, counted: Result<BTreeMap<String, u64>, LogError>) {
        match counted {
            Ok(topic_bytes) => self.sample.lock().topic_bytes = topic_bytes,
            Err(error) => tracing::warn!(%error, "the bytes of the log's topics can't be counted now"),
        }
    }
}

/// Returns true if an error means that this disk can never reserve space; any other one may pass.
fn is_for_good(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| [Errno::OPNOTSUPP, Errno::NOSYS].contains(&errno))
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

    /// The thread's state over a log on a disk, with the reserve in a folder that is not there yet.
    fn watching(data: &Path) -> Watching {
        let log = EmbeddedLog::open(&data.join("log")).unwrap();
        log.create_topic(&Topic::new("t"), 1).unwrap();
        Watching::new(data.join("later").join(RESERVE_FILE), Arc::new(log), Arc::default())
    }

    #[test]
    fn a_reserve_that_could_not_be_made_is_made_later() {
        let data = tempfile::tempdir().unwrap();
        let mut watching = watching(data.path());
        watching.keep_reserve();
        assert_eq!((watching.is_refused, watching.is_told), (false, true));
        fs::create_dir(data.path().join("later")).unwrap();
        watching.keep_reserve();
        assert!(watching.reserve.exists() && !watching.is_told);
    }

    #[test]
    fn a_reserve_that_a_killed_process_has_not_finished_is_made_again() {
        let data = tempfile::tempdir().unwrap();
        let mut watching = watching(data.path());
        fs::create_dir(data.path().join("later")).unwrap();
        for bytes in [0, RESERVE_BYTES - 1] {
            File::create(&watching.reserve).unwrap().set_len(bytes).unwrap();
            assert!(!is_whole_reserve(&watching.reserve), "{bytes} bytes");
            watching.keep_reserve();
            assert!(is_whole_reserve(&watching.reserve), "{bytes} bytes");
        }
    }

    #[test]
    fn only_a_disk_that_can_t_reserve_space_is_not_asked_again() {
        for errno in [Errno::OPNOTSUPP, Errno::NOSYS] {
            assert!(is_for_good(&errno.into()), "{errno}");
        }
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::INTR, Errno::IO, Errno::NOENT, Errno::ACCESS]
        {
            assert!(!is_for_good(&errno.into()), "{errno}");
        }
        assert!(!is_for_good(&io::ErrorKind::Other.into()));
    }

    #[test]
    fn bytes_of_topics_stay_while_they_can_t_be_counted() {
        let data = tempfile::tempdir().unwrap();
        let watching = watching(data.path());
        watching.take_topic_bytes(watching.count_topics());
        let counted = watching.sample.lock().clone();
        assert!(counted.topic_bytes.contains_key("t"));
        watching.take_topic_bytes(Err(LogError::UnknownTopic { topic: Topic::new("t") }));
        assert_eq!(*watching.sample.lock(), counted);
    }
}
