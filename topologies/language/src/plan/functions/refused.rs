//! Functions that are not in the table: why, and what to write instead.
//!
//! Owns the advice. A name enters, what to say about it leaves.

use super::aggregates::AGGREGATES;
use super::table;
use crate::diagnostic::suggestion;

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
        &["json_agg_strict", "jsonb_agg_strict", "json_object_agg_strict", "jsonb_object_agg_strict"],
        "is not supported: leave NULLs out with FILTER (WHERE value IS NOT NULL)",
    ),
    (
        &["json_object_agg_unique", "jsonb_object_agg_unique", "json_object_agg_unique_strict", "jsonb_object_agg_unique_strict"],
        "is not supported: jsonb_object_agg takes the last of several values with one name",
    ),
    (
        &[
            "json_build_object",
            "json_build_array",
            "json_extract_path",
            "json_extract_path_text",
            "json_typeof",
            "json_array_length",
            "json_array_elements",
            "json_array_elements_text",
            "json_object_keys",
            "json_each",
            "json_each_text",
            "json_strip_nulls",
        ],
        "works on JSON, which is not a type here: write JSONB, and the function with jsonb_ in its name",
    ),
    (&["to_json", "array_to_json", "row_to_json"], "makes JSON, which is not a type here: write to_jsonb(value) or jsonb_build_object(...)"),
    (
        &["jsonb_insert", "jsonb_set_lax", "jsonb_pretty", "jsonb_object", "jsonb_populate_record", "jsonb_to_record", "jsonb_to_recordset"],
        "is not supported: write jsonb_set, jsonb_build_object or jsonb_build_array, and columns of -> and ->>",
    ),
    (
        &["jsonb_path_query", "jsonb_path_query_array", "jsonb_path_query_first", "jsonb_path_exists", "jsonb_path_match"],
        "takes a path of SQL/JSON, which is not supported: write ->, #> and jsonb_array_elements",
    ),
    (&["array_fill"], "is not supported: write ARRAY[...], or array_agg over generate_series"),
    (&["ifnull", "nvl", "isnull"], "is not PostgreSQL's: write coalesce(value, other)"),
    (&["nvl2", "iff", "if", "decode_value"], "is not PostgreSQL's: write CASE WHEN ... THEN ... ELSE ... END"),
    (&["len"], "is not PostgreSQL's: write length(text)"),
    (&["ucase"], "is not PostgreSQL's: write upper(text)"),
    (&["lcase"], "is not PostgreSQL's: write lower(text)"),
    (&["instr", "charindex", "locate"], "is not PostgreSQL's: write strpos(text, part)"),
    (&["dateadd", "date_sub", "timestampadd"], "is not PostgreSQL's: write time + INTERVAL '1 day'"),
    (
        &["date_add", "date_subtract"],
        "is not supported: write time + INTERVAL '1 day', between two AT TIME ZONE for the clock of a place",
    ),
    (&["datediff", "date_diff", "timestampdiff"], "is not PostgreSQL's: subtract one time from another"),
    (&["unix_timestamp", "to_unixtime"], "is not PostgreSQL's: write EXTRACT(EPOCH FROM time)"),
    (&["from_unixtime"], "is not PostgreSQL's: write to_timestamp(seconds)"),
    (&["listagg", "group_concat"], "is not PostgreSQL's: write string_agg(text, separator)"),
    (&["approx_distinct", "uniq", "count_distinct"], "is not PostgreSQL's: write count(DISTINCT value)"),
    (&["approx_median"], "is not PostgreSQL's: write median(value)"),
    (
        &["quantile", "quantile_cont", "percentile", "approx_quantile", "percentile_approx"],
        "is not PostgreSQL's: write percentile_cont(0.95) WITHIN GROUP (ORDER BY value)",
    ),
    (
        &["approx_percentile_cont_with_weight"],
        "is not supported: write percentile_cont(0.95) WITHIN GROUP (ORDER BY value) over a row for each unit of weight",
    ),
    (&["argmin", "argmax"], "is not known here: write arg_min(value, key) or arg_max(value, key)"),
    (&["first", "last"], "is not PostgreSQL's: write first_value(value ORDER BY key) or last_value(value ORDER BY key)"),
    (&["countif", "count_if"], "is not PostgreSQL's: write count(*) FILTER (WHERE condition)"),
    (&["sumif", "sum_if"], "is not PostgreSQL's: write sum(value) FILTER (WHERE condition)"),
    (&["collect_list", "array_accum"], "is not PostgreSQL's: write array_agg(value)"),
    (&["collect_set", "array_unique_agg"], "is not PostgreSQL's: write array_agg(DISTINCT value)"),
    (&["kurtosis", "skewness"], "is not supported: compute it from count, avg(x), avg(x * x), avg(x * x * x) and avg(x * x * x * x)"),
    (&["range_agg", "range_intersect_agg", "xmlagg"], "makes a type that rows can't hold: use array_agg for a list"),
    (
        &["row_number", "rank", "dense_rank", "lag", "lead", "ntile", "nth_value", "percent_rank", "cume_dist"],
        "is a window function: write OVER (PARTITION BY ... ORDER BY ...) behind it",
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
    let aggregates = AGGREGATES.iter().flat_map(|entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied()));
    let known = called.chain(aggregates).filter(|known| *known != name);
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
        assert!(advice("collect_list").1.is_some_and(|help| help.contains("array_agg")));
        assert_eq!(advice("medain").1.as_deref(), Some("did you mean 'median'?"));
    }

    #[test]
    fn nothing_is_both_known_to_be_refused_and_in_the_table() {
        for (names, _) in KNOWN {
            for name in *names {
                let mut entries = table::entries().chain(AGGREGATES);
                assert!(entries.all(|entry| entry.name != *name && !entry.aliases.contains(name)), "{name}");
            }
        }
    }
}
