//! One event as the oracle sees it: plain fields, read with nothing but a JSON parser.
//!
//! Lines enter; events leave. Shares no code with the engine's decoding, so that a mistake there can't hide here.

use serde_json::Value;

/// Kind of an event, with the ids as numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Registered,
    Followed { follower: u64, followee: u64 },
    Unfollowed { follower: u64, followee: u64 },
    Blocked { blocker: u64, blocked: u64 },
    Unblocked { blocker: u64, blocked: u64 },
    PostCreated { post: u64, author: u64, text: String, hashtags: Vec<String>, reply_to: Option<u64> },
    PostUpdated { post: u64, text: String, hashtags: Vec<String> },
    PostDeleted { post: u64 },
    Liked { post: u64, user: u64 },
    Unliked { post: u64, user: u64 },
    Commented { post: u64, author: u64 },
    Shared { post: u64, user: u64 },
    ConversationCreated { conversation: Pair, members: Vec<u64> },
    MessageSent { conversation: Pair, message: u64, sender: u64 },
    MessageRead { conversation: Pair, user: u64, up_to: u64 },
}

/// The id of a direct conversation, "12-34".
pub type Pair = (u64, u64);

/// One event and its time in microseconds since 1970.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: i64,
    pub what: What,
}

/// The id of a line's event, and the event.
pub fn read(line: &str) -> (String, Event) {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("the oracle was given {line:?}: {error}"));
    let event = &line["event"];
    let fields = Fields { aggregate: text(&event["aggregate_id"]), payload: &event["payload"] };
    let at = micros(text(&event["occurred_at"]));
    (text(&event["event_id"]).to_owned(), Event { at, what: fields.what(text(&event["event_type"])) })
}

struct Fields<'a> {
    aggregate: &'a str,
    payload: &'a Value,
}

impl Fields<'_> {
    fn what(&self, event_type: &str) -> What {
        match event_type {
            "user.registered" => What::Registered,
            "user.followed" => What::Followed { follower: self.id("follower_id"), followee: self.id("followee_id") },
            "user.unfollowed" => What::Unfollowed { follower: self.id("follower_id"), followee: self.id("followee_id") },
            "user.blocked" => What::Blocked { blocker: self.id("blocker_id"), blocked: self.id("blocked_id") },
            "user.unblocked" => What::Unblocked { blocker: self.id("blocker_id"), blocked: self.id("blocked_id") },
            "post.created" => self.post_created(),
            "post.updated" => What::PostUpdated { post: self.post(), text: self.text("text"), hashtags: self.hashtags() },
            "post.deleted" => What::PostDeleted { post: self.post() },
            "post.liked" => What::Liked { post: self.post(), user: self.id("user_id") },
            "post.unliked" => What::Unliked { post: self.post(), user: self.id("user_id") },
            "post.commented" => What::Commented { post: self.post(), author: self.id("author_id") },
            "post.shared" => What::Shared { post: self.post(), user: self.id("user_id") },
            "conversation.created" => What::ConversationCreated { conversation: self.pair(), members: self.members() },
            "message.sent" => {
                What::MessageSent { conversation: self.pair(), message: self.id("message_id"), sender: self.id("sender_id") }
            }
            "message.read" => {
                What::MessageRead { conversation: self.pair(), user: self.id("user_id"), up_to: self.id("up_to_message_id") }
            }
            other => panic!("the oracle does not know the event type '{other}'"),
        }
    }

    fn post_created(&self) -> What {
        What::PostCreated {
            post: self.post(),
            author: self.id("author_id"),
            text: self.text("text"),
            hashtags: self.hashtags(),
            reply_to: (!self.payload["reply_to"].is_null()).then(|| self.id("reply_to")),
        }
    }

    fn post(&self) -> u64 {
        number(self.aggregate)
    }

    fn pair(&self) -> Pair {
        let (first, second) = self.aggregate.split_once('-').expect("a direct conversation is named 'a-b'");
        (number(first), number(second))
    }

    fn id(&self, field: &str) -> u64 {
        number(text(&self.payload[field]))
    }

    fn text(&self, field: &str) -> String {
        text(&self.payload[field]).to_owned()
    }

    fn list(&self, field: &str) -> Vec<String> {
        self.payload[field].as_array().expect("a list").iter().map(|item| text(item).to_owned()).collect()
    }

    fn hashtags(&self) -> Vec<String> {
        self.list("hashtags")
    }

    fn members(&self) -> Vec<u64> {
        self.list("members").iter().map(|member| number(member)).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("the oracle expected a text, not {value}"))
}

fn number(digits: &str) -> u64 {
    digits.parse().unwrap_or_else(|_| panic!("the oracle expected an id, not {digits:?}"))
}

/// Microseconds of `2024-01-07T23:59:59.000000Z`.
pub fn micros(time: &str) -> i64 {
    let part = |from: usize, to: usize| -> i64 { time[from..to].parse().expect("a time in the catalogue's form") };
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days since 1970 by counting years of 365 days, the leap days between, and the months before this one.
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let days_before: i64 = (1970..year).map(|year| 365 + leap(year)).sum();
    let months = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = days_before + months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60_000_000 + part(17, 19) * 1_000_000 + part(20, 26)
}

/// The inverse of [`micros`].
pub fn time_text(micros: i64) -> String {
    schemas::time::timestamp_text(micros)
}
