//! Time: the entries of the table, and the functions of decayed sums.

use super::entry::Argument::{Of, OneOf, Small};
use super::entry::SqlType::{BigInt, Boolean, Date, Double, Integer, Interval, Numeric, Text, Timestamp, Timestamptz};
use super::entry::{Argument, CallForm, Entry, form};

const UNITS: Argument = OneOf(&[
    "'microseconds'",
    "'milliseconds'",
    "'second'",
    "'minute'",
    "'hour'",
    "'day'",
    "'week'",
    "'month'",
    "'quarter'",
    "'year'",
    "'decade'",
    "'century'",
    "'millennium'",
]);
const SPAN_UNITS: Argument = OneOf(&[
    "'milliseconds'",
    "'second'",
    "'minute'",
    "'hour'",
    "'day'",
    "'month'",
    "'quarter'",
    "'year'",
    "'decade'",
    "'century'",
    "'millennium'",
]);
const PARTS: Argument = OneOf(&[
    "MICROSECONDS",
    "MILLISECONDS",
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "WEEK",
    "MONTH",
    "QUARTER",
    "YEAR",
    "DECADE",
    "CENTURY",
    "MILLENNIUM",
    "EPOCH",
    "DOW",
    "ISODOW",
    "DOY",
    "ISOYEAR",
]);
const DAY_PARTS: Argument = OneOf(&[
    "DAY",
    "WEEK",
    "MONTH",
    "QUARTER",
    "YEAR",
    "DECADE",
    "CENTURY",
    "MILLENNIUM",
    "EPOCH",
    "DOW",
    "ISODOW",
    "DOY",
    "ISOYEAR",
    "JULIAN",
]);
const SPAN_PARTS: Argument = OneOf(&[
    "MICROSECONDS",
    "MILLISECONDS",
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "MONTH",
    "QUARTER",
    "YEAR",
    "DECADE",
    "CENTURY",
    "MILLENNIUM",
    "EPOCH",
]);
const PATTERNS: Argument = OneOf(&[
    "'YYYY-MM-DD HH24:MI:SS.US'",
    "'YYYY-MM-DD'",
    "'HH12:MI:SS AM'",
    "'Day, DD Month YYYY'",
    "'FMDay, FMDD FMMonth YYYY'",
    "'DY Mon YY'",
    "'DDD D ID IDDD'",
    "'WW W IW IYYY IYY IY I'",
    "'Q CC J'",
    "'Y,YYY YYY YY Y'",
    "'DDth FMDDTH'",
    "'MS US FF1 FF3 FF6'",
    "'SSSS SSSSS'",
    "'RM rm FMRM'",
    "'AD B.C. a.m. P.M.'",
    "'\"quoted YYYY\" YYYY'",
    "'TZ tz OF TZH:TZM'",
    "'yyyy-mm-dd hh24'",
    "'DAY day Dy dy MONTH month'",
]);
const SPAN_PATTERNS: Argument = OneOf(&["'HH24:MI:SS'", "'DD HH24:MI'", "'YYYY MM DD'", "'FMHH24:MI:SS'"]);
const STRIDES: Argument =
    OneOf(&["INTERVAL '15 minutes'", "INTERVAL '1 day'", "INTERVAL '7 days 01:00:00'", "INTERVAL '1 microsecond'"]);
const ZONES: Argument = OneOf(&["'UTC'", "'Asia/Tokyo'", "'Europe/Berlin'", "'America/New_York'", "'asia/kolkata'"]);
const LATER: &[CallForm] = &[
    form(&[Of(Timestamptz), Of(Interval)], Timestamptz),
    form(&[Of(Timestamp), Of(Interval)], Timestamp),
    form(&[Of(Date), Of(Interval)], Timestamp),
    form(&[Of(Interval), Of(Interval)], Interval),
];
const BETWEEN: &[CallForm] = &[
    form(&[Of(Timestamptz), Of(Timestamptz)], Interval),
    form(&[Of(Timestamp), Of(Timestamp)], Interval),
    form(&[Of(Timestamptz), Of(Timestamp)], Interval),
    form(&[Of(Timestamp), Of(Date)], Interval),
];
const SPAN: &[CallForm] = &[form(&[Of(Interval)], Interval)];

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("+ INTERVAL", "({0} + {1})", LATER, "a later time: months first, then days, then the rest"),
    Entry::syntax("- INTERVAL", "({0} - {1})", LATER, "an earlier time"),
    Entry::syntax("time - time", "({0} - {1})", BETWEEN, "days and less from the second time to the first"),
    Entry::syntax("date - date", "({0} - {1})", &[form(&[Of(Date), Of(Date)], Integer)], "the number of days between them"),
    Entry::syntax(
        "* INTERVAL",
        "({0} * {1})",
        &[form(&[Of(Interval), Of(Integer)], Interval), form(&[Of(Numeric), Of(Interval)], Interval)],
        "so many times the interval; parts of a month are days, parts of a day hours",
    ),
    Entry::syntax("INTERVAL /", "({0} / {1})", &[form(&[Of(Interval), Of(Integer)], Interval)], "a part of the interval"),
    Entry::syntax(
        "AT TIME ZONE",
        "({0} AT TIME ZONE {1})",
        &[form(&[Of(Timestamptz), ZONES], Timestamp), form(&[Of(Timestamp), ZONES], Timestamptz)],
        "of an instant the time that the clock of a place shows, of such a time the instant",
    ),
    Entry::syntax(
        "CAST of times",
        "CAST({0} AS DATE)",
        &[form(&[Of(Timestamptz)], Date), form(&[Of(Timestamp)], Date)],
        "the day",
    ),
    Entry::syntax(
        "EXTRACT",
        "EXTRACT({0} FROM {1})",
        &[
            form(&[PARTS, Of(Timestamptz)], Numeric),
            form(&[PARTS, Of(Timestamp)], Numeric),
            form(&[DAY_PARTS, Of(Date)], Numeric),
            form(&[SPAN_PARTS, Of(Interval)], Numeric),
        ],
        "a part of a time",
    ),
    Entry::call(
        "age",
        &[form(&[Of(Timestamptz), Of(Timestamptz)], Interval), form(&[Of(Timestamp), Of(Timestamp)], Interval)],
        "years, months and days from the second time to the first",
    ),
    Entry::call(
        "date_bin",
        &[
            form(&[STRIDES, Of(Timestamptz), OneOf(&["TIMESTAMPTZ '1500-01-01 00:00:00+00'"])], Timestamptz),
            form(&[STRIDES, Of(Timestamp), OneOf(&["TIMESTAMP '1500-01-01 00:30:00'"])], Timestamp),
        ],
        "the beginning of the span of this length that the time is in; spans begin at the last argument, or at 1970-01-01 without one",
    ),
    Entry::call(
        "date_part",
        &[
            form(&[OneOf(&["'year'", "'month'", "'day'", "'hour'", "'second'", "'epoch'", "'week'"]), Of(Timestamptz)], Double),
            form(&[OneOf(&["'year'", "'epoch'", "'second'"]), Of(Interval)], Double),
        ],
        "a part of a time; EXTRACT gives it exactly",
    ),
    Entry::call(
        "date_trunc",
        &[
            form(&[UNITS, Of(Timestamptz)], Timestamptz),
            form(&[UNITS, Of(Timestamp)], Timestamp),
            form(&[UNITS, Of(Timestamptz), ZONES], Timestamptz),
            form(&[SPAN_UNITS, Of(Interval)], Interval),
        ],
        "the time cut to a unit, in UTC or on the clock of a place",
    ),
    Entry::call(
        "isfinite",
        &[
            form(&[Of(Date)], Boolean),
            form(&[Of(Timestamptz)], Boolean),
            form(&[Of(Timestamp)], Boolean),
            form(&[Of(Interval)], Boolean),
        ],
        "true: there is no infinite time here",
    ),
    Entry::call("justify_days", SPAN, "the interval with 30 days written as a month"),
    Entry::call("justify_hours", SPAN, "the interval with 24 hours written as a day"),
    Entry::call("justify_interval", SPAN, "both of these, with one sign"),
    Entry::call("make_date", &[form(&[Small, Small, Small], Date)], "a date of year, month and day"),
    Entry::call(
        "make_timestamp",
        &[form(&[Small, Small, Small, Small, Small, Of(Double)], Timestamp)],
        "a time of year, month, day, hour, minute and seconds",
    ),
    Entry::call(
        "timezone",
        &[form(&[ZONES, Of(Timestamptz)], Timestamp), form(&[ZONES, Of(Timestamp)], Timestamptz)],
        "the same as AT TIME ZONE",
    ),
    Entry::call(
        "to_char",
        &[
            form(&[Of(Timestamptz), PATTERNS], Text),
            form(&[Of(Timestamp), PATTERNS], Text),
            form(&[Of(Interval), SPAN_PATTERNS], Text),
        ],
        "a time in a pattern such as 'YYYY-MM-DD HH24:MI:SS'",
    ),
    Entry::call(
        "to_timestamp",
        &[form(&[Of(Double)], Timestamptz), form(&[Of(BigInt)], Timestamptz)],
        "the time so many seconds after 1970",
    )
    .means("to_timestamp(CASE WHEN ({0})::FLOAT8 IN ('Infinity', '-Infinity') THEN 'NaN' ELSE ({0})::FLOAT8 END)"),
    Entry::own(
        "now",
        &[form(&[], Timestamptz)],
        "the time of the epoch; only in comparisons with a column in WHERE",
        super::own::now,
    )
    .also(&["current_timestamp"])
    .not_in_postgres(),
    Entry::own(
        "decayed_value",
        &[form(&[Of(Double), Of(Timestamptz), Of(Interval)], Double)],
        "what a decayed_sum amounts to at a time",
        super::own::decayed_value_function,
    )
    .not_in_postgres(),
];
