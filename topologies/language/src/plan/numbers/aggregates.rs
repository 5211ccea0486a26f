//! The types of `sum` and `avg`: PostgreSQL's, which have room where the argument's type has none.
//!
//! Owns the two functions as the planner sees them. The types of arguments enter, the type of the result leaves; the reduce operator
//! computes it.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::{Result, not_impl_err, plan_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::kind::{EXACT_DIGITS_MAX, NumberKind};
use crate::plan::types::type_name;

/// `sum` or `avg`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Total {
    name: &'static str,
    signature: Signature,
}

/// The functions `sum` and `avg`.
pub fn functions() -> [Arc<AggregateUDF>; 2] {
    ["sum", "avg"]
        .map(|name| Arc::new(AggregateUDF::from(Total { name, signature: Signature::user_defined(Volatility::Immutable) })))
}

/// The type in which an argument is added up or compared; `None` of what is not a number.
pub fn added_type(argument: &DataType) -> Option<DataType> {
    Some(match (NumberKind::of(argument), argument) {
        (Some(_), DataType::UInt64) | (None, DataType::Null) => DataType::Int64,
        (Some(kind), _) => kind.data_type(),
        (None, DataType::Int8 | DataType::UInt8) => DataType::Int16,
        (None, DataType::UInt16) => DataType::Int32,
        (None, DataType::UInt32) => DataType::Int64,
        (None, DataType::Float32) => DataType::Float64,
        _ => return None,
    })
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = types else { return plan_err!("{} takes one argument, not {}", self.name, types.len()) };
        match added_type(argument) {
            Some(added) => Ok(vec![added]),
            None => plan_err!("{} takes numbers, not {}", self.name, type_name(argument)),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let kind = types.first().and_then(NumberKind::of);
        Ok(match (self.name, kind) {
            (_, None) => return plan_err!("{} takes numbers", self.name),
            (_, Some(NumberKind::Float)) => DataType::Float64,
            ("sum", Some(NumberKind::Int16 | NumberKind::Int32)) => DataType::Int64,
            ("sum", Some(NumberKind::Int64)) => NumberKind::Exact { digits: EXACT_DIGITS_MAX, scale: 0 }.data_type(),
            ("sum", Some(NumberKind::Exact { scale, .. })) => NumberKind::Exact { digits: EXACT_DIGITS_MAX, scale }.data_type(),
            _ => NumberKind::Wide.data_type(),
        })
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{} is computed by the reduce operator", self.name)
    }
}
