//! The lines a person copies to try the demo of a business: two reads, and an event that is read back.

use std::net::SocketAddr;
use std::path::Path;

use schemas::time::timestamp_text;

use super::example::{event_id, quoted};
use crate::world::BusinessKind;

/// Values that the lines name.
pub(super) struct BusinessExample<'a> {
    /// business that is shown
    pub(super) kind: BusinessKind,
    /// address of the API
    pub(super) address: SocketAddr,
    /// the file with the header that authorises
    pub(super) header_file: &'a Path,
    /// the user the token is for
    pub(super) user: u64,
    /// number that no order and no task has
    pub(super) free_id: u64,
    /// time of the event, microseconds since 1970
    pub(super) now: i64,
}

/// Words of one business; `USER` in them stands for the user.
struct Words {
    /// two reads: heading, and the view with its conditions
    reads: [(&'static str, &'static str); 2],
    /// heading of the event that is written and read back
    write: &'static str,
    topic: &'static str,
    event_type: &'static str,
    payload: &'static str,
    /// view in which the event is seen, and its column with the id
    seen_in: (&'static str, &'static str),
    /// file with a line for every view
    readme: &'static str,
}

const COMMERCE: Words = Words {
    reads: [
        ("The orders of customer USER, with a token that says so", "order_states?limit=5"),
        ("What sells best, for everybody", "best_sellers?limit=5"),
    ],
    write: "Order a mug and read the order back, never before it is there",
    topic: "commerce.order",
    event_type: "order.created",
    payload: "{\"customer_id\":\"USER\",\"currency\":\"EUR\",\"lines\":[{\"sku\":\"1001\",\"qty\":2,\"unit_price_cents\":1290}]}",
    seen_in: ("order_states", "order_id"),
    readme: "topologies/commerce/README.md",
};

const TASKS: Words = Words {
    reads: [
        ("What user USER has to do, with a token that says so", "tasks?status=eq.open&limit=5"),
        ("The numbers of the badges", "task_badges"),
    ],
    write: "Write down a task and read it back, never before it is there",
    topic: "tasks.task",
    event_type: "task.created",
    payload: "{\"user_id\":\"USER\",\"title\":\"try the demo\",\"notes\":\"\",\"priority\":1,\"tags\":[\"demo\"],\"due_at\":null,\"recurrence\":null}",
    seen_in: ("tasks", "task_id"),
    readme: "topologies/tasks/README.md",
};

const AGENTS: Words = Words {
    reads: [
        ("The numbers of the dashboard of user USER, with a token that says so", "dashboard_stats"),
        ("The tasks with their pull requests", "dashboard_tasks?limit=5"),
    ],
    write: "Ask for something to be done and read the task back, never before it is there",
    topic: "agents.task",
    event_type: "task.created",
    payload: "{\"user_id\":\"USER\",\"kind\":\"bugfix\",\"complexity\":\"low\"}",
    seen_in: ("agent_tasks", "task_id"),
    readme: "topologies/agents/README.md",
};

impl BusinessExample<'_> {
    fn words(&self) -> &'static Words {
        match self.kind {
            BusinessKind::Commerce => &COMMERCE,
            BusinessKind::Tasks => &TASKS,
            BusinessKind::Agents => &AGENTS,
        }
    }

    fn named(&self, text: &str) -> String {
        text.replace("USER", &self.user.to_string())
    }

    /// Three lines to copy, with a heading each, and the place of all others.
    pub(super) fn text(&self) -> String {
        let Self { address, free_id, .. } = self;
        let words = self.words();
        let header = quoted(&format!("@{}", self.header_file.display()));
        let reads = words.reads.map(|(heading, view)| {
            format!("\n{}:\n  curl -s -H {header} 'http://{address}/v1/views/{view}'\n", self.named(heading))
        });
        let (view, column) = words.seen_in;
        let write = format!(
            "after=$(curl -s -H {header} -H 'Content-Type: application/json' -d '{}' http://{address}/v1/events \
             | sed 's/.*\"position\":\"//; s/\".*//'); curl -s -H {header} \"http://{address}/v1/views/{view}?{column}=eq.{free_id}&after=$after\"",
            self.event(),
        );
        format!("{}\n{}:\n  {write}\n\nA line for every view: {}\n", reads.concat(), words.write, words.readme)
    }

    /// The event of the last line.
    fn event(&self) -> String {
        let Self { user, free_id, now, .. } = self;
        let Words { topic, event_type, payload, .. } = self.words();
        format!(
            "{{\"topic\":\"{topic}\",\"event\":{{\"event_id\":\"{}\",\"event_type\":\"{event_type}\",\"schema_version\":1,\
             \"aggregate_id\":\"{free_id}\",\"occurred_at\":\"{}\",\"actor_id\":\"{user}\",\"payload\":{}}}}}",
            event_id(*now, *free_id),
            timestamp_text(*now),
            self.named(payload)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_business_has_three_lines_and_an_event_that_is_json() {
        for kind in [BusinessKind::Commerce, BusinessKind::Tasks, BusinessKind::Agents] {
            let address = "127.0.0.1:8080".parse().unwrap();
            let header_file = Path::new("demo/authorization");
            let example =
                BusinessExample { kind, address, header_file, user: 42, free_id: 9_000_001, now: 1_704_067_200_000_000 };
            let event: serde_json::Value = serde_json::from_str(&example.event()).unwrap();
            assert_eq!(event["event"]["aggregate_id"], "9000001");
            assert!(!event["event"]["payload"].to_string().contains("USER"));
            assert!(!example.event().contains('\''), "the event is quoted with apostrophes in the shell");
            let text = example.text();
            assert_eq!(text.lines().filter(|line| line.starts_with("  ") && line.contains("curl ")).count(), 3, "{text}");
            assert!(text.contains("-H @demo/authorization") && !text.contains("USER"), "{text}");
        }
    }
}
