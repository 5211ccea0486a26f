//! Random events of a small social world, and the tables they fold into, kept by hand.

use std::collections::BTreeMap;
use testkit::random::Random;

use crate::harness::Producer;

/// The tables under test. Every clause that MERGE has is in here.
pub const TABLES_SQL: &str = "\
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');

CREATE TABLE users (user_id BIGINT PRIMARY KEY, username TEXT NOT NULL, bio TEXT);
MERGE INTO users USING user_events e ON users.user_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'user.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'user.profile_updated' THEN UPDATE SET
    bio = NULLIF(COALESCE(e.profile_updated.bio, users.bio), '')
  WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES
    (e.aggregate_id, e.registered.username, NULLIF(e.registered.bio, ''));

CREATE TABLE follows (follower_id BIGINT, followee_id BIGINT, PRIMARY KEY (follower_id, followee_id));
MERGE INTO follows f USING user_events e
  ON f.follower_id = e.aggregate_id AND f.followee_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' THEN INSERT VALUES (e.aggregate_id, e.followed.followee_id);

CREATE TABLE posts (
  post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, visibility TEXT, score BIGINT, reply_to BIGINT,
  pinned BOOLEAN, edits INT NOT NULL, video BIGINT, tags TEXT[]);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.updated' AND posts.edits >= 3 THEN DO NOTHING
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text, edits = posts.edits + 1
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, NULLIF(e.created.visibility, ''),
     CASE WHEN e.created.video_id < 1000 THEN e.created.video_id - 20 END, e.created.reply_to,
     CASE e.created.visibility WHEN 'public' THEN TRUE WHEN 'private' THEN FALSE END, 0, e.created.video_id, e.created.hashtags);

CREATE TABLE likes (post_id BIGINT, user_id BIGINT, PRIMARY KEY (post_id, user_id));
MERGE INTO likes USING post_events e
  ON likes.post_id = e.aggregate_id AND likes.user_id = COALESCE(e.liked.user_id, e.unliked.user_id)
  WHEN MATCHED AND e.event_type = 'post.unliked' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.liked' THEN INSERT VALUES (e.aggregate_id, e.liked.user_id);

CREATE TABLE comments (
  post_id BIGINT, comment_id BIGINT, parent_id BIGINT, author_id BIGINT NOT NULL, text TEXT, PRIMARY KEY (post_id, comment_id));
MERGE INTO comments c USING post_events e
  ON c.post_id = e.aggregate_id AND c.comment_id = COALESCE(e.commented.comment_id, e.comment_deleted.comment_id)
  WHEN MATCHED AND e.event_type = 'post.comment_deleted' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'post.commented' THEN INSERT VALUES
    (e.aggregate_id, e.commented.comment_id, e.commented.parent_id, e.commented.author_id, NULLIF(e.commented.text, ''));
";

const USERS: usize = 12;
const POSTS: usize = 24;
const COMMENTS: usize = 8;
/// Texts with what expressions trip over: commas, quotes, wildcards, several bytes for a character, nothing.
const TEXTS: [&str; 10] = ["", "a", "Abc", "abc, def", "it's", "50%_off", "日本語 text", "b", "zZ top", "  padded "];
const TAGS: [&str; 5] = ["sun", "sea", "b", "日本", "it's"];
/// Numbers that are only compared, because nothing can be added to them.
const EXTREMES: [u64; 2] = [i64::MAX as u64, i64::MAX as u64 - 1];
const VISIBILITIES: [&str; 4] = ["public", "private", "friends", ""];

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Int(i64),
    Truth(bool),
    Text(String),
    List(Vec<&'static str>),
}

pub type Rows = BTreeMap<Vec<i64>, Vec<Cell>>;

/// The tables, and what makes events for them.
pub struct World {
    random: Random,
    producer: Producer,
    last: String,
    pub users: Rows,
    pub follows: Rows,
    pub posts: Rows,
    pub likes: Rows,
    pub comments: Rows,
}

fn text_or_null(text: &str) -> Cell {
    if text.is_empty() { Cell::Null } else { Cell::Text(text.to_owned()) }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

impl World {
    pub fn new(seed: u64) -> Self {
        let empty = Rows::new;
        Self {
            random: Random::new(seed),
            producer: Producer::default(),
            last: String::new(),
            users: empty(),
            follows: empty(),
            posts: empty(),
            likes: empty(),
            comments: empty(),
        }
    }

    /// The tables by name.
    pub fn tables(&self) -> [(&'static str, &Rows); 5] {
        [
            ("users", &self.users),
            ("follows", &self.follows),
            ("posts", &self.posts),
            ("likes", &self.likes),
            ("comments", &self.comments),
        ]
    }

    /// Some more events, and their effect on the tables. Now and then one is sent twice.
    pub fn events(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::with_capacity(count);
        while lines.len() < count {
            let line = if !self.last.is_empty() && self.random.one_in(20) { self.last.clone() } else { self.event() };
            self.last.clone_from(&line);
            lines.push(line);
        }
        lines
    }

    fn event(&mut self) -> String {
        match self.random.below(20) {
            0..=1 => self.register(),
            2 => self.update_profile(),
            3 => self.delete_user(),
            4..=6 => self.follow(),
            7 => self.unfollow(),
            8..=10 => self.create_post(),
            11 => self.update_post(),
            12 => self.delete_post(),
            13..=15 => self.like(),
            16 => self.unlike(),
            17..=18 => self.comment(),
            _ => self.delete_comment(),
        }
    }

    fn user(&mut self) -> u64 {
        self.random.below(USERS) as u64 + 1
    }

    fn post(&mut self) -> u64 {
        self.random.below(POSTS) as u64 + 1
    }

    fn id(number: u64) -> i64 {
        i64::try_from(number).expect("a small id")
    }

    fn register(&mut self) -> String {
        let (user, bio) = (self.user(), *self.random.pick(&TEXTS));
        let name = format!("{}{}", ["ann", "Bob", "cy"][self.random.below(3)], user % 4);
        let id = Self::id(user);
        self.users.entry(vec![id]).or_insert_with(|| vec![Cell::Int(id), Cell::Text(name.clone()), text_or_null(bio)]);
        let payload = format!(r#"{{"username":"{name}","email":"e","display_name":"d","bio":{}}}"#, quoted(bio));
        self.producer.user("user.registered", user, &payload)
    }

    fn update_profile(&mut self) -> String {
        let user = self.user();
        let bio = if self.random.one_in(3) { None } else { Some(*self.random.pick(&TEXTS)) };
        if let (Some(row), Some(bio)) = (self.users.get_mut(&vec![Self::id(user)]), bio) {
            row[2] = text_or_null(bio);
        }
        let payload = bio.map_or("{}".to_owned(), |bio| format!(r#"{{"bio":{}}}"#, quoted(bio)));
        self.producer.user("user.profile_updated", user, &payload)
    }

    fn delete_user(&mut self) -> String {
        let user = self.user();
        self.users.remove(&vec![Self::id(user)]);
        self.producer.user("user.deleted", user, "{}")
    }

    fn follow(&mut self) -> String {
        let (follower, followee) = (self.user(), self.user());
        let key = vec![Self::id(follower), Self::id(followee)];
        self.follows.insert(key.clone(), key.into_iter().map(Cell::Int).collect());
        let payload = format!(r#"{{"follower_id":"{follower}","followee_id":"{followee}"}}"#);
        self.producer.user("user.followed", follower, &payload)
    }

    fn unfollow(&mut self) -> String {
        let keys: Vec<Vec<i64>> = self.follows.keys().cloned().collect();
        let key = if keys.is_empty() { vec![1, 2] } else { self.random.pick(&keys).clone() };
        self.follows.remove(&key);
        let payload = format!(r#"{{"follower_id":"{}","followee_id":"{}"}}"#, key[0], key[1]);
        self.producer.user("user.unfollowed", key[0].unsigned_abs(), &payload)
    }

    fn create_post(&mut self) -> String {
        let (post, author) = (self.post(), self.user());
        let (text, visibility) = (*self.random.pick(&TEXTS), *self.random.pick(&VISIBILITIES));
        let video = match self.random.below(9) {
            0..=2 => None,
            3 => Some(*self.random.pick(&EXTREMES)),
            _ => Some(self.random.below(40) as u64),
        };
        let tags: Vec<&str> = (0..self.random.below(4)).map(|_| *self.random.pick(&TAGS)).collect();
        let reply_to = if self.random.one_in(2) { None } else { Some(self.post()) };
        let id = Self::id(post);
        let number = |value: Option<u64>, minus: i64| value.map_or(Cell::Null, |value| Cell::Int(Self::id(value) - minus));
        let listed: Vec<String> = tags.iter().map(|tag| quoted(tag)).collect();
        let pinned = match visibility {
            "public" => Cell::Truth(true),
            "private" => Cell::Truth(false),
            _ => Cell::Null,
        };
        self.posts.entry(vec![id]).or_insert_with(|| {
            let (text, visibility) = (Cell::Text(text.to_owned()), text_or_null(visibility));
            vec![
                Cell::Int(id),
                Cell::Int(Self::id(author)),
                text,
                visibility,
                number(video.filter(|&video| video < 1000), 20),
                number(reply_to, 0),
                pinned,
                Cell::Int(0),
                number(video, 0),
                Cell::List(tags),
            ]
        });
        let optional = |name: &str, value: Option<u64>| value.map_or(String::new(), |value| format!(r#","{name}":"{value}""#));
        let payload = format!(
            r#"{{"author_id":"{author}","text":{},"visibility":"{visibility}","hashtags":[{}]{}{}}}"#,
            quoted(text),
            listed.join(","),
            optional("video_id", video),
            optional("reply_to", reply_to)
        );
        self.producer.post("post.created", post, author, &payload)
    }

    fn update_post(&mut self) -> String {
        let (post, text) = (self.post(), *self.random.pick(&TEXTS));
        if let Some(row) = self.posts.get_mut(&vec![Self::id(post)])
            && let Cell::Int(edits @ 0..3) = row[7]
        {
            row[2] = Cell::Text(text.to_owned());
            row[7] = Cell::Int(edits + 1);
        }
        self.producer.post("post.updated", post, 1, &format!(r#"{{"text":{}}}"#, quoted(text)))
    }

    fn delete_post(&mut self) -> String {
        let post = self.post();
        self.posts.remove(&vec![Self::id(post)]);
        self.producer.post("post.deleted", post, 1, "{}")
    }

    fn like(&mut self) -> String {
        let (post, user) = (self.post(), self.user());
        let key = vec![Self::id(post), Self::id(user)];
        self.likes.insert(key.clone(), key.into_iter().map(Cell::Int).collect());
        self.producer.post("post.liked", post, user, &format!(r#"{{"user_id":"{user}"}}"#))
    }

    fn unlike(&mut self) -> String {
        let keys: Vec<Vec<i64>> = self.likes.keys().cloned().collect();
        let key = if keys.is_empty() || self.random.one_in(4) { vec![1, 2] } else { self.random.pick(&keys).clone() };
        self.likes.remove(&key);
        self.producer.post("post.unliked", key[0].unsigned_abs(), 1, &format!(r#"{{"user_id":"{}"}}"#, key[1]))
    }

    fn comment(&mut self) -> String {
        let (post, comment, author) = (self.post(), self.random.below(COMMENTS) as u64 + 1, self.user());
        let parent = if self.random.one_in(2) { None } else { Some(self.random.below(COMMENTS) as u64 + 1) };
        let text = *self.random.pick(&TEXTS);
        let (post_id, comment_id) = (Self::id(post), Self::id(comment));
        self.comments.entry(vec![post_id, comment_id]).or_insert_with(|| {
            let parent = parent.map_or(Cell::Null, |parent| Cell::Int(Self::id(parent)));
            vec![Cell::Int(post_id), Cell::Int(comment_id), parent, Cell::Int(Self::id(author)), text_or_null(text)]
        });
        let parent = parent.map_or(String::new(), |parent| format!(r#","parent_id":"{parent}""#));
        let payload = format!(r#"{{"comment_id":"{comment}","author_id":"{author}","text":{}{parent}}}"#, quoted(text));
        self.producer.post("post.commented", post, author, &payload)
    }

    fn delete_comment(&mut self) -> String {
        let keys: Vec<Vec<i64>> = self.comments.keys().cloned().collect();
        let key = if keys.is_empty() { vec![1, 2] } else { self.random.pick(&keys).clone() };
        self.comments.remove(&key);
        self.producer.post("post.comment_deleted", key[0].unsigned_abs(), 1, &format!(r#"{{"comment_id":"{}"}}"#, key[1]))
    }
}
