//! Sinks that lose their place, fall back, do not answer or lag, against the log of what was published.

use std::collections::BTreeMap;

use super::*;
use schemas::fingerprint::Fingerprint;

/// Answer of the sink instead of `Ok`; some faults do what was asked all the same.
#[derive(Clone, Copy)]
enum Fault {
    LostRequest,
    LostAnswer,
    Down,
}

/// A table or a log of changes in memory that believes the place found by `fence`, as the trait allows.
struct TestSink {
    kind: SinkKind,
    rows: BTreeMap<Row, Diff>,
    applied: Vec<u64>,
    progress: Option<Progress>,
    at: Chain,
    faults: VecDeque<Fault>,
    fenced: usize,
}

impl TestSink {
    fn new(kind: SinkKind) -> Self {
        Self {
            kind,
            rows: BTreeMap::new(),
            applied: Vec::new(),
            progress: None,
            at: Chain::default(),
            faults: VecDeque::new(),
            fenced: 0,
        }
    }

    fn epoch(&self) -> Option<u64> {
        self.progress.as_ref().map(|progress| progress.epoch)
    }

    fn add(&mut self, changes: &[(Row, Diff)]) {
        for (row, diff) in changes {
            *self.rows.entry(row.clone()).or_default() += diff;
        }
    }

    fn fails(&mut self, work: impl FnOnce(&mut Self)) -> Result<(), SinkError> {
        match self.faults.pop_front() {
            None => work(self),
            Some(Fault::Down) => return Err(SinkError::Unavailable("down".to_owned())),
            Some(Fault::LostRequest) => return Err(SinkError::Ambiguous("lost".to_owned())),
            Some(Fault::LostAnswer) => {
                let at = self.at;
                work(self);
                self.at = at;
                return Err(SinkError::Ambiguous("lost".to_owned()));
            }
        }
        Ok(())
    }
}

impl Sink for TestSink {
    fn name(&self) -> &str {
        "orders"
    }

    fn kind(&self) -> SinkKind {
        self.kind
    }

    fn fence(&mut self, _: u64) -> Result<Option<Progress>, SinkError> {
        if self.faults.pop_front_if(|fault| matches!(fault, Fault::Down)).is_some() {
            return Err(SinkError::Unavailable("down".to_owned()));
        }
        self.fenced += 1;
        self.at = self.progress.as_ref().map_or(Chain::default(), |progress| Chain(progress.chain));
        Ok(self.progress.clone())
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        if self.at != unit.after {
            return Err(SinkError::Guard);
        }
        self.fails(|sink| {
            sink.add(&unit.changes);
            sink.applied.push(unit.progress.epoch);
            sink.at = Chain(unit.progress.chain);
            sink.progress = Some(unit.progress.clone());
        })
    }

    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError> {
        self.fails(|sink| {
            sink.rows.clear();
            sink.add(&contents.rows);
            sink.applied.clear();
            sink.at = Chain(contents.progress.chain);
            sink.progress = Some(contents.progress.clone());
        })
    }
}

fn chain(epoch: u64) -> Chain {
    Chain(Fingerprint::of(&format!("epoch {epoch}")).0)
}

fn plan() -> Fingerprint {
    Fingerprint::of("plan")
}

fn row(epoch: u64) -> Row {
    Row::from_bytes(&epoch.to_be_bytes())
}

/// An epoch that adds one row.
fn unit(epoch: u64) -> Unit {
    let progress = Progress { timeline: 1, epoch, chain: chain(epoch).0, incarnation: 1, plan: plan().0, generation: 0 };
    Unit { after: chain(epoch - 1), progress, changes: vec![(row(epoch), 1)] }
}

/// A run that has completed the epochs up to one.
struct TestRun {
    history: History,
    completed: u64,
}

impl TestRun {
    fn new() -> Self {
        let mut history = History::new(1);
        history.push(0, chain(0));
        Self { history, completed: 0 }
    }

    fn complete(&mut self, outbox: &mut Outbox<TestSink>) {
        self.completed += 1;
        self.history.push(self.completed, chain(self.completed));
        outbox.push(unit(self.completed));
    }

    fn step(&self, outbox: &mut Outbox<TestSink>) -> Result<bool, SinkError> {
        let run = Run {
            history: &self.history,
            incarnation: 1,
            plan: plan(),
            completed: self.completed,
            snapshot: &|| (self.completed, (1..=self.completed).map(|epoch| (row(epoch), 1)).collect()),
        };
        outbox.step(&run)
    }

    /// Steps until there is nothing left to do.
    fn finish(&self, outbox: &mut Outbox<TestSink>) {
        for _ in 0..1000 {
            if matches!(self.step(outbox), Ok(false)) {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    fn assert_holds_everything(&self, outbox: &Outbox<TestSink>) {
        let expected: BTreeMap<Row, Diff> = (1..=self.completed).map(|epoch| (row(epoch), 1)).collect();
        assert_eq!(outbox.sink().rows, expected);
        assert_eq!(outbox.sink().epoch(), Some(self.completed));
        assert!(outbox.is_idle());
    }
}

/// An outbox that follows, with so many epochs applied.
fn following(kind: SinkKind, limits: OutboxLimits, epochs: u64) -> (Outbox<TestSink>, TestRun) {
    let (mut outbox, mut run) = (Outbox::new(TestSink::new(kind), false, None, limits), TestRun::new());
    run.finish(&mut outbox);
    for _ in 0..epochs {
        run.complete(&mut outbox);
        run.finish(&mut outbox);
    }
    run.assert_holds_everything(&outbox);
    (outbox, run)
}

#[test]
fn fault_35_after_an_answer_that_never_came_the_sink_is_asked_before_anything_is_sent_again() {
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        for kind in [SinkKind::State, SinkKind::Append] {
            let (mut outbox, mut run) = following(kind, OutboxLimits::default(), 2);
            let asked = outbox.sink().fenced;
            // Even when it can't be asked at once.
            outbox.sink.faults = [fault, Fault::Down, Fault::Down].into();
            run.complete(&mut outbox);
            run.step(&mut outbox).expect_err("it is down");
            assert_eq!((outbox.state(), outbox.floor()), (&SinkState::Unknown, Some(2)), "what follows is kept meanwhile");
            run.finish(&mut outbox);
            run.assert_holds_everything(&outbox);
            assert_eq!(outbox.sink().fenced, asked + 1);
        }
    }
}

#[test]
fn what_a_sink_acknowledges_is_counted_and_how_far_it_is_when_it_is_asked_is_not() {
    let (outbox, mut run) = following(SinkKind::State, OutboxLimits::default(), 3);
    assert_eq!((outbox.reconciled, outbox.commits), (1, 4));
    // Another outbox finds the sink where it is, and has nothing to send.
    let mut outbox = Outbox::new(outbox.sink, true, None, OutboxLimits::default());
    run.finish(&mut outbox);
    assert_eq!((outbox.is_idle(), outbox.commits), (true, 0));
    // An answer that is lost leaves it open whether the unit was taken; asking for that is no commit either.
    outbox.sink.faults = [Fault::LostAnswer].into();
    run.complete(&mut outbox);
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);
    assert_eq!(outbox.commits, 0);
    run.complete(&mut outbox);
    run.finish(&mut outbox);
    assert_eq!(outbox.commits, 1);
}

#[test]
fn a_first_build_whose_answer_is_lost_holds_back_what_follows_it() {
    let (mut outbox, mut run) =
        (Outbox::new(TestSink::new(SinkKind::Append), false, None, OutboxLimits::default()), TestRun::new());
    run.step(&mut outbox).expect("it is asked");
    outbox.sink.faults = [Fault::LostAnswer].into();
    run.step(&mut outbox).expect("it is built");
    assert_eq!(outbox.floor(), Some(0));
    run.complete(&mut outbox);
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);
    assert_eq!(outbox.reconciled, 0, "it was built once");
}

#[test]
fn fault_34_a_sink_that_falls_back_gets_again_what_is_retained_and_is_rebuilt_beyond_that() {
    let limits = OutboxLimits { retained_epochs: 5, ..OutboxLimits::default() };
    for (steps, repaired, built) in [(4, 1, 0), (5, 1, 0), (6, 0, 1)] {
        let (mut outbox, mut run) = following(SinkKind::State, limits, 10);
        let before = outbox.reconciled;
        outbox.sink.rows = (1..=10 - steps).map(|epoch| (row(epoch), 1)).collect();
        outbox.sink.progress = Some(unit(10 - steps).progress);
        outbox.sink.at = chain(10 - steps);
        run.complete(&mut outbox);
        run.finish(&mut outbox);
        run.assert_holds_everything(&outbox);
        assert_eq!((outbox.repaired, outbox.reconciled - before), (repaired, built), "{steps} epochs back");
    }
}

#[test]
fn fault_33_a_sink_that_lost_its_place_is_rebuilt_and_a_log_of_changes_waits_for_a_person() {
    let (mut outbox, mut run) = following(SinkKind::State, OutboxLimits::default(), 3);
    outbox.sink.progress = None;
    outbox.sink.at = Chain::default();
    run.complete(&mut outbox);
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);

    let (mut outbox, mut run) = following(SinkKind::Append, OutboxLimits::default(), 3);
    outbox.sink.progress = None;
    outbox.sink.at = Chain::default();
    run.complete(&mut outbox);
    run.finish(&mut outbox);
    let SinkState::Halted(reason) = outbox.state() else { panic!("{:?}", outbox.state()) };
    assert!(reason.starts_with("sink 'orders' can't go on: it has lost how far it was"), "{reason}");
    assert_eq!((outbox.sink().applied.len(), outbox.floor()), (4, None), "nothing is written and nothing held back");
}

#[test]
fn fault_38_a_sink_that_lags_too_far_is_detached_and_rebuilt_later() {
    let limits = OutboxLimits { waiting_changes: 20, ..OutboxLimits::default() };
    let (mut outbox, mut run) = following(SinkKind::State, limits, 3);
    outbox.sink.faults = [Fault::Down; 50].into();
    for _ in 0..50 {
        run.complete(&mut outbox);
        run.step(&mut outbox).expect_err("it is down");
        assert!(outbox.units.len() <= 3 + 21, "memory stays bounded");
    }
    assert_eq!(outbox.floor(), None, "nothing is held back for it");
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);
    assert_eq!(outbox.reconciled, 2);
}

#[test]
fn a_sink_behind_the_start_of_a_run_does_not_count_as_following() {
    let mut sink = TestSink::new(SinkKind::State);
    sink.progress = Some(unit(2).progress);
    let mut run = TestRun::new();
    let mut earlier = Outbox::new(TestSink::new(SinkKind::State), false, None, OutboxLimits::default());
    (0..5).for_each(|_| run.complete(&mut earlier));
    let mut outbox = Outbox::new(sink, true, None, OutboxLimits::default());
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);
}

#[test]
fn an_overtaken_plan_rebuilds_the_sink() {
    let (mut outbox, run) = following(SinkKind::State, OutboxLimits::default(), 3);
    let before = outbox.reconciled;
    if let Some(progress) = &mut outbox.sink.progress {
        progress.plan = Fingerprint::of("another plan").0;
    }
    outbox.state = SinkState::Unknown;
    run.finish(&mut outbox);
    run.assert_holds_everything(&outbox);
    assert_eq!(outbox.reconciled, before + 1);
}
