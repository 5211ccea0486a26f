use crate::arrange::RowArrangement;
use crate::{KeyedRows, Rows};
use schemas::row::Row;
pub fn join<'s, L>(_left: RowArrangement<'s>, _right: RowArrangement<'s>, _emit: L) -> Rows<'s>
where L: FnMut(&[u8], &[u8], &[u8], &mut Vec<Row>) + 'static { unimplemented!() }
pub fn matched_keys<'s>(_right: KeyedRows<'s>, _name: &str) -> RowArrangement<'s> { unimplemented!() }
pub fn semijoin<'s>(_left: &RowArrangement<'s>, _keys: &RowArrangement<'s>) -> KeyedRows<'s> { unimplemented!() }
pub fn antijoin<'s>(_left: KeyedRows<'s>, _keys: &RowArrangement<'s>, _name: &str) -> KeyedRows<'s> { unimplemented!() }
