//! The shared frame of Tidewater's own operators: gather an epoch, and act once it is complete.
//!
//! Records enter in any order and from any worker; the frame exchanges them, stashes them by time, and when the frontier has passed
//! a time hands all of its records to the logic at once, times in order. What the logic emits leaves at that time. The logic does
//! bounded work per call: when its fuel is spent the frame sends what there is, lets other operators run, and comes back.
//!
//! A dataflow may begin at a time above zero, with the state of an operator as it was then: the frame hands the restored entries to the
//! logic, which gives out at that time what they stand for, and never anything before it. Changes of the state are reported with
//! the time at which they were made.
//!
//! [`keyed`] is the frame for logic that looks at one key at a time; [`epochs`] is the frame beneath it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use schemas::dead_letter::RowError;
use schemas::row::{Diff, Row};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::hash::exchange_hash;
use crate::state::{KeptState, StateChange, split_key, state_key};
use crate::{Errors, Time};

/// Work of an operator before it lets others run, in changes taken in or given out: a few milliseconds.
pub(crate) const FUEL_PER_ACTIVATION: usize = 8_192;

/// Changes of one output with the time at which they are made.
///
/// A change of one key's value at a time.
type Changes<O> = Vec<(O, Time, Diff)>;

/// Output of an operator at one time, and the work that it may still do.
pub(crate) struct Emit<O, E = RowError> {
    time: Time,
    fuel: usize,
    rows: Changes<O>,
    errors: Changes<E>,
    /// `None` when the state is not kept
    state: Option<Vec<StateChange>>,
}

impl<O, E> Emit<O, E> {
    /// An empty output at a time, with so much fuel left.
    fn new(time: Time, fuel: usize, is_kept: bool) -> Self {
        Self { time, fuel, rows: Vec::new(), errors: Vec::new(), state: is_kept.then(Vec::new) }
    }

    /// Returns true if changes of the state are to be reported.
    pub(crate) fn keeps_state(&self) -> bool {
        self.state.is_some()
    }

    /// Reports what became of an entry of the state, if it is kept.
    pub(crate) fn state(&mut self, route: &[u8], rest: &[u8], value: Option<Row>) {
        if let Some(changes) = &mut self.state {
            changes.push(StateChange { key: state_key(route, rest), value });
            self.spend(1);
        }
    }

    /// Emits a change of the output.
    pub(crate) fn row(&mut self, row: O, diff: Diff) {
        self.rows.push((row, self.time, diff));
        self.spend(1);
    }

    /// Emits a change of the errors.
    pub(crate) fn error(&mut self, error: E, diff: Diff) {
        self.errors.push((error, self.time, diff));
        self.spend(1);
    }

    /// Accounts for work that emits nothing.
    pub(crate) fn spend(&mut self, work: usize) {
        self.fuel = self.fuel.saturating_sub(work);
    }

    /// Returns true if the logic should return and be called again.
    pub(crate) fn is_spent(&self) -> bool {
        self.fuel == 0
    }
}

/// Work of an operator on the records of complete epochs. `E` is the type of its errors.
pub(crate) trait EpochLogic<D, O, E = RowError>: 'static {
    /// Takes all of this worker's records of an epoch; called once per epoch that has any, in order of time.
    fn begin(&mut self, records: Vec<D>);

    /// Works on that epoch until it is done (`true`) or the fuel is spent (`false`, then it is called again).
    fn work(&mut self, emit: &mut Emit<O, E>) -> bool;

    /// Takes the entries of the state that belong to this worker, when there are any, before everything else. [`work`](Self::work) gives
    /// out what they stand for before it looks at records, and does not report them.
    fn restore(&mut self, _entries: Vec<(Row, Row)>) {
        panic!("state was restored into an operator that keeps none");
    }

    /// Returns true if [`begin`](Self::begin) must be called for the first epoch even without records or restored state.
    fn acts_at_start(&self) -> bool {
        false
    }
}

/// An epoch that is not worked on yet. Its capabilities hold the frontier of both outputs back, so nobody behind takes the epoch for
/// complete before the logic has seen it.
struct Pending<D> {
    rows: Capability<Time>,
    errors: Capability<Time>,
    records: Vec<D>,
}

/// Runs `logic` over the records, each on the worker that `route` names (modulo the number of workers). No record may be earlier than the
/// time at which `state` starts.
///
/// Invariants: the logic sees each epoch once and whole, in order of time, and only after the one before it is done; everything that it emits
/// is at that epoch. So what it computes depends neither on how records are batched nor on which worker sent them.
///
/// Memory: the records of all epochs that are not done. At most [`FUEL_PER_ACTIVATION`] changes are taken in or given out at a time.
pub(crate) fn epochs<'s, D, O, E>(
    records: StreamVec<'s, Time, D>,
    route: impl Fn(&D) -> u64 + 'static,
    name: &str,
    state: KeptState,
    mut logic: impl EpochLogic<D, O, E>,
) -> (VecCollection<'s, Time, O, Diff>, VecCollection<'s, Time, E, Diff>)
where
    D: ExchangeData,
    O: Clone + 'static,
    E: Clone + 'static,
{
    let scope = records.scope();
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut input = builder.new_input(records, Exchange::new(route));
    let (rows, row_stream) = builder.new_output();
    let (errors, error_stream) = builder.new_output();
    let mut rows = OutputBuilder::from(rows);
    let mut errors = OutputBuilder::from(errors);
    let KeptState { start, restored, mut report } = state;
    builder.build(move |capabilities| {
        let acts_at_start = logic.acts_at_start() || !restored.is_empty();
        if !restored.is_empty() {
            logic.restore(restored);
        }
        let mut stash = BTreeMap::new();
        if let (true, Ok([rows, errors])) = (acts_at_start, <[Capability<Time>; 2]>::try_from(capabilities)) {
            stash.insert(start, Pending { rows: rows.delayed(&start), errors: errors.delayed(&start), records: Vec::new() });
        }
        let mut current: Option<Pending<D>> = None;
        move |frontiers| {
            input.for_each(|capability, data| {
                let time = *capability.time();
                assert!(time >= start, "a record of epoch {time} came to a dataflow that begins at epoch {start}");
                let pending = stash.entry(time).or_insert_with(|| Pending {
                    rows: capability.retain(0),
                    errors: capability.retain(1),
                    records: Vec::new(),
                });
                pending.records.append(data);
            });
            let mut fuel = FUEL_PER_ACTIVATION;
            while fuel > 0 {
                if current.is_none() {
                    current = take_complete(&mut stash, |time| !frontiers[0].less_equal(time));
                    match &mut current {
                        Some(pending) => logic.begin(std::mem::take(&mut pending.records)),
                        None => return,
                    }
                }
                if let Some(pending) = &current {
                    let mut emit = Emit::new(*pending.rows.time(), fuel, report.is_some());
                    let done = logic.work(&mut emit);
                    fuel = emit.fuel;
                    rows.activate().session(&pending.rows).give_iterator(emit.rows.into_iter());
                    errors.activate().session(&pending.errors).give_iterator(emit.errors.into_iter());
                    if let Some(report) = &mut report {
                        emit.state.into_iter().flatten().for_each(|change| report(emit.time, change));
                    }
                    if done {
                        current = None;
                    }
                }
            }
            activator.activate();
        }
    });
    (row_stream.as_collection(), error_stream.as_collection())
}

/// Takes the earliest stashed epoch out if no more of its records can come.
///
/// Only the earliest is looked at: epochs are handed to the logic in order of time, and an earlier one that is not complete keeps the later
/// ones waiting.
fn take_complete<D>(stash: &mut BTreeMap<Time, Pending<D>>, is_complete: impl Fn(&Time) -> bool) -> Option<Pending<D>> {
    let earliest = stash.first_entry()?;
    is_complete(earliest.key()).then(|| earliest.remove())
}

/// Work of an operator on the changes of one key at one time.
pub(crate) trait KeyLogic<V, O>: 'static {
    /// Applies the changes, which are sorted by value, at most one per value, none of them zero. There is at least one, but for the
    /// empty key of [`has_empty_key`](Self::has_empty_key) in the first epoch. May take the vector's content.
    fn apply(&mut self, key: Row, changes: &mut Vec<(V, Diff)>, emit: &mut Emit<O>);

    /// Takes the entries of one key back, as the rest of the state key and the value, in the order of the former, and gives out what they
    /// stand for. Comes before any change of the key.
    fn restore(&mut self, key: Row, _entries: &mut Vec<(Row, Row)>, _emit: &mut Emit<O>) {
        panic!("state of the key {key:?} was restored into an operator that keeps none");
    }

    /// Returns true if the empty key exists from the first epoch on, without any rows: then it is shown that epoch in any case.
    fn has_empty_key(&self) -> bool {
        false
    }
}

/// Runs `logic` over keyed changes: on the worker of the key's hash, each time once complete, keys in order.
pub(crate) fn keyed<'s, V, O>(
    changes: VecCollection<'s, Time, (Row, V), Diff>,
    name: &str,
    state: KeptState,
    logic: impl KeyLogic<V, O>,
) -> (VecCollection<'s, Time, O, Diff>, Errors<'s>)
where
    V: ExchangeData,
    O: Clone + 'static,
{
    let scope = changes.scope();
    let is_home_of_empty_key = exchange_hash(&[]) % scope.peers() as u64 == scope.index() as u64;
    let by_key = ByKey {
        start: is_home_of_empty_key && logic.has_empty_key(),
        logic,
        restored: Vec::new().into_iter().peekable(),
        records: Vec::new().into_iter().peekable(),
        changes: Vec::new(),
    };
    epochs(changes.inner, |((key, _), _, _): &KeyedChange<V>| exchange_hash(key.as_bytes()), name, state, by_key)
}

type KeyedChange<V> = ((Row, V), Time, Diff);

/// Cuts an epoch into keys.
///
/// Invariants: restored entries are handed out before any record, so a change always meets the state that it changes; keys come in order
/// and each once per epoch; the changes of a key are added up, so the logic never sees a row that comes and goes within one epoch.
struct ByKey<V, L> {
    logic: L,
    /// the empty key is still to be shown its first epoch
    start: bool,
    /// the entries that were not handed to the logic yet, by state key
    restored: Peekable<IntoIter<(Row, Row)>>,
    records: Peekable<IntoIter<KeyedChange<V>>>,
    changes: Vec<(V, Diff)>,
}

impl<V: ExchangeData, O, L: KeyLogic<V, O>> EpochLogic<KeyedChange<V>, O> for ByKey<V, L> {
    fn begin(&mut self, mut records: Vec<KeyedChange<V>>) {
        // Records of two epochs must never be added up: what one retracts the other may have to show.
        assert!(self.records.peek().is_none(), "an epoch was begun before the one before it was done");
        records.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        self.records = records.into_iter().peekable();
    }

    fn work(&mut self, emit: &mut Emit<O>) -> bool {
        while self.restored.peek().is_some() {
            if emit.is_spent() {
                return false;
            }
            self.restore_key(emit);
        }
        while !emit.is_spent() {
            // The empty key comes before all others. It is shown its first epoch even if that has no records of it, or some that add up to
            // nothing: otherwise nobody would ever hear that it is there.
            let is_shown_first = std::mem::take(&mut self.start);
            let key = if is_shown_first && self.records.peek().is_none_or(|((key, _), _, _)| !key.is_empty()) {
                Row::empty()
            } else {
                let Some(((key, value), _, diff)) = self.records.next() else { return true };
                let taken = self.gather(&key, value, diff);
                emit.spend(taken);
                key
            };
            if is_shown_first || !self.changes.is_empty() {
                self.logic.apply(key, &mut self.changes, emit);
                self.changes.clear();
            }
        }
        false
    }

    fn restore(&mut self, mut entries: Vec<(Row, Row)>) {
        entries.sort_unstable();
        // Two entries of one name would be two states of one thing.
        assert!(entries.windows(2).all(|pair| pair[0].0 != pair[1].0), "an entry of the state was restored twice");
        self.restored = entries.into_iter().peekable();
    }

    fn acts_at_start(&self) -> bool {
        self.start
    }
}

impl<V: ExchangeData, L> ByKey<V, L> {
    /// Hands the restored entries of the next key to the logic.
    fn restore_key<O>(&mut self, emit: &mut Emit<O>)
    where
        L: KeyLogic<V, O>,
    {
        let Some((first, _)) = self.restored.peek() else { return };
        let key = Row::from_bytes(split_key(first.as_bytes()).0);
        let mut entries = Vec::new();
        while let Some((entry, value)) = self.restored.next_if(|(other, _)| split_key(other.as_bytes()).0 == key.as_bytes()) {
            entries.push((Row::from_bytes(split_key(entry.as_bytes()).1), value));
        }
        emit.spend(entries.len());
        self.logic.restore(key, &mut entries, emit);
        if self.restored.peek().is_none() {
            // An iterator keeps the memory of what it has handed out.
            self.restored = Vec::new().into_iter().peekable();
        }
    }

    /// Takes the changes of one key, adding up those of equal values; returns how many it took.
    fn gather(&mut self, key: &Row, value: V, diff: Diff) -> usize {
        let mut taken = 1;
        self.changes.push((value, diff));
        while let Some(((_, value), _, diff)) = self.records.next_if(|((other, _), _, _)| other == key) {
            taken += 1;
            let Some((last, sum)) = self.changes.last_mut() else { panic!("the first change of a key was lost") };
            match (*last).cmp(&value) {
                Ordering::Equal => *sum = sum.wrapping_add(diff),
                Ordering::Less => self.changes.push((value, diff)),
                // Equal values are neighbours only in order: the logic relies on seeing each once.
                Ordering::Greater => panic!("the changes of a key are not in order"),
            }
        }
        self.changes.retain(|(_, diff)| *diff != 0);
        taken
    }
}
