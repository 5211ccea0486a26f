//! The house keeps its shape: the allowed edges between crates, and an ARCHITECTURE.md whose paths exist.

use std::collections::BTreeSet;
use std::fs;

use super::crates::{EDGES, read, root, rust_files};

/// Names before `.workspace` or `=` in the dependency tables of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = matches!(line.trim(), "[dependencies]" | "[build-dependencies]" | "[dev-dependencies]");
        } else if inside && let Some((name, _)) = line.split_once(['.', '=']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

#[test]
fn crates_name_only_those_they_may() {
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in EDGES {
        let used = dependencies(&read(&format!("{name}/Cargo.toml")));
        assert!(!used.is_empty() || allowed.is_empty(), "the manifest of '{name}' was not read");
        for dependency in used.iter().filter(|dependency| ours.contains(dependency.as_str())) {
            assert!(allowed.contains(&dependency.as_str()), "'{name}' must not depend on '{dependency}'");
        }
    }
}

#[test]
fn every_path_that_the_architecture_page_names_exists() {
    let page = read("ARCHITECTURE.md");
    let paths: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains('/') && !code.contains([' ', '{', '<', '*', '(']) && !code.starts_with(['/', '-', '.']))
        .collect();
    assert!(paths.len() > 20, "only {} paths were found", paths.len());
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names '{path}', which does not exist");
    }
}

#[test]
fn every_source_file_opens_with_what_it_owns() {
    let files = rust_files(root());
    assert!(files.len() > 300, "only {} files were checked", files.len());
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        assert!(text.starts_with("//!"), "{} does not open with //!", file.display());
    }
}

/// The external packages of a selection with the features that cargo builds them with, one per line.
fn packages_with_features(selection: &[&str]) -> BTreeSet<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--locked", "--offline", "--prefix=none", "--format={p}|{f}"]).args(selection);
    let output = cargo.output().expect("cargo can be run");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo tree failed: {errors}");
    let lines = text.lines().map(|line| line.replace(" (*)", "").replace(" (proc-macro)", ""));
    lines.filter(|line| !line.is_empty() && !line.contains(&root().display().to_string())).collect()
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
