use crate::{KeyedRows, Rows};
pub fn session<'s>(_input: KeyedRows<'s>, _gap_micros: i64) -> Rows<'s> { unimplemented!() }
