//! Writing checkpoints beside the ticks.
//!
//! Owns the thread that has the checkpoint files. A [`CheckpointJob`] enters, the epoch leaves when its checkpoint is durable; a deployment
//! has the newest one read here. A disk that is full is waited for, and a descriptor; a failed sync ends the process, because nothing is
//! known any more of what was written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::coordinator::CheckpointJob;
use epochs::disk::Disk;
use epochs::error::EpochError;
use schemas::time::unix_micros;

use super::restore::{RestoreError, restore};
use super::restored::Restored;
use crate::status::{Status, WrittenCheckpoint};
use language::plan::kept::KeptStates;

/// Pause before the next attempt on a full disk, or with too many open files.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The thread's other end.
pub struct Checkpointer {
    jobs: Option<Sender<Job>>,
    written: Receiver<u64>,
    /// an epoch that was told and has to be told again
    told: Option<u64>,
    thread: Option<JoinHandle<()>>,
}

/// Content of a checkpoint: its header, and its entries for each worker.
pub type CheckpointContent = (CheckpointHeader, Vec<Restored>);

/// Result of reading a checkpoint.
pub type ReadCheckpoint = Result<CheckpointContent, RestoreError>;

/// Work for the thread.
enum Job {
    Write(CheckpointJob),
    Read { epoch: Option<u64>, states: KeptStates, rebuilt: BTreeSet<u32>, workers: usize, reply: Sender<ReadCheckpoint> },
}

impl Checkpointer {
    /// Starts the thread, which tells the status how each checkpoint was written.
    pub fn start<D: Disk + 'static>(disk: D, mut checkpoints: Checkpoints<D>, status: Arc<Status>) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let (done, written) = channel();
        let run = move || {
            for job in queue {
                let is_over = match job {
                    Job::Write(job) => {
                        let begun = Instant::now();
                        let is_written = write(&disk, &mut checkpoints, &job);
                        if is_written {
                            status.checkpoint_written(measured(&checkpoints, &job.header, begun));
                        }
                        !is_written || done.send(job.header.epoch).is_err()
                    }
                    // Who asked may have given up.
                    Job::Read { epoch, states, rebuilt, workers, reply } => {
                        let _ = reply.send(read(&checkpoints, epoch, &states, &rebuilt, workers));
                        false
                    }
                };
                if is_over {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".to_owned()).spawn(run)?;
        Ok(Self { jobs: Some(jobs), written, told: None, thread: Some(thread) })
    }

    /// Hands over a checkpoint to write.
    pub fn write(&self, job: CheckpointJob) {
        self.hand_over(Job::Write(job));
    }

    /// Has the checkpoint of an epoch, or else the newest one, read for a plan with these states, but for those that are `rebuilt`.
    pub fn read(
        &self,
        epoch: Option<u64>,
        states: KeptStates,
        rebuilt: BTreeSet<u32>,
        workers: usize,
    ) -> Receiver<ReadCheckpoint> {
        let (reply, begin) = channel();
        self.hand_over(Job::Read { epoch, states, rebuilt, workers, reply });
        begin
    }

    fn hand_over(&self, job: Job) {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        assert!(matches!(sent, Some(Ok(()))), "the checkpointer ended before the driver");
    }

    /// The epochs whose checkpoints became durable since the last call.
    pub fn written(&mut self) -> Vec<u64> {
        self.told.take().into_iter().chain(self.written.try_iter()).collect()
    }

    /// Has an epoch told again by the next call, since nothing could be done with it yet.
    pub fn tell_again(&mut self, epoch: u64) {
        self.told = Some(epoch);
    }

    /// Waits until the checkpoint that is being written is durable.
    pub fn wait(&mut self) -> Option<u64> {
        self.told.take().or_else(|| self.written.recv().ok())
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

/// The checkpoint of an epoch, or else the newest one, and the entries of the states that it holds.
fn read<D: Disk>(
    checkpoints: &Checkpoints<D>,
    epoch: Option<u64>,
    states: &KeptStates,
    rebuilt: &BTreeSet<u32>,
    workers: usize,
) -> ReadCheckpoint {
    let header = checkpoints.headers().find(|header| epoch.is_none_or(|epoch| header.epoch == epoch));
    let header = header.ok_or(RestoreError::None)?;
    let (entries, _) = restore(checkpoints, header, states, rebuilt, workers, &Status::default())?;
    Ok((header.clone(), entries))
}

/// Describes a checkpoint that was just written.
fn measured<D: Disk>(checkpoints: &Checkpoints<D>, header: &CheckpointHeader, begun: Instant) -> WrittenCheckpoint {
    let at_micros = unix_micros(SystemTime::now());
    // One that was merged away already has no files of its own.
    let bytes = checkpoints.bytes(header).unwrap_or(0);
    WrittenCheckpoint { at_micros, duration: begun.elapsed(), bytes }
}

/// Writes a checkpoint; false when another process took over, which the driver finds too, before it binds the next epoch.
fn write<D: Disk>(disk: &D, checkpoints: &mut Checkpoints<D>, job: &CheckpointJob) -> bool {
    let mut warned = false;
    loop {
        match job.write(disk, checkpoints) {
            Ok(()) => return true,
            Err(EpochError::Fenced { .. }) => return false,
            Err(error) if error.is_of_passing_disk() => {
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
