//! Changes of sinks, readers and what they may keep as lines, for `plan` and `deploy`.

use serde_json::Value;

use crate::client::answer::text;

/// Describes sinks and full-text indexes that come, change and go.
pub(super) fn sink_lines(sinks: &Value) -> Vec<String> {
    let names = |kind: &str| sinks[kind].as_array().into_iter().flatten().filter_map(Value::as_str).map(sink_text);
    let signs = [("+", "added"), ("~", "changed"), ("-", "removed")];
    signs.into_iter().flat_map(|(sign, kind)| names(kind).map(move |name| format!("  {sign} {name}"))).collect()
}

/// Describes readers that change. A change by which some see more begins with `!`.
pub(super) fn reader_lines(access: &Value) -> Vec<String> {
    let line = |change: &Value| {
        let (kind, name, after) = (text(&change["kind"]).replace('_', " "), text(&change["name"]), text(&change["after"]));
        match (change["before"].as_str(), change["wider"] == true) {
            (None, _) => format!("  + readers of {kind} {name}: {after}"),
            (Some(before), false) => format!("  ~ readers of {kind} {name}: {after}; before: {before}"),
            (Some(before), true) => format!("  ! more readers of {kind} {name}: {after}; before: {before}"),
        }
    };
    access.as_array().into_iter().flatten().map(line).collect()
}

/// Describes views whose pages may be used for another time without asking again.
pub(super) fn max_age_lines(max_ages: &Value) -> Vec<String> {
    let time = |seconds: &Value| seconds.as_u64().map_or_else(|| "nothing said".to_owned(), |seconds| format!("{seconds} s"));
    let line = |change: &Value| {
        let (view, after, before) = (text(&change["view"]), time(&change["after"]), time(&change["before"]));
        format!("  ~ max_age of view {view}: {after}; before: {before}")
    };
    max_ages.as_array().into_iter().flatten().map(line).collect()
}

/// A sink as people call it.
fn sink_text(name: &str) -> String {
    match name.strip_prefix("search:") {
        Some(index) => format!("full-text index {index}"),
        None => format!("sink {name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_of_sinks_and_readers_are_told_by_their_signs() {
        let sinks = json!({ "added": ["search:words"], "changed": [], "removed": ["out"], "kept": ["other"] });
        assert_eq!(sink_lines(&sinks), ["  + full-text index words", "  - sink out"]);
        let change = |before: Value, wider: bool| json!({ "kind": "derived_topic", "name": "t", "before": before, "after": "everyone", "wider": wider });
        let access = json!([change(Value::Null, false), change(json!("operators"), true), change(json!("nobody"), false)]);
        assert_eq!(
            reader_lines(&access),
            [
                "  + readers of derived topic t: everyone",
                "  ! more readers of derived topic t: everyone; before: operators",
                "  ~ readers of derived topic t: everyone; before: nobody",
            ]
        );
        let max_ages = json!([{ "view": "v", "before": null, "after": 5 }, { "view": "w", "before": 60, "after": null }]);
        assert_eq!(
            max_age_lines(&max_ages),
            ["  ~ max_age of view v: 5 s; before: nothing said", "  ~ max_age of view w: nothing said; before: 60 s"]
        );
    }
}
