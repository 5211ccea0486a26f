//! Events as a client writes them, one line of JSON each.

use serde_json::{Value, json};

/// One event; its number makes its id and its time, on the first day of 2024.
pub fn event(number: u64, topic: &str, event_type: &str, aggregate: impl ToString, payload: Value) -> Value {
    let aggregate = aggregate.to_string();
    json!({
        "topic": topic,
        "event": {
            "event_id": format!("018cc4e7-6c00-7000-8000-{number:012x}"),
            "event_type": event_type,
            "schema_version": 1,
            "aggregate_id": aggregate,
            "occurred_at": format!("2024-01-01T12:00:00.{number:06}Z"),
            "actor_id": "1",
            "payload": payload,
        }
    })
}

/// `user.registered`
pub fn registered(number: u64, user: u64) -> Value {
    let name = format!("user{user}");
    let email = format!("{name}@example.invalid");
    let payload = json!({ "username": name, "email": email, "display_name": name, "bio": "" });
    event(number, "social.user", "user.registered", user, payload)
}

/// `user.followed`
pub fn followed(number: u64, follower: u64, followee: u64) -> Value {
    let payload = json!({ "follower_id": follower.to_string(), "followee_id": followee.to_string() });
    event(number, "social.user", "user.followed", follower, payload)
}

/// `post.created`
pub fn posted(number: u64, post: u64, author: u64, text: &str) -> Value {
    let payload = json!({
        "author_id": author.to_string(), "text": text, "hashtags": ["x"], "mentions": [], "media_ids": [], "video_id": null,
        "visibility": "public", "reply_to": null,
    });
    event(number, "social.post", "post.created", post, payload)
}

/// The lines of a small generated world.
pub fn world(seed: u64, users: u32, posts: u64) -> Vec<String> {
    use tidewater::world::{World, WorldOptions};
    World::new(WorldOptions { seed, users, posts, ..WorldOptions::default() }).history().collect()
}
