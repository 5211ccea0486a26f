//! The choice of what the reduce operator computes for a call of an aggregate.
//!
//! Owns [`choose`]. A call enters; the kind of aggregate, its arguments and what orders them leave. A call that nothing exact and retractable can be
//! found for is refused with what to write instead.

use arrow_array::Array as _;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{AggregateFunction, Sort};
use datafusion_expr::{Expr, ExprSchemable};
use schemas::aggregate::{AggregateKind, BitOperation, Deviation, Fractions, Percentile, Regression};
use schemas::field::FieldKind;

use crate::plan::numbers::kind::NumberKind;
use crate::plan::scalar::unalias;
use crate::plan::types::{interval_micros, is_json, type_name};

/// The most fractions that one percentile takes.
pub const FRACTIONS_MAX: usize = 100;

/// An aggregate to compute.
pub struct Choice {
    /// the function
    pub kind: AggregateKind,
    /// its arguments
    pub arguments: Vec<Expr>,
    /// order of its values
    pub order: Vec<Sort>,
}

/// A call whose aggregate is looked for.
struct AggregateCall<'a> {
    name: &'a str,
    arguments: &'a [Expr],
    order: &'a [Sort],
    is_distinct: bool,
    schema: &'a DFSchema,
    /// kind of the result
    output: FieldKind,
}

/// Returns what computes a call whose result is of this kind.
///
/// # Errors
/// There is no such aggregate, or not over such arguments.
pub fn choose(call: &AggregateFunction, output: FieldKind, schema: &DFSchema) -> Result<Choice> {
    let parameters = &call.params;
    let call = AggregateCall {
        name: call.func.name(),
        arguments: &parameters.args,
        order: &parameters.order_by,
        is_distinct: parameters.distinct,
        schema,
        output,
    };
    for family in [
        AggregateCall::of_counts,
        AggregateCall::of_extremes,
        AggregateCall::of_statistics,
        AggregateCall::of_places,
        AggregateCall::of_first,
        AggregateCall::of_lists,
    ] {
        if let Some(choice) = family(&call)? {
            return Ok(choice);
        }
    }
    if call.is_distinct {
        return plan_err!("'{}(DISTINCT ...)' is not supported: aggregate over a sub-query with SELECT DISTINCT", call.name);
    }
    plan_err!("the aggregate '{}' is not supported: docs/FUNCTIONS.md lists all", call.name)
}

/// An aggregate of unordered values.
fn plain(kind: AggregateKind, arguments: &[Expr]) -> Choice {
    Choice { kind, arguments: arguments.to_vec(), order: Vec::new() }
}

impl AggregateCall<'_> {
    /// The first arguments.
    fn first(&self, count: usize) -> &[Expr] {
        &self.arguments[..count.min(self.arguments.len())]
    }

    /// The aggregate of each different value once, if it was asked for.
    fn of_different(&self, kind: AggregateKind) -> AggregateKind {
        if self.is_distinct { AggregateKind::OfDistinct(Box::new(kind)) } else { kind }
    }

    /// Counts, sums, means and truths.
    fn of_counts(&self) -> Result<Option<Choice>> {
        let argument = self.arguments.first();
        let choice = match (self.name, self.is_distinct) {
            ("count", false) if argument.is_none_or(is_constant) => plain(AggregateKind::CountAll, &[]),
            ("count", false) => plain(AggregateKind::Count, self.first(1)),
            ("count", true) | ("approx_count_distinct", _) => plain(AggregateKind::CountDistinct, self.arguments),
            ("sum" | "avg", _) => {
                let argument = self.exact()?;
                let kind = match (self.name, is_float(&argument, self.schema)?) {
                    ("sum", true) => AggregateKind::FloatSum,
                    ("sum", false) => AggregateKind::Sum { output: self.output.clone() },
                    (_, true) => AggregateKind::FloatAverage,
                    (_, false) => AggregateKind::Average { output: self.output.clone() },
                };
                plain(self.of_different(kind), &[argument])
            }
            ("bool_and" | "every", _) => plain(AggregateKind::BoolAnd, self.first(1)),
            ("bool_or", _) => plain(AggregateKind::BoolOr, self.first(1)),
            ("decayed_sum", false) => {
                let half_life_micros = half_life(self.arguments.get(2))?;
                plain(AggregateKind::DecayedSum { half_life_micros }, self.first(2))
            }
            _ => return Ok(None),
        };
        Ok(Some(choice))
    }

    /// The least, the greatest and any value, and those of their bits.
    fn of_extremes(&self) -> Result<Option<Choice>> {
        let choice = match self.name {
            "min" | "max" => {
                if self.first(1).iter().any(|argument| argument.get_type(self.schema).is_ok_and(|kind| is_json(&kind))) {
                    return plan_err!("{} can't order JSONB: take that of a part of it, such as value ->> 'name'", self.name);
                }
                plain(if self.name == "min" { AggregateKind::Min } else { AggregateKind::Max }, self.first(1))
            }
            // Any value is as good: the least is the same in any order.
            "any_value" => plain(AggregateKind::Min, self.first(1)),
            "bit_and" => plain(AggregateKind::Bits(BitOperation::And), self.first(1)),
            "bit_or" => plain(AggregateKind::Bits(BitOperation::Or), self.first(1)),
            "bit_xor" => plain(self.of_different(AggregateKind::Bits(BitOperation::Xor)), self.first(1)),
            _ => return Ok(None),
        };
        Ok(Some(choice))
    }

    /// Variances, standard deviations and statistics of pairs.
    fn of_statistics(&self) -> Result<Option<Choice>> {
        let deviation = |is_sample, is_root| Some(Deviation { is_sample, is_root });
        let wanted = match self.name {
            "stddev" | "stddev_samp" => deviation(true, true),
            "stddev_pop" => deviation(false, true),
            "variance" | "var_samp" => deviation(true, false),
            "var_pop" => deviation(false, false),
            _ => None,
        };
        if let Some(wanted) = wanted {
            let argument = self.exact()?;
            let is_float = is_float(&argument, self.schema)?;
            let kind = if is_float { AggregateKind::FloatDeviation(wanted) } else { AggregateKind::Deviation(wanted) };
            return Ok(Some(plain(self.of_different(kind), &[argument])));
        }
        let wanted = match self.name {
            "regr_count" => Regression::Count,
            "regr_avgx" => Regression::AverageX,
            "regr_avgy" => Regression::AverageY,
            "regr_sxx" => Regression::SquaresX,
            "regr_syy" => Regression::SquaresY,
            "regr_sxy" => Regression::Products,
            "covar_pop" => Regression::CovariancePopulation,
            "covar_samp" => Regression::CovarianceSample,
            "corr" => Regression::Correlation,
            "regr_slope" => Regression::Slope,
            "regr_intercept" => Regression::Intercept,
            "regr_r2" => Regression::Determination,
            _ => return Ok(None),
        };
        let kind = AggregateKind::Regression(wanted);
        Ok((!self.is_distinct).then(|| plain(kind, self.first(2))))
    }

    /// Percentiles, medians and modes: values at places.
    fn of_places(&self) -> Result<Option<Choice>> {
        let name = self.name;
        let is_continuous = match name {
            "percentile_cont" | "approx_percentile" | "approx_percentile_cont" | "median" => true,
            "percentile_disc" | "mode" => false,
            _ => return Ok(None),
        };
        if self.is_distinct {
            return plan_err!("'{name}(DISTINCT ...)' is not supported: aggregate over a sub-query with SELECT DISTINCT");
        }
        if name == "median" {
            let percentile = Percentile { is_continuous, fractions: Fractions::One(0.5), is_descending: false };
            return Ok(Some(plain(AggregateKind::Percentile(percentile), self.first(1))));
        }
        let [sort] = self.order else {
            let given = if name == "mode" { "" } else { "0.5" };
            return plan_err!("'{name}' needs an order: write {name}({given}) WITHIN GROUP (ORDER BY value)");
        };
        let is_descending = !sort.asc;
        let kind = match name {
            "mode" => AggregateKind::Mode { is_descending },
            _ => {
                let fractions = fractions(name, self.arguments.get(1))?;
                AggregateKind::Percentile(Percentile { is_continuous, fractions, is_descending })
            }
        };
        Ok(Some(plain(kind, self.first(1))))
    }

    /// The value of the first or the last row in an order, and that of the least or the greatest key.
    fn of_first(&self) -> Result<Option<Choice>> {
        let needs_key = match self.name {
            "arg_min" | "arg_max" | "min_by" | "max_by" => true,
            "first_value" | "last_value" => false,
            _ => return Ok(None),
        };
        let order = match (self.name, &self.arguments) {
            ("arg_min" | "min_by", [_, key]) => vec![Sort::new(key.clone(), true, false)],
            ("arg_max" | "max_by", [_, key]) => vec![Sort::new(key.clone(), false, true)],
            _ if self.order.is_empty() => {
                return plan_err!("'{0}' needs an order: write {0}(value ORDER BY key), or any_value(value)", self.name);
            }
            ("first_value", _) => self.order.to_vec(),
            // The last row is the first in the opposite order.
            _ => self.order.iter().map(|sort| Sort::new(sort.expr.clone(), !sort.asc, !sort.nulls_first)).collect(),
        };
        let directions = order.iter().map(|sort| !sort.asc).collect();
        let kind = AggregateKind::First { order: directions, needs_key };
        Ok(Some(Choice { kind, arguments: self.first(1).to_vec(), order }))
    }

    /// Lists, texts and JSON of all values.
    fn of_lists(&self) -> Result<Option<Choice>> {
        let order: Vec<bool> = self.order.iter().map(|sort| !sort.asc).collect();
        let distinct = self.is_distinct;
        let (kind, count) = match self.name {
            "array_agg" => {
                let FieldKind::List(item) = &self.output else { return plan_err!("array_agg yields a list") };
                (AggregateKind::ArrayAgg { item: (**item).clone(), order, distinct }, 1)
            }
            "string_agg" => {
                let separator = string_constant(self.arguments.get(1))?;
                (AggregateKind::StringAgg { separator, order, distinct }, 1)
            }
            "json_agg" | "jsonb_agg" => (AggregateKind::JsonArray { order, distinct }, 1),
            // A member that is there twice is the same member.
            "json_object_agg" | "jsonb_object_agg" => (AggregateKind::JsonObject { order }, 2),
            _ => return Ok(None),
        };
        let is_item = |sort: &Sort| self.first(1).iter().any(|item| uncast(item) == uncast(&sort.expr));
        if distinct && !self.order.iter().all(is_item) {
            return plan_err!(
                "'{}(DISTINCT ...)' can only be ordered by its value: leave ORDER BY out, or order by it",
                self.name
            );
        }
        Ok(Some(Choice { kind, arguments: self.first(count).to_vec(), order: self.order.to_vec() }))
    }

    /// The argument in a type that is added exactly: REAL becomes DOUBLE PRECISION.
    fn exact(&self) -> Result<Expr> {
        let Some(argument) = self.arguments.first() else { return plan_err!("'{}' takes one argument", self.name) };
        let argument = unalias(argument);
        let found = argument.get_type(self.schema)?;
        match NumberKind::of(&found) {
            Some(NumberKind::Float) => argument.cast_to(&DataType::Float64, self.schema),
            Some(_) => Ok(argument),
            None => plan_err!(
                "{}() over {} is not supported: cast the argument to NUMERIC(precision, scale) or DOUBLE PRECISION",
                self.name,
                type_name(&found)
            ),
        }
    }
}

fn is_constant(expression: &Expr) -> bool {
    matches!(unalias(expression), Expr::Literal(value, _) if !value.is_null())
}

fn is_float(argument: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(argument.get_type(schema)? == DataType::Float64)
}

/// An expression without the casts that the planner put around it.
fn uncast(expression: &Expr) -> Expr {
    match unalias(expression) {
        Expr::Cast(cast) => uncast(&cast.expr),
        other => other,
    }
}

fn string_constant(argument: Option<&Expr>) -> Result<String> {
    match argument.map(unalias) {
        Some(Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        )) => Ok(text),
        _ => plan_err!("the separator of string_agg must be a constant text"),
    }
}

fn half_life(argument: Option<&Expr>) -> Result<i64> {
    let Some(Expr::Literal(value, _)) = argument.map(unalias) else {
        return plan_err!("the half-life of decayed_sum must be a constant such as INTERVAL '6 hours'");
    };
    match interval_micros(&value) {
        Ok(micros) if micros > 0 => Ok(micros),
        Ok(_) => plan_err!("the half-life of decayed_sum must be longer than nothing"),
        Err(error) => plan_err!("the half-life of decayed_sum: {error}"),
    }
}

/// The fractions of a percentile: a constant, or a constant list.
fn fractions(name: &str, argument: Option<&Expr>) -> Result<Fractions> {
    let fractions = match argument.map(unalias) {
        Some(Expr::Literal(ScalarValue::Float64(Some(fraction)), _)) => Fractions::One(fraction),
        Some(Expr::Literal(ScalarValue::List(list), _)) if list.len() == 1 && list.value_type() == DataType::Float64 => {
            let items = list.value(0);
            let items: Option<Vec<f64>> = items.as_primitive::<Float64Type>().iter().collect();
            match items {
                Some(items) if (1..=FRACTIONS_MAX).contains(&items.len()) => Fractions::List(items),
                _ => return plan_err!("{name} takes 1 to {FRACTIONS_MAX} fractions in a list, none of them NULL"),
            }
        }
        _ => {
            return plan_err!(
                "the fraction of {name} must be a constant from 0 to 1, or a constant list such as ARRAY[0.5, 0.95]"
            );
        }
    };
    let all = match &fractions {
        Fractions::One(fraction) => std::slice::from_ref(fraction),
        Fractions::List(fractions) => fractions,
    };
    match all.iter().find(|fraction| !(0.0..=1.0).contains(*fraction)) {
        Some(wrong) => plan_err!("the fraction {wrong} of {name} is not between 0 and 1"),
        None => Ok(fractions),
    }
}
