use crate::KeyedRows;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKSpec { pub limit: usize, pub offset: usize, pub rank: bool, pub append_only: bool }
pub fn top_k<'s>(_input: KeyedRows<'s>, _spec: TopKSpec) -> KeyedRows<'s> { unimplemented!() }
