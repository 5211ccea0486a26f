//! Crash points: the named steps of a commit at which the process can be made to kill itself, so that each is survived in a test.
//!
//! Owns the list of steps and the trigger. `TIDEWATER_CRASH_AT=name:n` enters with the environment; when the step of that name is
//! reached for the n-th time, the process gets SIGKILL: nothing is flushed, nothing is dropped. Without it a step costs one comparison.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

pub use sinks::contract::steps::{SEARCH_APPLIED_NOT_COMMITTED, SINK_APPENDED_NOT_ACKNOWLEDGED, SINK_BEFORE_APPEND};

/// The variable that arms a step.
pub const VARIABLE: &str = "TIDEWATER_CRASH_AT";

/// An epoch was chosen; nothing of it is on disk.
pub const BEFORE_BIND: &str = "before-bind";
/// The binding of an epoch is written, but not durable.
pub const BOUND_NOT_SYNCED: &str = "bound-not-synced";
/// The binding of an epoch is durable; no worker has seen its records.
pub const BOUND: &str = "bound";
/// All workers are past an epoch; nobody sees it yet.
pub const COMPUTED: &str = "computed";
/// An epoch is visible; its changes of state are not handed on.
pub const PUBLISHED: &str = "published";
/// The entries of a checkpoint are durable, without a manifest.
pub const CHECKPOINT_RUN_WRITTEN: &str = "checkpoint-run-written";
/// The manifest of a checkpoint is durable, without its name.
pub const CHECKPOINT_MANIFEST_WRITTEN: &str = "checkpoint-manifest-written";
/// The manifest of a checkpoint has its name, not durably.
pub const CHECKPOINT_RENAMED: &str = "checkpoint-renamed";
/// A checkpoint is durable; what it made superfluous is still there.
pub const CHECKPOINT_WRITTEN_NOT_TRIMMED: &str = "checkpoint-written-not-trimmed";
/// Bindings that no restart needs are gone; the log was not told.
pub const BINDINGS_TRIMMED: &str = "bindings-trimmed";
/// A state of the checkpoint is being read, the others are not.
pub const RESTORE_BEGUN: &str = "restore-begun";
/// Everything is read from the checkpoint; nothing is visible yet.
pub const RESTORED: &str = "restored";
/// A deployment is recorded as the one in force; no epoch is bound to it.
pub const DEPLOY_RECORDED: &str = "deploy-recorded";
/// The epoch at which a deployment takes over is durable; nobody has computed it.
pub const DEPLOY_BOUND: &str = "deploy-bound";
/// Events are durable in the log; their sender does not know.
pub const INGEST_APPENDED_NOT_ACKNOWLEDGED: &str = "ingest-appended-not-acknowledged";
/// Every step, in the order in which an event meets them.
pub const ALL: [&str; 16] = [
    INGEST_APPENDED_NOT_ACKNOWLEDGED,
    BEFORE_BIND,
    BOUND_NOT_SYNCED,
    BOUND,
    COMPUTED,
    PUBLISHED,
    SINK_BEFORE_APPEND,
    SINK_APPENDED_NOT_ACKNOWLEDGED,
    SEARCH_APPLIED_NOT_COMMITTED,
    CHECKPOINT_RUN_WRITTEN,
    CHECKPOINT_MANIFEST_WRITTEN,
    CHECKPOINT_RENAMED,
    CHECKPOINT_WRITTEN_NOT_TRIMMED,
    BINDINGS_TRIMMED,
    RESTORE_BEGUN,
    RESTORED,
];

/// The steps of a deployment, which meets no event.
pub const OF_A_DEPLOYMENT: [&str; 2] = [DEPLOY_RECORDED, DEPLOY_BOUND];

/// The variable that names a text: a record with it makes the worker that decodes it panic, as a mistake in the program would.
pub const PANIC_VARIABLE: &str = "TIDEWATER_PANIC_ON";

/// The variable that names a text: a record with it ends the process without a panic, as a lack of memory would.
pub const ABORT_VARIABLE: &str = "TIDEWATER_ABORT_ON";

/// Panics or aborts if these bytes contain a text that the environment names for that.
pub fn panic_point(bytes: &[u8]) {
    /// The texts that the environment names, read once.
    static ARMED: OnceLock<[Option<Vec<u8>>; 2]> = OnceLock::new();
    let text_of = |variable| std::env::var_os(variable).map(|text| text.into_encoded_bytes()).filter(|text| !text.is_empty());
    let [panic, abort] = ARMED.get_or_init(|| [text_of(PANIC_VARIABLE), text_of(ABORT_VARIABLE)]);
    let has = |text: &Option<Vec<u8>>| {
        text.as_ref().is_some_and(|text| bytes.windows(text.len()).any(|window| window == text.as_slice()))
    };
    if has(abort) {
        eprintln!("a record has the text that {ABORT_VARIABLE} names");
        std::process::abort();
    }
    assert!(!has(panic), "a record has the text that {PANIC_VARIABLE} names");
}

/// Returns true for the name of a step.
fn is_step(name: &str) -> bool {
    ALL.contains(&name) || OF_A_DEPLOYMENT.contains(&name)
}

/// The crash point that the environment asks for.
#[derive(Debug)]
struct ArmedStep {
    /// name of the step
    name: String,
    /// number of times that the step may still be reached, the last time included
    left: AtomicU64,
}

impl ArmedStep {
    /// Reads `name:count`; `None` for an unknown step or a count of 0.
    fn parse(text: &str) -> Option<Self> {
        let (name, count) = text.split_once(':')?;
        let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
        is_step(name).then(|| Self { name: name.to_owned(), left: AtomicU64::new(count) })
    }

    /// Returns true if this is the time.
    fn strikes(&self, name: &str) -> bool {
        // It goes on counting below zero in other threads, which never comes round to one again.
        self.name == name && self.left.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// A step of a commit; the process ends here when the environment says so.
pub fn crash_point(name: &str) {
    /// The step that the environment names, read once.
    static ARMED: OnceLock<Option<ArmedStep>> = OnceLock::new();
    if let Some(armed) = ARMED.get_or_init(armed)
        && armed.strikes(name)
    {
        eprintln!("{VARIABLE}: the process kills itself at '{name}'");
        kill_this_process();
    }
}

/// Reads the environment; a step that is not understood is said and has no effect.
fn armed() -> Option<ArmedStep> {
    let text = std::env::var(VARIABLE).ok()?;
    let armed = ArmedStep::parse(&text);
    if armed.is_none() {
        eprintln!(
            "{VARIABLE} is '{text}' and has no effect: expected <step>:<count from 1>, a step being one of {ALL:?} or {OF_A_DEPLOYMENT:?}"
        );
    }
    armed
}

/// The thread never goes on. SIGKILL tells the end that was asked for from one that a defect brought about.
fn kill_this_process() -> ! {
    let process = std::process::id().to_string();
    let killed = Command::new("kill").args(["-KILL", &process]).stdin(Stdio::null()).status();
    // Only where there is no such program does this line run.
    eprintln!("{VARIABLE}: 'kill -KILL {process}' had no effect ({killed:?}); aborting");
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_strikes_once_when_it_is_reached_often_enough() {
        let armed = ArmedStep::parse("bound:3").expect("a step and a count");
        let reached: Vec<bool> =
            ["bound", "computed", "bound", "bound", "bound"].iter().map(|name| armed.strikes(name)).collect();
        assert_eq!(reached, [false, false, false, true, false]);
    }

    #[test]
    fn what_names_no_step_arms_nothing() {
        for text in ["", "bound", "bound:", "bound:0", "bound:-1", "nowhere:1", "bound:1:1"] {
            assert!(ArmedStep::parse(text).is_none(), "{text:?}");
        }
    }
}
