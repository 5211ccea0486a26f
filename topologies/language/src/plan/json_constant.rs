//! Constants as JSONB, and JSONB as constants of other types.
//!
//! A constant and a type enter; the constant of that type leaves, or the reason why there is none.

use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue, plan_err};
use schemas::jsonb::{canonical, shown};

use super::types::{is_json, type_name};

/// A constant of a type, of which one is JSONB and the other is not: a text is read as JSON, JSONB becomes its text, and NULL is one of any type.
///
/// # Errors
/// There is no such constant.
pub fn json_constant(value: &ScalarValue, to: &DataType) -> Result<ScalarValue> {
    match (value, is_json(to)) {
        (value, true) if value.is_null() => Ok(ScalarValue::LargeUtf8(None)),
        (ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), true) => match canonical(text) {
            Ok(json) => Ok(ScalarValue::LargeUtf8(Some(json))),
            Err(error) => plan_err!("'{text}' is not JSONB: {error}"),
        },
        (value, false) if value.is_null() => ScalarValue::try_from(to),
        (ScalarValue::LargeUtf8(Some(json)), false) if *to == DataType::Utf8 => Ok(ScalarValue::Utf8(Some(shown(json)))),
        (other, _) => {
            plan_err!("{other} is {} where {} is needed: write a CAST or to_jsonb(...)", type_name(&other.data_type()), type_name(to))
        }
    }
}
