//! Arranging: keyed rows in an index by key that joins share, stored flat.
//!
//! Owns the container of rows, one byte vector with offsets, and the spine, batcher and builder over it. Keyed rows enter, an
//! [`RowArrangement`] leaves. In memory: the bytes of each distinct key once, of each distinct value once per key, and a few bytes
//! per update. A handle to a trace that is kept outside of an operator holds back compaction: whoever clones one must advance it.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::arrange::arrange;
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let row = (Row::from_bytes(b"key"), Row::from_bytes(b"value"));
//!     let (_, rows) = scope.new_collection_from_raw(vec![(row, 0, 1_i64)]);
//!     let arranged = arrange(rows, "rows");
//!     arranged.as_collection(|key, value| Row::concat(key.0, value.0)).inspect(|(row, _, _)| assert_eq!(row.as_bytes(), b"keyvalue"));
//! });
//! ```

use std::rc::Rc;

use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::containers::BatchContainer;
use differential_dataflow::trace::implementations::merge_batcher::{MergeBatcher, vec::VecMerger};
use differential_dataflow::trace::implementations::ord_neu::{OrdValBatch, OrdValBuilder};
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use differential_dataflow::trace::implementations::{ContainerChunker, OffsetList};
use differential_dataflow::trace::rc_blanket_impls::RcBuilder;
use schemas::row::{Diff, Row};
use timely::container::PushInto;
use timely::dataflow::channels::pact::Exchange;

use crate::hash::exchange_hash;
use crate::{KeyedRows, Time};

/// One keyed change.
type Update = ((Row, Row), Time, Diff);

/// The index of an arrangement.
pub type RowSpine = Spine<Rc<OrdValBatch<RowLayout>>>;

/// Keyed rows, arranged: the changes as batches, and a handle to the index.
pub type RowArrangement<'s> = Arranged<'s, TraceAgent<RowSpine>>;

type RowBatcher = MergeBatcher<VecMerger<(Row, Row), Time, Diff>>;
type RowBuilder = RcBuilder<OrdValBuilder<RowLayout, Vec<Update>>>;

/// Arranges rows by key, on the worker that the key's hash names.
pub fn arrange<'s>(rows: KeyedRows<'s>, name: &str) -> RowArrangement<'s> {
    let by_key = Exchange::new(|((key, _), _, _): &Update| exchange_hash(key.as_bytes()));
    arrange_core::<_, _, ContainerChunker<Vec<Update>>, RowBatcher, RowBuilder, RowSpine>(rows.inner, by_key, name)
}

/// A row inside an arrangement. (A type of its own because the builder compares it with an owned [`Row`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowRef<'a>(pub &'a [u8]);

impl PartialEq<&Row> for RowRef<'_> {
    fn eq(&self, other: &&Row) -> bool {
        self.0 == other.as_bytes()
    }
}

/// Storage of an arrangement's keys, values, times, differences and offsets.
type RowLayout = (RowContainer, RowContainer, Vec<Time>, Vec<Diff>, OffsetList);

/// Rows one after another in one allocation. The list of offsets starts with the 0 at which the first row starts.
pub struct RowContainer {
    offsets: OffsetList,
    bytes: Vec<u8>,
}

/// Bytes that a row is assumed to take when only the number of rows is known.
const ROW_BYTES_EXPECTED: usize = 16;

impl RowContainer {
    fn with_capacities(rows: usize, bytes: usize) -> Self {
        let mut offsets = OffsetList::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::with_capacity(bytes) }
    }
}

impl Default for RowContainer {
    fn default() -> Self {
        Self::with_capacities(0, 0)
    }
}

impl PushInto<Row> for RowContainer {
    fn push_into(&mut self, row: Row) {
        self.push_own(&row);
    }
}

impl BatchContainer for RowContainer {
    type Owned = Row;
    type ReadItem<'a> = RowRef<'a>;

    #[inline]
    fn into_owned<'a>(row: RowRef<'a>) -> Row {
        Row::from_bytes(row.0)
    }

    #[inline]
    fn clone_onto<'a>(row: RowRef<'a>, other: &mut Row) {
        other.set(row.0);
    }

    #[inline]
    fn push_ref(&mut self, row: RowRef<'_>) {
        self.bytes.extend_from_slice(row.0);
        self.offsets.push(self.bytes.len());
    }

    #[inline]
    fn push_own(&mut self, row: &Row) {
        self.push_ref(RowRef(row.as_bytes()));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn with_capacity(rows: usize) -> Self {
        Self::with_capacities(rows, rows * ROW_BYTES_EXPECTED)
    }

    fn merge_capacity(left: &Self, right: &Self) -> Self {
        Self::with_capacities(left.len() + right.len(), left.bytes.len() + right.bytes.len())
    }

    #[inline]
    fn reborrow<'b, 'a: 'b>(row: RowRef<'a>) -> RowRef<'b> {
        row
    }

    #[inline]
    fn index(&self, index: usize) -> RowRef<'_> {
        RowRef(&self.bytes[self.offsets.index(index)..self.offsets.index(index + 1)])
    }

    #[inline]
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
}
