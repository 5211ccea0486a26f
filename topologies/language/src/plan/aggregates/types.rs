//! The aggregates that the reduce operator computes, as the planner sees them: names, the types that they take, the types of their results.
//!
//! Owns [`functions`]. Types of arguments enter, those that they are cast to and that of the result leave; nothing is computed here. `sum` and `avg`
//! are in [`crate::plan::numbers::aggregates`].

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::expr::AggregateFunctionParams;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility, udaf_default_display_name};

use crate::plan::numbers::aggregates::added_type;
use crate::plan::numbers::kind::{NumberKind, wide_type};
use crate::plan::types::{is_json, json_type, type_name};

/// Types that an aggregate takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TypeRule {
    /// numbers: NUMERIC of exact ones, DOUBLE PRECISION of others
    Deviation,
    /// two numbers, as DOUBLE PRECISION
    Regression,
    /// the number of pairs of two numbers
    PairCount,
    /// numbers and a fraction or a list of them: DOUBLE PRECISION
    ContinuousPercentile,
    /// values and a fraction or a list of them: a value or a list of them
    DiscretePercentile,
    /// numbers: DOUBLE PRECISION
    Median,
    /// values behind WITHIN GROUP: one of them
    Mode,
    /// values and keys that order them: one of the values
    ByKey,
    /// values: one of them
    OneOf,
    /// whole numbers: one of the same type
    Bits,
    /// truth values: one
    Truth,
    /// values: their number
    DifferentCount,
    /// texts and a separator: a text
    Texts,
    /// values: a JSONB array
    JsonArray,
    /// names and values: a JSONB object
    JsonObject,
}

/// Names of the aggregates and their rules.
const RULES: [(&str, TypeRule); 41] = [
    ("stddev", TypeRule::Deviation),
    ("stddev_samp", TypeRule::Deviation),
    ("stddev_pop", TypeRule::Deviation),
    ("variance", TypeRule::Deviation),
    ("var_samp", TypeRule::Deviation),
    ("var_pop", TypeRule::Deviation),
    ("corr", TypeRule::Regression),
    ("covar_pop", TypeRule::Regression),
    ("covar_samp", TypeRule::Regression),
    ("regr_avgx", TypeRule::Regression),
    ("regr_avgy", TypeRule::Regression),
    ("regr_count", TypeRule::PairCount),
    ("regr_intercept", TypeRule::Regression),
    ("regr_r2", TypeRule::Regression),
    ("regr_slope", TypeRule::Regression),
    ("regr_sxx", TypeRule::Regression),
    ("regr_sxy", TypeRule::Regression),
    ("regr_syy", TypeRule::Regression),
    ("percentile_cont", TypeRule::ContinuousPercentile),
    ("approx_percentile", TypeRule::ContinuousPercentile),
    ("approx_percentile_cont", TypeRule::ContinuousPercentile),
    ("percentile_disc", TypeRule::DiscretePercentile),
    ("median", TypeRule::Median),
    ("mode", TypeRule::Mode),
    ("arg_min", TypeRule::ByKey),
    ("arg_max", TypeRule::ByKey),
    ("min_by", TypeRule::ByKey),
    ("max_by", TypeRule::ByKey),
    ("first_value", TypeRule::OneOf),
    ("last_value", TypeRule::OneOf),
    ("any_value", TypeRule::OneOf),
    ("bit_and", TypeRule::Bits),
    ("bit_or", TypeRule::Bits),
    ("bit_xor", TypeRule::Bits),
    ("every", TypeRule::Truth),
    ("approx_count_distinct", TypeRule::DifferentCount),
    ("string_agg", TypeRule::Texts),
    ("json_agg", TypeRule::JsonArray),
    ("jsonb_agg", TypeRule::JsonArray),
    ("json_object_agg", TypeRule::JsonObject),
    ("jsonb_object_agg", TypeRule::JsonObject),
];

/// The aggregates of this file.
pub fn functions() -> impl Iterator<Item = Arc<AggregateUDF>> {
    RULES.into_iter().map(|(name, rule)| {
        Arc::new(AggregateUDF::from(TypedAggregate { name, rule, signature: Signature::user_defined(Volatility::Immutable) }))
    })
}

/// An aggregate that is known by its name and its types.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TypedAggregate {
    name: &'static str,
    rule: TypeRule,
    signature: Signature,
}

impl TypedAggregate {
    /// Refuses arguments, with the form of a call.
    fn refused<T>(&self, types: &[DataType]) -> Result<T> {
        let name = self.name;
        let takes = match self.rule {
            TypeRule::Deviation | TypeRule::Median => "takes a number",
            TypeRule::Regression | TypeRule::PairCount => "takes two numbers (y, x)",
            TypeRule::ContinuousPercentile | TypeRule::DiscretePercentile => {
                return plan_err!("{name} takes a fraction and a value: write {name}(0.5) WITHIN GROUP (ORDER BY value)");
            }
            TypeRule::Mode => return plan_err!("mode takes a value behind it: write mode() WITHIN GROUP (ORDER BY value)"),
            TypeRule::ByKey => "takes a value and what orders it (value, key)",
            TypeRule::OneOf | TypeRule::DifferentCount | TypeRule::JsonArray => "takes one value",
            TypeRule::Bits => "takes a SMALLINT, INTEGER or BIGINT",
            TypeRule::Truth => "takes a condition",
            TypeRule::Texts => "takes a TEXT and a separator",
            TypeRule::JsonObject => "takes a TEXT and a value (name, value)",
        };
        let given: Vec<String> = types.iter().map(type_name).collect();
        plan_err!("{name} {takes}, not ({})", given.join(", "))
    }

    /// Refuses values that have no order of PostgreSQL's here.
    fn check_ordered(&self, kind: &DataType) -> Result<()> {
        if is_json(kind) {
            return plan_err!("{} can't order JSONB: order by a part of it, such as value ->> 'name'", self.name);
        }
        Ok(())
    }

    /// The types of a percentile's value and fractions.
    fn percentile_types(&self, value: DataType, fraction: &DataType) -> Result<Vec<DataType>> {
        let fraction = match fraction {
            DataType::List(item) if added_type(item.data_type()).is_some() => DataType::new_list(DataType::Float64, true),
            other if added_type(other).is_some() => DataType::Float64,
            other => return plan_err!("the fraction of {} is a number from 0 to 1, not {}", self.name, type_name(other)),
        };
        Ok(vec![value, fraction])
    }

    /// The number whose place between others can be found.
    fn continuous(&self, value: &DataType) -> Result<DataType> {
        match (added_type(value), value) {
            (Some(added), _) => Ok(added),
            (None, DataType::Interval(_) | DataType::Timestamp(_, _)) => plan_err!(
                "{} takes numbers, not {}: use percentile_disc, or EXTRACT(EPOCH FROM value)",
                self.name,
                type_name(value)
            ),
            (None, other) => plan_err!("{} takes numbers, not {}: use percentile_disc", self.name, type_name(other)),
        }
    }
}

/// The type of a value that is kept as it is: a NULL without a type is a TEXT.
fn settled(kind: &DataType) -> DataType {
    if kind.is_null() { DataType::Utf8 } else { kind.clone() }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::Null)
}

impl AggregateUDFImpl for TypedAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_number = |kind: &DataType| added_type(kind).is_some();
        match (self.rule, types) {
            (TypeRule::Deviation, [value]) => match added_type(value) {
                Some(added) => Ok(vec![added]),
                None => self.refused(types),
            },
            (TypeRule::Median, [value]) => Ok(vec![self.continuous(value)?]),
            (TypeRule::Regression | TypeRule::PairCount, [y, x]) if is_number(y) && is_number(x) => {
                Ok(vec![DataType::Float64; 2])
            }
            (TypeRule::ContinuousPercentile, [value, fraction]) => self.percentile_types(self.continuous(value)?, fraction),
            // How near the answer has to be does not matter: it is exact.
            (TypeRule::ContinuousPercentile, [value, fraction, error]) if self.name != "percentile_cont" && is_number(error) => {
                let mut types = self.percentile_types(self.continuous(value)?, fraction)?;
                types.push(DataType::Float64);
                Ok(types)
            }
            (TypeRule::DiscretePercentile, [value, fraction]) => {
                self.check_ordered(value)?;
                self.percentile_types(settled(value), fraction)
            }
            (TypeRule::Mode, [value]) => {
                self.check_ordered(value)?;
                Ok(vec![settled(value)])
            }
            (TypeRule::ByKey, [value, key]) => {
                self.check_ordered(key)?;
                Ok(vec![settled(value), settled(key)])
            }
            (TypeRule::OneOf | TypeRule::DifferentCount | TypeRule::JsonArray, [value]) => Ok(vec![settled(value)]),
            (TypeRule::Bits, [value]) => match added_type(value) {
                Some(whole) if NumberKind::of(&whole).is_some_and(NumberKind::is_whole) => Ok(vec![whole]),
                _ => self.refused(types),
            },
            (TypeRule::Truth, [DataType::Boolean | DataType::Null]) => Ok(vec![DataType::Boolean]),
            (TypeRule::Texts, [text, separator]) if is_text(text) && is_text(separator) => Ok(vec![DataType::Utf8; 2]),
            (TypeRule::JsonObject, [name, value]) if is_text(name) || name.is_integer() => {
                Ok(vec![DataType::Utf8, settled(value)])
            }
            _ => self.refused(types),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let Some(first) = types.first() else { return self.refused(types) };
        let of_fraction = |result: DataType| match types.get(1) {
            Some(DataType::List(_)) => DataType::new_list(result, true),
            _ => result,
        };
        Ok(match self.rule {
            TypeRule::Deviation if *first == DataType::Float64 => DataType::Float64,
            TypeRule::Deviation => wide_type(),
            TypeRule::Regression | TypeRule::Median => DataType::Float64,
            TypeRule::ContinuousPercentile => of_fraction(DataType::Float64),
            TypeRule::DiscretePercentile => of_fraction(first.clone()),
            TypeRule::PairCount | TypeRule::DifferentCount => DataType::Int64,
            TypeRule::Mode | TypeRule::ByKey | TypeRule::OneOf | TypeRule::Bits | TypeRule::Truth => first.clone(),
            TypeRule::Texts => DataType::Utf8,
            TypeRule::JsonArray | TypeRule::JsonObject => json_type(),
        })
    }

    fn is_nullable(&self) -> bool {
        !matches!(self.rule, TypeRule::PairCount | TypeRule::DifferentCount)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        if self.is_nullable() { ScalarValue::try_from(data_type) } else { Ok(ScalarValue::Int64(Some(0))) }
    }

    fn supports_within_group_clause(&self) -> bool {
        matches!(self.rule, TypeRule::ContinuousPercentile | TypeRule::DiscretePercentile | TypeRule::Mode)
    }

    /// The call as it was written: the planner puts what is behind WITHIN GROUP before the other arguments.
    fn display_name(&self, params: &AggregateFunctionParams) -> Result<String> {
        let (Some((value, given)), [sort]) = (params.args.split_first(), &params.order_by[..]) else {
            return udaf_default_display_name(self, params);
        };
        if !self.supports_within_group_clause() {
            return udaf_default_display_name(self, params);
        }
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let direction = if sort.asc { "" } else { " DESC" };
        let filter = params.filter.as_ref().map_or(String::new(), |filter| format!(" FILTER (WHERE {filter})"));
        Ok(format!("{}({}) WITHIN GROUP (ORDER BY {value}{direction}){filter}", self.name, given.join(", ")))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{} is computed by the reduce operator", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, types: &[DataType]) -> Result<DataType> {
        let function = functions().find(|function| function.name() == name).expect("a function of this file");
        function.return_type(&function.coerce_types(types)?)
    }

    #[test]
    fn results_have_the_types_of_postgresql() {
        let decimal = DataType::Decimal128(12, 3);
        let list = |item: DataType| DataType::new_list(item, true);
        for (name, types, expected) in [
            ("stddev", vec![DataType::Int32], wide_type()),
            ("var_pop", vec![decimal.clone()], wide_type()),
            ("variance", vec![DataType::Float64], DataType::Float64),
            ("corr", vec![DataType::Int64, decimal.clone()], DataType::Float64),
            ("regr_count", vec![DataType::Int64, DataType::Float64], DataType::Int64),
            ("percentile_cont", vec![DataType::Int32, decimal.clone()], DataType::Float64),
            ("percentile_cont", vec![decimal.clone(), list(decimal.clone())], list(DataType::Float64)),
            ("percentile_disc", vec![DataType::Utf8, decimal.clone()], DataType::Utf8),
            ("percentile_disc", vec![DataType::Date32, list(decimal.clone())], list(DataType::Date32)),
            ("mode", vec![decimal.clone()], decimal.clone()),
            ("max_by", vec![DataType::Utf8, DataType::Int64], DataType::Utf8),
            ("bit_xor", vec![DataType::Int16], DataType::Int16),
            ("jsonb_object_agg", vec![DataType::Utf8, DataType::Float64], json_type()),
        ] {
            assert_eq!(result(name, &types).expect("it takes these"), expected, "{name} of {types:?}");
        }
    }

    #[test]
    fn what_they_do_not_take_is_refused() {
        for (name, types) in [
            ("stddev", vec![DataType::Utf8]),
            ("corr", vec![DataType::Int64]),
            ("percentile_cont", vec![DataType::Float64]),
            ("percentile_cont", vec![DataType::Utf8, DataType::Float64]),
            ("percentile_disc", vec![json_type(), DataType::Float64]),
            ("bit_and", vec![DataType::Float64]),
            ("every", vec![DataType::Int32]),
            ("string_agg", vec![DataType::Int32, DataType::Utf8]),
            ("arg_min", vec![DataType::Utf8, json_type()]),
        ] {
            assert!(result(name, &types).is_err(), "{name} of {types:?}");
        }
    }
}
