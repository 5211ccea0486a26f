//! The social client of the demo as a person uses it, in a real browser: a feed that is live, a badge, likes, posts, search and blocks, on a phone
//! and in the dark; and what the tokens that it is given are good for.

use std::path::Path;

use serde_json::{Value, json};

use crate::console::browser::Browser;
use crate::console::{FAINT, UNNAMED};
use crate::lines::{event, followed, posted, registered};
use crate::process::{Client, Process, eventually};

const PHONE: u32 = 360;
const TABLET: u32 = 900;
const DESKTOP: u32 = 1_280;
/// Somebody who follows nobody at first, and whose pages are looked at.
const ME: u64 = 5_001;
/// Somebody whose posts are looked at.
const AUTHOR: u64 = 5_002;
/// Number that JavaScript has no place for: it rounds it to the one before.
const POST: u64 = 9_007_199_254_740_993;
/// Markup that would run if the text of a post were read as HTML.
const WICKED: &str = "<img src=x onerror='window.wicked=1'><script>window.wicked=1</script>";
/// Bytes of a picture on which there is something.
const PICTURE_BYTES_MIN: usize = 5_000;

/// A demo in which nothing happens by itself, and its address.
fn demo(data: &Path, listen: &str, more: &[&str]) -> (Process, Option<String>, String) {
    let data = data.to_str().unwrap();
    let arguments = ["demo", "--data", data, "--listen", listen, "--users", "100", "--rate", "0", "--seconds", "600"];
    let mut process = Process::start(&[arguments.as_slice(), more].concat());
    let mut social = None;
    loop {
        let Some(line) = process.line() else { panic!("the demo ended: {}", process.complaint()) };
        let line = line.trim();
        if let Some(address) = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/social")) {
            social = Some(address.to_owned());
        } else if let Some(address) = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')) {
            return (process, social, address.to_owned());
        }
    }
}

/// A demo with two people more, and a browser at its social client.
struct Scene {
    demo: Process,
    client: Client,
    /// the demo's own token
    token: String,
    browser: Browser,
    data: tempfile::TempDir,
}

impl Scene {
    fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (demo, social, address) = demo(data.path(), "127.0.0.1:0", &[]);
        assert_eq!(social.as_ref(), Some(&address), "the demo names no social client");
        let header = std::fs::read_to_string(data.path().join("authorization")).unwrap();
        let token = header.trim().rsplit(' ').next().unwrap().to_owned();
        let browser = Browser::start();
        browser.resize(DESKTOP);
        browser.prefer("light");
        let scene = Self { demo, client: Client::new(address), token, browser, data };
        scene.send(&[registered(1, ME), registered(2, AUTHOR)]);
        scene.browser.open(&scene.client.url("/social"));
        scene
    }

    /// Sends events as another client does, and waits until the views show them.
    fn send(&self, events: &[Value]) {
        let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
        let answer = self.client.try_post(lines.join("\n").as_bytes(), Some(&self.token)).unwrap();
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(events.len())), "{}", answer.text);
        let position = answer.json()["position"].as_str().unwrap().to_owned();
        let seen = self.client.get(&format!("/v1/views/posts?limit=1&after={position}&wait=30000"), None);
        assert_eq!(seen.status, 200, "{}", seen.text);
    }

    /// Looks for somebody and signs in as him.
    fn sign_in(&self, user: u64) {
        self.browser.type_into("#find-person", &format!("user{user}"));
        self.browser.click(&format!(".choice[data-user='{user}']"));
        self.browser.text_with("#me", &format!("user{user}"));
    }

    fn go(&self, hash: &str) {
        self.browser.run(&format!("location.hash = {}", json!(hash)));
    }

    /// Waits until so many elements are there.
    fn count(&self, selector: &str, wanted: usize) {
        let script = format!("return document.querySelectorAll({}).length", json!(selector));
        self.browser.until(&format!("{wanted} of '{selector}'"), &script, |found| *found == wanted);
    }

    /// Waits until a view has so many rows for its conditions.
    fn rows(&self, path: &str, token: Option<&str>, wanted: usize) {
        let rows = || self.client.get(&format!("/v1/views/{path}"), token).rows();
        eventually(&format!("{wanted} rows of {path}"), || (rows().len() == wanted).then_some(()));
    }

    /// A token as the page gets it.
    fn page_token(&self, user: u64) -> String {
        let answer = self.client.post_json(&format!("/v1/page-tokens/{user}"), &json!({}), None);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Checks that the page complained of nothing and asked nobody else.
    fn assert_calm(&self) {
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
        assert_eq!(self.browser.run("return window.wicked ?? null"), Value::Null, "text of a post was run");
        let here = self.client.url("/");
        let requests = self.browser.requests();
        assert!(requests.iter().any(|url| url.starts_with(&format!("{here}v1/views/"))), "{requests:?}");
        let elsewhere: Vec<&String> =
            requests.iter().filter(|url| !url.starts_with(&here) && !url.starts_with("data:,")).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}

fn card(post: u64) -> String {
    format!(".timeline article[data-post='{post}']")
}

#[test]
fn who_is_followed_is_in_the_feed_live_and_who_is_blocked_is_gone_from_it() {
    let scene = Scene::open();
    scene.sign_in(ME);
    scene.browser.text_with("main .state", "Your feed is empty");
    scene.go(&format!("#/people/{AUTHOR}"));
    scene.browser.text_with(".profile h1", "user5002");
    scene.browser.click("#follow:not(:disabled)");
    scene.browser.text_with("#follow", "Following");
    scene.browser.text_with(".figures", "1 follower");
    scene.rows(&format!("follows?follower_id=eq.{ME}&followee_id=eq.{AUTHOR}"), None, 1);

    scene.go("#/");
    scene.browser.text_with("main .state", "Your feed is empty");
    scene.send(&[posted(3, POST, AUTHOR, "the lighthouse is lit"), posted(4, POST + 2, AUTHOR, WICKED)]);
    scene.browser.text_with(&format!("{} .text", card(POST)), "the lighthouse is lit");
    scene.browser.text_with(&format!("{} .text", card(POST + 2)), "<img src=x");
    scene.count(".timeline article", 2);

    scene.browser.click(&format!("{} .like", card(POST)));
    let heart = format!("{} .like[aria-pressed=true]", card(POST));
    scene.browser.text_with(&heart, "1");
    scene.rows(&format!("post_likes?user_id=eq.{ME}&post_id=eq.{POST}"), None, 1);
    scene.browser.open(&scene.client.url("/social"));
    scene.browser.text_with(&heart, "1");

    let page_token = scene.page_token(ME);
    scene.browser.click(&format!("{} summary", card(POST)));
    scene.browser.click(&format!("{} .menu-list button:last-child", card(POST)));
    scene.browser.text_with("main .state", "Your feed is empty");
    scene.rows("following_feed", Some(&page_token), 0);
    scene.rows("blocks", Some(&page_token), 1);
    scene.browser.click(".toast button");
    scene.count(".timeline article", 2);
    scene.rows("blocks", Some(&page_token), 0);
    scene.assert_calm();
}

#[test]
fn the_badge_counts_what_is_new_until_it_is_read() {
    let scene = Scene::open();
    scene.sign_in(ME);
    scene.count("#badge[hidden]", 1);
    scene.send(&[followed(3, AUTHOR, ME)]);
    scene.browser.text_with("#badge", "1 unread");
    scene.browser.click("#pages a[data-page=notifications]");
    scene.browser.text_with(".note.unread", "user5002 followed you");
    scene.browser.click("#read-all");
    scene.count("#badge[hidden]", 1);
    scene.count(".note:not(.unread)", 1);
    scene.rows("notification_badges", Some(&scene.page_token(ME)), 0);
    scene.assert_calm();
}

#[test]
fn a_post_that_is_written_is_found_and_so_is_what_comes_later() {
    let scene = Scene::open();
    scene.sign_in(ME);
    scene.browser.type_into("#post-text", "zanzibar at noon #harbourfront @user5002");
    scene.browser.click("#post-send:not(:disabled)");
    scene.browser.text_with(".written .text", "zanzibar at noon");
    let id = scene.browser.run("return document.querySelector('.written article').dataset.post");
    let id: u64 = id.as_str().unwrap().parse().unwrap();
    assert!(id > 1 << 53, "the id {id} has room in a double");
    scene.rows(&format!("hashtag_posts?hashtag=eq.harbourfront&post_id=eq.{id}"), None, 1);
    scene.rows("notifications?kind=eq.mention", Some(&scene.page_token(AUTHOR)), 1);

    scene.go("#/search");
    scene.browser.type_into("#query", "user500");
    scene.browser.text_with("#suggestions", "@user5002");
    scene.browser.run("document.querySelector('#query').value = ''");
    scene.browser.type_into("#query", "zanzibar");
    scene.browser.click(".search-box button[type=submit]");
    scene.browser.text_with("#hits-count", "1 post");
    scene.browser.text_with(&format!(".found article[data-post='{id}'] .text"), "zanzibar at noon");
    scene.send(&[posted(3, POST, AUTHOR, "zanzibar at night")]);
    scene.browser.text_with("#hits-count", "2 posts");
    scene.browser.text_with(&format!(".found article[data-post='{POST}'] .text"), "zanzibar at night");

    scene.go(&format!("#/posts/{id}"));
    scene.browser.type_into("#comment-text", "what a light");
    scene.browser.click(".say button");
    scene.browser.text_with(".thread", "what a light");
    scene.browser.text_with(".single .comments", "1");
    scene.go("#/trending");
    scene.count(".posts article", 20);
    scene.assert_calm();
}

#[test]
fn a_feed_goes_on_as_far_as_somebody_scrolls_and_new_posts_wait_for_who_reads() {
    let scene = Scene::open();
    let posts = (0..50).map(|number| posted(10 + number, POST + number, AUTHOR, &format!("post {number}")));
    scene.send(&[followed(3, ME, AUTHOR)].into_iter().chain(posts).collect::<Vec<_>>());
    scene.sign_in(ME);
    scene.browser.text_with(&format!("{} .text", card(POST + 49)), "post 49");
    let scroll = "scrollTo(0, document.body.scrollHeight); return document.querySelectorAll('.timeline article').length";
    scene.browser.until("the whole feed", scroll, |found| *found == 50);
    scene.browser.text_with(&format!("{} .text", card(POST)), "post 0");
    scene.count(".more[hidden]", 1);
    scene.send(&[posted(100, POST + 100, AUTHOR, "the latest")]);
    scene.browser.text_with(".fresh", "1 new post");
    scene.count(".timeline article", 50);
    scene.browser.click(".fresh");
    scene.browser.text_with(".timeline article:first-child .text", "the latest");
    scene.assert_calm();
}

#[test]
fn a_demo_that_is_started_again_is_followed_again() {
    let mut scene = Scene::open();
    scene.send(&[followed(3, ME, AUTHOR)]);
    scene.sign_in(ME);
    scene.browser.text_with("main .state", "Your feed is empty");
    assert_eq!(scene.demo.terminate().code(), Some(0));
    scene.browser.text_with("#connection", "The server does not answer");
    let address = scene.client.address.clone();
    scene.demo = demo(scene.data.path(), &address, &[]).0;
    scene.client = Client::new(address);
    scene.send(&[posted(4, POST, AUTHOR, "back again")]);
    scene.browser.text_with(&format!("{} .text", card(POST)), "back again");
    scene.count("#connection[hidden]", 1);
}

#[test]
fn it_fits_a_phone_and_a_screen_by_day_and_by_night_and_leads_to_the_operators_page_and_back() {
    let scene = Scene::open();
    scene.browser.until("the title", "return document.title", |title| title == "Sign in · Tidewater social");
    let mut pictures = Vec::new();
    for place in ["sign-in", "signed-in"] {
        if place == "signed-in" {
            scene.sign_in(42);
        }
        for scheme in ["light", "dark"] {
            scene.browser.prefer(scheme);
            for width in [PHONE, TABLET, DESKTOP] {
                scene.browser.resize(width);
                look_around(&scene, place, &format!("{scheme}, {width} wide"), width);
                let name = format!("{place}-{scheme}-{width}.png");
                pictures.push((name, scene.browser.screenshot()));
            }
        }
    }
    for (at, (name, picture)) in pictures.iter().enumerate() {
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > PICTURE_BYTES_MIN, "{name} shows nothing");
        assert!(pictures[..at].iter().all(|(_, other)| other != picture), "{name} looks like another one");
        if let Some(folder) = std::env::var_os("TIDEWATER_SCREENSHOTS") {
            std::fs::write(Path::new(&folder).join(name), picture).unwrap();
        }
    }
    scene.browser.click(".operators");
    scene.browser.click("nav a[href=social]");
    scene.browser.text_with("#me", "user42");
    scene.assert_calm();
}

/// Looks at every page of who is signed in, or at the one of who is not, and then at the first of them again.
fn look_around(scene: &Scene, place: &str, look: &str, width: u32) {
    let pages: &[(&str, &str)] = match place {
        "sign-in" => &[("#/", ".choice")],
        _ => &[
            ("#/trending", ".text"),
            ("#/search", ".tags a"),
            ("#/search?q=coffee", ".text"),
            ("#/notifications", ".note, .state"),
            ("#/people/42", ".figures"),
            ("#/people/6", "#follow:not(:disabled)"),
            ("#/posts/1", ".text, .gone"),
            ("#/nowhere", ".state"),
            ("#/", ".timeline .text"),
        ],
    };
    for (hash, shown) in pages {
        scene.go(hash);
        let there = format!("return document.querySelector('main')?.querySelector({}) !== null", json!(shown));
        scene.browser.until(hash, &there, |found| *found == true);
        let wide = scene.browser.run("return document.documentElement.scrollWidth");
        assert!(wide.as_u64() <= Some(u64::from(width)), "{hash} is {wide} wide, {look}");
        assert_eq!(scene.browser.run(UNNAMED), json!([]), "{hash} has controls without a name, {look}");
        assert_eq!(scene.browser.run(FAINT), json!([]), "{hash} has text that is hard to read, {look}");
    }
}

#[test]
fn a_token_of_the_page_reads_as_its_user_and_is_no_operators() {
    let data = tempfile::tempdir().unwrap();
    let (_demo, _, address) = demo(data.path(), "127.0.0.1:0", &[]);
    let client = Client::new(address);
    let issued = client.post_json("/v1/page-tokens/42", &json!({}), None).json();
    let token = issued["token"].as_str();
    let feed = client.get("/v1/views/following_feed?limit=5", token).rows();
    assert_eq!(feed.len(), 5);
    assert!(feed.iter().all(|row| row["user_id"] == 42), "{feed:?}");
    for path in ["/v1/status", "/v1/dead-letters"] {
        assert_eq!(client.get(path, token).status, 403, "{path}");
    }
    let granted = json!({ "permission": "moderate", "granted_by": "1" });
    let permission = event(1, "social.account", "account.permission_granted", 42, granted);
    let refused = client.post_json("/v1/events", &permission, token);
    assert_eq!(refused.status, 403, "{}", refused.text);
}

#[test]
fn a_demo_of_events_of_somebody_and_one_that_listens_to_a_network_have_no_social_client() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, format!("{}\n{}\n", registered(1, ME), registered(2, AUTHOR))).unwrap();
    let closed = |data: &str, listen: &str, more: &[&str]| {
        let (_demo, social, address) = demo(&folder.path().join(data), listen, more);
        let client = Client::new(address);
        assert_eq!(social, None, "{listen} {more:?}");
        assert_eq!(client.post_json("/v1/page-tokens/42", &json!({}), None).status, 404);
        assert_eq!(client.get("/social", None).status, 404);
        assert!(!client.get("/", None).text.contains("Social client"));
    };
    closed("loaded", "127.0.0.1:0", &["--events", file.to_str().unwrap()]);
    closed("loaded", "127.0.0.1:0", &[]);
    closed("open", "0.0.0.0:0", &[]);
}
