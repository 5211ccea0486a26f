//! Comparison of two answers: by value, not by how they are printed.

use std::collections::BTreeMap;

use schemas::field::Value;
use schemas::jsonb::{self, Jsonb};
use schemas::numeric::Numeric;

use super::generator::Expression;
use super::ours::{Answers, Ours};
use super::theirs::Theirs;

/// Functions of DOUBLE PRECISION may differ in the last places: no two libraries of mathematics agree to the bit.
const RELATIVE_MAX: f64 = 1e-12;
/// A quotient that is divided again may be rounded at another digit, but not before this one.
const ROUNDED_RELATIVE: &str = "0.000000000000001";
/// A power of a number whose last digits are zeros has fewer digits here, where zeros at the end are not kept: it is the other rounded to them.
const SHORTENED_RELATIVE: &str = "0.0000000000001";
/// A function of a function of DOUBLE PRECISION makes the difference of the last places greater.
const AMPLIFIED_RELATIVE: f64 = 1e-6;
/// Functions that are computed by a library of mathematics. Where one takes the result of another, the last places count for more.
const OF_LIBRARY: [&str; 19] = [
    "exp(", "ln(", "log10(", "power(", " ^ ", "sin(", "cos(", "tan(", "cot(", "sinh(", "cosh(", "tanh(", "asin(", "acos(",
    "atan(", "asinh(", "acosh(", "atanh(", "cbrt(",
];

/// Functions of the last places of their arguments: nothing agrees where those do not.
const OF_LAST_PLACES: [&str; 4] = ["lcm(", "gcd(", "mod(", " % "];

/// Differences of one function that are kept to be printed.
const SHOWN_PER_FUNCTION: usize = 3;

/// Functions of angles in radians, which come round again.
const PERIODIC: [&str; 4] = ["sin(", "cos(", "tan(", "cot("];

/// Functions that tell -0.0 from 0.0, which rows do not.
const OF_SIGNED_ZERO: [&str; 2] = ["cot(", "atan2("];

/// Constructs that compute only one of their arguments.
const CHOICES: [&str; 7] = ["CASE", "coalesce", " AND ", " OR ", " IN ", "nullif", ")["];

/// A constant that PostgreSQL and the planner put into what is around it before any row is computed, and so never look at the other arguments,
/// although not always at the same.
const NULL_CONSTANT: &str = "CAST(NULL AS";

/// Results over all expressions.
#[derive(Default)]
pub struct Outcome {
    /// values that agree
    pub equal: usize,
    /// errors that both have
    pub errors: usize,
    /// values that NUMERIC or INTERVAL do not hold here: not finite, with too many digits, or more than 292 years of hours
    pub beyond: usize,
    /// quotients that were rounded at another digit
    pub rounded: usize,
    /// functions of functions that differ in more than the last places
    pub amplified: usize,
    /// values where PostgreSQL has an error in a part that it computes although it is not chosen
    pub lazy: usize,
    /// values that depend on the sign of a zero
    pub signless: usize,
    /// expressions that are refused although PostgreSQL has them, and why
    pub refused: Vec<(String, String)>,
    /// differences, a few of each function
    pub differences: Vec<String>,
    /// counts by the function on the outside
    pub by_function: BTreeMap<String, usize>,
}

/// Compares the answers to an expression.
pub fn compare(expression: &Expression, ours: &Answers, theirs: &[Theirs], total: &mut Outcome) {
    let ours = match ours {
        Ok(ours) => ours,
        Err(_) if theirs.iter().all(|answer| matches!(answer, Theirs::Error(_))) => {
            total.errors += theirs.len();
            return;
        }
        Err(reason) => {
            total.refused.push((expression.ours.clone(), reason.clone()));
            return;
        }
    };
    assert_eq!(ours.len(), theirs.len(), "every row has an answer: {}", expression.ours);
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        if let Some(counter) = counter(&expression.ours, ours, theirs, total) {
            *counter += 1;
            continue;
        }
        let count = total.by_function.entry(expression.name.clone()).or_default();
        *count += 1;
        if *count <= SHOWN_PER_FUNCTION {
            total.differences.push(format!("row {row}: {}\n    is {}", expression.ours, difference(ours, theirs)));
        }
        return;
    }
}

/// Returns the counter of an answer that is the other one, or differs from it for a known reason; `None` for a difference.
fn counter<'t>(expression: &str, ours: &Ours, theirs: &Theirs, total: &'t mut Outcome) -> Option<&'t mut usize> {
    Some(match (ours, theirs) {
        (Ours::Error(_), Theirs::Error(_)) => &mut total.errors,
        (Ours::Error(error), _)
            if error.contains("more digits than NUMERIC keeps")
                || error.contains("holds finite numbers only")
                || error.contains("interval out of range") =>
        {
            &mut total.beyond
        }
        // PostgreSQL computes constant parts of a choice before it chooses.
        (Ours::Value(_), Theirs::Error(_)) if CHOICES.iter().any(|choice| expression.contains(choice)) => &mut total.lazy,
        (Ours::Error(_), Theirs::Null | Theirs::Value(_)) | (Ours::Value(_), Theirs::Error(_))
            if expression.contains(NULL_CONSTANT) =>
        {
            &mut total.lazy
        }
        // A logarithm of an angle, for example, is defined for one of the two signs alone.
        (Ours::Value(_), Theirs::Error(_)) | (Ours::Error(_), Theirs::Value(_)) if tells_signs(expression) => &mut total.signless,
        (Ours::Value(Value::Null), Theirs::Null) => &mut total.equal,
        (Ours::Value(value), Theirs::Value(text)) => match is_equal(value, text) {
            Verdict::Equal => &mut total.equal,
            Verdict::Rounded => &mut total.rounded,
            Verdict::Different if is_amplified(expression, value, text) => &mut total.amplified,
            Verdict::Different if tells_signs(expression) => &mut total.signless,
            Verdict::Different => return None,
        },
        _ => return None,
    })
}

/// Describes two answers that differ.
fn difference(ours: &Ours, theirs: &Theirs) -> String {
    match (ours, theirs) {
        (Ours::Value(value), Theirs::Value(text)) => format!("{} instead of {text}", shown(value)),
        (Ours::Value(value), Theirs::Null) => format!("{} instead of NULL", shown(value)),
        (Ours::Value(value), Theirs::Error(error)) => format!("{} instead of the error {error}", shown(value)),
        (Ours::Error(error), theirs) => format!("the error '{error}' instead of {theirs:?}"),
    }
}

/// Distance of a DOUBLE PRECISION from PostgreSQL's that is allowed of an aggregate, which is rounded once here and at each row there.
const AGGREGATE_DISTANCE: f64 = 1e-9;

/// Returns true if a result of an aggregate is PostgreSQL's, `None` being NULL.
pub fn agrees(value: &Value<'static>, theirs: Option<&str>) -> bool {
    match (value, theirs) {
        (Value::Null, None) => true,
        (Value::Null, Some(_)) | (_, None) => false,
        (Value::Float(float), Some(text)) => text.parse().is_ok_and(|theirs: f64| {
            let is_close = (float - theirs).abs() <= AGGREGATE_DISTANCE * theirs.abs().max(1.0);
            *float == theirs || (float.is_nan() && theirs.is_nan()) || (float.is_finite() && theirs.is_finite() && is_close)
        }),
        (value, Some(text)) => !matches!(is_equal(value, text), Verdict::Different),
    }
}

enum Verdict {
    Equal,
    Rounded,
    Different,
}

fn is_equal(value: &Value<'static>, text: &str) -> Verdict {
    let verdict = |is_equal: bool| if is_equal { Verdict::Equal } else { Verdict::Different };
    match value {
        Value::Null => Verdict::Different,
        Value::Boolean(truth) => verdict(text == if *truth { "true" } else { "false" }),
        Value::Int(whole) => verdict(Numeric::parse(text).is_ok_and(|number| number.compare(&Numeric::new(*whole, 0)).is_eq())),
        Value::UInt(whole) => verdict(text == whole.to_string()),
        Value::Decimal(units, scale) => exact(&Numeric::with_signed_scale((*units).into(), *scale), text),
        Value::Numeric(units) => exact(&Numeric::from_wide(*units), text),
        Value::Float(float) => verdict(text.parse().is_ok_and(|theirs: f64| {
            let is_close = (float - theirs).abs() <= RELATIVE_MAX * theirs.abs();
            *float == theirs || (float.is_nan() && theirs.is_nan()) || (float.is_finite() && theirs.is_finite() && is_close)
        })),
        Value::Text(ours) => verdict(ours == text),
        Value::Json(ours) => {
            let theirs = Jsonb::parse(text).expect("JSON");
            verdict(jsonb::compare(&Jsonb::read(ours), &theirs).is_eq())
        }
        Value::Interval(interval) => verdict(text == interval.to_string()),
        Value::Timestamp(micros) | Value::LocalTimestamp(micros) => verdict(text == micros.to_string()),
        Value::Date(days) => verdict(text == days.to_string()),
        Value::Bytes(bytes) => verdict(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == text),
        Value::List(_) => {
            let mut json = String::new();
            value.write_json(&mut json);
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            verdict(parse(&json) == parse(text))
        }
    }
}

/// Returns true if an expression depends on the sign of zero.
fn tells_signs(expression: &str) -> bool {
    OF_SIGNED_ZERO.iter().any(|function| expression.contains(function))
}

/// Returns the number of calls of some functions.
fn calls(expression: &str, functions: &[&str]) -> usize {
    let starts = |(place, _): &(usize, &str)| !expression[..*place].ends_with(|before: char| before.is_ascii_alphabetic());
    functions.iter().map(|function| expression.match_indices(function).filter(starts).count()).sum()
}

/// Returns true if a function of a library was applied to the result of another, and the answers agree in their first places; or if its last
/// places were all that counted.
fn is_amplified(expression: &str, value: &Value<'static>, text: &str) -> bool {
    let of_library = calls(expression, &OF_LIBRARY);
    let ours = match value {
        Value::Float(float) => *float,
        Value::Numeric(units) => Numeric::from_wide(*units).to_f64(),
        _ => return false,
    };
    // The last place of a great argument is more than a turn: nothing of the angle is left.
    let is_of_last_places = of_library > 0 && calls(expression, &OF_LAST_PLACES) > 0;
    let is_any = is_of_last_places || PERIODIC.iter().any(|function| expression.contains(function));
    let is_close = |theirs: f64| theirs.is_finite() && (is_any || (ours - theirs).abs() <= AMPLIFIED_RELATIVE * theirs.abs());
    (of_library > 1 || is_of_last_places) && ours.is_finite() && text.parse().is_ok_and(is_close)
}

fn exact(ours: &Numeric, text: &str) -> Verdict {
    let Ok(theirs) = Numeric::parse(text) else { return Verdict::Different };
    if ours.compare(&theirs).is_eq() {
        return Verdict::Equal;
    }
    let difference = ours.subtract(&theirs).abs();
    let is_within = |share: &str| {
        let allowed = theirs.abs().multiply(&Numeric::parse(share).expect("a number"));
        difference.compare(&allowed).is_le()
    };
    let last_place = Numeric::new(1, ours.scale().min(theirs.scale()));
    let is_shortened = difference.compare(&last_place).is_le() && is_within(SHORTENED_RELATIVE);
    if is_shortened || is_within(ROUNDED_RELATIVE) { Verdict::Rounded } else { Verdict::Different }
}

fn shown(value: &Value<'static>) -> String {
    let mut out = String::new();
    value.write_json(&mut out);
    out
}
