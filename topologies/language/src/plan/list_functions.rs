//! Functions over lists that answer as PostgreSQL's do when elements are NULL.
//!
//! Owns `array_has` (`value = ANY(list)`), `array_has_all` (`@>`), `array_has_any` (`&&`), `array_remove`, `array_positions` and
//! `trim_array`. Lists and values enter; a truth value or a list leaves.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::types::type_name;
use crate::plan::numbers::kind::NumberKind;

/// One of the functions.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ListFunction {
    name: &'static str,
    signature: Signature,
}

fn make(name: &'static str) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(ListFunction { name, signature: Signature::user_defined(Volatility::Immutable) }))
}

/// `array_has(list, value)`.
pub fn array_has() -> Arc<ScalarUDF> {
    make("array_has")
}

/// `array_has_all(list, list)`.
pub fn array_has_all() -> Arc<ScalarUDF> {
    make("array_has_all")
}

/// `array_has_any(list, list)`.
pub fn array_has_any() -> Arc<ScalarUDF> {
    make("array_has_any")
}

/// `array_remove(list, value)`.
pub fn array_remove() -> Arc<ScalarUDF> {
    make("array_remove")
}

/// `array_positions(list, value)`.
pub fn array_positions() -> Arc<ScalarUDF> {
    make("array_positions")
}

/// `trim_array(list, number)`.
pub fn trim_array() -> Arc<ScalarUDF> {
    make("trim_array")
}

/// The function that stands in for one of DataFusion's, which the planner takes for an operator such as `@>`.
pub fn instead_of(name: &str) -> Option<Arc<ScalarUDF>> {
    ["array_has", "array_has_all", "array_has_any"].into_iter().find(|known| *known == name).map(make)
}

impl ListFunction {
    /// Returns true if the second argument is a list too.
    fn takes_lists(&self) -> bool {
        matches!(self.name, "array_has_all" | "array_has_any")
    }

    fn answer(&self, list: &[ScalarValue], other: &Other) -> ScalarValue {
        let truth = |truth: bool| ScalarValue::Boolean(Some(truth));
        match other {
            Other::List(others) if self.name == "array_has_all" => {
                truth(others.iter().all(|other| !other.is_null() && list.contains(other)))
            }
            Other::List(others) => truth(others.iter().any(|other| !other.is_null() && list.contains(other))),
            Other::Value(value) if list.contains(value) => truth(true),
            // An element that is not known might be equal.
            Other::Value(_) if list.iter().any(ScalarValue::is_null) => ScalarValue::Boolean(None),
            Other::Value(_) => truth(false),
        }
    }
}

/// The second argument of one row.
enum Other {
    List(Vec<ScalarValue>),
    Value(ScalarValue),
}

impl ScalarUDFImpl for ListFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [list, other] = types else { return plan_err!("'{}' takes two arguments, not {}", self.name, types.len()) };
        let (item, other_item) = match (list, other) {
            (DataType::List(_), number) if self.name == "trim_array" && (number.is_integer() || number.is_null()) => {
                return Ok(vec![list.clone(), DataType::Int64]);
            }
            (DataType::List(item), DataType::List(other)) if self.takes_lists() => (item.data_type(), other.data_type()),
            (DataType::List(item), other) if !self.takes_lists() => (item.data_type(), other),
            (DataType::Null, DataType::List(_)) if self.takes_lists() => return Ok(vec![other.clone(), other.clone()]),
            (DataType::List(_), DataType::Null) => return Ok(vec![list.clone(), list.clone()]),
            (DataType::Null, _) if !self.takes_lists() => {
                return Ok(vec![DataType::new_list(other.clone(), true), other.clone()]);
            }
            _ => {
                let second = if self.takes_lists() { "a list" } else { "a value" };
                return plan_err!("'{}' takes a list and {second}, not {} and {}", self.name, type_name(list), type_name(other));
            }
        };
        let common = match (NumberKind::of(item), NumberKind::of(other_item)) {
            _ if *other_item == DataType::Null => item.clone(),
            _ if *item == DataType::Null => other_item.clone(),
            (Some(item), Some(other)) if self.name != "array_remove" => item.common(other).data_type(),
            (Some(item), Some(other)) if item.common(other) == item => item.data_type(),
            _ if item == other_item => item.clone(),
            _ => {
                return plan_err!(
                    "'{}' compares elements of type {} with {}: cast one of them",
                    self.name,
                    type_name(item),
                    type_name(other_item)
                );
            }
        };
        let list = DataType::new_list(common.clone(), true);
        Ok(vec![list.clone(), if self.takes_lists() { list } else { common }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match (self.name, types.first()) {
            ("array_remove" | "trim_array", Some(DataType::List(item))) => Ok(DataType::new_list(item.data_type().clone(), true)),
            ("array_remove" | "trim_array", _) => plan_err!("'{}' takes a list", self.name),
            ("array_positions", _) => Ok(DataType::new_list(DataType::Int32, true)),
            _ => Ok(DataType::Boolean),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [lists, others] = &args.args[..] else { return plan_err!("'{}' takes two arguments", self.name) };
        let (lists, others) = (lists.to_array(args.number_rows)?, others.to_array(args.number_rows)?);
        let item = match lists.data_type() {
            DataType::List(item) => item.data_type().clone(),
            other => return plan_err!("'{}' was planned over {other}", self.name),
        };
        let null = ScalarValue::try_from(args.return_field.data_type())?;
        let mut answers = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let value = if self.takes_lists() { None } else { Some(ScalarValue::try_from_array(&others, row)?) };
            let is_removal = self.name == "array_remove";
            let is_search = self.name == "array_positions";
            if lists.is_null(row) {
                answers.push(null.clone());
                continue;
            }
            let list = items(lists.as_list::<i32>().value(row).as_ref())?;
            if others.is_null(row) && !is_removal && !is_search {
                // Nothing is in an empty list, not even what is not known.
                let is_known = list.is_empty() && self.name == "array_has";
                answers.push(if is_known { ScalarValue::Boolean(Some(false)) } else { null.clone() });
                continue;
            }
            answers.push(match value {
                Some(value) if is_removal => {
                    let kept: Vec<ScalarValue> = list.into_iter().filter(|item| *item != value).collect();
                    ScalarValue::List(ScalarValue::new_list(&kept, &item, true))
                }
                Some(value) if is_search => positions(&list, &value)?,
                Some(ScalarValue::Int64(Some(number))) if self.name == "trim_array" => trimmed(&list, number, &item)?,
                Some(value) => self.answer(&list, &Other::Value(value)),
                None => self.answer(&list, &Other::List(items(others.as_list::<i32>().value(row).as_ref())?)),
            });
        }
        if answers.is_empty() {
            return Ok(ColumnarValue::Array(arrow_array::new_empty_array(args.return_field.data_type())));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(answers)?))
    }
}

/// The list without so many elements at its end.
fn trimmed(list: &[ScalarValue], number: i64, item: &DataType) -> Result<ScalarValue> {
    match usize::try_from(number).ok().and_then(|number| list.len().checked_sub(number)) {
        Some(kept) => Ok(ScalarValue::List(ScalarValue::new_list(&list[..kept], item, true))),
        None => exec_err!("trim_array: the number of elements must be from 0 to {}, and is {number}", list.len()),
    }
}

/// The places of a value in a list.
fn positions(list: &[ScalarValue], value: &ScalarValue) -> Result<ScalarValue> {
    let mut places = Vec::new();
    for (place, item) in list.iter().enumerate() {
        if item == value {
            let place = i32::try_from(place + 1).or_else(|_| exec_err!("integer out of range"))?;
            places.push(ScalarValue::Int32(Some(place)));
        }
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&places, &DataType::Int32, true)))
}

fn items(list: &dyn Array) -> Result<Vec<ScalarValue>> {
    (0..list.len()).map(|place| ScalarValue::try_from_array(list, place)).collect()
}
