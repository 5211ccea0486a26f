//! Functions that are not in the table: why, and what to write instead.
//!
//! Owns the advice. A name enters, what to say about it leaves.

use super::table;
use crate::diagnostic::suggestion;

/// The aggregates that views may use, for suggestions and for the documentation.
pub const AGGREGATES: &[(&str, &str)] = &[
    ("count", "the number of rows, or of values that are not NULL; also count(DISTINCT value)"),
    ("sum", "a BIGINT of SMALLINT and INTEGER, a NUMERIC of BIGINT and NUMERIC; of DOUBLE PRECISION exact and rounded once"),
    ("avg", "the mean: a NUMERIC, of DOUBLE PRECISION a DOUBLE PRECISION; sum and avg also take DISTINCT"),
    ("min", "the least value"),
    ("max", "the greatest value"),
    ("bool_and", "whether all are true"),
    ("bool_or", "whether one is true"),
    ("array_agg", "the values as a list; with ORDER BY"),
    ("string_agg", "the texts with a separator between them; with ORDER BY"),
    ("decayed_sum", "a sum of weights that halve with time: decayed_sum(weight, time, half_life)"),
];

const RANDOM: &str = "gives another answer each time, so nothing could be retracted or replayed: derive the value from the event, such as from \
                      its event_id";
const CLOCK: &str = "gives another answer as time passes, so no row could be kept: compare a time with NOW() in WHERE instead";

/// Names that people write, why they are refused, and what to write instead.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["random", "uuid", "gen_random_uuid", "uuid_generate_v4", "uuidv4", "uuidv7", "clock_timestamp", "setseed", "nextval"],
        RANDOM,
    ),
    (
        &[
            "current_date",
            "today",
            "current_time",
            "localtime",
            "localtimestamp",
            "statement_timestamp",
            "transaction_timestamp",
            "timeofday",
        ],
        CLOCK,
    ),
    (
        &["json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"],
        "makes JSON, which views do not hold: use array_agg for a list, or give out rows",
    ),
    (
        &[
            "json_build_object",
            "jsonb_build_object",
            "to_json",
            "to_jsonb",
            "row_to_json",
            "json_build_array",
            "jsonb_build_array",
            "json_extract_path",
            "json_extract_path_text",
        ],
        "works on JSON, which views do not hold: give out columns, which are served as JSON",
    ),
    (&["ifnull", "nvl", "isnull"], "is not PostgreSQL's: write coalesce(value, other)"),
    (&["nvl2", "iff", "if", "decode_value"], "is not PostgreSQL's: write CASE WHEN ... THEN ... ELSE ... END"),
    (&["len"], "is not PostgreSQL's: write length(text)"),
    (&["ucase"], "is not PostgreSQL's: write upper(text)"),
    (&["lcase"], "is not PostgreSQL's: write lower(text)"),
    (&["instr", "charindex", "locate"], "is not PostgreSQL's: write strpos(text, part)"),
    (&["dateadd", "date_add", "date_sub", "timestampadd"], "is not PostgreSQL's: write time + INTERVAL '1 day'"),
    (&["datediff", "date_diff", "timestampdiff"], "is not PostgreSQL's: subtract one time from another"),
    (&["unix_timestamp", "to_unixtime"], "is not PostgreSQL's: write EXTRACT(EPOCH FROM time)"),
    (&["from_unixtime"], "is not PostgreSQL's: write to_timestamp(seconds)"),
    (&["listagg", "group_concat"], "is not PostgreSQL's: write string_agg(text, separator)"),
    (
        &["array_to_json", "json_array_length", "jsonb_array_length"],
        "works on JSON, which views do not hold: use a list and cardinality",
    ),
    (&["every"], "is not supported: write bool_and(condition)"),
    (
        &[
            "stddev",
            "stddev_pop",
            "stddev_samp",
            "variance",
            "var_pop",
            "var_samp",
            "corr",
            "covar_pop",
            "covar_samp",
            "regr_slope",
        ],
        "is not supported: keep count, sum(x) and sum(x * x), and compute it from them",
    ),
    (
        &["median", "percentile_cont", "percentile_disc", "mode", "approx_distinct", "approx_percentile_cont", "approx_median"],
        "is not supported: its state would be every value of the group",
    ),
    (
        &["rank", "dense_rank", "lag", "lead", "ntile", "first_value", "last_value", "nth_value", "percent_rank", "cume_dist"],
        "is not supported: of the window functions there is only ROW_NUMBER()",
    ),
    (
        &["named_struct", "struct", "row", "map", "hstore"],
        "makes a value of several fields, which rows can't hold: give out columns",
    ),
    (&["arrow_cast", "try_cast", "arrow_typeof", "pg_typeof", "safe_cast"], "is not supported: write CAST(value AS type)"),
    (&["to_date", "to_number"], "is not supported: write CAST(text AS type)"),
];

/// Returns the message about a function that the table does not have, and the advice.
pub fn advice(name: &str) -> (String, Option<String>) {
    let name = name.to_lowercase();
    if let Some((_, reason)) = KNOWN.iter().find(|(names, _)| names.contains(&name.as_str())) {
        return match reason.split_once(": ") {
            Some((reason, help)) => (format!("'{name}' {reason}"), Some(help.to_owned())),
            None => (format!("'{name}' {reason}"), None),
        };
    }
    let called = table::entries()
        .filter(|entry| entry.syntax == table::Syntax::Call)
        .flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()));
    let known = called.chain(AGGREGATES.iter().map(|(name, _)| *name)).filter(|known| *known != name);
    let help = match suggestion(&name, known) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "docs/FUNCTIONS.md lists all functions".to_owned(),
    };
    (format!("function '{name}' does not exist"), Some(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_never_repeats_the_name_nor_names_what_has_nothing_to_do_with_it() {
        for (names, _) in KNOWN {
            for name in *names {
                let (message, help) = advice(name);
                assert!(message.contains(name), "{message}");
                assert_ne!(help.as_deref(), Some(format!("did you mean '{name}'?").as_str()));
            }
        }
        assert_eq!(advice("lenght"), ("function 'lenght' does not exist".to_owned(), Some("did you mean 'length'?".to_owned())));
        assert_eq!(advice("frobnicate").1.as_deref(), Some("docs/FUNCTIONS.md lists all functions"));
        assert!(advice("json_agg").1.is_some_and(|help| help.contains("array_agg")));
    }

    #[test]
    fn nothing_is_both_known_to_be_refused_and_in_the_table() {
        for (names, _) in KNOWN {
            for name in *names {
                assert!(table::entries().all(|entry| entry.name != *name && !entry.aliases.contains(name)), "{name}");
            }
        }
    }
}
