use schemas::field::FieldKind;
use crate::{Errors, KeyedRows, Rows};
/// One aggregate of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateSpec {
    /// what is computed
    pub kind: AggregateKind,
    /// fields of the value row: the arguments first, then the ordering fields
    pub input: Vec<usize>,
    /// a boolean field of the value row; only rows where it is true count
    pub filter: Option<usize>,
    /// the aggregate as SQL, for error rows
    pub expression: String,
}
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateKind {
    CountAll,
    Count,
    Sum { output: FieldKind },
    Average { output: FieldKind },
    Min,
    Max,
    CountDistinct,
    ArrayAgg { item: FieldKind, order: Vec<bool>, distinct: bool },
    StringAgg { separator: String, order: Vec<bool>, distinct: bool },
    BoolAnd,
    BoolOr,
    DecayedSum { half_life_micros: i64 },
}
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceSpec {
    /// kinds of the fields of the key
    pub key_kinds: Vec<FieldKind>,
    pub value_kinds: Vec<FieldKind>,
    pub aggregates: Vec<AggregateSpec>,
    pub global: bool,
    pub append_only: bool,
    pub relation: String,
}
pub fn reduce<'s>(_input: KeyedRows<'s>, _spec: ReduceSpec) -> (Rows<'s>, Errors<'s>) { unimplemented!() }
