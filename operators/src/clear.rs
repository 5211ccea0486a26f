//! Clearing: an event that takes all rows of a fold away, such as a TRUNCATE.
//!
//! It has an empty key, which no row has. [`to_all_workers`] sends it to all of them; the fold puts it where it lies between the events of each
//! key, and between the events of other keys for the rows that have none. Keeps nothing. An epoch with a clearing costs one step for each row
//! that is there, and at most one more for each event.
//!
//! ```
//! use operators::clear::to_all_workers;
//! use operators::fold::LogOrder;
//! use schemas::row::Row;
//! use timely::dataflow::operators::{Inspect, ToStream};
//!
//! timely::example(|scope| {
//!     let clearing = (Row::empty(), LogOrder::at(7, 0, 0), Row::empty());
//!     to_all_workers(vec![clearing].to_stream(scope)).inspect(|(key, _, _)| assert!(key.is_empty()));
//! });
//! ```

use differential_dataflow::ExchangeData;
use schemas::row::Row;
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Concat as _;
use timely::dataflow::operators::vec::{Broadcast as _, Filter as _};

use crate::Time;

/// Sends the clearings among events to every worker; the others stay where they are.
pub fn to_all_workers<'s, O: ExchangeData>(events: StreamVec<'s, Time, (Row, O, Row)>) -> StreamVec<'s, Time, (Row, O, Row)> {
    let clearings = events.clone().filter(|(key, _, _)| key.is_empty()).broadcast();
    events.filter(|(key, _, _)| !key.is_empty()).concat(clearings)
}

/// Puts clearings, in their order, between the events of each key, which are sorted, and before those of the rows that are there. Of several
/// without an event of the key between them the first one is enough: it leaves nothing for the others.
pub fn in_place<'r, O: Ord + Copy>(events: &mut Vec<(Row, O, Row)>, clearings: &[O], rows: impl Iterator<Item = &'r Row>) {
    let Some(&first) = clearings.first() else { return };
    let mut placed: Vec<(Row, O, Row)> = rows.map(|key| (key.clone(), first, Row::empty())).collect();
    for of_key in events.chunk_by(|one, other| one.0 == other.0) {
        for (place, (key, order, _)) in of_key.iter().enumerate() {
            let behind = clearings.partition_point(|clearing| clearing < order);
            let Some(&clearing) = clearings.get(behind) else { break };
            // Otherwise the next event has the same one behind it.
            if of_key.get(place + 1).is_none_or(|(_, next, _)| clearing < *next) {
                placed.push((key.clone(), clearing, Row::empty()));
            }
        }
    }
    events.append(&mut placed);
    events.sort_unstable();
    events.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(key: &str, order: u32, content: &str) -> (Row, u32, Row) {
        (Row::from_bytes(key.as_bytes()), order, Row::from_bytes(content.as_bytes()))
    }

    #[test]
    fn each_key_has_the_clearings_that_change_something() {
        let mut events = vec![event("a", 3, "x"), event("a", 4, "y"), event("a", 9, "z"), event("b", 1, "x")];
        let rows = [Row::from_bytes(b"b"), Row::from_bytes(b"c")];
        in_place(&mut events, &[2, 5, 6], rows.iter());
        let expected = [
            event("a", 3, "x"),
            event("a", 4, "y"),
            event("a", 5, ""),
            event("a", 9, "z"),
            // The row that was there, and the one that the event makes, go at once.
            event("b", 1, "x"),
            event("b", 2, ""),
            event("c", 2, ""),
        ];
        assert_eq!(events, expected);
        let mut none = Vec::<(Row, u32, Row)>::new();
        in_place(&mut none, &[2], std::iter::empty());
        assert_eq!(none, []);
    }
}
