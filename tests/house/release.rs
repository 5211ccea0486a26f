//! Release binaries: `./release` takes the debug info out into a file of its own, and the program runs as before.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::crates::root;

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(root()).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// The sections of a program with these words in their names.
fn sections(program: &Path, part: &str) -> usize {
    let read = run("readelf", &["--section-headers", "--wide", program.to_str().expect("a path")]);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8_lossy(&read.stdout).lines().filter(|line| line.contains(part)).count()
}

/// A small program with debug info, built in a folder.
fn built(folder: &Path) -> PathBuf {
    let (source, program) = (folder.join("small.c"), folder.join("small"));
    std::fs::write(&source, "int main(void) { return 0; }\n").expect("a file");
    let paths = [&source, &program].map(|path| path.to_str().expect("a path"));
    let built = run("cc", &["-g", paths[0], "-o", paths[1]]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}

#[test]
fn a_program_is_split_from_its_debug_info_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = built(folder.path());
    assert!(sections(&program, ".debug_info") > 0, "this shows nothing: the program has no debug info");
    let to = folder.path().join("dist");
    let arguments = ["--split", program.to_str().expect("a path"), to.to_str().expect("a path")];
    let split = run("./release", &arguments);
    assert!(split.status.success(), "{}", String::from_utf8_lossy(&split.stderr));
    let name = program.file_name().expect("a name").to_str().expect("a name");
    let (stripped, debug) = (to.join(name), to.join(format!("{name}.debug")));
    assert_eq!((sections(&stripped, ".debug_info"), sections(&stripped, ".gnu_debuglink")), (0, 1));
    assert!(sections(&debug, ".debug_info") > 0);
    let bytes = |path: &Path| std::fs::metadata(path).expect("a file").len();
    assert!(bytes(&stripped) < bytes(&program), "nothing was taken out");
    assert!(run(stripped.to_str().expect("a path"), &[]).status.success(), "it does not run");
    // Never over the program that was built.
    let same = run("./release", &["--split", arguments[1], program.parent().expect("a folder").to_str().expect("a path")]);
    assert!(!same.status.success() && String::from_utf8_lossy(&same.stderr).contains("another directory"));
}
