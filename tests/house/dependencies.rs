//! Crates of others: each has a licence that we accept, none is banned, ours come in one version, and none is named for nothing.
//!
//! `deny.toml` and `Cargo.lock` enter, and what cargo knows of each crate for this platform. Reasons for exceptions stand in `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::crates::{CRATES, read, root, rust_files};
use super::manifest::dependencies;
use super::tokens::scan;

/// Crates that a manifest names although no source does, with the reason.
const NAMED_FOR_NOTHING: [(&str, &str, &str); 1] =
    [("tidewater", "ahash", "its features are those that crates of the tests turn on, so that no command builds it twice")];

/// A crate in one version, as the lock has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Locked {
    name: String,
    version: String,
    is_foreign: bool,
    /// names, without versions
    needs: Vec<String>,
}

/// An entry of a list of `deny.toml`.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    name: String,
    version: Option<String>,
    wrappers: Vec<String>,
    reason: String,
}

/// The crates of a lock.
fn locked(lock: &str) -> Vec<Locked> {
    let read = |package: &str| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
            line.strip_suffix('"').map(str::to_owned)
        };
        let needs = package.lines().filter_map(|line| line.trim().strip_prefix('"')?.split([' ', '"']).next());
        Some(Locked {
            name: value("name")?,
            version: value("version")?,
            is_foreign: value("source").is_some(),
            needs: needs.map(str::to_owned).collect(),
        })
    };
    lock.split("[[package]]").filter_map(read).collect()
}

/// The lines of a list of `deny.toml`, one entry each; comments are none.
fn list<'d>(deny: &'d str, table: &str, key: &str) -> Vec<&'d str> {
    let inside = deny.lines().skip_while(|line| *line != table).skip(1).take_while(|line| !line.starts_with('['));
    let entries = inside.skip_while(|line| *line != format!("{key} = [")).skip(1).take_while(|line| *line != "]");
    let entries = entries.map(|line| line.trim().trim_end_matches(','));
    entries.filter(|entry| !entry.is_empty() && !entry.starts_with('#')).collect()
}

/// Reads `{ crate = "name@version", wrappers = ["a"], reason = "b" }`.
fn rule(entry: &str) -> Rule {
    let text = |key: &str| entry.split_once(&format!("{key} = \""))?.1.split('"').next();
    let spec = text("crate").unwrap_or_else(|| panic!("no crate in {entry}"));
    let (name, version) = spec.split_once('@').map_or((spec, None), |(name, version)| (name, Some(version.to_owned())));
    let wrappers = entry.split_once("wrappers = [").and_then(|(_, rest)| rest.split(']').next()).unwrap_or_default();
    let wrappers = wrappers.split(',').map(|name| name.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty());
    let reason = text("reason").unwrap_or_default().to_owned();
    Rule { name: name.to_owned(), version, wrappers: wrappers.collect(), reason }
}

fn rules(deny: &str, key: &str) -> Vec<Rule> {
    list(deny, "[bans]", key).into_iter().map(rule).collect()
}

/// Returns true if an expression of licences can be fulfilled by those that are accepted.
fn is_accepted(expression: &str, accepted: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (holds, rest) = one_of(&words, accepted);
    holds && rest.is_empty()
}

/// Reads alternatives up to a closing bracket.
fn one_of<'w>(words: &'w [&'w str], accepted: &BTreeSet<&str>) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = all_of(words, accepted);
    while let Some(("OR", behind)) = rest.split_first().map(|(word, behind)| (*word, behind)) {
        let (other, behind) = all_of(behind, accepted);
        (holds, rest) = (holds || other, behind);
    }
    (holds, rest)
}

/// Reads licences that are all needed.
fn all_of<'w>(words: &'w [&'w str], accepted: &BTreeSet<&str>) -> (bool, &'w [&'w str]) {
    let (mut holds, mut rest) = licence(words, accepted);
    while let Some(("AND", behind)) = rest.split_first().map(|(word, behind)| (*word, behind)) {
        let (other, behind) = licence(behind, accepted);
        (holds, rest) = (holds && other, behind);
    }
    (holds, rest)
}

fn licence<'w>(words: &'w [&'w str], accepted: &BTreeSet<&str>) -> (bool, &'w [&'w str]) {
    match words {
        ["(", rest @ ..] => {
            let (holds, rest) = one_of(rest, accepted);
            (holds && rest.first() == Some(&")"), rest.get(1..).unwrap_or_default())
        }
        // As cargo-deny has it, a licence with an exception is accepted only when it stands in the list with the exception.
        [name, "WITH", exception, rest @ ..] => (accepted.contains(format!("{name} WITH {exception}").as_str()), rest),
        [name, rest @ ..] => (accepted.contains(name), rest),
        [] => (false, &[]),
    }
}

/// The accepted licences: those for all crates, and those for some crates alone.
struct AcceptedLicences<'d> {
    all: BTreeSet<&'d str>,
    exceptions: BTreeMap<&'d str, BTreeSet<&'d str>>,
}

impl<'d> AcceptedLicences<'d> {
    fn read(deny: &'d str) -> Self {
        let all = list(deny, "[licenses]", "allow").into_iter().map(|name| name.trim_matches('"'));
        let exceptions = list(deny, "[licenses]", "exceptions").into_iter().map(|entry| {
            let quoted = |text: &'d str| text.split('"').skip(1).step_by(2);
            let (name, allowed) = entry.split_once("allow = ").unwrap_or_else(|| panic!("no licence in {entry}"));
            let name = quoted(name).next().unwrap_or_else(|| panic!("no crate in {entry}"));
            (name, quoted(allowed).collect())
        });
        Self { all: all.collect(), exceptions: exceptions.collect() }
    }

    /// Crates whose licence is not accepted, and exceptions that no crate needs.
    fn faults(&self, licences: &[(String, String)]) -> Vec<String> {
        let is_good = |name: &str, licence: &str| {
            let own = self.exceptions.get(name).into_iter().flatten();
            is_accepted(licence, &self.all) || is_accepted(licence, &self.all.iter().chain(own).copied().collect())
        };
        let bad = licences.iter().filter(|(name, licence)| !is_good(name, licence));
        let bad = bad.map(|(name, licence)| format!("'{name}' has '{licence}', which is not in 'allow' of deny.toml"));
        let is_idle = |name: &str| !licences.iter().any(|(known, licence)| known == name && !is_accepted(licence, &self.all));
        let idle = self.exceptions.keys().filter(|name| is_idle(name));
        bad.chain(idle.map(|name| format!("'{name}' needs no exception: take it from 'exceptions' of deny.toml"))).collect()
    }
}

/// Banned crates that something needs which is no wrapper of theirs, and bans without a reason.
fn banned(rules: &[Rule], locked: &[Locked]) -> Vec<String> {
    let mut found = Vec::new();
    for Rule { name, wrappers, reason, .. } in rules {
        if reason.is_empty() {
            found.push(format!("the ban of '{name}' has no reason"));
        }
        let users = locked.iter().filter(|user| user.needs.contains(name) && !wrappers.contains(&user.name));
        found.extend(users.map(|user| format!("'{}' needs '{name}', which is banned: {reason}", user.name)));
        let is_needed = |wrapper: &&String| locked.iter().any(|user| user.name == **wrapper && user.needs.contains(name));
        let idle = wrappers.iter().filter(|wrapper| !is_needed(wrapper));
        found.extend(idle.map(|wrapper| format!("'{wrapper}' no longer needs '{name}': take it from the ban's wrappers")));
    }
    found
}

/// Crates that we name and that come in several versions without a reason, and reasons for what comes in one.
fn doubled(skipped: &[Rule], ours: &BTreeSet<String>, locked: &[Locked]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for found in locked {
        versions.entry(&found.name).or_default().insert(&found.version);
    }
    let is_explained = |name: &str| skipped.iter().any(|rule| rule.name == name && !rule.reason.is_empty());
    let unexplained =
        versions.iter().filter(|(name, versions)| versions.len() > 1 && ours.contains(**name) && !is_explained(name));
    let mut found: Vec<String> = unexplained
        .map(|(name, versions)| format!("'{name}' comes in {versions:?}: take one, or give a reason in 'skip'"))
        .collect();
    for Rule { name, version, .. } in skipped {
        let known = versions.get(name.as_str());
        let is_there =
            known.is_some_and(|known| known.len() > 1 && version.as_deref().is_none_or(|version| known.contains(version)));
        if !is_there {
            found.push(format!("'{name}' {version:?} no longer comes beside another version: take it from 'skip'"));
        }
    }
    found
}

/// The crates of others that a manifest names and no source of its crate does.
fn unnamed(manifest: &str, sources: &BTreeSet<String>, foreign: &BTreeSet<&str>) -> Vec<String> {
    let named = dependencies(manifest).into_iter().map(|dependency| dependency.package);
    named.filter(|name| foreign.contains(name.as_str()) && !sources.contains(&name.replace('-', "_"))).collect()
}

fn our_dependencies() -> BTreeSet<String> {
    let manifests = CRATES.iter().map(|known| read(&format!("{}/Cargo.toml", known.folder)));
    manifests.flat_map(|manifest| dependencies(&manifest)).map(|dependency| dependency.package).collect()
}

/// Every crate that is built on this platform, with its licence.
fn licences() -> Vec<(String, String)> {
    let run = |program: String, arguments: &[&str]| {
        let output = Command::new(&program).current_dir(root()).args(arguments).output().expect("it can be run");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    let rustc = run(std::env::var("RUSTC").unwrap_or("rustc".to_owned()), &["-vV"]);
    let platform = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform");
    let arguments = ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", platform];
    let known = run(std::env::var("CARGO").unwrap_or("cargo".to_owned()), &arguments);
    let known: Value = serde_json::from_str(&known).expect("it is JSON");
    let foreign = known["packages"].as_array().expect("packages").iter().filter(|package| !package["source"].is_null());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    foreign.map(|package| (text(&package["name"]), text(&package["license"]))).collect()
}

#[test]
fn every_crate_has_a_licence_that_we_accept() {
    let (deny, licences) = (read("deny.toml"), licences());
    assert!(licences.len() > 200, "only {} crates were read", licences.len());
    let faults = AcceptedLicences::read(&deny).faults(&licences);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_crate_is_banned_and_ours_come_in_one_version() {
    let (deny, locked) = (read("deny.toml"), locked(&read("Cargo.lock")));
    assert!(locked.iter().filter(|found| found.is_foreign).count() > 200, "only {} crates were read", locked.len());
    let (bans, skipped) = (rules(&deny, "deny"), rules(&deny, "skip"));
    assert!(bans.len() > 1 && !skipped.is_empty(), "{bans:?} {skipped:?}");
    let found = [banned(&bans, &locked), doubled(&skipped, &our_dependencies(), &locked)].concat();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_crate_is_named_for_nothing() {
    let lock = locked(&read("Cargo.lock"));
    let foreign: BTreeSet<&str> = lock.iter().filter(|found| found.is_foreign).map(|found| found.name.as_str()).collect();
    let mut found = Vec::new();
    for known in &CRATES {
        let folders = ["src", "tests", "benches"].map(|folder| root().join(known.folder).join(folder));
        let mut files: Vec<_> = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| rust_files(folder)).collect();
        files.extend(Some(root().join(known.folder).join("build.rs")).filter(|file| file.is_file()));
        let words = files.iter().flat_map(|file| scan(&std::fs::read_to_string(file).expect("sources are text")));
        let names = unnamed(&read(&format!("{}/Cargo.toml", known.folder)), &words.collect(), &foreign);
        found.extend(names.into_iter().map(|name| (known.package, name)));
    }
    let expected: Vec<(&str, String)> =
        NAMED_FOR_NOTHING.iter().map(|(package, name, _)| (*package, (*name).to_owned())).collect();
    assert_eq!(found, expected, "take them from the manifests, or write down why they are there");
    let workspace = read("Cargo.toml");
    let table = workspace.split_once("[workspace.dependencies]").expect("a table").1.split_once("\n[").expect("an end").0;
    let offered = dependencies(&format!("[dependencies]{table}")).into_iter().map(|dependency| dependency.package);
    let ours = our_dependencies();
    let unused: Vec<String> = offered.filter(|name| !ours.contains(name)).collect();
    assert!(unused.is_empty(), "no crate of the workspace uses {unused:?}");
}

#[test]
fn licences_are_read_with_their_alternatives() {
    let accepted = BTreeSet::from(["MIT", "Zlib", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "BSD/MIT",
        "MIT AND Zlib",
        "(BSD OR Zlib) AND MIT",
        "Apache-2.0 WITH LLVM-exception",
        "X AND Y OR MIT",
    ] {
        assert!(is_accepted(good, &accepted), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND BSD", "(MIT OR Zlib) AND BSD", "(MIT", "MIT BSD", "BSD WITH x", "MIT WITH x"] {
        assert!(!is_accepted(bad, &accepted), "{bad}");
    }
}

#[test]
fn a_licence_is_accepted_for_one_crate_alone_and_comments_are_no_entries() {
    let deny = concat!(
        "[licenses]\nallow = [\n  # \"GPL-3.0\",\n  \"MIT\",\n]\n",
        "exceptions = [\n  # a reason\n  { crate = \"roots\", allow = [\"CDLA\"] },\n]\n",
        "[bans]\ndeny = [\n  # { crate = \"x\" },\n\n  { crate = \"old\", reason = \"r\" },\n]\n",
    );
    let accepted = AcceptedLicences::read(deny);
    let faults = |licences: &[(&str, &str)]| {
        let licences: Vec<_> = licences.iter().map(|(name, licence)| ((*name).to_owned(), (*licence).to_owned())).collect();
        accepted.faults(&licences)
    };
    assert_eq!(faults(&[("roots", "CDLA AND MIT"), ("other", "MIT")]), [""; 0]);
    assert_eq!(faults(&[("roots", "CDLA"), ("other", "CDLA")]), ["'other' has 'CDLA', which is not in 'allow' of deny.toml"]);
    assert_eq!(faults(&[("roots", "MIT")]), ["'roots' needs no exception: take it from 'exceptions' of deny.toml"]);
    assert_eq!(faults(&[("roots", "CDLA"), ("other", "GPL-3.0")]).len(), 1);
    assert_eq!(rules(deny, "deny").into_iter().map(|rule| rule.name).collect::<Vec<_>>(), ["old"]);
}

/// A lock with `old` in two versions, of which one is ours.
const LOCK: &str = r#"
[[package]]
name = "ours"
version = "0.1.0"
dependencies = [
 "old 1.0.0",
 "new",
]

[[package]]
name = "new"
version = "3.0.0"
source = "registry"
dependencies = [
 "old 2.0.0",
]

[[package]]
name = "old"
version = "1.0.0"
source = "registry"

[[package]]
name = "old"
version = "2.0.0"
source = "registry"
"#;

#[test]
fn a_banned_crate_a_doubled_one_and_an_idle_exception_are_found() {
    let deny = "[bans]\ndeny = [\n  { crate = \"old\", wrappers = [\"new\", \"gone\"], reason = \"old\" },\n  { crate = \"x\" },\n]\nskip = [\n  { crate = \"new@3.0.0\", reason = \"r\" },\n]\n[other]\n";
    let locked = locked(LOCK);
    assert_eq!(locked.len(), 4);
    assert_eq!((&locked[0].needs, locked[0].is_foreign), (&vec!["old".to_owned(), "new".to_owned()], false));
    assert_eq!(
        banned(&rules(deny, "deny"), &locked),
        [
            "'ours' needs 'old', which is banned: old",
            "'gone' no longer needs 'old': take it from the ban's wrappers",
            "the ban of 'x' has no reason"
        ]
    );
    let ours = BTreeSet::from(["old".to_owned()]);
    let found = doubled(&rules(deny, "skip"), &ours, &locked);
    assert!(found.len() == 2 && found[0].contains("'old' comes in") && found[1].contains("'new' Some(\"3.0.0\")"), "{found:?}");
    assert_eq!(doubled(&[rule("{ crate = \"old@2.0.0\", reason = \"r\" }")], &ours, &locked), [""; 0]);
    assert_eq!(doubled(&[], &BTreeSet::new(), &locked), [""; 0], "it is not ours");
}

#[test]
fn a_crate_that_no_source_names_is_found() {
    let foreign = BTreeSet::from(["serde-json", "never", "spoken"]);
    let sources = scan("use serde_json::Value; // never::\nfn f() { spoken::g() }").into_iter().collect();
    let manifest =
        "[dependencies]\nserde-json = \"1\"\nnever.workspace = true\nours.workspace = true\n[dev-dependencies]\nspoken = \"1\"\n";
    assert_eq!(unnamed(manifest, &sources, &foreign), ["never"]);
}
