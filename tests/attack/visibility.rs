//! Posts that are not for everyone, and users who have left: nothing of them comes out of any door of the social network.
//!
//! A private post and one for followers carry words, a hashtag, a mention and ids that occur nowhere else. Every served view by each of its
//! indexes, every search and suggestion, every derived topic, every stream of invalidations and every subscription is read as a stranger, a
//! follower, a follower who is blocked, and without a token. Then the author leaves, and all of it is read again.

use std::io::{BufRead, BufReader};

use language::load::load;
use language::topology::Topology;
use schemas::serving::{Index, View};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deploys::changed;
use crate::harness::topologies_folder;
use crate::lines::{event, followed, posted, registered};
use crate::process::{Client, Launch, Server, token};

const AUTHOR: u64 = 987_650_001;
const STRANGER: u64 = 987_650_002;
const FOLLOWER: u64 = 987_650_003;
const BLOCKED: u64 = 987_650_004;
const PRIVATE: u64 = 987_654_321_001;
const FOLLOWERS: u64 = 987_654_321_002;
const PUBLIC: u64 = 987_654_321_003;
/// Views that somebody could find a post in: their changes are followed while it is written.
const FOLLOWED: [&str; 9] = [
    "posts",
    "post_cards",
    "user_feed",
    "hashtag_posts",
    "hashtag_counts",
    "trending",
    "post_likes",
    "post_comments",
    "comment_threads",
];

/// Texts of a post that occur nowhere else: its own, then those of what others did with it.
fn marks(post: u64) -> [String; 4] {
    let name = match post {
        PRIVATE => "private",
        FOLLOWERS => "followers",
        _ => "public",
    };
    [format!("zqword{name}"), format!("zqtag{name}"), post.to_string(), format!("zqremark{name}")]
}

/// Somebody who reads, and the posts that are not for everyone of which he may see the text.
struct Reader {
    name: &'static str,
    token: Option<String>,
    sees: &'static [u64],
}

fn readers() -> [Reader; 4] {
    let reader = |name, user: u64, sees| Reader { name, token: Some(token(user, "")), sees };
    [
        Reader { name: "nobody in particular", token: None, sees: &[] },
        reader("a stranger", STRANGER, &[]),
        reader("a follower", FOLLOWER, &[FOLLOWERS]),
        reader("a follower who is blocked", BLOCKED, &[]),
    ]
}

/// A server with a derived topic and invalidations for every view.
struct Scene {
    server: Server,
    topology: Topology,
    _folder: TempDir,
}

/// The name of a sink's topic that follows a view.
fn topic_of(view: &str) -> String {
    format!("derived.{view}")
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let topology = load(&topologies_folder().join("social")).unwrap_or_else(|error| panic!("{error}"));
        let sinks = topology.served.iter().map(|served| {
            let view = &served.view.name;
            let topic = topic_of(view);
            format!(
                "CREATE SINK out_{view} FROM {view} WITH (connector = 'log', topic = '{topic}') FORMAT CHANGELOG ENCODE JSON;\n"
            )
        });
        let stale = topology.served.iter().filter(|served| FOLLOWED.contains(&served.view.name.as_str())).map(|served| {
            let (view, column) = (&served.view.name, &served.view.columns[0].name);
            format!(
                "CREATE SINK stale_{view} FROM {view} \
                 WITH (connector = 'log', type = 'invalidate', topic = 'derived.stale_{view}', key = '{view}:{{{column}}}');\n"
            )
        });
        let directory = changed(&folder, "topology", &sinks.chain(stale).collect::<String>());
        let data = folder.path().join("data");
        let server = Server::run_ready(&Launch {
            data: &data,
            topologies: directory.to_str().unwrap(),
            more: &["--clock", "event"],
            ..Launch::default()
        });
        Self { server, topology, _folder: folder }
    }

    /// Everything that a reader gets, each with the place where.
    fn everything(&self, reader: &Reader, after: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut read = |path: String| {
            let answer = self.server.get(&path, reader.token.as_deref());
            let is_closed = matches!(answer.status, 401 | 403 | 404);
            assert!(answer.status == 200 || is_closed, "{path}: {} {}", answer.status, answer.text);
            if answer.status == 200 {
                found.push((path, answer.text));
            }
        };
        for served in &self.topology.served {
            for index in &served.view.indexes {
                let order = order(&served.view, index);
                read(format!("/v1/views/{}?order={order}&limit=1000&after={after}&wait=30000", served.view.name));
            }
            read(format!("/v1/topics/{}/records?limit=1000", topic_of(&served.view.name)));
        }
        for view in FOLLOWED {
            read(format!("/v1/topics/derived.stale_{view}/records?limit=1000"));
        }
        for index in &self.topology.searches {
            for word in ["", "q=zqw*&", "q=zqwordprivate&", "q=zqwordfollowers&"] {
                read(format!("/v1/search/{}?{word}limit=100&after={after}&wait=30000", index.name));
            }
            for prefix in ["zqw", "zqtag", "user987"] {
                read(format!("/v1/search/{}/suggest?prefix={prefix}&after={after}&wait=30000", index.name));
            }
        }
        for served in &self.topology.served {
            let path = format!("/v1/views/{}", served.view.name);
            if self.server.get(&format!("{path}?limit=1"), reader.token.as_deref()).status == 200 {
                found
                    .push((format!("{path}/subscribe"), Stream::open(&self.server, &format!("{path}/subscribe"), reader).rows()));
            }
        }
        assert!(found.len() > 60, "{} can read at {} places only", reader.name, found.len());
        found
    }
}

/// An index as the parameter that names it.
fn order(view: &View, index: &Index) -> String {
    let column = |column: &schemas::serving::IndexColumn| {
        format!("{}.{}", view.columns[column.column].name, if column.descending { "desc" } else { "asc" })
    };
    index.columns.iter().map(column).collect::<Vec<_>>().join(",")
}

/// A stream of server-sent events.
struct Stream(Box<dyn BufRead>);

impl Stream {
    fn open(server: &Client, path: &str, reader: &Reader) -> Self {
        let authorization = reader.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        Self(Box::new(BufReader::new(server.stream(path, &authorization.into_iter().collect::<Vec<_>>()))))
    }

    /// All text up to the first position.
    fn rows(self) -> String {
        self.until(0)
    }

    /// All text up to an epoch.
    fn until(mut self, epoch: u64) -> String {
        let (mut text, mut name) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended: {text}");
            text.push_str(&line);
            match line.trim_end().split_once(": ") {
                Some(("event", event)) => event.clone_into(&mut name),
                Some(("data", data)) if name == "progress" => {
                    let data: Value = serde_json::from_str(data).unwrap();
                    if epoch_of(data["position"].as_str().expect("a position")) >= epoch {
                        return text;
                    }
                }
                _ => {}
            }
        }
    }
}

fn epoch_of(position: &str) -> u64 {
    position.rsplit_once(':').expect("a timeline").1.parse().expect("an epoch")
}

/// A post with its marks, and what others do with it.
fn post_lines(number: u64, post: u64, visibility: &str) -> Vec<Value> {
    let [word, tag, _, remark] = marks(post);
    let mut created = posted(number, post, AUTHOR, &word);
    let payload = &mut created["event"]["payload"];
    payload["hashtags"] = json!([tag]);
    payload["mentions"] = json!([STRANGER.to_string(), FOLLOWER.to_string(), BLOCKED.to_string()]);
    payload["visibility"] = json!(visibility);
    let done = |number: u64, kind: &str, payload: Value| event(number, "social.post", kind, post, payload);
    let comment =
        json!({ "comment_id": (post * 10).to_string(), "parent_id": null, "author_id": FOLLOWER.to_string(), "text": remark });
    vec![
        created,
        done(number + 1, "post.liked", json!({ "user_id": FOLLOWER.to_string() })),
        done(number + 2, "post.commented", comment),
        done(number + 3, "post.shared", json!({ "user_id": STRANGER.to_string() })),
        done(number + 4, "post.viewed", json!({ "user_id": STRANGER.to_string() })),
        done(number + 5, "post.updated", json!({ "text": format!("{word} again"), "hashtags": [tag] })),
    ]
}

fn people() -> Vec<Value> {
    let users = [AUTHOR, STRANGER, FOLLOWER, BLOCKED];
    let mut lines: Vec<Value> = (1..).zip(users).map(|(number, user)| registered(number, user)).collect();
    lines.push(followed(10, FOLLOWER, AUTHOR));
    lines.push(followed(11, BLOCKED, AUTHOR));
    let block = json!({ "blocker_id": AUTHOR.to_string(), "blocked_id": BLOCKED.to_string() });
    lines.push(event(12, "social.user", "user.blocked", AUTHOR, block));
    lines
}

/// Sends events; the position at which they are visible.
fn send(server: &Client, lines: &[Value]) -> String {
    server.ingest(&lines.iter().map(Value::to_string).collect::<Vec<_>>());
    server.get("/v1/views/posts?limit=1", None).position.expect("a position")
}

/// Checks that none of these texts is anywhere.
fn assert_nowhere(marks: &[String], found: &[(String, String)], who: &str) {
    for (place, text) in found {
        for mark in marks {
            assert!(!text.contains(mark.as_str()), "{who} sees '{mark}' at {place}: {text}");
        }
    }
}

fn is_somewhere(mark: &str, found: &[(String, String)]) -> bool {
    found.iter().any(|(_, text)| text.contains(mark))
}

#[test]
fn a_post_that_is_not_for_everyone_is_seen_by_nobody_else_and_who_leaves_by_nobody_at_all() {
    let scene = Scene::start();
    let anybody = &readers()[0];
    let before = send(&scene.server, &people());
    let open = |path: String| Stream::open(&scene.server, &path, anybody);
    let live: Vec<(String, Stream)> = FOLLOWED
        .iter()
        .flat_map(|view| {
            [format!("/v1/views/{view}/subscribe"), format!("/v1/invalidations/stale_{view}?last_event_id={before}")]
        })
        .map(|path| (path.clone(), open(path)))
        .collect();
    let posts = [post_lines(100, PRIVATE, "private"), post_lines(200, FOLLOWERS, "followers"), post_lines(300, PUBLIC, "public")];
    let after = send(&scene.server, &posts.concat());

    let live: Vec<(String, String)> = live.into_iter().map(|(path, stream)| (path, stream.until(epoch_of(&after)))).collect();
    for post in [PRIVATE, FOLLOWERS] {
        assert_nowhere(&marks(post), &live, "who follows live");
    }
    assert!(marks(PUBLIC).iter().all(|mark| is_somewhere(mark, &live)), "this shows nothing: a public post is not seen either");
    for reader in readers() {
        let found = scene.everything(&reader, &after);
        assert!(marks(PUBLIC).iter().all(|mark| is_somewhere(mark, &found)), "{} does not even see what is public", reader.name);
        for post in [PRIVATE, FOLLOWERS] {
            let [own @ .., remark] = marks(post);
            // What others do with such a post is shown to nobody.
            assert_nowhere(&[remark], &found, reader.name);
            if !reader.sees.contains(&post) {
                assert_nowhere(&own, &found, reader.name);
            } else {
                assert!(own.iter().all(|mark| is_somewhere(mark, &found)), "{} may see it and does not", reader.name);
            }
        }
    }
    let author = Reader { name: "the author", token: Some(token(AUTHOR, "")), sees: &[PRIVATE, FOLLOWERS] };
    let found = scene.everything(&author, &after);
    assert!(
        author.sees.iter().all(|post| is_somewhere(&marks(*post)[0], &found)),
        "this shows nothing: the author does not see his own"
    );

    let after = send(&scene.server, &[event(900, "social.user", "user.deleted", AUTHOR, json!({}))]);
    let traces = [[PRIVATE, FOLLOWERS, PUBLIC].map(marks).concat(), vec![AUTHOR.to_string(), format!("user{AUTHOR}")]].concat();
    for reader in readers().into_iter().chain([author]) {
        let mut found = scene.everything(&reader, &after);
        // A derived topic is a log: what was public stands in it, and then that it went.
        found.retain(|(place, _)| !place.starts_with("/v1/topics/"));
        assert_nowhere(&traces, &found, reader.name);
    }
}
