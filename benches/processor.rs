//! Processor time of this process's threads, as the kernel counts it.
//!
//! Rates per second of processor time hold on a busy machine too, and threads have names: so the engine's share is told from that of
//! the load generators in the same process. Names of threads enter, seconds leave.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

const NANOS_PER_SECOND: f64 = 1e9;
/// The threads of the engine: one binds epochs and publishes them, the others compute.
pub const ENGINE_THREADS: [&str; 2] = ["driver", "timely:"];
/// The thread that appends to the embedded log and syncs it, and those of its store.
pub const LOG_THREADS: [&str; 2] = ["log-writer", "fjall"];
/// The threads that answer requests.
pub const API_THREADS: [&str; 1] = ["tokio-"];

/// Seconds of processor time by name of thread.
#[derive(Clone, Debug)]
pub struct ThreadTimes(BTreeMap<String, f64>);

impl ThreadTimes {
    /// Those of all threads that there are now.
    pub fn now() -> io::Result<Self> {
        let mut times: BTreeMap<String, f64> = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            // A thread may end between being listed and being read.
            let (Ok(name), Ok(seconds)) = (fs::read_to_string(task.join("comm")), seconds(&task.join("schedstat"))) else {
                continue;
            };
            *times.entry(name.trim_end().to_owned()).or_default() += seconds;
        }
        Ok(Self(times))
    }

    /// Returns the time that threads whose names start with one of `prefixes` have used since `earlier`.
    pub fn since(&self, earlier: &Self, prefixes: &[&str]) -> f64 {
        let is_meant = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let meant = self.0.iter().filter(|(name, _)| is_meant(name));
        meant.map(|(name, seconds)| seconds - earlier.0.get(name).copied().unwrap_or(0.0)).sum()
    }
}

/// Seconds of processor time of the calling thread.
pub fn this_thread() -> io::Result<f64> {
    seconds(Path::new("/proc/thread-self/schedstat"))
}

fn seconds(path: &Path) -> io::Result<f64> {
    let text = fs::read_to_string(path)?;
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok());
    nanos.map(|nanos| nanos / NANOS_PER_SECOND).ok_or_else(|| io::Error::other(format!("'{}' has no figure", path.display())))
}
