//! Lines of ingest: the events that the measurements are made with.
//!
//! Owns [`Lines`], which gives each event an id of its own, and [`Random`], the same numbers in every run. Fields enter, lines of JSON
//! leave.

use std::fmt::Write as _;

use schemas::time::write_timestamp;

/// Makes lines.
#[derive(Debug, Default)]
pub struct Lines {
    made: u64,
}

impl Lines {
    fn line(&mut self, topic: &str, event_type: &str, aggregate: &str, actor: u64, at: i64, payload: &str) -> String {
        self.made += 1;
        let millis = at.unsigned_abs() / 1_000;
        let mut line = String::with_capacity(320 + payload.len());
        // Writing to a String can't fail.
        let _ = write!(
            line,
            "{{\"topic\":\"{topic}\",\"event\":{{\"event_id\":\"{:08x}-{:04x}-7000-8000-{:012x}\",\"event_type\":\"{event_type}\",\
             \"schema_version\":1,\"aggregate_id\":\"{aggregate}\",\"occurred_at\":\"",
            (millis >> 16) & 0xFFFF_FFFF,
            millis & 0xFFFF,
            self.made,
        );
        write_timestamp(at, &mut line);
        let _ = write!(line, "\",\"actor_id\":\"{actor}\",\"payload\":{payload}}}}}");
        line
    }

    /// `follower` follows `followee`.
    pub fn followed(&mut self, follower: u64, followee: u64, at: i64) -> String {
        let payload = format!("{{\"follower_id\":\"{follower}\",\"followee_id\":\"{followee}\"}}");
        self.line("social.user", "user.followed", &follower.to_string(), follower, at, &payload)
    }

    /// `author` writes a post of an ordinary length.
    pub fn posted(&mut self, post: u64, author: u64, at: i64) -> String {
        let payload = format!(
            "{{\"author_id\":\"{author}\",\"text\":\"what {author} has to say about the weather, number {post}\",\"hashtags\":[\"weather\"],\
             \"mentions\":[],\"media_ids\":[],\"video_id\":null,\"visibility\":\"public\",\"reply_to\":null}}"
        );
        self.line("social.post", "post.created", &post.to_string(), author, at, &payload)
    }

    /// Some users begin a conversation.
    pub fn conversation(&mut self, id: &str, members: &[u64], at: i64) -> String {
        let ids: Vec<String> = members.iter().map(|member| format!("\"{member}\"")).collect();
        let payload = format!("{{\"members\":[{}],\"kind\":\"group\",\"title\":null}}", ids.join(","));
        self.line("social.conversation", "conversation.created", id, members[0], at, &payload)
    }

    /// `sender` writes a message.
    pub fn message(&mut self, conversation: &str, message: u64, sender: u64, at: i64) -> String {
        let payload = format!(
            "{{\"message_id\":\"{message}\",\"sender_id\":\"{sender}\",\"body\":\"number {message}\",\"encrypted\":false}}"
        );
        self.line("social.conversation", "message.sent", conversation, sender, at, &payload)
    }

    /// `reader` has read all messages up to this one.
    pub fn read(&mut self, conversation: &str, reader: u64, up_to: u64, at: i64) -> String {
        let payload = format!("{{\"user_id\":\"{reader}\",\"up_to_message_id\":\"{up_to}\"}}");
        self.line("social.conversation", "message.read", conversation, reader, at, &payload)
    }
}

/// Numbers that look random (xorshift).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`, all equally likely.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) * end) >> 32
    }

    /// A number below `end`, small ones more likely.
    pub fn skewed_below(&mut self, end: u64) -> u64 {
        self.below(end) * self.below(end) / end
    }
}
