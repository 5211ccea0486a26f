//! Writing checkpoints beside the ticks.
//!
//! Owns the thread that has the checkpoint files. A [`CheckpointJob`] enters, the epoch leaves when its checkpoint is durable. A disk
//! that is full is waited for; a failed sync ends the process, because nothing is known any more of what was written.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use epochs::checkpoint::Checkpoints;
use epochs::coordinator::CheckpointJob;
use epochs::disk::Disk;
use epochs::error::EpochError;

/// How long a full disk is left alone before the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The thread's other end.
pub struct Checkpointer {
    jobs: Option<Sender<CheckpointJob>>,
    written: Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub fn start<D: Disk + 'static>(disk: D, mut checkpoints: Checkpoints<D>) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<CheckpointJob>();
        let (done, written) = channel();
        let run = move || {
            for job in queue {
                let epoch = job.header.epoch;
                if !write(&disk, &mut checkpoints, &job) || done.send(epoch).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".to_owned()).spawn(run)?;
        Ok(Self { jobs: Some(jobs), written, thread: Some(thread) })
    }

    /// Hands over a checkpoint to write.
    pub fn write(&self, job: CheckpointJob) {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        assert!(matches!(sent, Some(Ok(()))), "the checkpointer ended before the driver");
    }

    /// The epochs whose checkpoints became durable since the last call.
    pub fn written(&self) -> Vec<u64> {
        self.written.try_iter().collect()
    }

    /// Waits until the checkpoint that is being written is durable.
    pub fn wait(&self) -> Option<u64> {
        self.written.recv().ok()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been printed.
            thread.join().ok();
        }
    }
}

/// Writes a checkpoint; false when another process took over, which the driver finds too, before it binds the next epoch.
fn write<D: Disk>(disk: &D, checkpoints: &mut Checkpoints<D>, job: &CheckpointJob) -> bool {
    let mut warned = false;
    loop {
        match job.write(disk, checkpoints) {
            Ok(()) => return true,
            Err(EpochError::Fenced { .. }) => return false,
            Err(EpochError::Checkpoint(error)) if error.is_out_of_space() => {
                if !std::mem::replace(&mut warned, true) {
                    tracing::warn!(%error, epoch = job.header.epoch, "a checkpoint can't be written now; trying again");
                }
                std::thread::sleep(RETRY_INTERVAL);
            }
            Err(error) => {
                eprintln!("{error}; the process ends, acknowledged events and bound epochs are on disk");
                std::process::abort();
            }
        }
    }
}
