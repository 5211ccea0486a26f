//! A real PostgreSQL that belongs to one test: its own directory, no network, gone when it is dropped.
//!
//! Owns the server process and the way to ask it. SQL text enters, rows of text leave, as PostgreSQL's `COPY` writes them.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Most time until a server answers.
const START_MAX: Duration = Duration::from_secs(60);
/// Folder of Debian's server programs: one directory per major version.
const DEBIAN_PROGRAMS: &str = "/usr/lib/postgresql";
const INSTALL: &str = "install PostgreSQL (on Debian: apt-get install postgresql)";

/// Line that `psql` writes behind the rows of each of many queries; no row of `COPY` begins like this.
const END: &str = "\\.";

/// One row; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// A server that is running.
pub struct Postgres {
    directory: tempfile::TempDir,
    server: Child,
}

impl Postgres {
    /// Starts a server with an empty database, UTF-8, the C locale and the time zone UTC.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start: a test without its oracle proves nothing.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("tidewater-postgres").tempdir().expect("a directory can be made");
        let account = Account::find();
        account.own(directory.path());
        let data = directory.path().join("data");
        let mut initdb = account.command(&program("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8", "-D"]).arg(&data);
        succeed(&mut initdb);
        let mut postgres = account.command(&program("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path());
        for setting in ["listen_addresses=", "fsync=off", "TimeZone=UTC", "DateStyle=ISO", "max_connections=20"] {
            postgres.args(["-c", setting]);
        }
        let log = std::fs::File::create(directory.path().join("log")).expect("a log can be made");
        let server = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("postgres starts");
        let mut started = Self { directory, server };
        started.wait_until_it_answers();
        started
    }

    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + START_MAX;
        while self.rows("SELECT 1").is_err() {
            let ended = self.server.try_wait().expect("the server can be asked");
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_else(|error| error.to_string());
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL did not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs statements, all or none.
    ///
    /// # Panics
    /// With PostgreSQL's words when it refuses one.
    pub fn execute(&self, statements: &str) {
        if let Err(error) = self.psql(&format!("BEGIN;\n{statements}\nCOMMIT;\n")) {
            panic!("PostgreSQL refuses: {error}\n{statements}");
        }
    }

    /// The rows of a query in the order in which they come, or PostgreSQL's words for why there are none.
    ///
    /// # Errors
    /// What PostgreSQL refuses.
    pub fn rows(&self, query: &str) -> Result<Vec<Row>, String> {
        let text = self.psql(&format!("COPY ({query}) TO STDOUT;\n"))?;
        Ok(text.lines().map(|line| line.split('\t').map(unescape).collect()).collect())
    }

    /// The rows of each of many queries, or PostgreSQL's words for why there are none. One process asks them all.
    ///
    /// # Panics
    /// When PostgreSQL ends before it has answered.
    pub fn answers<'q>(&self, queries: impl IntoIterator<Item = &'q str>) -> Vec<Result<Vec<Row>, String>> {
        let mut script = String::from("\\set ON_ERROR_STOP 0\nSET statement_timeout = '60s';\n");
        let mut asked = 0;
        for query in queries {
            script += &format!("COPY ({query}) TO STDOUT;\n\\echo '\\\\.' :ERROR :LAST_ERROR_MESSAGE\n");
            asked += 1;
        }
        let text = self.psql(&script).unwrap_or_else(|error| panic!("PostgreSQL ended: {error}"));
        let mut answers = Vec::with_capacity(asked);
        let mut rows = Vec::new();
        for line in text.lines() {
            match line.strip_prefix(END) {
                None => rows.push(line.split('\t').map(unescape).collect()),
                Some(end) => answers.push(match end.trim().strip_prefix("true") {
                    None => Ok(std::mem::take(&mut rows)),
                    Some(error) => {
                        rows.clear();
                        Err(error.trim().to_owned())
                    }
                }),
            }
        }
        assert_eq!(answers.len(), asked, "PostgreSQL answered {} of {asked} queries", answers.len());
        answers
    }

    fn psql(&self, script: &str) -> Result<String, String> {
        use std::io::Write as _;
        let mut psql = Command::new("psql");
        psql.env("PGHOST", self.directory.path()).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        psql.env("PGCLIENTENCODING", "UTF8").env_remove("PGPORT");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().unwrap_or_else(|error| panic!("psql can't be run: {error}; {INSTALL}"));
        let mut input = child.stdin.take().expect("its input is a pipe");
        let script = script.to_owned();
        // Written on a thread of its own: psql may answer before it has read everything.
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let output = child.wait_with_output().expect("psql ends");
        let written = writer.join().expect("the writer does not panic");
        match output.status.success() {
            true => {
                written.expect("psql read its script");
                Ok(String::from_utf8(output.stdout).expect("psql writes UTF-8"))
            }
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nothing of it is kept, so it need not end well. A server that has gone already is what was wanted.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The account that runs the server: PostgreSQL refuses to run as root.
struct Account(Option<(u32, u32)>);

impl Account {
    fn find() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("the process can look at itself");
        let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
        if effective != Some("0") {
            return Self(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").expect("there are accounts");
        let account = |name: &str| {
            let fields: Vec<&str> = accounts.lines().find(|line| line.starts_with(&format!("{name}:")))?.split(':').collect();
            Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        };
        Self(Some(account("postgres").or_else(|| account("nobody")).expect("there is an account 'postgres' or 'nobody'")))
    }

    fn own(&self, directory: &Path) {
        if let Some((user, group)) = self.0 {
            chown(directory, Some(user), Some(group)).expect("root gives a directory away");
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A program of the newest server that is installed.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(DEBIAN_PROGRAMS).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin").join(name))))
        .filter(|(_, path)| path.exists())
        .collect();
    found.sort();
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.exists());
    found.pop().map(|(_, path)| path).or_else(on_path).unwrap_or_else(|| panic!("'{name}' is missing: {INSTALL}"))
}

fn succeed(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {INSTALL}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} failed: {stdout}{stderr}");
}

/// A field as `COPY` writes it.
fn unescape(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                other => other.expect("COPY writes something behind a backslash"),
            },
            other => other,
        });
    }
    Some(text)
}

#[test]
fn a_server_answers_with_rows_of_text_and_refuses_in_its_own_words() {
    let postgres = Postgres::start();
    postgres.execute("CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, NULL), (2, E'tab\\tback\\\\slash\\nline');");
    let rows = postgres.rows("SELECT a, b FROM t ORDER BY a").expect("the query is right");
    assert_eq!(rows, [vec![Some("1".to_owned()), None], vec![Some("2".to_owned()), Some("tab\tback\\slash\nline".to_owned())]]);
    assert_eq!(postgres.rows("SELECT CAST(4.75 AS INT)").expect("the query is right"), [[Some("5".to_owned())]]);
    let refused = postgres.rows("SELECT 1/0").expect_err("it divides by zero");
    assert!(refused.contains("division by zero"), "{refused}");
    let answers = postgres.answers(["SELECT a FROM t ORDER BY a", "SELECT 1/0", "SELECT 1 WHERE FALSE", "SELECT '\\.'"]);
    let text = |text: &str| vec![Some(text.to_owned())];
    assert_eq!(answers[0], Ok(vec![text("1"), text("2")]));
    assert!(answers[1].as_ref().is_err_and(|error| error.contains("division by zero")), "{answers:?}");
    assert_eq!(answers[2..], [Ok(vec![]), Ok(vec![text("\\.")])]);
}
