//! One line of the table of functions: names, the types it takes and gives, its implementation, and the question to PostgreSQL.
//!
//! Owns [`Entry`]. A file of a family of functions fills it in; the planner, the documentation and the tests read it.

use std::sync::Arc;

use datafusion_expr::{ScalarUDF, Volatility};

/// A type as SQL names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlType {
    /// `BOOLEAN`
    Boolean,
    /// `SMALLINT`
    SmallInt,
    /// `INTEGER`
    Integer,
    /// `BIGINT`
    BigInt,
    /// `NUMERIC`
    Numeric,
    /// `DOUBLE PRECISION`
    Double,
    /// `TEXT`
    Text,
    /// `BYTEA`
    Bytea,
    /// `TIMESTAMPTZ`
    Timestamptz,
    /// `TIMESTAMP`
    Timestamp,
    /// `DATE`
    Date,
    /// `INTERVAL`
    Interval,
    /// `TEXT[]`
    Texts,
    /// `BIGINT[]`
    BigInts,
    /// `JSONB`
    Json,
}

impl SqlType {
    /// The name of the type in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Numeric => "NUMERIC",
            Self::Double => "DOUBLE PRECISION",
            Self::Text => "TEXT",
            Self::Bytea => "BYTEA",
            Self::Timestamptz => "TIMESTAMPTZ",
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Interval => "INTERVAL",
            Self::Texts => "TEXT[]",
            Self::BigInts => "BIGINT[]",
            Self::Json => "JSONB",
        }
    }
}

/// An argument of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// any expression of the type
    Of(SqlType),
    /// an INTEGER that is a length, a place or a number of digits: the tests keep it small
    Small,
    /// one of these constants, as SQL writes them
    OneOf(&'static [&'static str]),
}

/// One combination of argument types and the type of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallForm {
    /// the arguments, in order
    pub arguments: &'static [Argument],
    /// the type of the result
    pub result: SqlType,
}

/// Syntax in which a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `name(a, b)`
    Call,
    /// an operator or a construct of SQL: `{0}`, `{1}` stand for the arguments
    Template(&'static str),
}

/// Question to PostgreSQL that gives the right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresReference {
    /// the same text
    Same,
    /// an expression that means the same there: `{0}`, `{1}` stand for the arguments
    As(&'static str),
    /// PostgreSQL has nothing like it
    Nothing,
}

/// Treatment of NULL arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// NULL when any argument is NULL
    Strict,
    /// something else, in words
    Described(&'static str),
}

/// Origin of the implementation.
#[derive(Clone, Copy)]
pub enum Implementation {
    /// the function of this name in DataFusion
    DataFusion(&'static str),
    /// the rule of this name for numbers
    Number(&'static str),
    /// the function of texts and times of this name
    Call(&'static str),
    /// a function of this crate
    Own(fn() -> Arc<ScalarUDF>),
    /// syntax that the planner translates: nothing is looked up by name
    Syntax,
}

/// One function, operator or construct that expressions may use.
#[derive(Clone, Copy)]
pub struct Entry {
    /// its name, in lower case
    pub name: &'static str,
    /// other names of the same function
    pub aliases: &'static [&'static str],
    /// form of a call
    pub syntax: Syntax,
    /// the types that it takes and gives
    pub forms: &'static [CallForm],
    /// true if the last argument may be repeated
    pub is_variadic: bool,
    /// treatment of NULL
    pub nulls: Nulls,
    /// dependence of the answer on more than the arguments
    pub volatility: Volatility,
    /// one line for people
    pub about: &'static str,
    /// origin of the implementation
    pub implementation: Implementation,
    /// question to PostgreSQL
    pub reference: PostgresReference,
}

/// A form, for the lists of entries.
pub const fn form(arguments: &'static [Argument], result: SqlType) -> CallForm {
    CallForm { arguments, result }
}

impl Entry {
    /// A function of DataFusion that answers as PostgreSQL's function of the same name.
    pub const fn datafusion(name: &'static str, forms: &'static [CallForm], about: &'static str) -> Self {
        Self::new(name, Syntax::Call, forms, about, Implementation::DataFusion(name))
    }

    /// A function of texts or times that answers as PostgreSQL's function of the same name.
    pub const fn call(name: &'static str, forms: &'static [CallForm], about: &'static str) -> Self {
        Self::new(name, Syntax::Call, forms, about, Implementation::Call(name))
    }

    /// A function of this crate that answers as PostgreSQL's function of the same name.
    pub const fn own(name: &'static str, forms: &'static [CallForm], about: &'static str, make: fn() -> Arc<ScalarUDF>) -> Self {
        Self::new(name, Syntax::Call, forms, about, Implementation::Own(make))
    }

    /// A function over numbers that answers as PostgreSQL's function of the same name.
    pub const fn number(name: &'static str, forms: &'static [CallForm], about: &'static str) -> Self {
        Self::new(name, Syntax::Call, forms, about, Implementation::Number(name))
    }

    /// An operator or a construct of SQL.
    pub const fn syntax(name: &'static str, template: &'static str, forms: &'static [CallForm], about: &'static str) -> Self {
        Self::new(name, Syntax::Template(template), forms, about, Implementation::Syntax)
    }

    /// An aggregate that answers as PostgreSQL's of the same name. The planner knows it elsewhere.
    pub const fn aggregate(name: &'static str, forms: &'static [CallForm], about: &'static str) -> Self {
        Self::new(name, Syntax::Call, forms, about, Implementation::Syntax)
    }

    const fn new(
        name: &'static str,
        syntax: Syntax,
        forms: &'static [CallForm],
        about: &'static str,
        implementation: Implementation,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            syntax,
            forms,
            is_variadic: false,
            nulls: Nulls::Strict,
            volatility: Volatility::Immutable,
            about,
            implementation,
            reference: PostgresReference::Same,
        }
    }

    /// The entry with further names.
    pub const fn also(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The entry, a call of which is written like this: `{0}`, `{1}` stand for the arguments.
    pub const fn written(self, template: &'static str) -> Self {
        Self { syntax: Syntax::Template(template), ..self }
    }

    /// The entry with an own rule for NULL.
    pub const fn nulls(self, rule: &'static str) -> Self {
        Self { nulls: Nulls::Described(rule), ..self }
    }

    /// The entry, whose last argument may be repeated.
    pub const fn variadic(self) -> Self {
        Self { is_variadic: true, ..self }
    }

    /// The entry with the name that DataFusion has for the function.
    pub const fn named_there(self, name: &'static str) -> Self {
        Self { implementation: Implementation::DataFusion(name), ..self }
    }

    /// The entry, for which PostgreSQL is asked this.
    pub const fn means(self, template: &'static str) -> Self {
        Self { reference: PostgresReference::As(template), ..self }
    }

    /// The entry, which PostgreSQL does not have.
    pub const fn not_in_postgres(self) -> Self {
        Self { reference: PostgresReference::Nothing, ..self }
    }

    /// Writes a call with these arguments in SQL.
    pub fn write(&self, arguments: &[String]) -> String {
        match self.syntax {
            Syntax::Call => format!("{}({})", self.name, arguments.join(", ")),
            Syntax::Template(template) => fill(template, arguments),
        }
    }

    /// Writes the question to PostgreSQL for a call with these arguments; `None` when it has nothing like it.
    pub fn write_reference(&self, arguments: &[String]) -> Option<String> {
        match self.reference {
            PostgresReference::Same => Some(self.write(arguments)),
            PostgresReference::As(template) => Some(fill(template, arguments)),
            PostgresReference::Nothing => None,
        }
    }
}

/// The template with the arguments in their places.
fn fill(template: &str, arguments: &[String]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((number, behind)) = after.split_once('}') else {
            panic!("the template '{template}' has a brace that is not closed");
        };
        let argument = number.parse().ok().and_then(|number: usize| arguments.get(number));
        out.push_str(argument.unwrap_or_else(|| panic!("the template '{template}' has no argument {number}")));
        rest = behind;
    }
    out.push_str(rest);
    out
}
