//! The page at `/` as a person uses it, in a real browser: the topology, a view page by page, dead letters, on a phone and in the dark.

pub mod browser;

use serde_json::{Value, json};

use crate::lines::{posted, registered};
use crate::process::{Launch, Server, operator};
use browser::Browser;

const POSTS: u64 = 45;
const PHONE: u32 = 390;
const DESKTOP: u32 = 1_280;
/// Markup that would run if the text of an event were read as HTML.
const WICKED: &str = "<img src=x onerror='window.wicked=1'><script>window.wicked=1</script>";

/// A server with some posts and two dead letters, and a browser at its page.
struct Scene {
    server: Server,
    browser: Browser,
    _data: tempfile::TempDir,
}

impl Scene {
    fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::run(data.path(), &[]);
        let users = (1..=2).map(|user| registered(user, user).to_string());
        let posts = (1..=POSTS).map(|post| posted(100 + post, post, 1 + post % 2, &format!("post {post}")).to_string());
        let wicked = posted(500, 500, 1, WICKED).to_string();
        server.ingest(&users.chain(posts).chain([wicked]).collect::<Vec<_>>());
        let letters = json!({ "topic": "social.post", "event": { "event_type": WICKED } });
        assert_eq!(
            server.try_post(format!("{letters}\nnonsense\n").as_bytes(), Some(&operator())).unwrap().json()["rejected"],
            2
        );
        let browser = Browser::start();
        browser.resize(DESKTOP);
        browser.prefer("light");
        browser.open(&server.url("/"));
        Self { server, browser, _data: data }
    }

    /// Pastes a token as a person does, and waits for what it opens.
    fn sign_in(&self) {
        self.browser.click("#token-open");
        self.browser.type_into("#token", &format!("Authorization: Bearer {}", operator()));
        self.browser.click("#token-form button[type=submit]");
        self.browser.text_with("#state", "current");
        self.browser.until("the whole topology", "return document.querySelectorAll('a.card.source').length", |found| {
            found.as_u64() > Some(0)
        });
    }

    fn go(&self, hash: &str) {
        self.browser.run(&format!("location.hash = {}", json!(hash)));
    }

    /// The values of a column, once there are rows that `wanted` accepts.
    fn column(&self, name: &str, wanted: impl Fn(&[u64]) -> bool) -> Vec<u64> {
        let script =
            format!("return [...document.querySelectorAll('td[data-label={name}]')].map((cell) => Number(cell.textContent))");
        let numbers = |found: &Value| serde_json::from_value::<Vec<u64>>(found.clone()).unwrap_or_default();
        numbers(&self.browser.until(&format!("rows with {name}"), &script, |found| wanted(&numbers(found))))
    }

    /// Checks that the page complained of nothing and asked nobody else.
    fn assert_calm(&self) {
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
        assert_eq!(self.browser.run("return window.wicked ?? null"), Value::Null, "text of an event was run");
        let here = self.server.url("/");
        let requests = self.browser.requests();
        assert!(requests.iter().any(|url| *url == format!("{here}v1/topology")), "{requests:?}");
        let elsewhere: Vec<&String> =
            requests.iter().filter(|url| !url.starts_with(&here) && !url.starts_with("data:,")).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}

#[test]
fn the_graph_shows_what_is_public_and_to_operators_all_of_it_live() {
    let scene = Scene::open();
    let drawn = "return [document.querySelectorAll('a.card').length, document.querySelectorAll('g.index').length]";
    let counts = |token: Option<&str>| {
        let topology = scene.server.get("/v1/topology", token).json();
        let nodes = topology["nodes"].as_array().unwrap().clone();
        let indexes = nodes.iter().filter(|node| node["kind"] == "index" || node["kind"] == "search").count();
        json!([nodes.len() - indexes, indexes])
    };
    let (public, all) = (counts(None), counts(Some(&operator())));
    assert_ne!(public, all);
    scene.browser.until("what is public", drawn, |found| *found == public);
    assert_eq!(scene.browser.run("return document.querySelectorAll('a.card.source').length"), 0);
    scene.browser.text_with("main .notice", "This is what is public");
    scene.sign_in();
    scene.browser.until("everything", drawn, |found| *found == all);
    let lines = scene.browser.run("return document.querySelectorAll('path.line').length").as_u64().unwrap();
    assert!(lines > 50, "only {lines} lines are drawn");
    scene.browser.text_with("#letters-count", "2");

    let card = "a.card[data-id=post_cards]";
    scene.browser.text_with(&format!("{card} text.small"), "46 rows");
    scene.server.ingest(&[posted(600, 600, 2, "one more").to_string()]);
    scene.browser.text_with(&format!("{card} text.small"), "47 rows");
    scene.browser.run(&format!("document.querySelector('{card}').focus()"));
    scene.browser.text_with(".detail", "from ");
    let lit = scene.browser.run("return [...document.querySelectorAll('a.card.lit')].map((card) => card.dataset.id)");
    let lit: Vec<&str> = lit.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(lit.contains(&"post_events") && lit.contains(&"likes") && !lit.contains(&"messages"), "{lit:?}");
    scene.assert_calm();
}

/// Cards that can be seen without scrolling the picture, and the left and right edges of all, relative to the picture's frame.
const SEEN: &str = "
    document.querySelector('.picture').scrollIntoView();
    const frame = document.querySelector('.frame').getBoundingClientRect();
    const [right, bottom] = [Math.min(frame.right, innerWidth), Math.min(frame.bottom, innerHeight)];
    const cards = [...document.querySelectorAll('a.card')].map((card) => ({ id: card.dataset.id, at: card.getBoundingClientRect() }));
    const middle = ({ at }) => [at.left + at.width / 2, at.top + at.height / 2];
    const seen = cards.filter((card) => middle(card)[0] < right && middle(card)[1] < bottom);
    const edges = Object.fromEntries(cards.map(({ id, at }) => [id, [Math.round(at.left - frame.left), Math.round(at.right - frame.right)]]));
    return { seen: seen.length, edges }";

#[test]
fn what_is_public_fills_the_picture_and_no_card_without_a_line_is_out_of_sight() {
    let scene = Scene::open();
    let topology = scene.server.get("/v1/topology", None).json();
    let ids = |member: &str| {
        topology["edges"].as_array().unwrap().iter().map(|edge| edge[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let relations = topology["nodes"].as_array().unwrap().iter().filter(|node| node["of"].is_null());
    let relations: Vec<String> = relations.map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    let is_linked = |id: &String| {
        ids("from")
            .iter()
            .zip(ids("to"))
            .any(|(from, to)| (from == id && relations.contains(&to)) || (to == *id && relations.contains(from)))
    };
    let alone: Vec<&String> = relations.iter().filter(|id| !is_linked(id)).collect();
    assert!(alone.len() > 5, "this shows nothing: {alone:?}");
    for width in [DESKTOP, PHONE] {
        scene.browser.resize(width);
        scene.browser.open(&scene.server.url("/"));
        let drawn = "return document.querySelectorAll('a.card').length";
        scene.browser.until("the cards", drawn, |found| found.as_u64() == Some(relations.len() as u64));
        let found = scene.browser.until("cards in sight", SEEN, |found| found["seen"].as_u64() >= Some(8));
        let edges: Vec<(i64, i64)> =
            alone.iter().map(|id| serde_json::from_value(found["edges"][id.as_str()].clone()).unwrap()).collect();
        let columns: std::collections::BTreeSet<i64> = edges.iter().map(|(left, _)| *left).collect();
        assert!(columns.len() > 1, "they stand in one column in a window of {width}: {edges:?}");
        assert!(
            edges.iter().all(|(left, right)| *left >= 0 && *right <= 0),
            "some are cut off in a window of {width}: {edges:?}"
        );
    }
    scene.assert_calm();
}

/// The widest band in which nothing lies, of the picture of a `topology`.
const EMPTY_BAND: &str = "
    return import('/console/layout.js').then(({ layout }) => {
      const cards = topology.nodes.filter((node) => !node.of).map(({ id }) => ({ id, width: 186, height: 46 }));
      const places = [...layout(cards, topology.edges).places.values()].sort((one, other) => one.y - other.y);
      let [bottom, widest] = [0, 0];
      for (const { y, height } of places) {
        widest = Math.max(widest, y - bottom);
        bottom = Math.max(bottom, y + height);
      }
      return Math.round(widest);
    })";

#[test]
fn parts_of_a_topology_that_nothing_links_lie_close_together() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run_ready(&Launch { data: data.path(), topologies: "topologies/tasks", ..Launch::default() });
    let topology = server.get("/v1/topology", Some(&operator())).json();
    let browser = Browser::start();
    browser.open(&server.url("/"));
    let widest = browser.run(&format!("const topology = {topology};{EMPTY_BAND}"));
    assert!(widest.as_u64().is_some_and(|widest| widest <= 34), "a band of {widest} lies empty between the tasks and the chat");
}

#[test]
fn a_view_is_browsed_page_by_page_and_filtered() {
    let scene = Scene::open();
    scene.browser.click("a.card[data-id=posts]");
    let first = scene.column("post_id", |ids| ids.len() == 20);
    assert_eq!(first, (1..=20).collect::<Vec<_>>());
    scene.browser.click("#page-next");
    let second = scene.column("post_id", |ids| ids.first() == Some(&21));
    assert_eq!(second, (21..=40).collect::<Vec<_>>());
    let curl = scene.browser.text_with(".curl code", "cursor=");
    let path = curl.split('\'').nth(1).and_then(|url| url.strip_prefix(&scene.server.url(""))).unwrap();
    let answered: Vec<u64> = scene.server.get(path, None).rows().iter().map(|row| row["post_id"].as_u64().unwrap()).collect();
    assert_eq!(answered, second, "the line that is shown asks for something else: {curl}");
    scene.browser.click("#page-next");
    let third = scene.column("post_id", |ids| ids.first() == Some(&41));
    assert_eq!(third, [41, 42, 43, 44, 45, 500]);
    scene.browser.text_with("tr:last-child td[data-label=text]", WICKED);
    assert_eq!(scene.browser.run("return document.querySelector('#page-next').disabled"), true);
    scene.browser.click("#page-back");
    scene.column("post_id", |ids| ids == second);
    scene.browser.run("history.back()");
    scene.column("post_id", |ids| ids == third);

    scene.browser.run("document.querySelector('.condition[data-column=post_id] select').value = 'lte'");
    scene.browser.type_into("#condition-post_id-0", "3");
    scene.browser.click(".filters button[type=submit]");
    scene.column("post_id", |ids| ids == [1, 2, 3]);
    scene.browser.click("#browse-reverse");
    scene.column("post_id", |ids| ids == [3, 2, 1]);
    scene.assert_calm();
}

#[test]
fn a_row_says_which_events_it_was_made_of_to_operators_only() {
    let scene = Scene::open();
    scene.go("#/relations/posts?post_id=eq.500");
    scene.column("post_id", |ids| ids == [500]);
    assert_eq!(scene.browser.run("return document.querySelectorAll('tbody button').length"), 0);
    scene.sign_in();
    scene.browser.click("tbody button");
    scene.browser.text_with("#why-count", "1 event made this row");
    let event = scene.browser.text_with(".why li", "post.created");
    assert!(event.contains("social.post, partition "), "{event}");
    scene.browser.click(".why summary");
    scene.browser.text_with(".why pre", "<img src=x");
    scene.assert_calm();
}

#[test]
fn words_are_searched_for_from_the_box_and_hits_are_marked_and_turned_page_by_page() {
    let scene = Scene::open();
    scene.browser.text_with("main", "posts");
    scene.browser.type_into("#query", "post");
    scene.browser.text_with("#found .in-rows", "“post” in post_search");
    scene.browser.click("#found .in-rows a[href*=post_search]");
    scene.browser.text_with("#hits-count", &format!("1 to 20 of {POSTS} hits"));
    scene.browser.text_with(".highlight mark", "post");
    for first in [21, 41] {
        scene
            .browser
            .run("[...document.querySelectorAll('main button')].find((button) => button.textContent === 'Next →').click()");
        scene.browser.text_with("#hits-count", &format!("{first} to {} of {POSTS} hits", POSTS.min(first + 19)));
    }
    let ask = |text: &str| {
        scene.browser.run("document.querySelector('#hits-query').value = ''");
        scene.browser.type_into("#hits-query", text);
        scene.browser.click("main form[role=search] button[type=submit]");
    };
    ask("onerror");
    scene.browser.text_with("#hits-count", "1 to 1 of 1 hit");
    scene.browser.text_with(".highlight", "<img src=x onerror=");
    ask("(");
    scene.browser.text_with(".shown .notice", "(");
    scene.go("#/search/message_search?q=word");
    scene.browser.text_with("main .notice", "There is none that you may see");
}

#[test]
fn mistakes_are_answered_in_the_words_of_the_server() {
    let scene = Scene::open();
    scene.browser.text_with("main", "posts");
    scene.go("#/relations/posts?post_id=eq.x");
    scene.browser.text_with(".shown .notice", "'x' can't be compared with 'post_id'");
    scene.go("#/relations/nothing");
    scene.browser.text_with("main .notice", "“nothing” is not known");
    scene.go("#/dead-letters");
    scene.browser.text_with("main .notice", "are for operators");
    scene.browser.click("#token-open");
    scene.browser.type_into("#token", "nonsense");
    scene.browser.click("#token-form button[type=submit]");
    scene.browser.text_with("#alerts", "the bearer token is refused");
    let complaints = scene.browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("Failed to load resource")), "{complaints:?}");
}

#[test]
fn dead_letters_are_shown_as_they_came_and_sent_again() {
    let scene = Scene::open();
    scene.sign_in();
    scene.browser.click("nav a[data-page=letters]");
    let first = scene.browser.text_with("li[data-letter=\"1\"]", "unknown event type");
    assert!(first.contains("sent to social.post"), "{first}");
    scene.browser.text_with("li[data-letter=\"2\"]", "not json");
    scene.browser.click("li[data-letter=\"1\"] summary");
    scene.browser.text_with("li[data-letter=\"1\"] pre", "<img src=x");
    scene.assert_calm();
    scene.browser.click("button[data-retry=\"2\"]");
    scene.browser.text_with("li[data-letter=\"2\"] .outcome", "the event was rejected");
}

#[test]
fn it_fits_a_phone_and_a_screen_by_day_and_by_night_and_has_names_for_those_who_listen() {
    let scene = Scene::open();
    scene.sign_in();
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        scene.browser.prefer(scheme);
        grounds.push(scene.browser.run("return getComputedStyle(document.body).backgroundColor"));
        for width in [PHONE, DESKTOP] {
            scene.browser.resize(width);
            for (hash, shown) in [
                ("#/", ".graph"),
                ("#/relations/post_cards", "td"),
                ("#/relations/post_events", ".plain"),
                ("#/search/post_search?q=post", "mark"),
                ("#/dead-letters", "pre"),
            ] {
                scene.go(hash);
                let there = format!("return document.querySelector('main {shown}') !== null");
                scene.browser.until(hash, &there, |found| *found == true);
                let wide = scene.browser.run("return document.documentElement.scrollWidth");
                assert!(wide.as_u64() <= Some(u64::from(width)), "{hash} is {wide} wide in a window of {width}, {scheme}");
                assert_eq!(scene.browser.run(UNNAMED), json!([]), "{hash} has controls without a name");
                assert_eq!(scene.browser.run(FAINT), json!([]), "{hash} has text that is hard to read, {scheme}");
            }
        }
    }
    assert_ne!(grounds[0], grounds[1], "the night looks like the day");
    scene.assert_calm();
}

/// Controls and links that nobody can be told the purpose of.
pub const UNNAMED: &str = "
    const named = (node) => node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length;
    const controls = [...document.querySelectorAll('a, button, input, select, summary')];
    return controls.filter((node) => node.checkVisibility() && !named(node)).map((node) => node.outerHTML)";

/// Texts with less contrast to what is below them than WCAG asks for (4.5 to 1).
pub const FAINT: &str = "
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const below = (node) => {
      for (let at = node; at; at = at.parentElement) {
        const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
        if (a === 1 && getComputedStyle(at).backgroundColor.startsWith('rgb')) return [r, g, b];
      }
      return [255, 255, 255];
    };
    const ratio = (node) => {
      const [one, other] = [light(rgb(getComputedStyle(node).color)), light(below(node))].sort((a, b) => b - a);
      return (one + 0.05) / (other + 0.05);
    };
    const own = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    const texts = [...document.querySelectorAll('body *')].filter((node) => !node.closest('svg, dialog, noscript, :disabled') && own(node) && node.checkVisibility());
    return texts.filter((node) => ratio(node) < 4.5).map((node) => `${node.textContent.trim().slice(0, 40)} ${ratio(node).toFixed(1)}`)";
