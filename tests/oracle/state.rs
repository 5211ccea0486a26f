//! State that events lead to, before any view: the last word on each pair, post and conversation.
//!
//! Events enter all at once; maps leave. "Last" is by time within the aggregate, so the events are sorted by time first, those of
//! one time in order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Pair, What};

/// A post that was not deleted.
#[derive(Clone, Debug)]
pub struct Post {
    pub author: u64,
    pub text: String,
    pub hashtags: Vec<String>,
    pub reply_to: Option<u64>,
    pub created_at: i64,
    pub updated_at: Option<i64>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub sender: u64,
    pub at: i64,
}

/// A conversation with all its messages.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    pub members: Vec<u64>,
    pub messages: Vec<Message>,
    /// the largest marker of each user
    pub read: BTreeMap<u64, u64>,
}

/// Everything the views are computed from. Posts are live ones; likes, comments and shares are of live posts.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub follows: BTreeSet<(u64, u64)>,
    pub blocks: BTreeSet<(u64, u64)>,
    pub posts: BTreeMap<u64, Post>,
    /// time of the last like, by post and user
    pub likes: BTreeMap<(u64, u64), i64>,
    /// post, author, time
    pub comments: Vec<(u64, u64, i64)>,
    /// post, user, time
    pub shares: Vec<(u64, u64, i64)>,
    pub conversations: BTreeMap<Pair, Conversation>,
    /// author and time of every post ever created
    pub created: Vec<(u64, i64)>,
    deleted: BTreeSet<u64>,
}

impl State {
    /// The state after `events`.
    pub fn of(events: &[Event]) -> Self {
        let mut sorted: Vec<&Event> = events.iter().collect();
        sorted.sort_by_key(|event| event.at);
        let mut state = Self::default();
        for event in sorted {
            state.apply(event);
        }
        state.posts.retain(|post, _| !state.deleted.contains(post));
        let posts = &state.posts;
        state.likes.retain(|(post, _), _| posts.contains_key(post));
        state.comments.retain(|(post, ..)| posts.contains_key(post));
        state.shares.retain(|(post, ..)| posts.contains_key(post));
        state
    }

    fn apply(&mut self, event: &Event) {
        let at = event.at;
        match event.what.clone() {
            What::Registered => {}
            What::Followed { follower, followee } => {
                if follower != followee {
                    self.follows.insert((follower, followee));
                }
            }
            What::Unfollowed { follower, followee } => drop(self.follows.remove(&(follower, followee))),
            What::Blocked { blocker, blocked } => drop(self.blocks.insert((blocker, blocked))),
            What::Unblocked { blocker, blocked } => drop(self.blocks.remove(&(blocker, blocked))),
            What::PostCreated { post, author, text, hashtags, reply_to } => {
                self.created.push((author, at));
                self.posts.insert(post, Post { author, text, hashtags, reply_to, created_at: at, updated_at: None });
            }
            What::PostUpdated { post, text, hashtags } => {
                if let Some(post) = self.posts.get_mut(&post) {
                    (post.text, post.hashtags, post.updated_at) = (text, hashtags, Some(at));
                }
            }
            What::PostDeleted { post } => drop(self.deleted.insert(post)),
            What::Liked { post, user } => drop(self.likes.insert((post, user), at)),
            What::Unliked { post, user } => drop(self.likes.remove(&(post, user))),
            What::Commented { post, author } => self.comments.push((post, author, at)),
            What::Shared { post, user } => self.shares.push((post, user, at)),
            What::ConversationCreated { conversation, members } => {
                self.conversations.entry(conversation).or_default().members = members
            }
            What::MessageSent { conversation, message, sender } => {
                self.conversations.entry(conversation).or_default().messages.push(Message { id: message, sender, at });
            }
            What::MessageRead { conversation, user, up_to } => {
                let marker = self.conversations.entry(conversation).or_default().read.entry(user).or_default();
                *marker = up_to.max(*marker);
            }
        }
    }

    /// Returns true if one of two users blocks the other.
    pub fn blocked_either_way(&self, one: u64, other: u64) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }
}
