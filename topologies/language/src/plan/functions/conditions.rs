//! Comparisons, truth values and choices: the entries of the table, all of them syntax or functions of DataFusion.

use super::entry::Argument::Of;
use super::entry::SqlType::{BigInt, Boolean, Date, Double, Integer, Interval, Numeric, SmallInt, Text, Timestamp, Timestamptz};
use super::entry::{CallForm, Entry, form};

const COMPARED: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Boolean),
    form(&[Of(BigInt), Of(Numeric)], Boolean),
    form(&[Of(Integer), Of(BigInt)], Boolean),
    form(&[Of(SmallInt), Of(Double)], Boolean),
    form(&[Of(Numeric), Of(Numeric)], Boolean),
    form(&[Of(Numeric), Of(Double)], Boolean),
    form(&[Of(BigInt), Of(Double)], Boolean),
    form(&[Of(Double), Of(Double)], Boolean),
    form(&[Of(Text), Of(Text)], Boolean),
    form(&[Of(Boolean), Of(Boolean)], Boolean),
    form(&[Of(Timestamptz), Of(Timestamptz)], Boolean),
    form(&[Of(Date), Of(Date)], Boolean),
    form(&[Of(Timestamp), Of(Timestamp)], Boolean),
    form(&[Of(Interval), Of(Interval)], Boolean),
];

const BETWEEN: &[CallForm] = &[
    form(&[Of(Integer), Of(BigInt), Of(Numeric)], Boolean),
    form(&[Of(Numeric), Of(Integer), Of(Double)], Boolean),
    form(&[Of(Double), Of(Double), Of(Double)], Boolean),
    form(&[Of(Text), Of(Text), Of(Text)], Boolean),
    form(&[Of(Interval), Of(Interval), Of(Interval)], Boolean),
];

const CHOSEN: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Integer),
    form(&[Of(Integer), Of(BigInt)], BigInt),
    form(&[Of(BigInt), Of(Numeric)], Numeric),
    form(&[Of(Numeric), Of(Double)], Double),
    form(&[Of(Double), Of(Double)], Double),
    form(&[Of(Numeric), Of(Numeric)], Numeric),
    form(&[Of(Text), Of(Text)], Text),
    form(&[Of(Timestamptz), Of(Timestamptz)], Timestamptz),
    form(&[Of(Interval), Of(Interval)], Interval),
];

const NULLIF: &[CallForm] = &[
    form(&[Of(Integer), Of(Integer)], Integer),
    form(&[Of(BigInt), Of(Integer)], BigInt),
    form(&[Of(Numeric), Of(Integer)], Numeric),
    form(&[Of(Double), Of(Double)], Double),
    form(&[Of(Text), Of(Text)], Text),
    form(&[Of(Interval), Of(Interval)], Interval),
];

const CASE: &[CallForm] = &[
    form(&[Of(Boolean), Of(Integer), Of(BigInt)], BigInt),
    form(&[Of(Boolean), Of(Numeric), Of(Integer)], Numeric),
    form(&[Of(Boolean), Of(Double), Of(Numeric)], Double),
    form(&[Of(Boolean), Of(Text), Of(Text)], Text),
];

const CASE_OF: &[CallForm] = &[
    form(&[Of(Integer), Of(BigInt), Of(Text), Of(Text)], Text),
    form(&[Of(Double), Of(Double), Of(Integer), Of(Numeric)], Numeric),
    form(&[Of(Numeric), Of(Integer), Of(Boolean), Of(Boolean)], Boolean),
    form(&[Of(Interval), Of(Interval), Of(Text), Of(Text)], Text),
];

const TESTED: &[CallForm] = &[form(&[Of(Integer)], Boolean), form(&[Of(Double)], Boolean), form(&[Of(Text)], Boolean)];
const COUNTED: &[CallForm] =
    &[form(&[Of(Integer), Of(Text)], Integer), form(&[Of(Timestamptz), Of(Boolean), Of(Double)], Integer)];
const TRUTH: &[CallForm] = &[form(&[Of(Boolean)], Boolean)];
const TRUTHS: &[CallForm] = &[form(&[Of(Boolean), Of(Boolean)], Boolean)];

const NEVER_NULL: &str = "never NULL";

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("=", "({0} = {1})", COMPARED, "equal; -0.0 equals 0.0 and NaN equals NaN"),
    Entry::syntax("<>", "({0} <> {1})", COMPARED, "not equal; also written !="),
    Entry::syntax("<", "({0} < {1})", COMPARED, "less; NaN is the greatest number"),
    Entry::syntax("<=", "({0} <= {1})", COMPARED, "less or equal"),
    Entry::syntax(">", "({0} > {1})", COMPARED, "greater"),
    Entry::syntax(">=", "({0} >= {1})", COMPARED, "greater or equal"),
    Entry::syntax("BETWEEN", "({0} BETWEEN {1} AND {2})", BETWEEN, "not less than the first and not greater than the second")
        .nulls("as two comparisons joined by AND"),
    Entry::syntax("NOT BETWEEN", "({0} NOT BETWEEN {1} AND {2})", BETWEEN, "the opposite of BETWEEN")
        .nulls("as two comparisons joined by OR"),
    Entry::syntax("IN", "({0} IN ({1}, {2}))", BETWEEN, "equal to one of a list")
        .nulls("NULL when nothing is equal and something is NULL"),
    Entry::syntax("NOT IN", "({0} NOT IN ({1}, {2}))", BETWEEN, "equal to none of a list")
        .nulls("NULL when nothing is equal and something is NULL"),
    Entry::syntax("IS DISTINCT FROM", "({0} IS DISTINCT FROM {1})", COMPARED, "not equal, NULL being equal to NULL")
        .nulls(NEVER_NULL),
    Entry::syntax("IS NOT DISTINCT FROM", "({0} IS NOT DISTINCT FROM {1})", COMPARED, "equal, NULL being equal to NULL")
        .nulls(NEVER_NULL),
    Entry::syntax("IS NULL", "({0} IS NULL)", TESTED, "whether it is NULL").nulls(NEVER_NULL),
    Entry::syntax("IS NOT NULL", "({0} IS NOT NULL)", TESTED, "whether it is not NULL").nulls(NEVER_NULL),
    Entry::syntax("IS TRUE", "({0} IS TRUE)", TRUTH, "true and not NULL").nulls(NEVER_NULL),
    Entry::syntax("IS NOT TRUE", "({0} IS NOT TRUE)", TRUTH, "false or NULL").nulls(NEVER_NULL),
    Entry::syntax("IS FALSE", "({0} IS FALSE)", TRUTH, "false and not NULL").nulls(NEVER_NULL),
    Entry::syntax("IS NOT FALSE", "({0} IS NOT FALSE)", TRUTH, "true or NULL").nulls(NEVER_NULL),
    Entry::syntax("IS UNKNOWN", "({0} IS UNKNOWN)", TRUTH, "NULL").nulls(NEVER_NULL),
    Entry::syntax("AND", "({0} AND {1})", TRUTHS, "both are true").nulls("false when one is false, otherwise NULL"),
    Entry::syntax("OR", "({0} OR {1})", TRUTHS, "one is true").nulls("true when one is true, otherwise NULL"),
    Entry::syntax("NOT", "(NOT {0})", TRUTH, "the opposite"),
    Entry::syntax("CASE", "(CASE WHEN {0} THEN {1} ELSE {2} END)", CASE, "the value behind the first condition that is true")
        .nulls("a condition that is NULL does not apply"),
    Entry::syntax("CASE value", "(CASE {0} WHEN {1} THEN {2} ELSE {3} END)", CASE_OF, "the value behind the first equal value")
        .nulls("NULL equals nothing"),
    Entry::datafusion("coalesce", CHOSEN, "the first argument that is not NULL").variadic().nulls("NULL when all are NULL"),
    Entry::datafusion("nullif", NULLIF, "NULL when both are equal, otherwise the first").nulls("NULL equals nothing"),
    Entry::call("num_nulls", COUNTED, "the number of arguments that are NULL").variadic().nulls(NEVER_NULL),
    Entry::call("num_nonnulls", COUNTED, "the number of arguments that are not NULL").variadic().nulls(NEVER_NULL),
    Entry::datafusion("greatest", CHOSEN, "the greatest argument").variadic().nulls("NULLs are left out"),
    Entry::datafusion("least", CHOSEN, "the least argument").variadic().nulls("NULLs are left out"),
];
