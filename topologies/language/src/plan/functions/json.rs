//! JSONB: the entries of the table.

use super::entry::Argument::{Of, OneOf};
use super::entry::SqlType::{
    BigInt, BigInts, Boolean, Bytea, Date, Double, Integer, Interval, Json, Numeric, Text, Texts, Timestamp, Timestamptz,
};
use super::entry::{Argument, CallForm, Entry, form};

const KEYS: Argument = OneOf(&["'a'", "'b'", "'bb'", "''", "'0'", "CAST(NULL AS TEXT)"]);
const PLACES: Argument = OneOf(&["0", "1", "-1", "-2", "7"]);
const PATHS: Argument =
    OneOf(&["'{a}'", "'{a,b}'", "'{a,b,2}'", "'{}'", "'{0}'", "'{-1}'", "'{a, 0}'", "'{3,a,0}'", "'{9}'", "ARRAY['a', 'b']"]);
const NAMES: Argument = OneOf(&["'{a}'", "'{a,b}'", "'{}'", "'{bb,NULL}'", "'{0}'"]);

const PART: &[CallForm] = &[form(&[Of(Json), KEYS], Json), form(&[Of(Json), PLACES], Json)];
const PART_TEXT: &[CallForm] = &[form(&[Of(Json), KEYS], Text), form(&[Of(Json), PLACES], Text)];
const PATH: &[CallForm] = &[form(&[Of(Json), PATHS], Json)];
const PATH_TEXT: &[CallForm] = &[form(&[Of(Json), PATHS], Text)];
const BOTH: &[CallForm] = &[form(&[Of(Json), Of(Json)], Boolean)];
const HAS: &[CallForm] = &[form(&[Of(Json), KEYS], Boolean)];
const HAS_SOME: &[CallForm] = &[form(&[Of(Json), NAMES], Boolean)];
const SAME: &[CallForm] = &[form(&[Of(Json)], Json)];

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("->", "({0} -> {1})", PART, "the member with a name, or the element at a place, counted from 0 or from -1 at the end")
        .nulls("NULL where there is none"),
    Entry::syntax("->>", "({0} ->> {1})", PART_TEXT, "the same as text: a JSON string without its quotes")
        .nulls("NULL where there is none, and for the JSON null"),
    Entry::syntax("#>", "({0} #> {1})", PATH, "the value at the end of a path").nulls("NULL where there is none"),
    Entry::syntax("#>>", "({0} #>> {1})", PATH_TEXT, "the same as text").nulls("NULL where there is none, and for the JSON null"),
    Entry::syntax("JSONB @>", "({0} @> {1})", BOTH, "whether the first has everything that the second has, at the same places"),
    Entry::syntax("JSONB <@", "({0} <@ {1})", BOTH, "whether the second has everything that the first has"),
    Entry::syntax("?", "({0} ? {1})", HAS, "whether the text is the name of a member, or a string among the elements"),
    Entry::syntax("?|", "({0} ?| {1})", HAS_SOME, "the same of one of several"),
    Entry::syntax("?&", "({0} ?& {1})", HAS_SOME, "the same of all of several"),
    Entry::syntax("JSONB ||", "({0} || {1})", &[form(&[Of(Json), Of(Json)], Json)], "the members of both objects, or all elements"),
    Entry::syntax(
        "JSONB -",
        "({0} - {1})",
        &[form(&[Of(Json), KEYS], Json), form(&[Of(Json), PLACES], Json), form(&[Of(Json), OneOf(&["ARRAY['a', 'bb']"])], Json)],
        "without the member or the strings of a name, or the element at a place",
    ),
    Entry::syntax("#-", "({0} #- {1})", PATH, "without what is at the end of a path"),
    Entry::syntax("JSONB =", "({0} = {1})", BOTH, "equal; 1.0 equals 1.00. GROUP BY, DISTINCT and UNION tell those two apart"),
    Entry::syntax("JSONB <>", "({0} <> {1})", BOTH, "not equal"),
    Entry::syntax("JSONB IS DISTINCT FROM", "({0} IS DISTINCT FROM {1})", BOTH, "not equal, NULL being equal to NULL")
        .nulls("never NULL"),
    Entry::syntax("CAST AS JSONB", "CAST({0} AS JSONB)", &[form(&[Of(Text)], Json), form(&[Of(Json)], Json)], "a JSON text as JSONB"),
    Entry::syntax("CAST JSONB AS TEXT", "CAST({0} AS TEXT)", &[form(&[Of(Json)], Text)], "the JSON text, as PostgreSQL prints it"),
    Entry::syntax("CAST JSONB AS BOOLEAN", "CAST({0} AS BOOLEAN)", &[form(&[Of(Json)], Boolean)], "true or false that it is"),
    Entry::syntax("CAST JSONB AS BIGINT", "CAST({0} AS BIGINT)", &[form(&[Of(Json)], BigInt)], "the number that it is, rounded"),
    Entry::syntax("CAST JSONB AS INTEGER", "CAST({0} AS INTEGER)", &[form(&[Of(Json)], Integer)], "the number that it is, rounded"),
    Entry::syntax("CAST JSONB AS NUMERIC", "CAST({0} AS NUMERIC)", &[form(&[Of(Json)], Numeric)], "the number that it is"),
    Entry::syntax(
        "CAST JSONB AS DOUBLE PRECISION",
        "CAST({0} AS DOUBLE PRECISION)",
        &[form(&[Of(Json)], Double)],
        "the nearest number",
    ),
    Entry::call("jsonb_array_length", &[form(&[Of(Json)], Integer)], "the number of elements"),
    Entry::call("jsonb_typeof", &[form(&[Of(Json)], Text)], "object, array, string, number, boolean or null"),
    Entry::call(
        "jsonb_extract_path",
        &[form(&[Of(Json), KEYS], Json), form(&[Of(Json), OneOf(&["'a'", "'0'"]), OneOf(&["'b'", "'0'", "'-1'"])], Json)],
        "the value at the end of a path; the same as #>",
    )
    .variadic()
    .nulls("NULL where there is none"),
    Entry::call(
        "jsonb_extract_path_text",
        &[form(&[Of(Json), KEYS], Text), form(&[Of(Json), OneOf(&["'a'", "'0'"]), OneOf(&["'b'", "'0'", "'-1'"])], Text)],
        "the same as text",
    )
    .variadic()
    .nulls("NULL where there is none, and for the JSON null"),
    Entry::call(
        "jsonb_build_object",
        &[
            form(&[OneOf(&["'x'", "'a'"]), Of(BigInt), OneOf(&["'yy'", "'a'"]), Of(Text)], Json),
            form(&[OneOf(&["'x'", "7", "true"]), Of(Json)], Json),
        ],
        "an object of names and values",
    )
    .variadic()
    .nulls("NULL becomes the JSON null; a name may not be NULL"),
    Entry::call(
        "jsonb_build_array",
        &[form(&[Of(BigInt), Of(Text), Of(Json)], Json), form(&[Of(Timestamptz), Of(Boolean), Of(Date)], Json)],
        "an array of values",
    )
    .variadic()
    .nulls("NULL becomes the JSON null"),
    Entry::call(
        "to_jsonb",
        &[
            form(&[Of(BigInt)], Json),
            form(&[Of(Text)], Json),
            form(&[Of(Boolean)], Json),
            form(&[Of(Bytea)], Json),
            form(&[Of(Date)], Json),
            form(&[Of(Timestamptz)], Json),
            form(&[Of(Timestamp)], Json),
            form(&[Of(Interval)], Json),
            form(&[Of(Texts)], Json),
            form(&[Of(BigInts)], Json),
            form(&[Of(Json)], Json),
        ],
        "the value as JSON: numbers are numbers, times are strings of ISO 8601, lists are arrays; also of NUMERIC and DOUBLE PRECISION",
    ),
    Entry::call("jsonb_strip_nulls", SAME, "without members that are null"),
    Entry::call(
        "jsonb_set",
        &[form(&[Of(Json), PATHS, Of(Json)], Json), form(&[Of(Json), PATHS, Of(Json), Of(Boolean)], Json)],
        "with another value at the end of a path; the last argument says if one that is missing is added, and is true without it",
    ),
];
