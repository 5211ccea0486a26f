//! Time: the entries of the table, and the functions of decayed sums.

use super::table::Argument::{Of, OneOf};
use super::table::SqlType::{Date, Double, Interval, Numeric, Text, Timestamptz};
use super::table::{Argument, Entry, form};

const UNITS: Argument = OneOf(&["'year'", "'quarter'", "'month'", "'week'", "'day'", "'hour'", "'minute'", "'second'"]);
const PARTS: Argument = OneOf(&["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "DOW", "DOY", "EPOCH"]);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("+ INTERVAL", "({0} + {1})", &[form(&[Of(Timestamptz), Of(Interval)], Timestamptz)], "a later time"),
    Entry::syntax("- INTERVAL", "({0} - {1})", &[form(&[Of(Timestamptz), Of(Interval)], Timestamptz)], "an earlier time"),
    Entry::syntax(
        "EXTRACT",
        "EXTRACT({0} FROM {1})",
        &[form(&[PARTS, Of(Timestamptz)], Numeric), form(&[PARTS, Of(Date)], Numeric)],
        "a part of a time",
    ),
    Entry::datafusion(
        "date_bin",
        &[form(
            &[
                OneOf(&["INTERVAL '15 minutes'", "INTERVAL '1 day'"]),
                Of(Timestamptz),
                OneOf(&["TIMESTAMPTZ '2001-01-01 00:00:00+00'"]),
            ],
            Timestamptz,
        )],
        "the beginning of the span of this length that the time is in",
    ),
    Entry::datafusion(
        "date_part",
        &[form(&[OneOf(&["'year'", "'month'", "'day'", "'hour'", "'minute'"]), Of(Timestamptz)], Double)],
        "a part of a time",
    )
    .also(&["datepart"]),
    Entry::datafusion("date_trunc", &[form(&[UNITS, Of(Timestamptz)], Timestamptz)], "the time cut to a unit, in UTC"),
    Entry::datafusion(
        "make_date",
        &[form(&[Argument::Small, Argument::Small, Argument::Small], Date)],
        "a date of year, month and day",
    ),
    Entry::datafusion("to_char", &[form(&[Of(Timestamptz), OneOf(&["'%Y-%m-%d'"])], Text)], "a time as text").not_in_postgres(),
    Entry::datafusion("to_timestamp", &[form(&[Of(Double)], Timestamptz)], "the time so many seconds after 1970"),
    Entry::own("now", &[form(&[], Timestamptz)], "the time of the epoch; only in comparisons with a column in WHERE", super::now)
        .also(&["current_timestamp"])
        .not_in_postgres(),
    Entry::own(
        "decayed_value",
        &[form(&[Of(Double), Of(Timestamptz), Of(Interval)], Double)],
        "what a decayed_sum amounts to at a time",
        super::decayed_value_function,
    )
    .not_in_postgres(),
];
