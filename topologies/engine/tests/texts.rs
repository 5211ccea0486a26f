//! Refusals of texts, times and intervals, and the places that they name.

use language::diagnostic::{Diagnostic, SourceFile};
use language::load::{build, inline, inline_beside};

const WORLD: &str = include_str!("cases/texts/scalars/topology.sql");

/// The only error of a view over the world.
fn refused(select: &str) -> Diagnostic {
    refused_statement(&format!("CREATE MATERIALIZED VIEW v AS\n{select};"))
}

fn refused_statement(statement: &str) -> Diagnostic {
    refusal(statement).unwrap_or_else(|| panic!("it was accepted: {statement}"))
}

fn beside_the_world(statement: &str) -> Vec<SourceFile> {
    let mut files = inline_beside("world.sql", WORLD, &testkit::social::proto_files());
    files.push(inline("case.sql", statement));
    files
}

fn refusal(statement: &str) -> Option<Diagnostic> {
    let diagnostics = build(&beside_the_world(statement)).err()?;
    match <[Diagnostic; 1]>::try_from(diagnostics) {
        Ok([diagnostic]) => Some(diagnostic),
        Err(several) => panic!("{several:?}"),
    }
}

/// The fault of a view's refusal, which must be at `place`, a text of its only line, with `reason`; `None` when it is as it should be.
fn fault(select: &str, place: &str, reason: &str) -> Option<String> {
    let Some(diagnostic) = refusal(&format!("CREATE MATERIALIZED VIEW v AS\n{select};")) else {
        return Some(format!("it was accepted: {select}"));
    };
    let location = &diagnostic.location;
    let column = select.find(place).unwrap_or_else(|| panic!("'{place}' is not in '{select}'")) + 1;
    let is_there = (&*location.file, location.line, location.column) == ("case.sql", 2, column);
    (!is_there || !diagnostic.message.contains(reason)).then(|| format!("not at '{place}' with '{reason}': {diagnostic}"))
}

#[test]
fn what_can_never_be_computed_is_refused_at_its_place() {
    let cases = [
        ("SELECT note_id, split_part(body, ',', 0) AS p FROM notes", "split_part", "there is no field 0"),
        ("SELECT note_id, upper(split_part(body, ',', 0)) AS p FROM notes", "split_part", "there is no field 0"),
        ("SELECT CASE WHEN note_id > 1 THEN split_part(body, ',', 0) END AS p FROM notes", "split_part", "there is no field 0"),
        (
            "SELECT note_id FROM notes WHERE date_trunc('fortnight', made_at) = made_at",
            "date_trunc",
            "'fortnight' is not a field",
        ),
        ("SELECT extract(fortnight FROM made_at) AS f FROM notes", "made_at", "'fortnight' is not a field"),
        ("SELECT to_char(made_at, '%Y-%m-%d') AS d FROM notes", "to_char", "is not a pattern of PostgreSQL"),
        ("SELECT to_char(note_id, 'YYYY') AS d FROM notes", "to_char", "is not a pattern of numbers"),
        ("SELECT count(*) AS n FROM TUMBLE(notes, made_at, INTERVAL '0 seconds')", "'0 seconds'", "longer than nothing"),
        ("SELECT count(*) AS n FROM TUMBLE(notes, made_at, INTERVAL '-1 hour')", "'-1 hour'", "longer than nothing"),
        ("SELECT count(*) AS n FROM TUMBLE(notes, made_at, INTERVAL '1 month')", "'1 month'", "fixed length"),
        ("SELECT note_id FROM notes WHERE body LIKE 'a!' ESCAPE '!'", "body", "must not end with its escape character"),
        ("SELECT note_id FROM notes WHERE body LIKE 'a!%' ESCAPE '!!'", "body", "ESCAPE takes one character"),
        ("SELECT note_id FROM notes WHERE body SIMILAR TO '(a'", "body", "can't be used"),
        ("SELECT note_id FROM notes WHERE note_id > 0 AND body ~ '(?=a)'", "body", "not supported"),
        ("SELECT made_at AT TIME ZONE 'Mars/Olympus' AS t FROM notes", "made_at", "is not a time zone"),
        ("SELECT made_at AT TIME ZONE '+09:00' AS t FROM notes", "made_at", "instead of an offset"),
        ("SELECT lower(note_id + 1) AS t FROM notes", "note_id + 1", ""),
        ("SELECT note_id FROM notes WHERE note_id = 1 / (1 - 1)", "1 - 1)", "division by zero"),
        ("SELECT decode(body, 'base32') AS t FROM notes", "decode", "'base32' is not an encoding"),
        ("SELECT format('%s and %s', body) AS t FROM notes", "format", "value 2, which is not given"),
    ];
    let faults: Vec<String> = cases.into_iter().filter_map(|(select, place, reason)| fault(select, place, reason)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn a_merge_is_refused_at_the_expression() {
    let merge = |value: &str| {
        format!(
            "CREATE TABLE tags (post_id BIGINT PRIMARY KEY, tag TEXT);\nMERGE INTO tags t USING post_events e ON t.post_id = e.aggregate_id\n\
             WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE\n\
             WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, {value})"
        )
    };
    for value in ["split_part(e.created.text, ',', 0)", "split_part(e.created.text || 'x', ',', 0)"] {
        let diagnostic = refused_statement(&format!("{};", merge(value)));
        let column = merge(value).lines().last().and_then(|line| line.find("split_part")).map(|place| place + 1);
        assert_eq!((diagnostic.location.line, Some(diagnostic.location.column)), (4, column), "{diagnostic}");
    }
}

#[test]
fn suggestions_correct_what_was_written() {
    for (select, help) in [
        ("SELECT collect_list(note_id) AS n FROM notes", Some("array_agg")),
        ("SELECT lwer(body) AS n FROM notes", Some("did you mean 'lower'?")),
        ("SELECT frobnicate(body) AS n FROM notes", Some("docs/FUNCTIONS.md")),
        ("SELECT string_ag(body, ',') AS n FROM notes", Some("did you mean 'string_agg'?")),
        ("SELECT e.created.hashtag AS n FROM post_events e", Some("hashtags")),
    ] {
        let diagnostic = refused(select);
        let said = diagnostic.help.as_deref();
        assert_eq!(said.is_some(), help.is_some(), "{diagnostic}");
        assert!(said.unwrap_or_default().contains(help.unwrap_or_default()), "{diagnostic}");
    }
}

#[test]
fn a_topology_can_hold_times_without_a_zone_and_intervals() {
    let tables = "CREATE TABLE gaps (note_id BIGINT PRIMARY KEY, gap INTERVAL, local TIMESTAMP NOT NULL);\n\
         MERGE INTO gaps g USING post_events e ON g.note_id = e.aggregate_id WHEN NOT MATCHED AND e.event_type = 'post.created' \
         THEN INSERT VALUES (e.aggregate_id, INTERVAL '1 month', e.occurred_at AT TIME ZONE 'Asia/Tokyo');";
    assert!(build(&beside_the_world(tables)).is_ok());
    let key = refused_statement("CREATE TABLE gaps (gap INTERVAL PRIMARY KEY);");
    assert!(key.message.contains("makes no primary key"), "{key}");
}
