//! Aggregates: the entries of the table for what is computed of a group of rows.
//!
//! Names, forms of calls and lines for people; the planner's side of them is in [`crate::plan::aggregates::types`],
//! [`crate::plan::numbers::aggregates`] and DataFusion. The documentation, suggestions and the comparison with PostgreSQL read this list.

use super::entry::Argument::Of;
use super::entry::SqlType::{
    BigInt, BigInts, Boolean, Date, Double, Integer, Interval, Json, Numeric, SmallInt, Text, Texts, Timestamptz,
};
use super::entry::{CallForm, Entry, form};

const COUNTED: &[CallForm] = &[form(&[Of(Integer)], BigInt), form(&[Of(Text)], BigInt), form(&[Of(Double)], BigInt)];

const SUMMED: &[CallForm] = &[
    form(&[Of(SmallInt)], BigInt),
    form(&[Of(Integer)], BigInt),
    form(&[Of(BigInt)], Numeric),
    form(&[Of(Numeric)], Numeric),
    form(&[Of(Double)], Double),
];

const NUMERIC_OF: &[CallForm] = &[
    form(&[Of(SmallInt)], Numeric),
    form(&[Of(Integer)], Numeric),
    form(&[Of(BigInt)], Numeric),
    form(&[Of(Numeric)], Numeric),
    form(&[Of(Double)], Double),
];

const EXTREMES: &[CallForm] = &[
    form(&[Of(Integer)], Integer),
    form(&[Of(Numeric)], Numeric),
    form(&[Of(Double)], Double),
    form(&[Of(Text)], Text),
    form(&[Of(Timestamptz)], Timestamptz),
    form(&[Of(Date)], Date),
];

const TRUTHS: &[CallForm] = &[form(&[Of(Boolean)], Boolean)];

const BITS: &[CallForm] = &[form(&[Of(SmallInt)], SmallInt), form(&[Of(Integer)], Integer), form(&[Of(BigInt)], BigInt)];

const PAIRS: &[CallForm] = &[form(&[Of(Double), Of(Double)], Double), form(&[Of(Integer), Of(SmallInt)], Double)];
const PAIR_COUNT: &[CallForm] = &[form(&[Of(Double), Of(Double)], BigInt), form(&[Of(Integer), Of(SmallInt)], BigInt)];

const BETWEEN: &[CallForm] =
    &[form(&[Of(Integer)], Double), form(&[Of(BigInt)], Double), form(&[Of(Numeric)], Double), form(&[Of(Double)], Double)];

const LISTED: &[CallForm] = &[form(&[Of(BigInt)], BigInts), form(&[Of(Text)], Texts)];
const JOINED: &[CallForm] = &[form(&[Of(Text)], Text)];

const JSON_LISTED: &[CallForm] = &[
    form(&[Of(Integer)], Json),
    form(&[Of(Numeric)], Json),
    form(&[Of(Double)], Json),
    form(&[Of(Text)], Json),
    form(&[Of(Boolean)], Json),
    form(&[Of(Timestamptz)], Json),
];
const JSON_NAMED: &[CallForm] = &[form(&[Of(Text), Of(Integer)], Json), form(&[Of(BigInt), Of(Text)], Json)];

const BY_KEY: &[CallForm] = &[
    form(&[Of(Text), Of(Integer)], Text),
    form(&[Of(Integer), Of(Timestamptz)], Integer),
    form(&[Of(Numeric), Of(Text)], Numeric),
    form(&[Of(Double), Of(Numeric)], Double),
];

const WITH_TIME: &[CallForm] = &[form(&[Of(BigInt), Of(Timestamptz), Of(Interval)], Double)];

const SAMPLE: &str = "NULL of a single value";
const PAIRED: &str = "pairs with a NULL are left out";
const OF_NONE: &str = "0 of no rows";
const KEPT: &str = "NULL is kept as an element";
const FIRST_NULLS: &str = "NULL is a value, and the greatest key";
const PERCENTILE_CONT: &str = "the number at this part of the way from the first value to the last, between two where none is there; of a constant \
                               list of at most 100 fractions a list; also with DESC";
const PERCENTILE_DISC: &str = "the first value such that this part of the values is at it or before it; of a constant list of at most 100 fractions \
                               a list";
const APPROX_PERCENTILE: &str =
    "the same as percentile_cont, exactly; a second argument, the error that is allowed, changes nothing";
const OF_LEAST_KEY: &str = "(array_agg({0} ORDER BY {1}, {0}) FILTER (WHERE {1} IS NOT NULL))[1]";
const OF_GREATEST_KEY: &str = "(array_agg({0} ORDER BY {1} DESC, {0}) FILTER (WHERE {1} IS NOT NULL))[1]";
const TIES: &str = "rows whose key is NULL do not count; of equal keys the least value, NULL being the greatest";

/// The aggregates that views may use.
pub const AGGREGATES: &[Entry] = &[
    Entry::aggregate("count", COUNTED, "the number of rows, written count(*), or of values").nulls(OF_NONE),
    Entry::aggregate(
        "approx_count_distinct",
        COUNTED,
        "the number of different values, exactly: the same as count(DISTINCT value)",
    )
    .means("count(DISTINCT {0})")
    .nulls(OF_NONE),
    Entry::aggregate("sum", SUMMED, "the sum; of DOUBLE PRECISION exact and rounded once"),
    Entry::aggregate("avg", NUMERIC_OF, "the mean; of DOUBLE PRECISION exact and rounded once"),
    Entry::aggregate("min", EXTREMES, "the least value"),
    Entry::aggregate("max", EXTREMES, "the greatest value"),
    Entry::aggregate("any_value", EXTREMES, "any value: here the least"),
    Entry::aggregate("bool_and", TRUTHS, "whether all are true"),
    Entry::aggregate("every", TRUTHS, "whether all are true"),
    Entry::aggregate("bool_or", TRUTHS, "whether one is true"),
    Entry::aggregate("bit_and", BITS, "the bits that all values have"),
    Entry::aggregate("bit_or", BITS, "the bits that any value has"),
    Entry::aggregate("bit_xor", BITS, "the bits that an odd number of values have"),
    Entry::aggregate("stddev", NUMERIC_OF, "the standard deviation of a sample: the same as stddev_samp").nulls(SAMPLE),
    Entry::aggregate("stddev_samp", NUMERIC_OF, "the standard deviation of a sample; of DOUBLE PRECISION rounded once")
        .nulls(SAMPLE),
    Entry::aggregate("stddev_pop", NUMERIC_OF, "the standard deviation of a whole population"),
    Entry::aggregate("variance", NUMERIC_OF, "the variance of a sample: the same as var_samp").nulls(SAMPLE),
    Entry::aggregate("var_samp", NUMERIC_OF, "the variance of a sample; of DOUBLE PRECISION rounded once").nulls(SAMPLE),
    Entry::aggregate("var_pop", NUMERIC_OF, "the variance of a whole population"),
    Entry::aggregate("corr", PAIRS, "the coefficient of correlation").nulls(PAIRED),
    Entry::aggregate("covar_pop", PAIRS, "the covariance of a whole population").nulls(PAIRED),
    Entry::aggregate("covar_samp", PAIRS, "the covariance of a sample").nulls(PAIRED),
    Entry::aggregate("regr_count", PAIR_COUNT, "the number of pairs (y, x)").nulls(PAIRED),
    Entry::aggregate("regr_avgx", PAIRS, "the mean of x").nulls(PAIRED),
    Entry::aggregate("regr_avgy", PAIRS, "the mean of y").nulls(PAIRED),
    Entry::aggregate("regr_sxx", PAIRS, "the sum of the squares of x's distances from its mean").nulls(PAIRED),
    Entry::aggregate("regr_syy", PAIRS, "the sum of the squares of y's distances from its mean").nulls(PAIRED),
    Entry::aggregate("regr_sxy", PAIRS, "the sum of the products of these distances").nulls(PAIRED),
    Entry::aggregate("regr_slope", PAIRS, "the slope of the line with the least squares").nulls(PAIRED),
    Entry::aggregate("regr_intercept", PAIRS, "the y of that line at x = 0").nulls(PAIRED),
    Entry::aggregate("regr_r2", PAIRS, "the square of the coefficient of correlation").nulls(PAIRED),
    Entry::aggregate("percentile_cont", BETWEEN, PERCENTILE_CONT).written("percentile_cont(0.3) WITHIN GROUP (ORDER BY {0})"),
    Entry::aggregate("percentile_disc", EXTREMES, PERCENTILE_DISC)
        .written("percentile_disc(0.3) WITHIN GROUP (ORDER BY {0} DESC)"),
    Entry::aggregate("median", BETWEEN, "the same as percentile_cont(0.5)")
        .means("percentile_cont(0.5) WITHIN GROUP (ORDER BY {0})"),
    Entry::aggregate("approx_percentile", BETWEEN, APPROX_PERCENTILE)
        .written("approx_percentile(0.3) WITHIN GROUP (ORDER BY {0})")
        .means("percentile_cont(0.3) WITHIN GROUP (ORDER BY {0})"),
    Entry::aggregate("approx_percentile_cont", BETWEEN, "another name of approx_percentile")
        .written("approx_percentile_cont(0.3) WITHIN GROUP (ORDER BY {0})")
        .means("percentile_cont(0.3) WITHIN GROUP (ORDER BY {0})"),
    Entry::aggregate("mode", EXTREMES, "the most frequent value; of several the first one")
        .written("mode() WITHIN GROUP (ORDER BY {0})"),
    Entry::aggregate("arg_min", BY_KEY, "the value of the row with the least key")
        .also(&["min_by"])
        .nulls(TIES)
        .means(OF_LEAST_KEY),
    Entry::aggregate("arg_max", BY_KEY, "the value of the row with the greatest key")
        .also(&["max_by"])
        .nulls(TIES)
        .means(OF_GREATEST_KEY),
    Entry::aggregate("first_value", BY_KEY, "the value of the first row; of rows with equal keys the least value")
        .written("first_value({0} ORDER BY {1})")
        .nulls(FIRST_NULLS)
        .means("(array_agg({0} ORDER BY {1}, {0}))[1]"),
    Entry::aggregate("last_value", BY_KEY, "the value of the last row; of rows with equal keys the least value")
        .written("last_value({0} ORDER BY {1})")
        .nulls(FIRST_NULLS)
        .means("(array_agg({0} ORDER BY {1} DESC, {0}))[1]"),
    Entry::aggregate("array_agg", LISTED, "the values as a list, in order").written("array_agg({0} ORDER BY {0})").nulls(KEPT),
    Entry::aggregate("string_agg", JOINED, "the texts with a separator between them, in order")
        .written("string_agg({0}, ', ' ORDER BY {0})"),
    Entry::aggregate("jsonb_agg", JSON_LISTED, "the values as a JSONB array, in order; values become JSON as by to_jsonb")
        .written("jsonb_agg({0} ORDER BY {0})")
        .nulls("NULL becomes null"),
    Entry::aggregate("json_agg", JSON_LISTED, "the same as jsonb_agg: JSONB")
        .written("json_agg({0} ORDER BY {0})")
        .nulls("NULL becomes null"),
    Entry::aggregate(
        "jsonb_object_agg",
        JSON_NAMED,
        "a JSONB object with a member for each; of equal names the last in order, or the greatest value",
    )
    .nulls("a NULL value becomes null, a NULL name is an error"),
    Entry::aggregate("json_object_agg", JSON_NAMED, "the same as jsonb_object_agg: JSONB")
        .nulls("a NULL value becomes null, a NULL name is an error"),
    Entry::aggregate("decayed_sum", WITH_TIME, "a sum of weights that halve with time").not_in_postgres(),
];
