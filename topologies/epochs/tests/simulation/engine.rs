//! A small dataflow: what the real one is to the coordinator, in plain code.
//!
//! Owns [`Engine`]. Epochs enter; the rows of a view that came and went, and the changes of state, leave. Accounts fold transfers in the
//! order of appending, whatever partitions they lie in; an event id counts once; a row of recent accounts is there for a time by the wall clock
//! of the epochs.

use std::collections::{BTreeMap, BTreeSet};

use epochs::coordinator::{EpochInput, StateChanges};
use schemas::row::{Diff, Row};
use sources::record::StoredRecord;

/// Time in which an account counts as recent after its last transfer, in microseconds of wall clock.
pub const RECENT_MICROS: i64 = 400_000;

/// Numbers of the states.
const IDS: u32 = 0;
const ACCOUNTS: u32 = 1;

/// A transfer, as the records carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub id: u32,
    pub from: u8,
    pub to: u8,
    pub amount: i64,
}

impl Transfer {
    pub fn write(self) -> Vec<u8> {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend([self.from, self.to]);
        bytes.extend(self.amount.to_be_bytes());
        bytes
    }

    pub fn read(bytes: &[u8]) -> Self {
        let amount = i64::from_be_bytes(bytes[6..14].try_into().expect("8 bytes"));
        Self { id: u32::from_be_bytes(bytes[..4].try_into().expect("4 bytes")), from: bytes[4], to: bytes[5], amount }
    }
}

/// An account: its balance, a digest of the order of its transfers, and the wall clock of the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    balance: i64,
    digest: u64,
    touched: i64,
}

impl Account {
    fn write(self) -> Row {
        let bytes: Vec<u8> =
            [self.balance as u64, self.digest, self.touched as u64].iter().flat_map(|word| word.to_be_bytes()).collect();
        Row::from_bytes(&bytes)
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_be_bytes(bytes[at * 8..at * 8 + 8].try_into().expect("8 bytes"));
        Self { balance: word(0) as i64, digest: word(1), touched: word(2) as i64 }
    }
}

/// Rows of the view.
pub type View = BTreeMap<Row, Diff>;

/// The balance of each account and the digest of the order of its transfers.
pub type Accounts = BTreeMap<u8, (i64, u64)>;

/// The digest of an order after one more transfer.
pub fn digest(before: u64, id: u32) -> u64 {
    before.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(id) + 1)
}

/// The state of a run.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    ids: BTreeSet<u32>,
    accounts: BTreeMap<u8, Account>,
    plan: u8,
    /// the published view
    pub view: View,
}

/// Output of an epoch.
pub struct Output {
    pub changes: Vec<(Row, Diff)>,
    pub state: StateChanges,
}

impl Engine {
    /// An engine that computes by this plan: what it shows differs from plan to plan, what it remembers does not.
    pub fn new(plan: u8) -> Self {
        Self { plan, ..Self::default() }
    }

    /// The same with another plan, at this wall clock.
    pub fn planned(&self, plan: u8, wall_micros: i64) -> View {
        Self { plan, ..self.clone() }.rows(wall_micros)
    }

    /// Takes an entry of a checkpoint.
    pub fn restore(&mut self, state: u32, key: &[u8], value: &[u8]) {
        if state == IDS {
            self.ids.insert(u32::from_be_bytes(key.try_into().expect("an id has 4 bytes")));
        } else {
            self.accounts.insert(key[0], Account::read(value));
        }
    }

    /// Computes the view again, at the wall clock of the epoch that was restored.
    pub fn recompute(&mut self, wall_micros: i64) {
        self.view = self.rows(wall_micros);
    }

    fn rows(&self, wall_micros: i64) -> View {
        let mut rows = View::new();
        for (number, account) in &self.accounts {
            let mut row = vec![b'a', *number];
            row.extend(account.balance.to_be_bytes());
            row.extend(account.digest.to_be_bytes());
            row.push(self.plan);
            rows.insert(Row::from_bytes(&row), 1);
            if wall_micros < account.touched + RECENT_MICROS {
                rows.insert(Row::from_bytes(&[b'r', *number]), 1);
            }
        }
        rows
    }

    /// The sum of all balances in a view: 0 whenever what is shown is whole.
    pub fn total(view: &View) -> i64 {
        let balance = |row: &Row| match row.as_bytes() {
            [b'a', _, rest @ ..] => i64::from_be_bytes(rest[..8].try_into().expect("8 bytes")),
            _ => 0,
        };
        view.keys().map(balance).sum()
    }

    /// The balances and digests of a view.
    pub fn accounts(view: &View) -> Accounts {
        let account = |row: &Row| match row.as_bytes() {
            [b'a', number, rest @ ..] => {
                let word = |at: usize| u64::from_be_bytes(rest[at..at + 8].try_into().expect("8 bytes"));
                Some((*number, (word(0) as i64, word(8))))
            }
            _ => None,
        };
        view.keys().filter_map(account).collect()
    }

    /// Computes an epoch.
    pub fn epoch(&mut self, input: &EpochInput) -> Output {
        let mut state: StateChanges = Vec::new();
        let mut records: Vec<&StoredRecord> = input.records.values().flatten().collect();
        records.sort_by_key(|record| record.timestamp);
        for record in records {
            let transfer = Transfer::read(&record.value);
            if !self.ids.insert(transfer.id) {
                continue;
            }
            state.push((IDS, Row::from_bytes(&transfer.id.to_be_bytes()), Some(Row::empty())));
            for (account, amount) in [(transfer.from, -transfer.amount), (transfer.to, transfer.amount)] {
                let entry = self.accounts.entry(account).or_default();
                entry.balance += amount;
                entry.digest = digest(entry.digest, transfer.id);
                entry.touched = input.wall_micros;
                state.push((ACCOUNTS, Row::from_bytes(&[account]), Some(entry.write())));
            }
        }
        let new = self.rows(input.wall_micros);
        let gone = self.view.keys().filter(|row| !new.contains_key(*row)).map(|row| (row.clone(), -1));
        let came = new.keys().filter(|row| !self.view.contains_key(*row)).map(|row| (row.clone(), 1));
        let changes = gone.chain(came).collect();
        self.view = new;
        Output { changes, state }
    }
}
