//! Pages that are followed line by line: the files that they have one write, the commands, and what these print.
//!
//! Owns the form of such pages and the reader who does as they say, with the real program in an empty directory. A page enters; the test fails at
//! the first line that is not as the page says. In fenced blocks of Markdown
//!
//! - `sql file=topology.sql` is the text of a file, which the line before the block names too; `append=` adds to one that is there,
//! - `console` has commands behind `$ `, which go on behind `> `, and below each what it prints,
//! - `console server` starts the server, after the one before has stopped on Ctrl-C,
//! - `... shown` is for people alone.
//!
//! In what is printed `...` stands for anything, as a line for any lines. Milliseconds are not compared. A server listens on a free port, and every
//! command means that one; pages say 8080. Reading is tried until the answer is that of the page, as a person does who was too quick.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{PATIENCE, Process};

/// The address in pages, which is that of `tidewater run` when nothing else is said.
const PAGE_ADDRESS: &str = "127.0.0.1:8080";
/// The same in the lines for curl.
const PAGE_LOCALHOST: &str = "localhost:8080";
/// Stands for anything.
const ANYTHING: &str = "...";
/// Pause before a command that reads is run again.
const PAUSE: Duration = Duration::from_millis(20);
/// Commands that ask a server and take its address from an option.
const ASKING: &str = "ingest|dead-letters|tap|why|plan|deploy|status|rollback|replay|drop";

/// A part of a page that is followed.
#[derive(Debug, PartialEq, Eq)]
enum PageStep {
    /// a file with this text
    File { name: String, text: String, is_appended: bool },
    /// commands with the lines that each prints
    Commands { commands: Vec<(String, Vec<String>)>, is_server: bool },
}

/// Someone who follows pages.
pub struct PageReader {
    /// gone before its directory is
    server: RefCell<Option<Process>>,
    home: TempDir,
    /// the directory that the last `cd` led to
    directory: RefCell<PathBuf>,
    address: RefCell<String>,
}

impl PageReader {
    /// A reader in an empty directory.
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("home");
        fs::create_dir(&directory).unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        let address = RefCell::new(PAGE_ADDRESS.to_owned());
        let reader = Self { server: RefCell::default(), home, directory: RefCell::new(directory), address };
        reader.write_program();
        reader
    }

    /// The directory in which the reader is.
    pub fn directory(&self) -> PathBuf {
        self.directory.borrow().clone()
    }

    /// Does as a page says, from its first line to its last.
    pub fn follow(&self, page: &str) {
        let steps = steps(page);
        assert!(steps.iter().any(|step| matches!(step, PageStep::Commands { .. })), "the page has no commands");
        for step in steps {
            match step {
                PageStep::File { name, text, is_appended: false } => fs::write(self.directory().join(name), text).unwrap(),
                PageStep::File { name, text, is_appended: true } => self.append(&name, &text),
                PageStep::Commands { commands, is_server: true } => self.serve(&commands),
                PageStep::Commands { commands, is_server: false } => {
                    commands.iter().for_each(|(command, expected)| self.run(command, expected));
                }
            }
        }
    }

    /// Runs one command as a page says it and compares what it prints.
    pub fn run(&self, command: &str, expected: &[String]) {
        if let Some(directory) = command.strip_prefix("cd ") {
            let directory = self.directory().join(directory);
            assert!(directory.is_dir(), "there is no directory '{}'", directory.display());
            *self.directory.borrow_mut() = directory.canonicalize().unwrap();
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (printed, has_failed) = self.printed(command);
            let is_same = matches(expected, &printed);
            let may_fail = expected.iter().any(|line| line.starts_with("error:"));
            if is_same && has_failed == may_fail {
                return;
            }
            let is_late = !reads(command) || Instant::now() > deadline;
            let (outcome, printed) = (if has_failed { "failed" } else { "ended well" }, printed.join("\n"));
            assert!(!is_late, "$ {command}\n{outcome} and printed:\n{printed}\nand the page says:\n{}", expected.join("\n"));
            std::thread::sleep(PAUSE);
        }
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.directory().join(name);
        let before = fs::read_to_string(&path).unwrap_or_else(|error| panic!("'{name}' is to have more: {error}"));
        fs::write(&path, before + text).unwrap();
    }

    /// Prints and failure of a command, both streams in one as a terminal has them.
    fn printed(&self, command: &str) -> (Vec<String>, bool) {
        let address = self.address.borrow().clone();
        let command = command.replace(PAGE_ADDRESS, &address).replace(PAGE_LOCALHOST, &address);
        let output = self.shell(&format!("{{ {command}\n}} 2>&1")).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace(&address, PAGE_ADDRESS);
        (text.lines().map(ToOwned::to_owned).collect(), !output.status.success())
    }

    fn shell(&self, command: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.home.path().join("bin").display());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.directory()).env("PATH", path);
        shell
    }

    /// Starts the server of a block, which has one command.
    fn serve(&self, commands: &[(String, Vec<String>)]) {
        let [(command, expected)] = commands else { panic!("a server is one command: {commands:?}") };
        self.stop();
        let mut process = Process::spawn(&mut self.shell(&format!("exec {command}")));
        let mut printed = Vec::new();
        for _ in expected {
            let line = process.line().unwrap_or_else(|| panic!("$ {command}\nended: {}", process.complaint()));
            if let Some((_, address)) = line.split_once("://") {
                *self.address.borrow_mut() = address.to_owned();
            }
            printed.push(line.replace(self.address.borrow().as_str(), PAGE_ADDRESS));
        }
        assert!(matches(expected, &printed), "$ {command}\nprinted:\n{}", printed.join("\n"));
        *self.server.borrow_mut() = Some(process);
        self.write_program();
    }

    /// Stops the server as Ctrl-C does, if there is one.
    fn stop(&self) {
        if let Some(mut process) = self.server.take() {
            process.signal("INT");
            let status = process.wait();
            assert_eq!(status.code(), Some(0), "the server ended: {}", process.complaint());
        }
    }

    /// The program as the reader calls it: a server gets a free port, and a command that asks one its address.
    fn write_program(&self) {
        let program = env!("CARGO_BIN_EXE_tidewater");
        let address = self.address.borrow();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' --server '*|*' --data '*) is_told=1 ;; esac\ncase \"$1\" in\n\
             run) exec '{program}' \"$@\" --listen 127.0.0.1:0 ;;\n\
             {ASKING}) [ -n \"$is_told\" ] || exec '{program}' \"$@\" --server 'http://{address}' ;;\nesac\nexec '{program}' \"$@\"\n"
        );
        let path = self.home.path().join("bin/tidewater");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Returns true for a command that changes nothing, so that it may be run again.
fn reads(command: &str) -> bool {
    let sends = ["--json", "--data", " -d ", " -X ", "POST"].iter().any(|mark| command.contains(mark));
    let starts = ["curl ", "tidewater tap ", "tidewater why ", "tidewater dead-letters list", "tidewater dead-letters show"];
    !sends && starts.iter().any(|start| command.starts_with(start))
}

/// The steps of a page.
fn steps(page: &str) -> Vec<PageStep> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    let mut before = "";
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            steps.extend(step(info, &block, before));
        } else if !line.trim().is_empty() {
            before = line;
        }
    }
    steps
}

/// The step of a block, if it is followed; `before` is the line of text before it.
fn step(info: &str, block: &[&str], before: &str) -> Option<PageStep> {
    let words: Vec<&str> = info.split(' ').collect();
    match words.as_slice() {
        ["console"] => Some(PageStep::Commands { commands: commands(block), is_server: false }),
        ["console", "server"] => Some(PageStep::Commands { commands: commands(block), is_server: true }),
        [_, "shown"] => None,
        [_, file] => {
            let (how, name) = file.split_once('=').unwrap_or_else(|| panic!("nobody knows a block '{info}'"));
            assert!(matches!(how, "file" | "append"), "nobody knows a block '{info}'");
            assert!(before.contains(&format!("`{name}`")), "the line before the block does not name '{name}': {before}");
            let text = block.iter().flat_map(|line| [line, "\n"]).collect();
            Some(PageStep::File { name: name.to_owned(), text, is_appended: how == "append" })
        }
        _ => panic!("a block says how it is followed, or 'shown': '{info}'"),
    }
}

/// The commands of a block with what each prints.
fn commands(block: &[&str]) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), commands.last_mut()) {
            (Some(command), ..) => commands.push((command.to_owned(), Vec::new())),
            (None, Some(more), Some((command, printed))) if printed.is_empty() => command.extend(["\n", more]),
            (None, _, Some((_, printed))) => printed.push((*line).to_owned()),
            (None, _, None) => panic!("a block of commands begins with '$ ': {line}"),
        }
    }
    commands
}

/// Returns true if lines are those of a page, in which `...` stands for anything.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match (expected, printed) {
        ([], rest) => rest.is_empty(),
        ([first, others @ ..], _) if first == ANYTHING => (0..=printed.len()).any(|skipped| matches(others, &printed[skipped..])),
        ([first, others @ ..], [line, rest @ ..]) => {
            line_matches(&without_milliseconds(first), &without_milliseconds(line)) && matches(others, rest)
        }
        (_, []) => false,
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let Some((start, rest)) = expected.split_once(ANYTHING) else { return expected == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let places = line.char_indices().map(|(place, _)| place).chain([line.len()]);
    places.into_iter().any(|place| line_matches(rest, &line[place..]))
}

/// A line whose numbers of milliseconds are all the same.
fn without_milliseconds(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_time = |place: usize| words.get(place + 1) == Some(&"ms") && words[place].parse::<u64>().is_ok();
    let shown: Vec<&str> = words.iter().enumerate().map(|(place, word)| if is_time(place) { "0" } else { word }).collect();
    shown.join(" ")
}

/// The text of a page of this project.
pub fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn a_page_is_read_into_files_and_commands() {
    let page = "Write `a.sql`:\n\n```sql file=a.sql\nSELECT\n\n1;\n```\n\n```console server\n$ serve\non a port\n```\n\
                More for `a.sql`:\n```sql append=a.sql\n--\n```\n```text shown\nnot run\n```\n```console\n$ one \\\n> two\n...\n$ three\n```\n";
    let command = |text: &str, printed: &[&str]| (text.to_owned(), printed.iter().map(|line| (*line).to_owned()).collect());
    let file = |text: &str, is_appended| PageStep::File { name: "a.sql".to_owned(), text: text.to_owned(), is_appended };
    let expected = [
        file("SELECT\n\n1;\n", false),
        PageStep::Commands { commands: vec![command("serve", &["on a port"])], is_server: true },
        file("--\n", true),
        PageStep::Commands { commands: vec![command("one \\\ntwo", &["..."]), command("three", &[])], is_server: false },
    ];
    assert_eq!(steps(page), expected);
}

#[test]
fn what_is_printed_is_compared_but_for_what_a_page_leaves_open() {
    let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<String>>();
    let same = [("", ""), ("a", "a"), ("...", ""), ("...", "a\nb"), ("a\n...\nd", "a\nb\nc\nd"), ("a...c...", "abbcd")];
    for (expected, printed) in same.into_iter().chain([("ok 9 ms", "ok 12 ms")]) {
        assert!(matches(&lines(expected), &lines(printed)), "{expected} and {printed}");
    }
    let others = [("", "a"), ("a", ""), ("a", "b"), ("a...c", "ab"), ("a\n...\nd", "a\nb"), ("9 ms", "x ms"), ("9", "12")];
    for (expected, printed) in others {
        assert!(!matches(&lines(expected), &lines(printed)), "{expected} and {printed}");
    }
}
