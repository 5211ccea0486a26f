//! Worker threads: each runs the whole dataflow on its share of the keys.
//!
//! Owns the loop of a worker. Bound epochs enter through a channel, the epoch's output leaves through another once the frontier of all
//! workers has passed it. A worker that panics would leave the others waiting for ever: it ends the process when readers depend on it
//! ([`PanicPolicy`]), or else the other workers too.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use operators::Time;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input as _;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use super::error::WorkersError;
use crate::nodes;
use crate::render::budget::Budget;
use crate::render::drain::{Drain, EpochOutput};
use crate::render::events::Records;
use crate::render::restore_context::RestoreContext;
use crate::status::Status;
use language::topology::Topology;

/// Longest sleep of an idle worker before it looks at its channel again; the driver wakes it sooner.
const PARK_MAX: Duration = Duration::from_millis(100);

/// One worker's part of an epoch.
pub struct Work {
    /// the epoch
    pub epoch: Time,
    /// its wall clock
    pub wall_micros: i64,
    /// the records of this worker's partitions, by source
    pub records: Vec<Records>,
}

/// Output of one worker for an epoch.
pub struct Done {
    /// the epoch
    pub epoch: Time,
    /// its output
    pub output: EpochOutput,
}

/// The driver's ends of the channels.
pub struct Workers {
    work: Vec<(Sender<Work>, Thread)>,
    /// finished work of all workers
    pub done: Receiver<Done>,
    /// treatment of a panic of one of them
    pub panic_policy: Arc<PanicPolicy>,
    /// budget of an epoch
    pub budget: Budget,
    guards: Option<timely::communication::WorkerGuards<()>>,
}

/// Treatment of a worker's panic: the end of the process when readers depend on it, the end of a deployment when they do not yet.
#[derive(Default)]
pub struct PanicPolicy {
    /// called before the process ends, when readers depend on the workers
    on_panic: OnceLock<OnPanic>,
    /// the first one, which is the cause of the others
    failure: OnceLock<WorkerFailure>,
}

/// Reason why workers do not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerFailure {
    /// an epoch exceeded its budget, which says by how much
    OverBudget,
    /// one of them panicked
    Panicked {
        /// its message
        detail: String,
    },
}

/// Notes what a worker panicked with.
type OnPanic = Box<dyn Fn(&str) + Send + Sync>;

impl PanicPolicy {
    /// Readers depend on these workers from now on: a panic is noted, then the process ends.
    pub fn take_service(&self, on_panic: impl Fn(&str) + Send + Sync + 'static) {
        // Who takes service does so once.
        let _ = self.on_panic.set(Box::new(on_panic));
    }

    /// Returns the first reason why workers do not go on.
    pub fn failure(&self) -> Option<&WorkerFailure> {
        self.failure.get()
    }

    /// Gives the workers up because an epoch exceeded its budget: they can't go on, and the process can.
    pub(super) fn give_up(&self) {
        // The first reason is the cause of the others.
        let _ = self.failure.set(WorkerFailure::OverBudget);
    }

    /// Notes a worker's panic; ends the process when readers depend on the workers.
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a worker panicked".to_owned());
        // The first panic is the cause of the others.
        let is_first = self.failure.set(WorkerFailure::Panicked { detail: text.clone() }).is_ok();
        if let Some(on_panic) = self.on_panic.get().filter(|_| is_first) {
            on_panic(&text);
            eprintln!("a worker panicked; the process ends, acknowledged events are in the log");
            std::process::abort();
        }
    }
}

struct Port {
    work: Receiver<Work>,
    done: Sender<Done>,
    thread: Sender<(usize, Thread)>,
}

/// Starts the workers of a topology. A panic ends the process only after [`PanicPolicy::take_service`].
pub fn start(topology: &Arc<Topology>, keeping: Vec<RestoreContext>, status: &Arc<Status>) -> Result<Workers, WorkersError> {
    let panic_policy = Arc::new(PanicPolicy::default());
    let count = keeping.len();
    let (done_sender, done) = channel();
    let (thread_sender, threads) = channel();
    let (senders, receivers): (Vec<Sender<Work>>, Vec<Receiver<Work>>) = (0..count).map(|_| channel()).unzip();
    let ports: Vec<Option<(Port, RestoreContext)>> = receivers
        .into_iter()
        .map(|work| Port { work, done: done_sender.clone(), thread: thread_sender.clone() })
        .zip(keeping)
        .map(Some)
        .collect();
    drop(thread_sender);
    let ports = Mutex::new(ports);
    let (topology, status, shared) = (Arc::clone(topology), Arc::clone(status), Arc::clone(&panic_policy));
    let budget = Budget::default();
    let spent = budget.clone();
    let guards = timely::execute(timely::Config::process(count), move |worker| {
        let port = ports.lock().unwrap_or_else(PoisonError::into_inner)[worker.index()].take();
        let Some((port, keeping)) = port else { return };
        let drain = Drain::new(keeping.start, Arc::clone(&status), spent.clone());
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(worker, &topology, &port, keeping, drain, &shared))) {
            shared.panicked(panic.as_ref());
            // The dataflow is in no state to be stepped once more, as it would be after a return.
            resume_unwind(panic);
        }
    });
    let guards = guards.map_err(|detail| WorkersError::Threads { detail })?;
    let mut handles: Vec<(usize, Thread)> = threads.iter().take(count).collect();
    handles.sort_by_key(|(index, _)| *index);
    let work: Vec<_> = senders.into_iter().zip(handles.into_iter().map(|(_, thread)| thread)).collect();
    let workers = Workers { work, done, panic_policy: Arc::clone(&panic_policy), budget, guards: Some(guards) };
    if workers.count() == count {
        Ok(workers)
    } else {
        Err(match panic_policy.failure() {
            Some(WorkerFailure::Panicked { detail }) => WorkersError::Panicked { detail: detail.clone() },
            Some(WorkerFailure::OverBudget) | None => WorkersError::Ended,
        })
    }
}

impl Workers {
    /// Returns their number.
    pub fn count(&self) -> usize {
        self.work.len()
    }

    /// Hands an epoch to a worker and wakes it.
    pub fn send(&self, worker: usize, work: Work) {
        let (sender, thread) = &self.work[worker];
        // A worker ends early only when one has panicked, which whoever waits for the output looks at.
        let sent = sender.send(work).is_ok();
        assert!(sent || self.panic_policy.failure().is_some(), "worker {worker} ended while it had work");
        thread.unpark();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // A worker ends when its channel is closed.
        for (sender, thread) in self.work.drain(..) {
            drop(sender);
            thread.unpark();
        }
        // One that panicked has said so.
        drop(self.guards.take().map(timely::communication::WorkerGuards::join));
    }
}

type Input<D> = InputHandle<Time, CapacityContainerBuilder<Vec<D>>>;

struct Inputs {
    records: Vec<Input<Records>>,
    clock: Input<i64>,
}

fn run(worker: &mut Worker, topology: &Topology, port: &Port, keeping: RestoreContext, drain: Drain, panic_policy: &PanicPolicy) {
    let probe = Handle::new();
    let begin = keeping.begin();
    let mut inputs = worker.dataflow::<Time, _, _>(|scope| {
        let (records, streams): (Vec<_>, Vec<_>) = topology.sources.iter().map(|_| scope.new_input::<Vec<Records>>()).unzip();
        let (clock, ticks) = scope.new_input::<Vec<i64>>();
        crate::render::render(topology, scope, streams, ticks, (&drain, &probe), keeping, nodes::render)
            .unwrap_or_else(|error| panic!("a topology that was checked could not be rendered: {error}"));
        Inputs { records, clock }
    });
    inputs.advance_to(begin);
    let announced = port.thread.send((worker.index(), std::thread::current()));
    assert!(announced.is_ok(), "the driver ended before its workers started");
    let mut pending: VecDeque<Time> = VecDeque::new();
    loop {
        if drain.budget().exceeded().is_some() {
            panic_policy.give_up();
        }
        if panic_policy.failure().is_some() {
            // What waits for a worker that is gone would wait for ever.
            return worker.installed_dataflows().into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
        }
        match port.work.try_recv() {
            Ok(work) => {
                pending.push_back(work.epoch);
                inputs.feed(work);
            }
            Err(TryRecvError::Empty) => {
                worker.step_or_park(Some(PARK_MAX));
            }
            Err(TryRecvError::Disconnected) => return,
        }
        while let Some(&epoch) = pending.front() {
            // What an epoch that was stopped has made is a part of it.
            if probe.less_equal(&epoch) || drain.budget().exceeded().is_some() {
                break;
            }
            pending.pop_front();
            // The driver may be gone already; then nobody needs the output.
            let _ = port.done.send(Done { epoch, output: drain.take(epoch) });
        }
    }
}

impl Inputs {
    /// Nothing will come before this epoch.
    fn advance_to(&mut self, epoch: Time) {
        self.records.iter_mut().for_each(|input| input.advance_to(epoch));
        self.clock.advance_to(epoch);
    }

    fn feed(&mut self, work: Work) {
        assert_eq!(self.records.len(), work.records.len(), "epoch {} has records of other sources than the dataflow", work.epoch);
        self.clock.send(work.wall_micros);
        for (input, records) in self.records.iter_mut().zip(work.records) {
            if !records.is_empty() {
                input.send(records);
            }
            input.advance_to(work.epoch + 1);
            input.flush();
        }
        self.clock.advance_to(work.epoch + 1);
        self.clock.flush();
    }
}
