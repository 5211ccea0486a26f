//! The people of the generated world: what they have done, and what they do next.
//!
//! Owns who follows whom, the recent posts and the conversations, all bounded. Draws enter, drafts of events leave. Every event
//! is one that a service could have sent: nobody likes a post twice without taking the like back, and markers name messages that exist.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::event::{Draft, Kind, quoted, quoted_list};
use super::random::{Popularity, Random, Sampler};
use super::words;

/// Posts that people still react to.
const RECENT_POSTS: usize = 4_096;
/// Posts with a burst of reactions at one time.
const HOT_POSTS: usize = 6;
/// One post in so many gets a burst.
const HOT_ONE_IN: u64 = 40;
/// The most users that are remembered to have liked, or shared, one post; it gets no more.
const REACTIONS_MAX: usize = 1_000;
/// The most users that one user follows.
const FOLLOWS_MAX: usize = 2_000;
/// The most blocks at one time.
const BLOCKS_MAX: usize = 4_096;
/// The most conversations; then people talk on in those that there are.
const CONVERSATIONS_MAX: usize = 50_000;
/// Attempts in a row in which a drawn user can't do what was drawn, before something else is done.
const ATTEMPTS: usize = 8;

#[derive(Debug)]
struct Post {
    author: u32,
    likers: BTreeSet<u32>,
    sharers: BTreeSet<u32>,
}

/// Messages of a conversation that a read marker may name.
const RECENT_MESSAGES: usize = 16;

#[derive(Debug)]
struct Conversation {
    members: [u32; 2],
    /// the last messages, oldest first
    recent: VecDeque<u64>,
}

/// Activities of people besides writing posts, and their weights.
const ACTIVITIES: [(Activity, u64); 11] = [
    (Activity::Like, 300),
    (Activity::Unlike, 30),
    (Activity::Comment, 110),
    (Activity::Share, 40),
    (Activity::Message, 260),
    (Activity::Read, 120),
    (Activity::Follow, 70),
    (Activity::Unfollow, 25),
    (Activity::Block, 10),
    (Activity::Edit, 22),
    (Activity::Delete, 13),
];

#[derive(Clone, Copy, Debug)]
enum Activity {
    Like,
    Unlike,
    Comment,
    Share,
    Message,
    Read,
    Follow,
    Unfollow,
    Block,
    Edit,
    Delete,
}

/// The people and what is between them.
#[derive(Debug)]
pub(super) struct Society {
    random: Random,
    users: u32,
    popular: Sampler,
    /// followed users, by user, counted from 1
    follows: Vec<BTreeSet<u32>>,
    blocks: Vec<(u32, u32)>,
    posts: VecDeque<Post>,
    /// the id of the oldest post in `posts`
    first_post: u64,
    hot: VecDeque<u64>,
    conversations: Vec<Conversation>,
    conversation_of: BTreeMap<[u32; 2], usize>,
    next_comment: u64,
    next_message: u64,
}

impl Society {
    /// People who know nobody yet. Posts, comments and messages are numbered from `first_id`.
    pub(super) fn new(seed: u64, users: u32, popularity: Popularity, first_id: u64) -> Self {
        let mut random = Random::new(seed);
        let popular = Sampler::new(users, popularity, &mut random);
        Self {
            random,
            users,
            popular,
            follows: vec![BTreeSet::new(); users as usize + 1],
            blocks: Vec::new(),
            posts: VecDeque::new(),
            first_post: first_id,
            hot: VecDeque::new(),
            conversations: Vec::new(),
            conversation_of: BTreeMap::new(),
            next_comment: first_id,
            next_message: first_id,
        }
    }

    /// A user joins.
    pub(super) fn register(&mut self, user: u32) -> Draft {
        let payload = format!(
            "{{\"username\":\"user{user}\",\"email\":\"user{user}@example.invalid\",\"display_name\":\"User {user}\",\"bio\":{}}}",
            quoted(&if self.random.one_in(3) { words::text(&mut self.random) } else { String::new() })
        );
        draft(Kind::User, user, "user.registered", user, payload)
    }

    /// A user follows one more, a popular one rather than another.
    pub(super) fn follow_as(&mut self, follower: u32) -> Option<Draft> {
        for _ in 0..ATTEMPTS {
            let followee = self.popular.draw(&mut self.random);
            let following = &mut self.follows[follower as usize];
            if following.len() < FOLLOWS_MAX && following.insert(followee) {
                return Some(pair(follower, "user.followed", "follower_id", "followee_id", followee));
            }
        }
        None
    }

    /// Somebody writes a post, now and then as an answer to another.
    pub(super) fn post(&mut self) -> Draft {
        let author = self.popular.draw(&mut self.random);
        let reply_to = if self.random.one_in(3) { self.recent_post() } else { None };
        let id = self.first_post + self.posts.len() as u64;
        let mentions: Vec<String> = (0..self.random.below(5).saturating_sub(2)).map(|_| self.user().to_string()).collect();
        let payload = format!(
            "{{\"author_id\":\"{author}\",\"text\":{},\"hashtags\":{},\"mentions\":{},\"media_ids\":[],\"video_id\":null,\
             \"visibility\":\"public\",\"reply_to\":{}}}",
            quoted(&words::text(&mut self.random)),
            quoted_list(&words::hashtags(&mut self.random)),
            quoted_list(&mentions),
            reply_to.map_or("null".to_owned(), |id| format!("\"{id}\"")),
        );
        self.remember_post(id, author);
        draft(Kind::Post, id, "post.created", author, payload)
    }

    /// Somebody does something else, one or two events in their order; where nothing else is possible, writes a post.
    pub(super) fn act(&mut self, out: &mut Vec<Draft>) {
        let activity = self.activity();
        for _ in 0..ATTEMPTS {
            if self.attempt(activity, out).is_some() {
                return;
            }
        }
        let post = self.post();
        out.push(post);
    }

    fn attempt(&mut self, activity: Activity, out: &mut Vec<Draft>) -> Option<()> {
        let draft = match activity {
            Activity::Message => return self.message(out),
            Activity::Like => self.like(),
            Activity::Unlike => self.unlike(),
            Activity::Comment => self.comment(),
            Activity::Share => self.share(),
            Activity::Read => self.read(),
            Activity::Follow => self.follow(),
            Activity::Unfollow => self.unfollow(),
            Activity::Block => self.block(),
            Activity::Edit => self.edit(),
            Activity::Delete => self.delete(),
        };
        out.push(draft?);
        Some(())
    }

    fn activity(&mut self) -> Activity {
        let total = ACTIVITIES.iter().map(|(_, weight)| weight).sum();
        let mut at = self.random.below(total);
        for (activity, weight) in ACTIVITIES {
            if at < weight {
                return activity;
            }
            at -= weight;
        }
        Activity::Like
    }

    fn user(&mut self) -> u32 {
        1 + self.random.below(u64::from(self.users)) as u32
    }

    fn remember_post(&mut self, id: u64, author: u32) {
        self.posts.push_back(Post { author, likers: BTreeSet::new(), sharers: BTreeSet::new() });
        if self.posts.len() > RECENT_POSTS {
            self.posts.pop_front();
            self.first_post += 1;
        }
        if self.random.one_in(HOT_ONE_IN) {
            self.hot.push_back(id);
            if self.hot.len() > HOT_POSTS {
                self.hot.pop_front();
            }
        }
    }

    /// A post that people look at: a hot one half of the time, else the newer the likelier.
    fn recent_post(&mut self) -> Option<u64> {
        if self.posts.is_empty() {
            return None;
        }
        if !self.hot.is_empty() && self.random.one_in(2) {
            let id = self.hot[self.random.index(self.hot.len())];
            return (id >= self.first_post).then_some(id);
        }
        let place = self.random.index(self.posts.len()).max(self.random.index(self.posts.len()));
        Some(self.first_post + place as u64)
    }

    fn post_mut(&mut self, id: u64) -> &mut Post {
        &mut self.posts[(id - self.first_post) as usize]
    }

    fn like(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let user = self.user();
        let likers = &mut self.post_mut(id).likers;
        (likers.len() < REACTIONS_MAX && likers.insert(user)).then(|| by_user(id, "post.liked", user))
    }

    fn unlike(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let place = self.random.next();
        let likers = &mut self.post_mut(id).likers;
        let place = place.checked_rem(likers.len() as u64)?;
        let user = *likers.iter().nth(place as usize)?;
        likers.remove(&user);
        Some(by_user(id, "post.unliked", user))
    }

    fn share(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let user = self.user();
        let sharers = &mut self.post_mut(id).sharers;
        (sharers.len() < REACTIONS_MAX && sharers.insert(user)).then(|| by_user(id, "post.shared", user))
    }

    fn comment(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let author = self.user();
        let comment = self.next_comment;
        self.next_comment += 1;
        let text = quoted(&words::text(&mut self.random));
        let payload = format!("{{\"comment_id\":\"{comment}\",\"parent_id\":null,\"author_id\":\"{author}\",\"text\":{text}}}");
        Some(draft(Kind::Post, id, "post.commented", author, payload))
    }

    /// The author edits a post; now and then one that was deleted, as happens when two requests cross.
    fn edit(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let author = self.post_mut(id).author;
        let text = quoted(&words::text(&mut self.random));
        let payload = format!("{{\"text\":{text},\"hashtags\":{}}}", quoted_list(&words::hashtags(&mut self.random)));
        Some(draft(Kind::Post, id, "post.updated", author, payload))
    }

    fn delete(&mut self) -> Option<Draft> {
        let id = self.recent_post()?;
        let author = self.post_mut(id).author;
        Some(draft(Kind::Post, id, "post.deleted", author, "{}".to_owned()))
    }

    fn follow(&mut self) -> Option<Draft> {
        let follower = self.user();
        self.follow_as(follower)
    }

    fn unfollow(&mut self) -> Option<Draft> {
        let follower = self.user();
        let place = self.random.next();
        let following = &mut self.follows[follower as usize];
        let place = place.checked_rem(following.len() as u64)?;
        let followee = *following.iter().nth(place as usize)?;
        following.remove(&followee);
        Some(pair(follower, "user.unfollowed", "follower_id", "followee_id", followee))
    }

    /// A block, or one time in three the end of one.
    fn block(&mut self) -> Option<Draft> {
        if !self.blocks.is_empty() && (self.random.one_in(3) || self.blocks.len() >= BLOCKS_MAX) {
            let place = self.random.index(self.blocks.len());
            let (blocker, blocked) = self.blocks.swap_remove(place);
            return Some(pair(blocker, "user.unblocked", "blocker_id", "blocked_id", blocked));
        }
        let blocker = self.user();
        let blocked = self.popular.draw(&mut self.random);
        if blocker == blocked || self.blocks.contains(&(blocker, blocked)) {
            return None;
        }
        self.blocks.push((blocker, blocked));
        Some(pair(blocker, "user.blocked", "blocker_id", "blocked_id", blocked))
    }

    fn message(&mut self, out: &mut Vec<Draft>) -> Option<()> {
        let place = self.conversation(out)?;
        let sender = *self.random.pick(&self.conversations[place].members);
        let message = self.next_message;
        self.next_message += 1;
        let body = quoted(&words::text(&mut self.random));
        let conversation = &mut self.conversations[place];
        conversation.recent.push_back(message);
        if conversation.recent.len() > RECENT_MESSAGES {
            conversation.recent.pop_front();
        }
        let payload = format!("{{\"message_id\":\"{message}\",\"sender_id\":\"{sender}\",\"body\":{body},\"encrypted\":false}}");
        out.push(draft(Kind::Conversation, conversation.name(), "message.sent", sender, payload));
        Some(())
    }

    /// The place of a conversation to write in; a new one is opened first.
    fn conversation(&mut self, out: &mut Vec<Draft>) -> Option<usize> {
        let full = self.conversations.len() >= CONVERSATIONS_MAX;
        if !self.conversations.is_empty() && (full || !self.random.one_in(5)) {
            return Some(self.random.index(self.conversations.len()));
        }
        let opener = self.user();
        let other = self.popular.draw(&mut self.random);
        if opener == other {
            return None;
        }
        let members = [opener.min(other), opener.max(other)];
        if let Some(&place) = self.conversation_of.get(&members) {
            return Some(place);
        }
        let conversation = Conversation { members, recent: VecDeque::new() };
        let payload = format!("{{\"members\":[\"{}\",\"{}\"],\"kind\":\"direct\",\"title\":null}}", members[0], members[1]);
        out.push(draft(Kind::Conversation, conversation.name(), "conversation.created", opener, payload));
        self.conversations.push(conversation);
        self.conversation_of.insert(members, self.conversations.len() - 1);
        Some(self.conversations.len() - 1)
    }

    /// A member has read up to the last message, or now and then reports an older one late.
    fn read(&mut self) -> Option<Draft> {
        if self.conversations.is_empty() {
            return None;
        }
        let place = self.random.index(self.conversations.len());
        let conversation = &self.conversations[place];
        let reader = *self.random.pick(&conversation.members);
        let last = conversation.recent.len().checked_sub(1)?;
        let read = if self.random.one_in(4) { self.random.index(last + 1) } else { last };
        let up_to = conversation.recent[read];
        let payload = format!("{{\"user_id\":\"{reader}\",\"up_to_message_id\":\"{up_to}\"}}");
        Some(draft(Kind::Conversation, conversation.name(), "message.read", reader, payload))
    }
}

impl Conversation {
    fn name(&self) -> String {
        format!("{}-{}", self.members[0], self.members[1])
    }
}

fn draft(kind: Kind, id: impl ToString, event_type: &'static str, actor: u32, payload: String) -> Draft {
    Draft { aggregate: (kind, id.to_string()), event_type, actor, payload }
}

/// An event of one user about another; it lies with the first.
fn pair(from: u32, event_type: &'static str, from_field: &str, to_field: &str, to: u32) -> Draft {
    draft(Kind::User, from, event_type, from, format!("{{\"{from_field}\":\"{from}\",\"{to_field}\":\"{to}\"}}"))
}

fn by_user(post: u64, event_type: &'static str, user: u32) -> Draft {
    draft(Kind::Post, post, event_type, user, format!("{{\"user_id\":\"{user}\"}}"))
}
