//! The catalogue against the page that describes the domain.

use super::*;

#[test]
fn every_topic_carries_its_events() {
    let listed: Vec<(&str, Vec<&str>)> = catalogue()
        .topics()
        .iter()
        .map(|topic| (topic.topic.as_str(), topic.events.iter().map(|event| event.event_type.as_str()).collect()))
        .collect();
    let account =
        ["account.permission_granted", "account.permission_revoked", "account.session_started", "account.session_revoked"];
    let conversation = [
        "conversation.created",
        "conversation.member_joined",
        "conversation.member_left",
        "message.sent",
        "message.edited",
        "message.deleted",
        "message.read",
    ];
    let post = [
        "post.created",
        "post.updated",
        "post.deleted",
        "post.liked",
        "post.unliked",
        "post.commented",
        "post.comment_deleted",
        "post.shared",
        "post.viewed",
    ];
    let stream = [
        "stream.scheduled",
        "stream.started",
        "stream.ended",
        "stream.viewer_joined",
        "stream.viewer_left",
        "stream.chat_sent",
        "stream.event_recorded",
    ];
    let user = [
        "user.registered",
        "user.profile_updated",
        "user.deleted",
        "user.followed",
        "user.unfollowed",
        "user.blocked",
        "user.unblocked",
    ];
    let video = [
        "video.uploaded",
        "video.processing_completed",
        "video.processing_failed",
        "video.metadata_updated",
        "video.viewed",
        "video.deleted",
    ];
    let media = ["media.uploaded", "media.processing_completed", "media.metadata_updated", "media.deleted"];
    let notification = ["notification.read", "notification.preference_changed", "notification.device_registered"];
    let expected: [(&str, &[&str]); 10] = [
        ("social.account", &account),
        ("social.asset", &["asset.published", "asset.removed"]),
        ("social.conversation", &conversation),
        ("social.media", &media),
        ("social.notification", &notification),
        ("social.post", &post),
        ("social.search", &["search.performed"]),
        ("social.stream", &stream),
        ("social.user", &user),
        ("social.video", &video),
    ];
    assert_eq!(listed, expected.map(|(topic, events)| (topic, events.to_vec())));
}

#[test]
fn names_and_tags_are_unique_within_a_topic() {
    for topic in catalogue().topics() {
        assert_eq!(catalogue().message(&topic.message), Some(topic));
        let mut names: Vec<&str> = topic.columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
    assert_eq!(catalogue().topic("social.nonsense"), None);
}

#[test]
fn columns_have_the_types_that_the_fields_mean() {
    let posts = catalogue().topic("social.post").expect("a topic");
    let kind = |name: &str| posts.columns.iter().find(|column| column.name == name).map(|column| column.data_type.to_string());
    for (name, expected) in [
        ("event_id", "Utf8"),
        ("schema_version", "Int64"),
        ("aggregate_id", "Int64"),
        ("occurred_at", "Timestamp(µs, \"+00:00\")"),
        ("trace_parent", "Utf8"),
        ("created.hashtags", "List(Utf8)"),
        ("created.mentions", "List(Int64)"),
        ("created.reply_to", "Int64"),
    ] {
        assert_eq!(kind(name).as_deref(), Some(expected), "{name}");
    }
    let schema = TopicSchema::from(posts).arrow_schema();
    let required: Vec<&str> =
        schema.fields().iter().filter(|field| !field.is_nullable()).map(|field| field.name().as_str()).collect();
    assert_eq!(required, ["event_id", "event_type", "schema_version", "aggregate_id", "occurred_at", "actor_id"]);
    assert_eq!(catalogue().topic("social.conversation").map(|topic| topic.aggregate), Some(AggregateIdKind::Text));
}

#[test]
fn required_fields_and_keys_are_those_of_the_options() {
    let users = catalogue().topic("social.user").expect("a topic");
    let keys: Vec<String> = users
        .events
        .iter()
        .flat_map(|event| event.fields.iter().filter(|field| field.key).map(|field| format!("{}.{}", event.name, field.name)))
        .collect();
    assert_eq!(keys, ["followed.follower_id", "unfollowed.follower_id", "blocked.blocker_id", "unblocked.blocker_id"]);

    let posts = catalogue().topic("social.post").expect("a topic");
    let (_, created) = posts.event("post.created").expect("an event");
    let nullable: Vec<&str> = created.fields.iter().filter(|field| field.nullable).map(|field| field.name.as_str()).collect();
    assert_eq!(nullable, ["video_id", "reply_to"]);
    assert_eq!(created.fields[2].kind, EventFieldKind::Texts);
}
