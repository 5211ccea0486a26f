//! Values of arguments that have a form of their own.

use std::str::FromStr;

/// Beginnings of the API's conditions; anything else is a value that the column has.
const OPERATORS: [&str; 7] = ["eq.", "in.", "gt.", "gte.", "lt.", "lte.", "is."];

/// A column and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowCondition {
    /// the column
    pub column: String,
    /// in the words of the API
    pub condition: String,
}

impl FromStr for RowCondition {
    type Err = BadRowCondition;

    fn from_str(text: &str) -> Result<Self, BadRowCondition> {
        let (column, value) = text.split_once('=').filter(|(column, _)| !column.is_empty()).ok_or(BadRowCondition)?;
        let is_condition = OPERATORS.iter().any(|operator| value.starts_with(operator));
        let condition = if is_condition { value.to_owned() } else { format!("eq.{value}") };
        Ok(Self { column: column.to_owned(), condition })
    }
}

/// A text that is no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write column=value")]
pub struct BadRowCondition;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_the_column_has_unless_it_is_a_condition() {
        let read = |text: &str| text.parse::<RowCondition>().map(|condition| (condition.column, condition.condition));
        assert_eq!(read("post_id=5"), Ok(("post_id".into(), "eq.5".into())));
        assert_eq!(read("at=gte.2024-01-01"), Ok(("at".into(), "gte.2024-01-01".into())));
        assert_eq!(read("text=a=b"), Ok(("text".into(), "eq.a=b".into())));
        assert!(read("post_id").is_err() && read("=5").is_err());
    }
}
