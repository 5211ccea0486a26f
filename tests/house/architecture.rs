//! The house keeps its shape: the allowed edges between crates, and an ARCHITECTURE.md whose paths exist.

use std::collections::BTreeSet;
use std::fs;

use super::crates::{CRATES, HouseCrate, TESTKIT, read, root, rust_files};
use super::manifest::{dependencies, members, text_of};

/// Faults of a crate's manifest: another name than is known here, an edge that is not allowed, helpers of tests in the program.
fn faults(known: &HouseCrate, manifest: &str) -> Vec<String> {
    let name = text_of(manifest, "[package]", "name").unwrap_or("unnamed");
    let mut faults = Vec::new();
    if name != known.package {
        faults.push(format!("the package in '{}' is '{name}', not '{}'", known.folder, known.package));
    }
    for dependency in dependencies(manifest) {
        let package = dependency.package.as_str();
        if package == TESTKIT && !dependency.is_dev {
            faults.push(format!("'{name}' may depend on '{TESTKIT}' for its tests alone"));
        }
        let is_ours = package != TESTKIT && CRATES.iter().any(|other| other.package == package);
        if is_ours && !known.may_name.contains(&package) {
            faults.push(format!("'{name}' must not depend on '{package}'"));
        }
    }
    faults
}

/// The members of the workspace of which nothing is known here, and the crates known here that are no members.
fn unknown_members(manifest: &str) -> Vec<String> {
    let members: BTreeSet<String> = members(manifest).into_iter().chain([".".to_owned()]).collect();
    let known: BTreeSet<String> = CRATES.iter().map(|known| known.folder.to_owned()).collect();
    members.symmetric_difference(&known).cloned().collect()
}

#[test]
fn crates_name_only_those_they_may() {
    let mut found = Vec::new();
    for known in &CRATES {
        let manifest = read(&format!("{}/Cargo.toml", known.folder));
        let named = dependencies(&manifest);
        assert!(!named.is_empty() || known.may_name.is_empty(), "no dependency of '{}' was read", known.package);
        found.extend(faults(known, &manifest));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_member_of_the_workspace_is_known() {
    let unknown = unknown_members(&read("Cargo.toml"));
    assert!(unknown.is_empty(), "these are members of the workspace, or have an entry in CRATES, but not both: {unknown:?}");
}

#[test]
fn a_forbidden_edge_is_found_in_a_manifest() {
    let language = CRATES.iter().find(|known| known.package == "language").expect("an entry");
    let manifest = |rest: &str| format!("[package]\nname = \"language\"\n\n{rest}");
    let allowed =
        manifest("[dependencies]\nschemas.workspace = true\nserde = \"1\"\n[dev-dependencies]\ntestkit.workspace = true\n");
    assert_eq!(faults(language, &allowed), [""; 0]);
    let edge = ["'language' must not depend on 'engine'"];
    for forbidden in [
        "[dependencies]\nengine.workspace = true",
        "[dev-dependencies]\nengine = { path = \"../engine\" }",
        "[build-dependencies.engine]\npath = \"../engine\"",
        "[dependencies]\nother = { package = \"engine\", path = \"../engine\" }",
    ] {
        assert_eq!(faults(language, &manifest(forbidden)), edge, "{forbidden}");
    }
    let helpers = faults(language, &manifest("[dependencies]\ntestkit.workspace = true"));
    assert_eq!(helpers, ["'language' may depend on 'testkit' for its tests alone"]);
    let renamed = faults(language, "[package]\nname = \"planner\"\n");
    assert_eq!(renamed, ["the package in 'topologies/language' is 'planner', not 'language'"]);
}

#[test]
fn a_member_without_an_entry_is_found() {
    let all: Vec<String> =
        CRATES.iter().filter(|known| known.folder != ".").map(|known| format!("\"{}\"", known.folder)).collect();
    assert_eq!(unknown_members(&format!("members = [{}]", all.join(", "))), [""; 0]);
    assert_eq!(unknown_members(&format!("members = [{}, \"extras\"]", all.join(", "))), ["extras"]);
    assert_eq!(unknown_members(&format!("members = [{}]", all[1..].join(", "))), ["testkit"]);
}

/// The paths that a page names as code.
fn named_paths(page: &str) -> Vec<&str> {
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains('/') && !code.contains([' ', '{', '<', '*', '(']) && !code.starts_with(['/', '-', '.']))
        .collect()
}

#[test]
fn every_path_that_the_architecture_page_names_exists() {
    let page = read("ARCHITECTURE.md");
    let paths = named_paths(&page);
    assert!(paths.len() > 20, "only {} paths were found", paths.len());
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names '{path}', which does not exist");
    }
}

#[test]
fn paths_are_found_among_code() {
    let page = "Read `src/gone.rs` and `a b/c`, `/v1/views`, `--data/x` or `cargo`; then api/src, `api/src`.";
    assert_eq!(named_paths(page), ["src/gone.rs", "api/src"]);
    assert!(!root().join("src/gone.rs").exists() && root().join("api/src").exists());
}

/// Returns true if a source file says first what it owns.
fn opens_with_what_it_owns(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.strip_prefix("//!").is_some_and(|owned| !owned.trim().is_empty()))
}

#[test]
fn every_source_file_opens_with_what_it_owns() {
    let files = rust_files(root());
    assert!(files.len() > 300, "only {} files were checked", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        assert!(opens_with_what_it_owns(&text), "{} does not open with //!", file.display());
    }
}

#[test]
fn a_file_that_does_not_say_what_it_owns_is_found() {
    assert!(opens_with_what_it_owns("//! Words.\n\nuse std::fmt;\n"));
    for text in ["", "//!\n", "use std::fmt;\n//! Words.\n", "/// Words.\nfn f() {}\n"] {
        assert!(!opens_with_what_it_owns(text), "{text}");
    }
}

/// Signs of a line that waits, or asks again and again.
const WAITING: [&str; 7] = ["loop {", "while ", "sleep(", "park_timeout(", "recv_timeout(", "stop_requested(", "_INTERVAL"];
/// Signs of a line that prints without having control characters taken out.
const PRINTING: [&str; 4] = ["print!(", "println!(", "stdout()", "stderr()"];

/// Returns the numbers of lines of code that have one of these signs.
fn lines_with(signs: &[&str], text: &str) -> Vec<usize> {
    let is_found = |line: &str| !line.trim_start().starts_with("//") && signs.iter().any(|sign| line.contains(sign));
    text.lines().enumerate().filter(|(_, line)| is_found(line)).map(|(number, _)| number + 1).collect()
}

#[test]
fn the_command_line_translates_and_prints_and_leaves_waiting_to_the_client() {
    let mut found = Vec::new();
    let files = rust_files(&root().join("src/cli"));
    assert!(files.len() > 10, "only {} files of the command line were read", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        found.extend(lines_with(&WAITING, &text).into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    let places = "to src/client, which passes on what it learns, or to src/process";
    assert!(found.is_empty(), "move these {places}:\n{}", found.join("\n"));
}

#[test]
fn the_command_line_prints_through_the_terminal_alone() {
    let mut found = Vec::new();
    for file in rust_files(&root().join("src/cli")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let lines: Vec<&str> = text.lines().collect();
        // A progress bar is drawn on a terminal alone, and shows numbers.
        let printing = lines_with(&PRINTING, &text).into_iter().filter(|number| !lines[number - 1].contains("is_terminal()"));
        found.extend(printing.map(|line| format!("{}:{line}", file.display())));
    }
    assert!(found.is_empty(), "print these by src/terminal.rs, which takes out control characters:\n{}", found.join("\n"));
}

#[test]
fn a_line_that_waits_or_prints_is_found() {
    let text = "fn f() {\n    loop {\n        // sleep(1)\n        std::thread::sleep(PAUSE);\n    }\n    eprintln!(\"x\");\n}\n";
    assert_eq!((lines_with(&WAITING, text), lines_with(&PRINTING, text)), (vec![2, 4], vec![6]));
}

/// The external packages of a selection with the features that cargo builds them with, one per line.
fn packages_with_features(selection: &[&str]) -> BTreeSet<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--locked", "--offline", "--prefix=none", "--format={p}|{f}"]).args(selection);
    let output = cargo.output().expect("cargo can be run");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo tree failed: {errors}");
    external_packages(&text, &root().display().to_string())
}

/// The packages of an output of `cargo tree` that are not in the folder `ours`.
fn external_packages(tree: &str, ours: &str) -> BTreeSet<String> {
    let lines = tree.lines().map(|line| line.replace(" (*)", "").replace(" (proc-macro)", ""));
    lines.filter(|line| !line.is_empty() && !line.contains(ours)).collect()
}

#[test]
fn both_commands_build_the_same_dependencies() {
    let run = packages_with_features(&["--package=tidewater", "--edges=normal,build"]);
    let tests = packages_with_features(&["--workspace", "--edges=normal,build,dev"]);
    assert!(run.len() > 100, "only {} packages were read", run.len());
    let other: Vec<&String> = run.difference(&tests).collect();
    assert!(
        other.is_empty(),
        "`cargo test` builds these with other features than `cargo run`, so with everything above them: {other:?}"
    );
}

#[test]
fn a_package_with_other_features_is_found() {
    let tree = |features: &str| {
        format!("tidewater v0.1.0 (/ours)|\n\nserde v1.0.0|{features}\nserde v1.0.0|{features} (*)\nlibc v0.2.0|std\n")
    };
    let (run, tests) = (external_packages(&tree("derive"), "/ours"), external_packages(&tree("derive,rc"), "/ours"));
    assert_eq!(run.iter().map(String::as_str).collect::<Vec<_>>(), ["libc v0.2.0|std", "serde v1.0.0|derive"]);
    assert_eq!(run.difference(&tests).collect::<Vec<_>>(), ["serde v1.0.0|derive"]);
}
