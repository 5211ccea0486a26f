//! The canonical form of scalar expressions: a column, a constant, or something that is computed.

use super::form::{ColumnForm, Form, Subject, by_number};
use super::{expression, types};
use crate::plan::scalar::{Computed, Scalar, column_number};

/// Writes a scalar expression.
pub fn write(form: &mut Form, scalar: &Scalar, column: ColumnForm<'_>) {
    match scalar {
        Scalar::Column(number) => {
            form.tag(1);
            column(form, *number);
        }
        Scalar::Constant { field, data_type, .. } => {
            form.tag(2);
            types::data_type(form, data_type);
            form.bytes(field.as_bytes());
        }
        Scalar::Computed(Computed { expression, inputs, data_type, .. }) => {
            form.tag(3);
            types::data_type(form, data_type);
            form.each(inputs.iter(), |form, (number, (data_type, _))| {
                column(form, *number);
                types::data_type(form, data_type);
            });
            let of_column =
                |form: &mut Form, named: &datafusion_common::Column| column_number(named).map(|number| column(form, number));
            let written = expression::write(form, expression, &of_column);
            written.unwrap_or_else(|error| panic!("an expression that was lowered has no canonical form: {error}"));
        }
    }
}

/// The form of a scalar expression by itself: two with the same compute the same.
pub fn scalar_form(expression: &Scalar) -> Form {
    let mut form = Form::new(Subject::Scalar);
    write(&mut form, expression, &by_number);
    form
}
