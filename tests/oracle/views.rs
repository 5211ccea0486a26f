//! The views, each as its definition says, and nothing shared between them that could be wrong in all at once.
//!
//! A [`State`] enters; rows of JSON leave, in the fields and the order of the expected files.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Pair, time_text};
use super::state::{Post, State};

const HOUR: i64 = 3_600_000_000;
const HALF_LIFE: i64 = 6 * HOUR;
const SESSION_GAP: i64 = HOUR / 2;

/// One kind of reaction and its weight: likes 1, comments 2, shares 3.
type Reaction = (u64, u64, i64);

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

fn pair_name(pair: Pair) -> String {
    format!("{}-{}", pair.0, pair.1)
}

fn count<K: Ord + Copy>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

/// Every view the oracle knows that takes no parameter, by the name of its expected file.
pub const PLAIN_VIEWS: [(&str, fn(&State) -> Vec<String>); 13] = [
    ("blocks", State::view_blocks),
    ("conversations", State::view_conversations),
    ("follower_counts", State::view_follower_counts),
    ("following_counts", State::view_following_counts),
    ("follows", State::view_follows),
    ("hashtag_counts", State::view_hashtag_counts),
    ("hourly_posts", State::view_hourly_posts),
    ("notifications_counts", State::view_notifications_counts),
    ("post_counts", State::view_post_counts),
    ("posts", State::view_posts),
    ("sessions_30min", State::view_sessions),
    ("unread", State::view_unread),
    ("unread_total", State::view_unread_total),
];

impl State {
    pub fn view_follows(&self) -> Vec<String> {
        self.follows.iter().map(|(from, to)| format!(r#"{{"follower_id":"{from}","followee_id":"{to}"}}"#)).collect()
    }

    pub fn view_blocks(&self) -> Vec<String> {
        self.blocks.iter().map(|(from, to)| format!(r#"{{"blocker_id":"{from}","blocked_id":"{to}"}}"#)).collect()
    }

    pub fn view_follower_counts(&self) -> Vec<String> {
        let counts = count(self.follows.iter().map(|follow| follow.1));
        counts.iter().map(|(user, n)| format!(r#"{{"user_id":"{user}","followers":{n}}}"#)).collect()
    }

    pub fn view_following_counts(&self) -> Vec<String> {
        let counts = count(self.follows.iter().map(|follow| follow.0));
        counts.iter().map(|(user, n)| format!(r#"{{"user_id":"{user}","following":{n}}}"#)).collect()
    }

    pub fn view_posts(&self) -> Vec<String> {
        let row = |(id, post): (&u64, &Post)| {
            format!(
                r#"{{"post_id":"{id}","author_id":"{}","text":{},"hashtags":[{}],"reply_to":{},"created_at":"{}","updated_at":{}}}"#,
                post.author,
                json(&post.text),
                post.hashtags.iter().map(|tag| json(tag)).collect::<Vec<_>>().join(","),
                post.reply_to.map_or("null".to_owned(), |id| format!("\"{id}\"")),
                time_text(post.created_at),
                post.updated_at.map_or("null".to_owned(), |at| format!("\"{}\"", time_text(at))),
            )
        };
        self.posts.iter().map(row).collect()
    }

    pub fn view_post_counts(&self) -> Vec<String> {
        let likes = count(self.likes.keys().map(|like| like.0));
        let comments = count(self.comments.iter().map(|comment| comment.0));
        let shares = count(self.shares.iter().map(|share| share.0));
        let replies = count(self.posts.values().filter_map(|post| post.reply_to));
        let of = |counts: &BTreeMap<u64, u64>, post: &u64| counts.get(post).copied().unwrap_or(0);
        let row = |post: &u64| {
            let (likes, comments, shares, replies) =
                (of(&likes, post), of(&comments, post), of(&shares, post), of(&replies, post));
            format!(r#"{{"post_id":"{post}","likes":{likes},"comments":{comments},"shares":{shares},"replies":{replies}}}"#)
        };
        self.posts.keys().map(row).collect()
    }

    /// The live posts by author, newest first.
    fn posts_by_author(&self) -> BTreeMap<u64, Vec<(i64, u64)>> {
        let mut by_author: BTreeMap<u64, Vec<(i64, u64)>> = BTreeMap::new();
        for (&id, post) in &self.posts {
            by_author.entry(post.author).or_default().push((post.created_at, id));
        }
        by_author.values_mut().for_each(|posts| posts.sort_by(|one, other| other.cmp(one)));
        by_author
    }

    /// The feeds of the users whom `of` names, `limit` rows each.
    pub fn view_following_feed(&self, limit: usize, of: impl Fn(u64) -> bool) -> Vec<String> {
        let by_author = self.posts_by_author();
        let mut feeds: BTreeMap<u64, Vec<(i64, u64, u64)>> = BTreeMap::new();
        for &(user, author) in self.follows.iter().filter(|follow| of(follow.0)) {
            if user == author || self.blocked_either_way(user, author) {
                continue;
            }
            let posts = by_author.get(&author).into_iter().flatten().map(|&(at, id)| (at, id, author));
            feeds.entry(user).or_default().extend(posts);
        }
        let mut rows = Vec::new();
        for (user, mut posts) in feeds {
            posts.sort_by(|one, other| other.cmp(one));
            for (place, (at, id, author)) in posts.into_iter().take(limit).enumerate() {
                rows.push(format!(
                    r#"{{"user_id":"{user}","rank":{},"post_id":"{id}","author_id":"{author}","occurred_at":"{}"}}"#,
                    place + 1,
                    time_text(at)
                ));
            }
        }
        rows
    }

    /// The own posts of the users whom `of` names, `limit` rows each.
    pub fn view_user_feed(&self, limit: usize, of: impl Fn(u64) -> bool) -> Vec<String> {
        let mut rows = Vec::new();
        for (user, posts) in self.posts_by_author().into_iter().filter(|(user, _)| of(*user)) {
            for (place, (at, id)) in posts.into_iter().take(limit).enumerate() {
                rows.push(format!(
                    r#"{{"user_id":"{user}","rank":{},"post_id":"{id}","occurred_at":"{}"}}"#,
                    place + 1,
                    time_text(at)
                ));
            }
        }
        rows
    }

    /// Unread messages by member and conversation, without zeros.
    fn unread(&self) -> BTreeMap<(u64, Pair), u64> {
        let mut unread = BTreeMap::new();
        for (&name, conversation) in &self.conversations {
            for &member in &conversation.members {
                let read = conversation.read.get(&member).copied().unwrap_or(0);
                let messages = conversation.messages.iter().filter(|message| message.sender != member && message.id > read);
                match messages.count() as u64 {
                    0 => {}
                    n => drop(unread.insert((member, name), n)),
                }
            }
        }
        unread
    }

    pub fn view_unread(&self) -> Vec<String> {
        let row = |(&(user, conversation), n): (&(u64, Pair), &u64)| {
            format!(r#"{{"user_id":"{user}","conversation_id":"{}","unread":{n}}}"#, pair_name(conversation))
        };
        self.unread().iter().map(row).collect()
    }

    pub fn view_unread_total(&self) -> Vec<String> {
        let mut totals: BTreeMap<u64, u64> = BTreeMap::new();
        for ((user, _), n) in self.unread() {
            *totals.entry(user).or_default() += n;
        }
        totals.iter().map(|(user, n)| format!(r#"{{"user_id":"{user}","unread":{n}}}"#)).collect()
    }

    /// Conversations that have messages.
    pub fn view_conversations(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (&name, conversation) in &self.conversations {
            let last_id = conversation.messages.iter().map(|message| message.id).max();
            let last_at = conversation.messages.iter().map(|message| message.at).max();
            let (Some(last_id), Some(last_at)) = (last_id, last_at) else { continue };
            rows.push(format!(
                r#"{{"conversation_id":"{}","last_message_id":"{last_id}","messages":{},"last_message_at":"{}"}}"#,
                pair_name(name),
                conversation.messages.len(),
                time_text(last_at)
            ));
        }
        rows
    }

    pub fn view_notifications_counts(&self) -> Vec<String> {
        let mut counts: BTreeMap<(u64, &str), u64> = BTreeMap::new();
        let mut notify = |user: u64, other: u64, kind: &'static str| {
            if user != other && !self.blocked_either_way(user, other) {
                *counts.entry((user, kind)).or_default() += 1;
            }
        };
        self.follows.iter().for_each(|&(from, to)| notify(to, from, "follow"));
        self.likes.keys().for_each(|(post, user)| notify(self.posts[post].author, *user, "like"));
        self.comments.iter().for_each(|(post, author, _)| notify(self.posts[post].author, *author, "comment"));
        for conversation in self.conversations.values() {
            for message in &conversation.messages {
                conversation.members.iter().for_each(|&member| notify(member, message.sender, "message"));
            }
        }
        let row = |((user, kind), n): (&(u64, &str), &u64)| format!(r#"{{"user_id":"{user}","kind":"{kind}","n":{n}}}"#);
        counts.iter().map(row).collect()
    }

    pub fn view_hashtag_counts(&self) -> Vec<String> {
        let tags = self.posts.values().flat_map(|post| post.hashtags.iter().collect::<BTreeSet<_>>());
        count(tags).iter().map(|(tag, n)| format!(r#"{{"hashtag":{},"posts":{n}}}"#, json(tag))).collect()
    }

    /// Likes, comments and shares with their weights: (post, weight, time).
    fn reactions(&self) -> Vec<Reaction> {
        let likes = self.likes.iter().map(|(&(post, _), &at)| (post, 1, at));
        let comments = self.comments.iter().map(|&(post, _, at)| (post, 2, at));
        let shares = self.shares.iter().map(|&(post, _, at)| (post, 3, at));
        likes.chain(comments).chain(shares).collect()
    }

    /// The `limit` posts with the highest score that decays with a half-life of six hours until `now`.
    pub fn view_trending_decay(&self, limit: usize, now: i64) -> Vec<String> {
        let mut scores: BTreeMap<u64, f64> = BTreeMap::new();
        for (post, weight, at) in self.reactions() {
            let age = (now - at) as f64 / HALF_LIFE as f64;
            *scores.entry(post).or_default() += weight as f64 * (-age).exp2();
        }
        let mut ranked: Vec<(f64, u64)> = scores.into_iter().map(|(post, score)| (score, post)).collect();
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)));
        let row = |(place, (score, post)): (usize, (f64, u64))| {
            format!(r#"{{"rank":{},"post_id":"{post}","score":{score:.9}}}"#, place + 1)
        };
        ranked.into_iter().take(limit).enumerate().map(row).collect()
    }

    /// Reactions in the hour that ends with `now`, open at its start.
    pub fn view_trending_last_hour(&self, now: i64) -> Vec<String> {
        let mut counts: BTreeMap<u64, [u64; 4]> = BTreeMap::new();
        for (post, weight, _) in self.reactions().into_iter().filter(|&(_, _, at)| now - HOUR < at && at <= now) {
            counts.entry(post).or_default()[weight as usize] += 1;
        }
        let row = |(post, [_, likes, comments, shares]): (u64, [u64; 4])| {
            let score = likes + 2 * comments + 3 * shares;
            format!(r#"{{"post_id":"{post}","likes":{likes},"comments":{comments},"shares":{shares},"score":{score}}}"#)
        };
        counts.into_iter().map(row).collect()
    }

    /// Friends of friends for the users whom `of` names, `limit` rows each.
    pub fn view_suggested_users(&self, limit: usize, of: impl Fn(u64) -> bool) -> Vec<String> {
        let mut followees: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        self.follows.iter().for_each(|&(from, to)| followees.entry(from).or_default().push(to));
        let mut rows = Vec::new();
        for (&user, friends) in followees.iter().filter(|(user, _)| of(**user)) {
            let candidates = friends.iter().filter_map(|friend| followees.get(friend)).flatten().copied();
            let allowed = candidates.filter(|&candidate| {
                candidate != user && !self.follows.contains(&(user, candidate)) && !self.blocked_either_way(user, candidate)
            });
            let mut ranked: Vec<(u64, u64)> = count(allowed).into_iter().map(|(candidate, common)| (common, candidate)).collect();
            ranked.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
            for (place, (common, candidate)) in ranked.into_iter().take(limit).enumerate() {
                let rank = place + 1;
                rows.push(format!(r#"{{"user_id":"{user}","rank":{rank},"suggested_id":"{candidate}","common":{common}}}"#));
            }
        }
        rows
    }

    pub fn view_sessions(&self) -> Vec<String> {
        let mut posts = self.created.clone();
        posts.sort_unstable();
        let mut sessions: Vec<(u64, i64, i64, u64)> = Vec::new();
        for (author, at) in posts {
            match sessions.last_mut() {
                Some(session) if session.0 == author && at - session.2 <= SESSION_GAP => {
                    (session.2, session.3) = (at, session.3 + 1)
                }
                _ => sessions.push((author, at, at, 1)),
            }
        }
        let row = |(author, start, last, n): (u64, i64, i64, u64)| {
            let (start, last) = (time_text(start), time_text(last));
            format!(r#"{{"user_id":"{author}","session_start":"{start}","last_post_at":"{last}","posts":{n}}}"#)
        };
        sessions.into_iter().map(row).collect()
    }

    pub fn view_hourly_posts(&self) -> Vec<String> {
        let mut hours: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        self.created.iter().for_each(|&(author, at)| hours.entry(at - at.rem_euclid(HOUR)).or_default().push(author));
        let row = |(start, authors): (i64, Vec<u64>)| {
            let distinct: BTreeSet<u64> = authors.iter().copied().collect();
            let (start, posts, authors) = (time_text(start), authors.len(), distinct.len());
            format!(r#"{{"window_start":"{start}","posts":{posts},"authors":{authors}}}"#)
        };
        hours.into_iter().map(row).collect()
    }

    /// The live posts that hold every word of the query, by id.
    pub fn search(&self, query: &str) -> Vec<u64> {
        let wanted = tokens(query);
        let matches = |post: &Post| tokens(&post.text).is_superset(&wanted);
        self.posts.iter().filter(|(_, post)| matches(post)).map(|(&id, _)| id).collect()
    }
}

/// The maximal runs of a-z and 0-9 in the lower-cased text.
fn tokens(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let runs = lower.split(|letter: char| !letter.is_ascii_lowercase() && !letter.is_ascii_digit());
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}
