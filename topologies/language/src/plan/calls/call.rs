//! A described function as DataFusion calls it.
//!
//! Arrow arrays enter, values are handed to the function row by row, an Arrow array leaves.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use schemas::field::Value;

use super::arrays::{build, constant_value, value_at};
use super::definition::{Check, Definition, Gives, Kind, Overload};

/// Digits of a field of a time: microseconds of every instant have fewer.
const FIELD_PRECISION: u8 = 24;

/// The function of a definition.
pub fn function(definition: &'static Definition) -> ScalarUDF {
    ScalarUDF::from(Call {
        definition,
        aliases: definition.aliases.iter().map(|&alias| alias.to_owned()).collect(),
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

/// A definition as DataFusion calls it.
struct Call {
    definition: &'static Definition,
    aliases: Vec<String>,
    signature: Signature,
}

impl Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

/// Returns true if a function is one of this module, whose arguments have SQL's types.
pub fn is_call(function: &ScalarUDF) -> bool {
    function.inner().is::<Call>()
}

impl ScalarUDFImpl for Call {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match self.definition.overload(types) {
            Some((_, converted)) => Ok(converted),
            None => self.definition.refuse(types),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.definition.overload(types) {
            Some((Overload { gives: Gives::Kind(kind) | Gives::Maybe(kind), .. }, _)) => Ok(kind.data_type()),
            Some(_) => plan_err!("the type of {} depends on its arguments", self.definition.name),
            None => self.definition.refuse(types),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let Some((overload, _)) = self.definition.overload(&types) else { return self.definition.refuse(&types) };
        let data_type = match overload.gives {
            Gives::Kind(kind) | Gives::Maybe(kind) => kind.data_type(),
            Gives::NumericBy(scale) => {
                let constants: Vec<Option<Value<'_>>> =
                    args.scalar_arguments.iter().map(|argument| argument.and_then(constant_value)).collect();
                DataType::Decimal128(FIELD_PRECISION, scale(&constants)?)
            }
        };
        // A list of groups is NULL where nothing matches.
        let may_find_nothing = matches!(overload.gives, Gives::Kind(Kind::Texts) | Gives::Maybe(_));
        let nullable = !self.definition.strict || may_find_nothing || args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.definition.name, data_type, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.definition.name;
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let Some((overload, _)) = self.definition.overload(&types) else { return self.definition.refuse(&types) };
        if let Some(check) = &self.definition.check {
            let constants: Vec<Option<Value<'_>>> = args.args.iter().map(constant_of).collect();
            let checked = match check {
                Check::Values(check) => check(&constants),
                Check::Typed(check) => check(overload.takes, &constants),
            };
            checked.or_else(|fault| exec_err!("{name}: {fault}"))?;
        }
        let is_constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            let values = arrays.iter().map(|array| value_at(array, row)).collect::<Result<Vec<_>>>()?;
            results.push(if self.definition.strict && values.contains(&Value::Null) {
                Value::Null
            } else {
                (overload.call)(&values).or_else(|fault| exec_err!("{name}: {fault}"))?
            });
        }
        let array = build(args.return_field.data_type(), &results)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

fn constant_of(argument: &ColumnarValue) -> Option<Value<'_>> {
    match argument {
        ColumnarValue::Scalar(value) => constant_value(value),
        ColumnarValue::Array(_) => None,
    }
}
