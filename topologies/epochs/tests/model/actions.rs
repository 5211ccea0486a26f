//! The model: what can happen next, and what then is.
//!
//! Owns [`Protocol`], which the checker explores. A scenario and at most one removed rule enter. Actions are of two kinds: steps, which
//! producers, processes and people take sooner or later, and faults, of which a scenario has a small budget.

use stateright::{Model, Property};

use crate::delivery::Outcome;
use crate::mutants::Rule;
use crate::properties;
use crate::scenarios::Scenario;
use crate::state::{APPEND, Budget, FOREIGN, FOREIGN_PARTITION, Link, Phase, Progress, STATE, World};

/// The protocol in one scenario, with one rule removed or none.
pub struct Protocol {
    pub scenario: Scenario,
    pub removed: Option<Rule>,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// a producer's record is durable in the log and acknowledged
    Produce(usize),
    RegistryRecovers,
    /// a process starts, because there is none that may write
    Start,
    /// a process, by its place, takes a step
    Step(usize, Step),
    /// a write that was given up arrives
    Land(usize),
    Strike(Fault),
}

/// A step of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Fence(usize),
    Load,
    Append,
    Sync,
    Compute,
    Apply(usize, Outcome),
    Rebuild(usize, Outcome),
    Attach(usize),
    /// the guard of an empty unit fails: the sink is not where it is thought to be
    Heartbeat(usize),
    /// someone chooses a new topic for a sink that is halted
    ChooseNewTopic(usize),
    Invalidate,
    Checkpoint,
    Compact,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// a process dies; what it wrote stays
    Kill(usize),
    /// all processes die, and of the bindings that were not synced these are left
    LosePower(usize),
    /// a process starts beside one that is only frozen
    FailOver,
    /// a sink goes back to an earlier state
    Regress(usize, usize),
    LoseProgress(usize),
    BackUp,
    Restore,
    /// a new plan, by a restart
    Deploy,
    RegistryFails,
    Clock(u8),
    /// a topic is deleted and made again
    Recreate,
    /// an unclean election changes the last record
    Diverge,
    /// retention passes everything
    Expire,
}

const OUTCOMES: [Outcome; 4] = [Outcome::Arrives, Outcome::WriteLost, Outcome::AnswerLost, Outcome::Delayed];

impl Protocol {
    /// Returns true if a rule is in force.
    pub fn follows(&self, rule: Rule) -> bool {
        self.removed != Some(rule)
    }

    /// Adds the steps that happen sooner or later, whatever else does.
    pub fn steps(&self, world: &World, actions: &mut Vec<Action>) {
        for partition in 0..world.sources.len() {
            let sent = usize::from(world.sources[partition].acknowledged);
            if sent < self.scenario.records[partition].len() && world.sources[partition].topic == 0 {
                actions.push(Action::Produce(partition));
            }
        }
        if world.registry_is_down {
            actions.push(Action::RegistryRecovers);
        }
        if !world.processes.iter().any(|process| world.is_current(process)) {
            actions.push(Action::Start);
        }
        actions.extend([STATE, APPEND].into_iter().filter(|sink| world.sinks[*sink].delayed.is_some()).map(Action::Land));
        for p in 0..world.processes.len() {
            let mut steps = Vec::new();
            match world.processes[p].phase {
                Phase::Fencing(sink) => steps.push(Step::Fence(sink)),
                Phase::Loading => steps.push(Step::Load),
                Phase::Running => self.running(world, p, &mut steps),
                Phase::Halted(_) => {}
            }
            actions.extend(steps.into_iter().map(|step| Action::Step(p, step)));
        }
    }

    fn running(&self, world: &World, p: usize, steps: &mut Vec<Step>) {
        let process = &world.processes[p];
        let is_replaced = |partition: usize| {
            let source = &world.sources[partition];
            source.topic != process.topics[partition] || source.start > process.offsets[partition]
        };
        let has_news = |partition: usize| !self.range(world, p, partition).records.is_empty() || is_replaced(partition);
        if process.pending.is_some() {
            steps.push(Step::Sync);
        } else if process.is_replayed() && (has_news(0) || has_news(FOREIGN_PARTITION)) {
            steps.push(Step::Append);
        }
        if self.computable(world, p).is_some() {
            steps.push(Step::Compute);
        }
        for sink in [STATE, APPEND] {
            steps.extend(self.linked(world, p, sink));
        }
        if self.scenario.has_cache && self.invalidation(world, p) > process.invalidated {
            steps.push(Step::Invalidate);
        }
        let newest = world.disk.checkpoints.last().map_or(0, |checkpoint| checkpoint.epoch);
        if world.budget.checkpoints > 0 && process.computed > newest {
            steps.push(Step::Checkpoint);
        }
        if self.since(world, p).is_some_and(|place| place > 0) {
            steps.push(Step::Compact);
        }
    }

    fn linked(&self, world: &World, p: usize, sink: usize) -> Option<Step> {
        let process = &world.processes[p];
        match &process.links[sink] {
            Link::Unknown(_) => Some(Step::Attach(sink)),
            Link::Halted => Some(Step::ChooseNewTopic(sink)),
            Link::Rebuilding => process.is_replayed().then_some(Step::Rebuild(sink, Outcome::Arrives)),
            Link::Attached(known) if known.epoch < process.computed => Some(Step::Apply(sink, Outcome::Arrives)),
            Link::Attached(known) => self.has_strayed(world, sink, known).then_some(Step::Heartbeat(sink)),
            Link::Found(_) => None,
        }
    }

    /// Returns true if a sink that was up to date is elsewhere.
    fn has_strayed(&self, world: &World, sink: usize, known: &Progress) -> bool {
        let found = world.sinks[sink].store.progress.as_ref();
        let is_there =
            |found: &Progress| self.is_same((found.epoch, found.chain), (known.epoch, known.chain)) && found.plan == known.plan;
        !found.is_some_and(is_there)
    }

    fn faults(&self, world: &World, actions: &mut Vec<Action>) {
        let budget = world.budget;
        let mut faults = Vec::new();
        if budget.kills > 0 {
            faults.extend((0..world.processes.len()).map(Fault::Kill));
        }
        if budget.power_losses > 0 && !world.processes.is_empty() {
            faults.extend((world.disk.synced..=world.disk.bindings.len()).map(Fault::LosePower));
        }
        if budget.fail_overs > 0 && world.processes.len() == 1 {
            faults.push(Fault::FailOver);
        }
        for sink in [STATE, APPEND] {
            if budget.regressions > 0 {
                faults.extend((0..world.sinks[sink].past.len()).map(|place| Fault::Regress(sink, place)));
            }
            if budget.lost_progress > 0 && world.sinks[sink].store.generation + world.sinks[sink].store.applied.len() as u8 > 0 {
                faults.push(Fault::LoseProgress(sink));
            }
        }
        if budget.backups > 0 {
            faults.push(if world.backup.is_none() { Fault::BackUp } else { Fault::Restore });
        }
        if budget.deploys > 0 && !world.processes.is_empty() {
            faults.push(Fault::Deploy);
        }
        if budget.outages > 0 {
            faults.push(Fault::RegistryFails);
        }
        if budget.clock_steps > 0 {
            faults.extend([Fault::Clock(0), Fault::Clock(100)]);
        }
        if budget.source_damages > 0 && !world.sources[FOREIGN_PARTITION].records.is_empty() {
            faults.extend([Fault::Recreate, Fault::Diverge, Fault::Expire]);
        }
        actions.extend(faults.into_iter().map(Action::Strike));
        if budget.lost_answers > 0 {
            self.lost_answers(world, actions);
        }
    }

    fn lost_answers(&self, world: &World, actions: &mut Vec<Action>) {
        let mut steps = Vec::new();
        self.steps(world, &mut steps);
        for action in steps {
            for outcome in &OUTCOMES[1..] {
                match action {
                    Action::Step(p, Step::Apply(sink, _)) => actions.push(Action::Step(p, Step::Apply(sink, *outcome))),
                    Action::Step(p, Step::Rebuild(sink, _)) => actions.push(Action::Step(p, Step::Rebuild(sink, *outcome))),
                    _ => {}
                }
            }
        }
    }

    fn step(&self, world: &mut World, p: usize, step: Step) {
        if let Step::Apply(_, outcome) | Step::Rebuild(_, outcome) = step
            && outcome != Outcome::Arrives
        {
            world.budget.lost_answers -= 1;
        }
        match step {
            Step::Fence(sink) => {
                self.fence(world, p, sink);
            }
            Step::Load => self.load(world, p),
            Step::Append => self.append(world, p),
            Step::Sync => self.sync(world, p),
            Step::Compute => self.compute(world, p),
            Step::Apply(sink, outcome) => self.apply(world, p, sink, outcome),
            Step::Rebuild(sink, outcome) => self.rebuild(world, p, sink, outcome),
            Step::Attach(sink) => self.attach(world, p, sink),
            Step::Heartbeat(sink) => {
                if let Link::Attached(known) = world.processes[p].links[sink].clone() {
                    world.processes[p].links[sink] = Link::Unknown(Some(known));
                }
            }
            Step::ChooseNewTopic(sink) => world.processes[p].links[sink] = Link::Rebuilding,
            Step::Invalidate => self.invalidate(world, p),
            Step::Checkpoint => self.checkpoint(world, p),
            Step::Compact => self.compact(world, p),
        }
    }

    fn strike(&self, world: &mut World, fault: Fault) {
        spend(&mut world.budget, fault);
        match fault {
            Fault::Kill(p) => drop(world.processes.remove(p)),
            Fault::LosePower(left) => {
                world.processes.clear();
                world.disk.bindings.truncate(left);
                world.disk.synced = left;
            }
            Fault::FailOver => self.start(world),
            Fault::Regress(sink, place) => regress(world, sink, place),
            Fault::LoseProgress(sink) => {
                world.sinks[sink].store.progress = None;
                world.sinks[sink].is_damaged = true;
            }
            Fault::BackUp => {
                let mut backup = world.disk.clone();
                backup.bindings.truncate(backup.synced);
                world.backup = Some(Box::new(backup));
            }
            Fault::Restore => restore(world),
            Fault::Deploy => {
                world.processes.pop();
                world.disk.plan += 1;
                world.sinks[STATE].is_damaged = true;
            }
            Fault::RegistryFails => world.registry_is_down = true,
            Fault::Clock(now) => world.now = now,
            Fault::Recreate | Fault::Diverge | Fault::Expire => damage_source(world, fault),
        }
    }
}

fn spend(budget: &mut Budget, fault: Fault) {
    let spent = match fault {
        Fault::Kill(_) => &mut budget.kills,
        Fault::LosePower(_) => &mut budget.power_losses,
        Fault::FailOver => &mut budget.fail_overs,
        Fault::Regress(..) => &mut budget.regressions,
        Fault::LoseProgress(_) => &mut budget.lost_progress,
        // A backup costs nothing as long as it is not restored.
        Fault::BackUp => return,
        Fault::Restore => &mut budget.backups,
        Fault::Deploy => &mut budget.deploys,
        Fault::RegistryFails => &mut budget.outages,
        Fault::Clock(_) => &mut budget.clock_steps,
        Fault::Recreate | Fault::Diverge | Fault::Expire => &mut budget.source_damages,
    };
    *spent -= 1;
}

/// A fail-over ends what the append sink's producer had begun; the state sink's connections notice nothing.
fn regress(world: &mut World, sink: usize, place: usize) {
    let target = &mut world.sinks[sink];
    target.store = target.past[place].clone();
    target.past.clear();
    target.is_damaged = true;
    if sink == APPEND {
        target.session += 1;
    }
}

/// The data directory of a backup opens a new timeline. Processes of the old one may be frozen and wake up later.
fn restore(world: &mut World) {
    let Some(backup) = world.backup.take() else { return };
    world.disk = *backup;
    world.timelines += 1;
    world.disk.timeline = world.timelines;
    world.sinks.iter_mut().for_each(|sink| sink.is_damaged = true);
    // The log is not restored: what the backup needs may be gone.
    let needed = world.disk.checkpoints[0].offsets;
    world.trace.source_is_damaged |= world.sources.iter().zip(needed).any(|(source, offset)| source.start > offset);
    world.processes.truncate(1);
}

fn damage_source(world: &mut World, fault: Fault) {
    world.trace.source_is_damaged = true;
    let source = &mut world.sources[FOREIGN_PARTITION];
    match fault {
        Fault::Recreate => {
            source.topic += 1;
            source.start = 0;
            source.records = vec![FOREIGN; source.records.len()];
        }
        Fault::Diverge => source.records.iter_mut().rev().take(1).for_each(|record| *record = FOREIGN),
        _ => source.start = source.records.len() as u8,
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.scenario.budget)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.steps(world, actions);
        self.faults(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Produce(partition) => {
                let source = &mut next.sources[partition];
                source.records.push(self.scenario.records[partition][usize::from(source.acknowledged)]);
                source.acknowledged += 1;
            }
            Action::RegistryRecovers => next.registry_is_down = false,
            Action::Start => self.start(&mut next),
            Action::Step(p, step) => self.step(&mut next, p, step),
            Action::Land(sink) => self.land(&mut next, sink),
            Action::Strike(fault) => self.strike(&mut next, fault),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
