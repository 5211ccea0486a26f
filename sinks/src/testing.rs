//! Helpers that the tests of sinks share: a small view, its rows, and a run whose epochs change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::chain::Chain;
use schemas::field::{FieldKind, Value};
use schemas::fingerprint::Fingerprint;
use schemas::key_template::KeyTemplate;
use schemas::row::{Diff, Row};
use schemas::serving::Column;

use crate::connector::Connections;
use crate::contract::{History, Outbox, OutboxLimits, Progress, Run, Sink, SinkError, Unit};
use crate::search::Place;
use crate::topic::MemoryTopicLog;

/// Connections of a process that has no Redis and keeps everything in memory.
pub fn connections() -> Connections {
    Connections {
        log: Arc::new(MemoryTopicLog::default()),
        redis: None,
        invalidations: Arc::default(),
        place: Place::Memory,
        search: Arc::default(),
        step: |_| {},
    }
}

/// The columns of a view of a text and a key.
pub fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    vec![column("text", FieldKind::Text), column("id", FieldKind::Int64)]
}

/// Returns the template of a cache's keys.
pub fn template(text: &str) -> KeyTemplate {
    let names: Vec<String> = columns().into_iter().map(|column| column.name).collect();
    let kinds: Vec<FieldKind> = columns().into_iter().map(|column| column.kind).collect();
    KeyTemplate::parse(text, &names, &kinds).expect("a template")
}

fn row(id: i64, text: &str) -> Row {
    let mut row = Row::empty();
    FieldKind::Text.write(&Value::Text(text.into()), &mut row);
    FieldKind::Int64.write(&Value::Int(id), &mut row);
    row
}

fn rows_of(table: &BTreeMap<i64, String>) -> Vec<(Row, Diff)> {
    table.iter().map(|(id, text)| (row(*id, text), 1)).collect()
}

fn chain(epoch: u64) -> Chain {
    Chain(Fingerprint::of(&format!("epoch {epoch}")).0)
}

/// Makes a sink that finds what an earlier process left behind.
type Open<S> = Box<dyn Fn() -> S>;

/// A run that follows a table of texts by id.
pub struct Following<S> {
    /// the table as it is now
    pub table: BTreeMap<i64, String>,
    /// the last epoch
    pub epoch: u64,
    /// the run of the process
    pub incarnation: u64,
    /// brings changes to the sink
    pub outbox: Outbox<S>,
    /// changes of all epochs, which a new process computes again
    bound: Vec<Vec<(Row, Diff)>>,
    history: History,
    open: Open<S>,
}

impl<S: Sink> Following<S> {
    /// A run of an empty table.
    pub fn new(open: impl Fn() -> S + 'static) -> Self {
        let mut history = History::new(42);
        history.push(0, chain(0));
        let outbox = Outbox::new(open(), false, None, OutboxLimits::default());
        let (table, bound, open) = (BTreeMap::new(), vec![Vec::new()], Box::new(open));
        Self { table, epoch: 0, incarnation: 1, outbox, bound, history, open }
    }

    /// The process dies, and another computes everything again.
    pub fn restart(&mut self) {
        self.incarnation += 1;
        self.outbox = Outbox::new((self.open)(), false, None, OutboxLimits::default());
        (1..=self.epoch).for_each(|epoch| self.push(epoch));
    }

    fn push(&mut self, epoch: u64) {
        let progress = Progress {
            timeline: 42,
            epoch,
            chain: chain(epoch).0,
            incarnation: self.incarnation,
            plan: Fingerprint::of("plan").0,
            generation: 0,
        };
        self.outbox.push(Unit { after: chain(epoch - 1), progress, changes: self.bound[epoch as usize].clone() });
    }

    /// An epoch that gives some ids new texts, and takes others away.
    pub fn change(&mut self, texts: &[(i64, Option<&str>)]) {
        let before = self.table.clone();
        for (id, text) in texts {
            match text {
                Some(text) => drop(self.table.insert(*id, (*text).to_owned())),
                None => drop(self.table.remove(id)),
            }
        }
        let mut changes: BTreeMap<Row, Diff> = BTreeMap::new();
        rows_of(&before).into_iter().for_each(|(row, _)| *changes.entry(row).or_default() -= 1);
        rows_of(&self.table).into_iter().for_each(|(row, _)| *changes.entry(row).or_default() += 1);
        self.bound.push(changes.into_iter().filter(|(_, diff)| *diff != 0).collect());
        self.epoch += 1;
        self.history.push(self.epoch, chain(self.epoch));
        self.push(self.epoch);
    }

    /// Does the next thing there is to do for the sink.
    pub fn step(&mut self) -> Result<bool, SinkError> {
        let rows = || (self.epoch, rows_of(&self.table));
        let run = Run {
            history: &self.history,
            incarnation: self.incarnation,
            plan: Fingerprint::of("plan"),
            completed: self.epoch,
            snapshot: &rows,
        };
        self.outbox.step(&run)
    }

    /// Until everything is there.
    pub fn finish(&mut self) {
        for _ in 0..10_000 {
            match self.step() {
                Ok(false) => return assert!(self.outbox.is_idle(), "{:?}", self.outbox.state()),
                Ok(true) | Err(SinkError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the sink never has everything: {:?}", self.outbox.state());
    }
}
