//! Joining: pairs of rows with equal keys, rows that have a partner, rows that have none.
//!
//! Two arrangements enter, the rows that `emit` makes of each pair leave. Keeps nothing but the two arrangements, whose old batches
//! it lets be merged. A change costs a search per key and one call per pair; the work is cut into pieces, between which other
//! operators run.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::{arrange::arrange, join::join};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let pair = |key: &[u8], value: &[u8]| ((Row::from_bytes(key), Row::from_bytes(value)), 0, 1_i64);
//!     let (_, follows) = scope.new_collection_from_raw(vec![pair(b"author", b"reader")]);
//!     let (_, posts) = scope.new_collection_from_raw(vec![pair(b"author", b"post")]);
//!     let feed = join(arrange(follows, "follows"), arrange(posts, "posts"), |_author, reader, post, _epoch, out| {
//!         out.push(Row::concat(reader, post));
//!     });
//!     feed.inspect(|(row, _, _)| assert_eq!(row.as_bytes(), b"readerpost"));
//! });
//! ```

use differential_dataflow::operators::join::join_traces;
use differential_dataflow::{AsCollection, VecCollection};
use schemas::row::{Diff, Row};
use timely::container::{CapacityContainerBuilder, PushInto};

use crate::arrange::{RowArrangement, arrange};
use crate::distinct::distinct;
use crate::{KeyedRows, Rows, Time};

/// Joins two arrangements on equal keys. `emit(key, left, right, time, out)` appends the rows that a pair makes at that time: none, one or
/// several.
pub fn join<'s, L>(left: RowArrangement<'s>, right: RowArrangement<'s>, emit: L) -> Rows<'s>
where
    L: FnMut(&[u8], &[u8], &[u8], Time, &mut Vec<Row>) + 'static,
{
    join_as(left, right, emit)
}

/// The distinct keys of these rows, arranged with empty values: the right side of [`semijoin`] and [`antijoin`].
pub fn matched_keys<'s>(right: KeyedRows<'s>, name: &str) -> RowArrangement<'s> {
    let keys = distinct(right.map(|(key, _)| key));
    arrange(keys.map(|key| (key, Row::empty())), name)
}

/// The rows of `left` whose key is among `keys`, which come from [`matched_keys`].
pub fn semijoin<'s>(left: &RowArrangement<'s>, keys: &RowArrangement<'s>) -> KeyedRows<'s> {
    join_as(left.clone(), keys.clone(), |key, value, _, _, out: &mut Vec<(Row, Row)>| {
        out.push((Row::from_bytes(key), Row::from_bytes(value)));
    })
}

/// The rows of `left` whose key is not among `keys`, which come from [`matched_keys`]. Arranges `left` under `name`.
pub fn antijoin<'s>(left: KeyedRows<'s>, keys: &RowArrangement<'s>, name: &str) -> KeyedRows<'s> {
    let matched = semijoin(&arrange(left.clone(), name), keys);
    left.concat(matched.negate())
}

fn join_as<'s, O, L>(left: RowArrangement<'s>, right: RowArrangement<'s>, mut emit: L) -> VecCollection<'s, Time, O, Diff>
where
    O: Clone + 'static,
    L: FnMut(&[u8], &[u8], &[u8], Time, &mut Vec<O>) + 'static,
{
    let mut made = Vec::new();
    join_traces::<_, _, _, _, CapacityContainerBuilder<Vec<(O, Time, Diff)>>>(
        left,
        right,
        move |key, left, right, time, left_diff, right_diff, out| {
            emit(key.0, left.0, right.0, time, &mut made);
            // Wrapping multiplication distributes over wrapping addition: even beyond 64 bits a retraction cancels what it retracts.
            let diff = left_diff.wrapping_mul(*right_diff);
            made.drain(..).for_each(|row| out.push_into((row, time, diff)));
        },
    )
    .as_collection()
}
