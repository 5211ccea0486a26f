//! Numbers: the entries of the table.

use super::entry::Argument::{Of, Small};
use super::entry::SqlType::{BigInt, Boolean, Double, Integer, Numeric, SmallInt, Text};
use super::entry::{CallForm, Entry, form};

const ARITHMETIC: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Integer),
    form(&[Of(SmallInt), Of(SmallInt)], SmallInt),
    form(&[Of(Integer), Of(BigInt)], BigInt),
    form(&[Of(BigInt), Of(BigInt)], BigInt),
    form(&[Of(Numeric), Of(Numeric)], Numeric),
    form(&[Of(BigInt), Of(Numeric)], Numeric),
    form(&[Of(Numeric), Of(Integer)], Numeric),
    form(&[Of(Double), Of(Double)], Double),
    form(&[Of(Double), Of(Numeric)], Double),
    form(&[Of(Integer), Of(Double)], Double),
];

const EXACT: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Integer),
    form(&[Of(SmallInt), Of(Integer)], Integer),
    form(&[Of(BigInt), Of(Integer)], BigInt),
    form(&[Of(Numeric), Of(Numeric)], Numeric),
    form(&[Of(Numeric), Of(BigInt)], Numeric),
];

const EXACT_QUOTIENT: &[CallForm] = &[form(&[Of(Numeric), Of(Numeric)], Numeric), form(&[Of(Integer), Of(BigInt)], Numeric)];

const WHOLE: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Integer),
    form(&[Of(SmallInt), Of(SmallInt)], SmallInt),
    form(&[Of(BigInt), Of(Integer)], BigInt),
];

const SHIFTED: &[CallForm] = &[form(&[Of(Integer), Small], Integer), form(&[Of(BigInt), Small], BigInt)];

const ANY: &[CallForm] = &[
    form(&[Of(SmallInt)], SmallInt),
    form(&[Of(Integer)], Integer),
    form(&[Of(BigInt)], BigInt),
    form(&[Of(Numeric)], Numeric),
    form(&[Of(Double)], Double),
];

const FRACTIONAL: &[CallForm] = &[form(&[Of(Numeric)], Numeric), form(&[Of(Double)], Double), form(&[Of(Integer)], Double)];
const ROUNDED: &[CallForm] = &[
    form(&[Of(Numeric)], Numeric),
    form(&[Of(Double)], Double),
    form(&[Of(Integer)], Double),
    form(&[Of(Numeric), Small], Numeric),
    form(&[Of(BigInt), Small], Numeric),
];
const DOUBLE: &[CallForm] = &[form(&[Of(Double)], Double), form(&[Of(Integer)], Double)];
const POWER: &[CallForm] = &[
    form(&[Of(Double), Of(Double)], Double),
    form(&[Of(Integer), Of(Integer)], Double),
    form(&[Of(Numeric), Small], Numeric),
    form(&[Of(Numeric), Of(Numeric)], Numeric),
];
const DOUBLES: &[CallForm] = &[form(&[Of(Double), Of(Double)], Double)];
const TO_INTEGER: &[CallForm] = &[
    form(&[Of(Numeric)], Integer),
    form(&[Of(Double)], Integer),
    form(&[Of(BigInt)], Integer),
    form(&[Of(SmallInt)], Integer),
    form(&[Of(Text)], Integer),
    form(&[Of(Boolean)], Integer),
];
const TO_BIGINT: &[CallForm] =
    &[form(&[Of(Numeric)], BigInt), form(&[Of(Double)], BigInt), form(&[Of(Integer)], BigInt), form(&[Of(Text)], BigInt)];
const TO_SMALLINT: &[CallForm] =
    &[form(&[Of(Numeric)], SmallInt), form(&[Of(Double)], SmallInt), form(&[Of(BigInt)], SmallInt), form(&[Of(Text)], SmallInt)];
const TO_NUMERIC: &[CallForm] =
    &[form(&[Of(Numeric)], Numeric), form(&[Of(Double)], Numeric), form(&[Of(BigInt)], Numeric), form(&[Of(Text)], Numeric)];
const TO_DOUBLE: &[CallForm] =
    &[form(&[Of(Numeric)], Double), form(&[Of(BigInt)], Double), form(&[Of(Integer)], Double), form(&[Of(Text)], Double)];

pub(super) const OPERATORS: &[Entry] = &[
    Entry::syntax("+", "({0} + {1})", ARITHMETIC, "the sum; too great a result is an error"),
    Entry::syntax("-", "({0} - {1})", ARITHMETIC, "the difference"),
    Entry::syntax("*", "({0} * {1})", ARITHMETIC, "the product"),
    Entry::syntax(
        "/",
        "({0} / {1})",
        ARITHMETIC,
        "the quotient; of whole numbers cut off towards zero; division by zero is an error",
    ),
    Entry::syntax("%", "({0} % {1})", EXACT, "the rest of a division, with the sign of the dividend"),
    Entry::syntax("^", "({0} ^ {1})", POWER, "one number raised to another"),
    Entry::syntax("- value", "(- {0})", ANY, "the opposite"),
    Entry::syntax("&", "({0} & {1})", WHOLE, "bits that both have"),
    Entry::syntax("|", "({0} | {1})", WHOLE, "bits that one has"),
    Entry::syntax("#", "({0} # {1})", WHOLE, "bits in which both differ"),
    Entry::syntax("<<", "({0} << {1})", SHIFTED, "bits moved to the left"),
    Entry::syntax(">>", "({0} >> {1})", SHIFTED, "bits moved to the right, the sign being kept"),
];

pub(super) const FUNCTIONS: &[Entry] = &[
    Entry::number("abs", ANY, "the number without its sign"),
    Entry::number("acos", DOUBLE, "the inverse cosine"),
    Entry::number("acosh", DOUBLE, "the inverse hyperbolic cosine"),
    Entry::number("asin", DOUBLE, "the inverse sine"),
    Entry::number("asinh", DOUBLE, "the inverse hyperbolic sine"),
    Entry::number("atan", DOUBLE, "the inverse tangent"),
    Entry::number("atan2", DOUBLES, "the inverse tangent of the quotient"),
    Entry::number("atanh", DOUBLE, "the inverse hyperbolic tangent"),
    Entry::number("cbrt", DOUBLE, "the cube root"),
    Entry::number("ceil", FRACTIONAL, "the least whole number that is not less").also(&["ceiling"]),
    Entry::number("cos", DOUBLE, "the cosine"),
    Entry::number("cosh", DOUBLE, "the hyperbolic cosine"),
    Entry::number("cot", DOUBLE, "the cotangent"),
    Entry::number("degrees", DOUBLE, "radians in degrees"),
    Entry::number("exp", FRACTIONAL, "the exponential"),
    Entry::number("factorial", &[form(&[Small], Numeric)], "the product of all whole numbers up to it"),
    Entry::number("floor", FRACTIONAL, "the greatest whole number that is not greater"),
    Entry::number("div", EXACT_QUOTIENT, "the quotient cut off to a whole number"),
    Entry::number("gcd", EXACT, "the greatest common divisor"),
    Entry::number("lcm", EXACT, "the least common multiple"),
    Entry::number("ln", FRACTIONAL, "the natural logarithm"),
    Entry::number("log10", FRACTIONAL, "the logarithm to base 10").also(&["log"]),
    Entry::number("mod", EXACT, "the rest of a division, with the sign of the dividend"),
    Entry::number("pi", &[form(&[], Double)], "3.141592653589793"),
    Entry::number("power", POWER, "one number raised to another").also(&["pow"]),
    Entry::number("radians", DOUBLE, "degrees in radians"),
    Entry::number(
        "round",
        ROUNDED,
        "the nearest number of so many digits; halves go away from zero, of DOUBLE PRECISION to the even",
    ),
    Entry::number("sign", FRACTIONAL, "-1, 0 or 1"),
    Entry::number("sin", DOUBLE, "the sine"),
    Entry::number("sinh", DOUBLE, "the hyperbolic sine"),
    Entry::number("sqrt", FRACTIONAL, "the square root"),
    Entry::number("tan", DOUBLE, "the tangent"),
    Entry::number("tanh", DOUBLE, "the hyperbolic tangent"),
    Entry::number("trunc", ROUNDED, "the number cut off to so many digits"),
    Entry::number(
        "width_bucket",
        BUCKETS,
        "the bucket of a histogram between two bounds; 0 below them, one more than there are above them",
    )
    // A value next to the upper bound is in the last bucket, which PostgreSQL says from version 16 on.
    .means(
        "(CASE WHEN ({1} < {2} AND {0} < {2}) OR ({1} > {2} AND {0} > {2}) \
         THEN least(width_bucket({0}, {1}, {2}, {3}), {3}) ELSE width_bucket({0}, {1}, {2}, {3}) END)",
    ),
];

const BUCKETS: &[CallForm] = &[
    form(&[Of(Numeric), Of(Numeric), Of(Numeric), Small], Integer),
    form(&[Of(Double), Of(Double), Of(Double), Small], Integer),
];

pub(super) const CASTS: &[Entry] = &[
    Entry::syntax("CAST AS SMALLINT", "CAST({0} AS SMALLINT)", TO_SMALLINT, "a whole number of 16 bits; rounded as round() does"),
    Entry::syntax("CAST AS INTEGER", "CAST({0} AS INTEGER)", TO_INTEGER, "a whole number of 32 bits; rounded as round() does"),
    Entry::syntax("CAST AS BIGINT", "CAST({0} AS BIGINT)", TO_BIGINT, "a whole number of 64 bits; rounded as round() does"),
    Entry::syntax(
        "CAST AS NUMERIC",
        "CAST({0} AS NUMERIC)",
        TO_NUMERIC,
        "an exact number; of DOUBLE PRECISION 15 digits are taken",
    ),
    Entry::syntax(
        "CAST AS NUMERIC(p, s)",
        "CAST({0} AS NUMERIC(12, 3))",
        TO_NUMERIC,
        "an exact number, rounded to so many digits",
    ),
    Entry::syntax("CAST AS DOUBLE PRECISION", "CAST({0} AS DOUBLE PRECISION)", TO_DOUBLE, "the nearest floating-point number"),
];
