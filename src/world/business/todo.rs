//! A to-do application that does not exist, for `topologies/tasks`: people who write down what they have to do, and do some of it.

use super::agenda::{Agenda, Business, Happening, SECOND};
use crate::world::random::Random;

/// Things that people have to do, with the tag of each.
const CHORES: [(&str, &str); 14] = [
    ("water the plants", "home"),
    ("call the dentist", "health"),
    ("pay the rent", "money"),
    ("buy bread and cheese", "shopping"),
    ("write the report", "work"),
    ("review the plan", "work"),
    ("repair the bicycle", "home"),
    ("book the train to Berlin", "travel"),
    ("answer the letters", "work"),
    ("clean the windows", "home"),
    ("renew the passport", "travel"),
    ("sort the photos", "home"),
    ("run ten kilometres", "health"),
    ("check the insurance", "money"),
];
/// Words that people say to the assistant, and its answers.
const TALK: [(&str, &str); 3] = [
    ("what is due today?", "Two tasks: the report, and bread and cheese."),
    ("move the dentist to Friday", "Done: the dentist is on Friday now."),
    ("what have I finished this week?", "Nine tasks; that is more than last week."),
];
/// People; the demo looks through the eyes of number 42, who has most to do.
const PEOPLE: u64 = 60;
const BUSY_PERSON: u64 = 42;
const BUSY_ONE_IN: u64 = 6;

/// See the module.
#[derive(Debug)]
pub(super) struct ToDoList {
    random: Random,
    next_id: u64,
}

impl ToDoList {
    /// Nobody has anything to do.
    pub(super) fn new(seed: u64, first_id: u64) -> Self {
        Self { random: Random::new(seed), next_id: first_id }
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }

    fn person(&mut self) -> u64 {
        if self.random.one_in(BUSY_ONE_IN) { BUSY_PERSON } else { 1 + self.random.below(PEOPLE) }
    }

    fn seconds(&mut self, least: i64, spread: u64) -> i64 {
        least * SECOND + self.random.below(spread * SECOND as u64) as i64
    }

    /// A task with what becomes of it.
    fn task(&mut self, agenda: &mut Agenda, at: i64) {
        let (task, person) = (self.id(), self.person());
        let &(title, tag) = self.random.pick(&CHORES);
        let recurrence = *self.random.pick(&["null", "null", "null", "\"daily\"", "\"weekly\""]);
        let due = timestamp(at + self.seconds(30, 2 * 3_600));
        let priority = 1 + self.random.below(4);
        let event = |event_type, payload| Happening { topic: "tasks.task", event_type, aggregate: &task, actor: person, payload };
        let payload = format!(
            "{{\"user_id\":\"{person}\",\"title\":\"{title}\",\"notes\":\"{}\",\"priority\":{priority},\"tags\":[\"{tag}\",\"made up\"],\
             \"due_at\":\"{due}\",\"recurrence\":{recurrence}}}",
            self.random.pick(&["", "before the weekend", "ask Ada first", "bring the papers"])
        );
        agenda.plan(at, &event("task.created", payload));
        if self.random.one_in(3) {
            let remind = timestamp(at + self.seconds(10, 120));
            agenda.plan(at + SECOND, &event("task.reminder_set", format!("{{\"at\":\"{remind}\"}}")));
        }
        if self.random.one_in(5) {
            let priority = 1 + self.random.below(4);
            agenda.plan(at + 2 * SECOND, &event("task.updated", format!("{{\"priority\":{priority},\"notes\":null}}")));
        }
        let end = at + self.seconds(20, 1_800);
        match self.random.below(10) {
            0..6 => {
                agenda.plan(end, &event("task.completed", "{}".into()));
                if self.random.one_in(10) {
                    agenda.plan(end + 20 * SECOND, &event("task.reopened", "{}".into()));
                }
            }
            6 => agenda.plan(end, &event("task.deleted", "{}".into())),
            _ => {}
        }
    }

    /// A question to the assistant, and its answer.
    fn talk(&mut self, agenda: &mut Agenda, at: i64) {
        let person = self.person();
        let session = format!("s{person}-{}", self.random.below(3));
        let &(question, answer) = self.random.pick(&TALK);
        for (delay, role, text) in [(0, "user", question), (2 * SECOND, "assistant", answer)] {
            let payload = format!("{{\"user_id\":\"{person}\",\"role\":\"{role}\",\"text\":\"{text}\"}}");
            let event =
                Happening { topic: "tasks.chat", event_type: "chat.message", aggregate: &session, actor: person, payload };
            agenda.plan(at + delay, &event);
        }
    }
}

impl Business for ToDoList {
    fn open(&mut self, agenda: &mut Agenda, at: i64) {
        self.task(agenda, at);
    }

    fn begin(&mut self, agenda: &mut Agenda, at: i64) {
        if self.random.one_in(5) { self.talk(agenda, at) } else { self.task(agenda, at) }
    }
}

fn timestamp(micros: i64) -> String {
    schemas::time::timestamp_text(micros)
}
