//! Sink tasks: what leaves the process durably, following the views.
//!
//! Owns the seam between the driver and sinks that keep their progress. Each published epoch enters, without ever making the driver wait;
//! each sink task has a thread of its own that brings the changes of its view to its sink, exactly once. What leaves beside that is the
//! least epoch that a sink task still needs, and how each is doing.

mod plan;
mod queue;
mod report;
mod sink_task;
mod topic_log;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;

use epochs::coordinator::{Coordinator, SinkFloors};
use epochs::crash_point::crash_point;
use epochs::disk::Disk;
use parking_lot::Mutex;
use schemas::connector::SinkOptions;
use sinks::connector::{Connections, OpenError};
use sinks::contract::{History, Progress, Sink, SinkKind};
use sinks::registry;
use sinks::views::{EpochChanges, Views};
use sources::log::Log;

use self::plan::SinkTaskPlan;
pub use self::plan::{identities, plans};
use self::queue::{Handed, Queue};
pub use self::report::{Reports, SinkTaskReport, SinkTaskState};
use self::sink_task::{SinkContext, SinkTask};
pub use self::topic_log::DerivedTopicLog;
use crate::limits::EPOCHS_IN_FLIGHT_MAX;
use crate::options::Options;
use language::plan::sink::definitions;
use language::topology::Topology;

/// Sink tasks before the run begins: they are asked how far they are, so that the run begins early enough for them.
pub struct Opening(Vec<(SinkTaskPlan, Option<Progress>)>);

impl Opening {
    /// The sink tasks of a run.
    pub fn new(plans: Vec<SinkTaskPlan>) -> Self {
        Self(plans.into_iter().map(|plan| (plan, None)).collect())
    }

    /// Fences off earlier incarnations from every sink and returns the epochs that the sinks can resume from. A sink that does not answer has
    /// none, and is not waited for.
    pub fn fence(&mut self, history: &History, incarnation: u64) -> SinkFloors {
        let mut floors = SinkFloors::default();
        for (sink_task, found) in &mut self.0 {
            *found = match sink_task.sink.fence(incarnation) {
                Ok(progress) => progress.filter(|progress| history.is_good(progress, sink_task.plan)),
                Err(error) => {
                    tracing::warn!(sink = sink_task.name, %error, "the sink can't tell how far it is now");
                    None
                }
            };
            found.iter().for_each(|found| floors.add(sink_task.sink.kind(), found.epoch));
        }
        floors
    }
}

/// Views whose rows were computed once more from the log because somebody asked for it.
pub struct RecomputedViews<'v> {
    /// all of them
    pub all: BTreeSet<&'v str>,
    /// those of them whose rows are others than before
    pub differing: BTreeSet<String>,
}

impl RecomputedViews<'_> {
    /// Returns true if a sink of this kind can't go on with the changes of a view. Where the rows are the same a record of changes goes on as if
    /// nothing had happened; state is rebuilt all the same, since a replay is asked for to repair what was derived.
    fn interrupt(&self, view: &str, kind: SinkKind) -> bool {
        match kind {
            SinkKind::State => self.all.contains(view),
            SinkKind::Append => self.differing.contains(view),
        }
    }
}

/// The sink tasks of a run.
pub struct SinkTasks {
    followers: Vec<Follower>,
    connections: Connections,
    around: SinkContext,
}

struct Follower {
    identity: String,
    view: String,
    options: SinkOptions,
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl SinkTasks {
    /// Starts a thread for each sink task. `start` is the epoch that the run begins with, `seen` names those that an earlier run has written
    /// to.
    pub fn start<D: Disk>(
        opening: Opening,
        connections: Connections,
        coordinator: &Coordinator<D>,
        (start, seen): (u64, &BTreeSet<String>),
        (views, reports): (&Arc<Views>, &Arc<Reports>),
    ) -> std::io::Result<Self> {
        let around = SinkContext {
            views: Arc::clone(views),
            reports: Arc::clone(reports),
            history: Arc::new(Mutex::new(coordinator.history().clone())),
            incarnation: coordinator.identity().incarnation,
            start,
        };
        reports.retain(|name| opening.0.iter().any(|(plan, _)| plan.name == name));
        let mut sink_tasks = Self { followers: Vec::with_capacity(opening.0.len()), connections, around };
        for (plan, found) in opening.0 {
            let seen = seen.contains(&plan.identity());
            sink_tasks.follow(plan, seen, found, None)?;
        }
        Ok(sink_tasks)
    }

    /// Starts a thread, which first waits for the one that had the sink before.
    fn follow(
        &mut self,
        plan: SinkTaskPlan,
        seen: bool,
        found: Option<Progress>,
        before: Option<JoinHandle<()>>,
    ) -> std::io::Result<()> {
        let identity = plan.identity();
        let SinkTaskPlan { name, view, target, topic, plan, options, sink, effect } = plan;
        let queue = Arc::new(Queue::beginning_with(self.around.start));
        let thread_name = format!("sink {name}");
        let followed = identity.clone();
        self.around.reports.begin(&identity);
        let effect = effect.map(|begin| begin());
        let parts =
            sink_task::SinkTaskParts { name, identity, view: view.clone(), target, topic, plan, sink, effect, seen, found };
        let sink_task = SinkTask::new(parts, self.around.clone(), Arc::clone(&queue));
        let run = move || {
            // Its panic, if any, has been printed.
            before.map(JoinHandle::join);
            sink_task.run();
        };
        let thread = std::thread::Builder::new().name(thread_name).spawn(run)?;
        self.followers.push(Follower { identity: followed, view, options, queue, thread: Some(thread) });
        Ok(())
    }

    /// Hands an epoch over that has just been published.
    pub fn published(&self, history: &History, changes: &Arc<EpochChanges>) {
        let epoch = changes.epoch.0;
        let (Some(chain), Some(retained_from)) = (history.chain(epoch), history.first()) else { return };
        if self.followers.is_empty() {
            return;
        }
        let after = epoch.checked_sub(1).and_then(|before| history.chain(before)).unwrap_or_default();
        {
            let mut known = self.around.history.lock();
            known.push(epoch, chain);
            // Readers may see a later epoch before it is handed over.
            let bound = epoch + 1..=epoch + EPOCHS_IN_FLIGHT_MAX as u64;
            bound.filter_map(|epoch| Some((epoch, history.chain(epoch)?))).for_each(|(epoch, chain)| known.push(epoch, chain));
            known.trim(retained_from);
        }
        for follower in &self.followers {
            let served = self.around.views.view(&follower.view);
            follower.queue.hand_over(Handed { epoch, after, chain, retained_from, served, changes: Arc::clone(changes) });
        }
    }

    /// Another topology takes over with an epoch that is handed over next. Sink tasks that are declared as before go on, unless the `recomputed`
    /// views interrupt them: then the epoch is no change of what their sinks have. The others end, and new ones begin with what that epoch shows.
    pub fn redeploy(&mut self, topology: &Topology, history: &History, epoch: u64, recomputed: &RecomputedViews<'_>) {
        let mut before: BTreeMap<String, Follower> =
            std::mem::take(&mut self.followers).into_iter().map(|follower| (follower.identity.clone(), follower)).collect();
        let (kept, new): (Vec<SinkTaskPlan>, Vec<SinkTaskPlan>) =
            plans(topology, &self.connections).into_iter().partition(|plan| {
                // With another address or password the same task has to connect once more.
                before.get(&plan.identity()).is_some_and(|follower| follower.options == plan.options)
            });
        for plan in kept {
            let Some(follower) = before.remove(&plan.identity()) else { continue };
            if recomputed.interrupt(&follower.view, plan.sink.kind()) {
                tracing::info!(sink = plan.name, view = follower.view, "the sink can't go on with a view that was computed once more");
                follower.queue.lose(epoch);
            }
            self.followers.push(follower);
        }
        self.around.start = epoch;
        *self.around.history.lock() = history.clone();
        let mut ending: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
        for (identity, mut follower) in before {
            follower.queue.close();
            let name = name_of(&identity).to_owned();
            self.around.reports.forget(&name, &identity);
            ending.extend(follower.thread.take().map(|thread| (name, thread)));
        }
        for plan in new {
            let (name, thread) = (plan.name.clone(), ending.remove(&plan.name));
            if let Err(error) = self.follow(plan, false, None, thread) {
                tracing::error!(sink = name, %error, "the sink can't be followed before a restart: its thread could not be started");
            }
        }
    }

    /// Refuses a topology with a sink that can't be opened here.
    pub fn check(&self, topology: &Topology) -> Result<(), OpenError> {
        check(topology, &self.connections)
    }

    /// The least epoch that a sink task needs: nothing after it may be forgotten.
    pub fn floor(&self) -> Option<u64> {
        self.around.reports.floor()
    }

    /// The identities of the sink tasks that hold data of ours, to be kept with the next checkpoint.
    pub fn seen(&self) -> BTreeSet<String> {
        self.around.reports.seen()
    }
}

/// The name of the sink task that is known so.
pub fn name_of(identity: &str) -> &str {
    identity.split(' ').next().unwrap_or_default()
}

impl Drop for SinkTasks {
    fn drop(&mut self) {
        for follower in &self.followers {
            follower.queue.close();
        }
        for follower in &mut self.followers {
            if let Some(thread) = follower.thread.take() {
                // Its panic, if any, has been printed.
                thread.join().ok();
            }
        }
    }
}

/// Refuses a topology with a sink that can't be opened with these connections.
pub fn check(topology: &Topology, connections: &Connections) -> Result<(), OpenError> {
    registry::check(&definitions(topology).collect::<Vec<_>>(), connections)
}

/// Returns the connections of a process with this log and these options.
pub fn connections(log: &Arc<dyn Log>, options: &Options) -> Connections {
    Connections {
        log: Arc::new(DerivedTopicLog(Arc::clone(log))),
        redis: options.redis.clone(),
        invalidations: Arc::default(),
        place: options.search.clone(),
        search: Arc::default(),
        step: crash_point,
    }
}
