//! The lines a person copies to try the demo: a feed, what is trending, and an event that is read back.
//!
//! Addresses and ids enter, text leaves. The token is read from a file, so that no history of a shell and no list of processes has it.

use std::net::SocketAddr;
use std::path::Path;

use schemas::time::timestamp_text;

/// Values that the lines name.
pub struct Example<'a> {
    /// address of the API
    pub address: SocketAddr,
    /// the file with the header that authorises
    pub header_file: &'a Path,
    /// the user the token is for
    pub user: u64,
    /// a post id that is free
    pub post: u64,
    /// the time of the post, microseconds since 1970
    pub now: i64,
    /// true if the social client is served
    pub has_social: bool,
}

impl Example<'_> {
    /// The addresses of the pages and three lines to copy, with a heading each.
    pub fn text(&self) -> String {
        let Self { address, user, post, .. } = self;
        let social = match self.has_social {
            true => format!("\nThe social network, as one of its made-up people:\n  http://{address}/social\n"),
            false => String::new(),
        };
        let header = quoted(&format!("@{}", self.header_file.display()));
        let feed = format!("curl -s -H {header} 'http://{address}/v1/views/following_feed?user_id=eq.{user}&limit=5'");
        let trending = format!("curl -s 'http://{address}/v1/views/trending?limit=5'");
        let write = format!(
            "after=$(curl -s -H {header} -H 'Content-Type: application/json' -d '{event}' http://{address}/v1/events \
             | sed 's/.*\"position\":\"//; s/\".*//'); curl -s \"http://{address}/v1/views/post_cards?post_id=eq.{post}&after=$after\"",
            event = self.event(),
        );
        format!(
            "{social}{page}\n\
             The feed of user {user}, with a token that says so:\n  {feed}\n\nWhat is trending, for everybody:\n  {trending}\n\n\
             Write a post and read it back, never before it is there:\n  {write}\n",
            page = page_text(*address, self.header_file),
        )
    }

    /// A new post, as an event.
    fn event(&self) -> String {
        let Self { user, post, now, .. } = self;
        let event_id = event_id(*now, *post);
        let occurred_at = timestamp_text(*now);
        format!(
            "{{\"topic\":\"social.post\",\"event\":{{\"event_id\":\"{event_id}\",\"event_type\":\"post.created\",\"schema_version\":1,\
             \"aggregate_id\":\"{post}\",\"occurred_at\":\"{occurred_at}\",\"actor_id\":\"{user}\",\"payload\":{{\"author_id\":\"{user}\",\
             \"text\":\"hello from curl\",\"hashtags\":[\"hello\"],\"mentions\":[],\"media_ids\":[],\"visibility\":\"public\"}}}}}}"
        )
    }
}

/// Names the page for operators, and what it asks for.
pub(super) fn page_text(address: SocketAddr, header_file: &Path) -> String {
    format!("\nThe page to look at; its button 'Token' takes the line of {}:\n  http://{address}/\n", header_file.display())
}

/// The id of an event at a time, in microseconds since 1970.
pub(super) fn event_id(now: i64, number: u64) -> String {
    let millis = now.div_euclid(1_000);
    format!("{:08x}-{:04x}-7000-8000-{number:012x}", millis >> 16, millis & 0xFFFF)
}

/// A word of the shell: in apostrophes where it has characters that mean something there.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "@%+=:,./_-".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_json_and_no_token_is_printed() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let example = Example {
            address,
            header_file: Path::new("demo/authorization"),
            user: 42,
            post: 9_000_001,
            now: 1_704_067_200_000_000,
            has_social: true,
        };
        let event: serde_json::Value = serde_json::from_str(&example.event()).unwrap();
        assert_eq!(event["event"]["aggregate_id"], "9000001");
        assert_eq!(event["event"]["event_id"], "018cc251-f400-7000-8000-000000895441");
        assert!(!example.event().contains('\''), "the event is quoted with apostrophes in the shell");
        assert!(example.text().contains("-H @demo/authorization"));
        assert!(!example.text().contains("Bearer"));
        assert!(example.text().contains("http://127.0.0.1:8080/social\n"));
        assert!(!Example { has_social: false, ..example }.text().contains("social\n"));
    }

    #[test]
    fn words_that_the_shell_would_take_apart_are_quoted() {
        assert_eq!(quoted("@/data/authorization"), "@/data/authorization");
        assert_eq!(quoted("@my demo's/x"), r"'@my demo'\''s/x'");
    }
}
