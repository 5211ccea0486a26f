//! A coding assistant that does not exist, for `topologies/agents`: conversations, tasks with their logs, pull requests, builds and their fixes.

use super::agenda::{Agenda, Business, Happening, SECOND};
use crate::world::random::Random;

/// Wishes of people, with the kind of the task.
const WISHES: [(&str, &str); 8] = [
    ("please fix the flaky test of the parser", "bugfix"),
    ("add a retry to the upload", "feature"),
    ("why does the build fail on Monday?", "question"),
    ("make the search twice as fast", "performance"),
    ("rename the module of the settings", "refactoring"),
    ("write tests for the importer", "tests"),
    ("upgrade the compiler", "maintenance"),
    ("explain the cache to me", "question"),
];
const REPOSITORIES: [&str; 4] = ["shop/web", "shop/api", "tools/build", "docs/site"];
const LOG_LINES: [&str; 5] =
    ["reading the repository", "running the tests", "3 of 412 tests fail", "editing src/lib.rs", "all tests pass"];
/// People; the demo looks through the eyes of number 42, who asks most.
const PEOPLE: u64 = 30;
const CURIOUS_PERSON: u64 = 42;
const CURIOUS_ONE_IN: u64 = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Assistant {
    random: Random,
    next_id: u64,
}

impl Assistant {
    /// Nobody has asked for anything.
    pub(super) fn new(seed: u64, first_id: u64) -> Self {
        Self { random: Random::new(seed), next_id: first_id }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn person(&mut self) -> u64 {
        if self.random.one_in(CURIOUS_ONE_IN) { CURIOUS_PERSON } else { 1 + self.random.below(PEOPLE) }
    }

    fn seconds(&mut self, least: i64, spread: u64) -> i64 {
        least * SECOND + self.random.below(spread * SECOND as u64) as i64
    }

    /// A person comes, says what is wanted, and the assistant does it.
    fn conversation(&mut self, agenda: &mut Agenda, at: i64) {
        let (id, person) = (self.id(), self.person());
        let conversation = format!("c{id}");
        let &(wish, kind) = self.random.pick(&WISHES);
        let event = |event_type, payload| Happening {
            topic: "agents.conversation",
            event_type,
            aggregate: &conversation,
            actor: person,
            payload,
        };
        let said = |role: &str, text: &str, attachment: &str| {
            format!("{{\"role\":\"{role}\",\"text\":\"{text}\",\"attachment\":{attachment}}}")
        };
        let user = || format!("{{\"user_id\":\"{person}\"}}");
        agenda.plan(at, &event("user.connected", user()));
        agenda.plan(at + 1, &event("conversation.started", format!("{{\"user_id\":\"{person}\",\"title\":\"{kind}\"}}")));
        agenda.plan(at + SECOND, &event("user.typing", user()));
        agenda.plan(at + 4 * SECOND, &event("message.added", said("user", wish, "null")));
        agenda.plan(at + 6 * SECOND, &event("message.added", said("assistant", "I am looking at it.", "null")));
        let end = self.task(agenda, at + 7 * SECOND, person, kind);
        let attachment = "{\"name\":\"changes.patch\",\"bytes\":2048}";
        agenda.plan(end + SECOND, &event("message.added", said("assistant", "Done: see the pull request.", attachment)));
        agenda.plan(end + 60 * SECOND, &event("user.disconnected", user()));
    }

    /// A task with its log and, of those that succeed, a pull request; returns the time of its end.
    fn task(&mut self, agenda: &mut Agenda, at: i64, person: u64, kind: &str) -> i64 {
        let number = self.id();
        let task = format!("t{number}");
        let event =
            |event_type, payload| Happening { topic: "agents.task", event_type, aggregate: &task, actor: person, payload };
        let complexity = *self.random.pick(&["low", "medium", "high"]);
        let payload = format!("{{\"user_id\":\"{person}\",\"kind\":\"{kind}\",\"complexity\":\"{complexity}\"}}");
        agenda.plan(at, &event("task.created", payload));
        let started = at + self.seconds(1, 5);
        let strategy = *self.random.pick(&["direct", "plan first", "two agents"]);
        agenda.plan(started, &event("task.started", format!("{{\"strategy\":\"{strategy}\"}}")));
        let mut now = started;
        for line in &LOG_LINES[..2 + self.random.index(4)] {
            now += self.seconds(1, 15);
            agenda.plan(now, &event("task.log", format!("{{\"line\":\"{line}\"}}")));
        }
        let end = now + self.seconds(1, 10);
        if self.random.one_in(6) {
            agenda.plan(end, &event("task.failed", "{\"error\":\"the tests still fail\"}".into()));
            return end;
        }
        agenda.plan(end, &event("task.completed", format!("{{\"duration_ms\":{}}}", (end - started) / 1_000)));
        self.pull_request(agenda, end, (person, &task, number));
        end
    }

    fn pull_request(&mut self, agenda: &mut Agenda, at: i64, (person, task, number): (u64, &str, u64)) {
        let repository = *self.random.pick(&REPOSITORIES);
        let event = |event_type, payload| Happening {
            topic: "agents.repository",
            event_type,
            aggregate: repository,
            actor: person,
            payload,
        };
        agenda.plan(at - SECOND / 2, &event("push.received", format!("{{\"commit\":\"{number:07x}\"}}")));
        let payload = format!("{{\"number\":{number},\"task_id\":\"{task}\",\"title\":\"task {number}\"}}");
        agenda.plan(at, &event("pull_request.opened", payload));
        let end = if self.random.one_in(5) { "pull_request.closed" } else { "pull_request.merged" };
        agenda.plan(at + self.seconds(20, 300), &event(end, format!("{{\"number\":{number}}}")));
    }

    /// A build that fails, and what comes of the fix that is proposed.
    fn build(&mut self, agenda: &mut Agenda, at: i64) {
        let number = self.id();
        let (build, person) = (format!("b{number}"), self.person());
        let repository = *self.random.pick(&REPOSITORIES);
        let event =
            |event_type, payload| Happening { topic: "agents.build", event_type, aggregate: &build, actor: person, payload };
        let payload = format!(
            "{{\"repo\":\"{repository}\",\"commit\":\"{number:07x}\",\"log\":\"error: expected `;` in src/lib.rs:{number}\"}}"
        );
        agenda.plan(at, &event("build.failed", payload));
        if self.random.one_in(6) {
            return;
        }
        let proposed = at + self.seconds(5, 40);
        agenda.plan(proposed, &event("fix.proposed", format!("{{\"pr\":{number}}}")));
        let end = if self.random.one_in(4) { "fix.rejected" } else { "fix.merged" };
        agenda.plan(proposed + self.seconds(10, 200), &event(end, "{}".into()));
    }
}

impl Business for Assistant {
    fn open(&mut self, agenda: &mut Agenda, at: i64) {
        self.build(agenda, at);
    }

    fn begin(&mut self, agenda: &mut Agenda, at: i64) {
        if self.random.one_in(3) { self.build(agenda, at) } else { self.conversation(agenda, at) }
    }
}
