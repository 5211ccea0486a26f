//! Clients of others, from npm and PyPI, that tests run against a server: installed once for each content of their lists.
//!
//! The lists lie in `tests/clients`, with the hash of everything that they name. What is installed lies below `target/clients`, where a file
//! is locked meanwhile, so that tests that need it at the same time install it once.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that a finished installation has.
const FINISHED: &str = "finished";

/// The folder `node_modules` with the packages of `tests/clients/package.json`.
///
/// # Panics
/// npm is missing or fails: a test must not pass for want of its client.
pub fn node_modules() -> PathBuf {
    let folder = installed("node", &["package.json", "package-lock.json"], &tool_version("node"), |folder| {
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder));
    });
    folder.join("node_modules")
}

/// The interpreter of Python with the packages of `tests/clients/requirements.txt`.
///
/// # Panics
/// Python, its module `venv` or pip is missing or fails.
pub fn python() -> PathBuf {
    let interpreter = |folder: &Path| folder.join("venv/bin/python");
    let folder = installed("python", &["requirements.txt"], &tool_version("python3"), |folder| {
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder));
        let arguments =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", "requirements.txt"];
        run(Command::new(interpreter(folder)).args(arguments).current_dir(folder));
    });
    interpreter(&folder)
}

/// The folder of the scripts that use them.
pub fn scripts() -> PathBuf {
    workspace().join("tests/clients")
}

fn workspace() -> &'static Path {
    match Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        Some(workspace) => workspace,
        None => panic!("the crate is a folder of the workspace"),
    }
}

/// The folder in which the packages of these lists are, after `install` has put them there if nobody has.
fn installed(kind: &str, lists: &[&str], version: &str, install: impl Fn(&Path)) -> PathBuf {
    let texts: Vec<String> = lists.iter().map(|list| read(&scripts().join(list))).collect();
    let clients = workspace().join("target/clients");
    let folder = clients.join(format!("{kind}-{:016x}", fingerprint(version, &texts)));
    check("make the folder", &folder, fs::create_dir_all(&folder));
    let path = folder.with_extension("lock");
    let lock = check("open", &path, File::create(&path));
    check("lock", &path, lock.lock());
    if !folder.join(FINISHED).exists() {
        // Whatever an installation that ended too early has left is of no use.
        check("empty", &folder, fs::remove_dir_all(&folder));
        check("make the folder", &folder, fs::create_dir_all(&folder));
        for (list, text) in lists.iter().zip(&texts) {
            check("write", &folder.join(list), fs::write(folder.join(list), text));
        }
        install(&folder);
        check("write", &folder, fs::write(folder.join(FINISHED), ""));
    }
    folder
}

/// A number that is another one when a list or the version of the tool is.
fn fingerprint(version: &str, texts: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (version, texts).hash(&mut hasher);
    hasher.finish()
}

fn tool_version(program: &str) -> String {
    let output = check("run", Path::new(program), Command::new(program).arg("--version").output());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn read(path: &Path) -> String {
    check("read", path, fs::read_to_string(path))
}

fn run(command: &mut Command) {
    let program = PathBuf::from(command.get_program());
    let output = check("run", &program, command.output());
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed, {}:\n{out}{errors}", output.status);
}

fn check<T>(attempted: &str, path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("can't {attempted} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_list_or_another_tool_is_installed_elsewhere() {
        let texts = |text: &str| [text.to_owned()];
        let known = fingerprint("v20", &texts("a"));
        assert_eq!(known, fingerprint("v20", &texts("a")));
        assert_ne!(known, fingerprint("v22", &texts("a")));
        assert_ne!(known, fingerprint("v20", &texts("b")));
    }

    #[test]
    #[should_panic(expected = "failed")]
    fn a_tool_that_fails_fails_the_test() {
        run(Command::new("sh").args(["-c", "exit 3"]));
    }
}
