//! Kept state: what an operator over a stream remembers across a restart.
//!
//! Owns [`KeptState`] and the shape of state keys. The entries of a checkpoint enter when the dataflow begins, and the operator gives
//! out at that time what they stand for; afterwards every change of an entry leaves through a callback, with its time. An entry does
//! not depend on the number of workers: [`state_owner`] tells which worker it belongs to, whatever their number is now.
//!
//! A state key is the length of its route (LEB128), the route, and what tells the entries of a route apart. The route is the key by
//! which the operator distributes its input:
//!
//! | operator | route | the rest | value |
//! | --- | --- | --- | --- |
//! | fold | the table's key | | the row |
//! | reduce | the group's key | | the accumulators |
//! | top_k | the key | the row | how often it is there |
//! | temporal_filter | the row | | how often it is there, and whether it has appeared |

use schemas::row::Row;

use crate::Time;
use crate::encoding::{Reader, write_bytes};
use crate::hash::exchange_hash;

/// Change of an entry. Among several changes of one entry at one time the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// the state key
    pub key: Row,
    /// the new value; `None` when the entry is gone
    pub value: Option<Row>,
}

/// Takes the changes of an operator's state with their times.
type Report = Box<dyn FnMut(Time, StateChange)>;

/// The state of one operator on one worker: what it starts from, and where it reports changes.
pub struct KeptState {
    pub(crate) start: Time,
    pub(crate) restored: Vec<(Row, Row)>,
    pub(crate) report: Option<Report>,
}

impl KeptState {
    /// Nothing is restored or reported; what the operator gives out without any input is given out at `start`.
    pub fn none(start: Time) -> Self {
        Self { start, restored: Vec::new(), report: None }
    }

    /// State that is kept. `restored` are all entries that belong to this worker (see [`state_owner`]), in any order, as they were after
    /// `start`; what they stand for is given out at `start`, and they are not reported again.
    pub fn new(start: Time, restored: Vec<(Row, Row)>, report: impl FnMut(Time, StateChange) + 'static) -> Self {
        Self { start, restored, report: Some(Box::new(report)) }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.report.is_some()
    }
}

/// The hash by which the entry with this state key finds its worker (modulo the number of workers).
pub fn state_owner(key: &[u8]) -> u64 {
    let (route, _) = split_key(key);
    exchange_hash(route)
}

/// The state key of one of a route's entries.
pub(crate) fn state_key(route: &[u8], rest: &[u8]) -> Row {
    let mut key = Row::empty();
    write_bytes(route, &mut key);
    key.extend(rest);
    key
}

/// The route and the rest. Bytes that are no state key are taken for a route.
pub(crate) fn split_key(key: &[u8]) -> (&[u8], &[u8]) {
    let mut reader = Reader::new(key);
    match reader.bytes() {
        Some(route) => (route, reader.rest()),
        None => (key, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_belongs_to_the_worker_of_its_route() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let route: Vec<u8> = (0..length).map(|byte: usize| byte as u8).collect();
            for rest in [&b""[..], b"a", b"\x00\xff and more"] {
                let key = state_key(&route, rest);
                assert_eq!(split_key(key.as_bytes()), (&route[..], rest));
                assert_eq!(state_owner(key.as_bytes()), exchange_hash(&route));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_key_have_an_owner_too() {
        for bytes in [&b""[..], b"\x05abc", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(state_owner(bytes), exchange_hash(bytes));
        }
    }
}
