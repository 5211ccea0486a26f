use schemas::row::Row;
use schemas::dead_letter::RowError;
use timely::dataflow::StreamVec;
use crate::{Errors, Rows, Time};
pub type FoldEvent = (Row, (u32, u64), Row);
pub struct FoldStep<'a> { pub key: &'a [u8], pub event: &'a [u8], pub current: Option<&'a [u8]> }
pub enum FoldOutcome { Keep, Put(Row), Delete, Fail(RowError) }
pub trait FoldLogic: 'static { fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>); }
pub fn fold<'s>(_events: StreamVec<'s, Time, FoldEvent>, _logic: impl FoldLogic, _name: &str) -> (Rows<'s>, Errors<'s>) { unimplemented!() }
