//! Search in the program as it is: what was written is found, by those who may read it, also after the program died.

use serde_json::{Value, json};

use crate::deploys::{ask, changed};
use crate::lines::{event, followed, posted, registered};
use crate::process::{Answer, Client, Server, eventually, operator, token};

fn sent(number: u64, message: u64, sender: u64, body: &str) -> Value {
    let payload = json!({ "message_id": message.to_string(), "sender_id": sender.to_string(), "body": body, "encrypted": false });
    event(number, "social.conversation", "message.sent", "1-2", payload)
}

fn conversation(number: u64) -> Value {
    event(
        number,
        "social.conversation",
        "conversation.created",
        "1-2",
        json!({ "members": ["1", "2"], "kind": "direct", "title": null }),
    )
}

/// Sends events; the position at which they are visible.
fn write(client: &Client, lines: &[Value]) -> String {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = client.try_post(body.as_bytes(), Some(&operator())).unwrap();
    assert_eq!(answer.json()["accepted"], lines.len(), "{}", answer.text);
    answer.position.expect("a position in the header")
}

fn found(answer: &Answer, column: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["hits"].as_array().unwrap().iter().map(|hit| hit["row"][column].clone()).collect()
}

#[test]
fn what_was_written_edited_and_deleted_is_found_at_the_position_of_the_answer() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    write(&server, &[registered(1, 7)]);
    for post in 10..30 {
        let after = write(&server, &[posted(post * 10, post, 7, &format!("fresh bread number{post}"))]);
        let one = server.get(&format!("/v1/search/post_search?q=number{post}&highlight=text&after={after}"), None);
        assert_eq!(found(&one, "post_id"), [json!(post)]);
        assert_eq!(one.json()["hits"][0]["highlights"]["text"], format!("fresh bread <mark>number{post}</mark>"));
    }
    let edit = json!({ "text": "stale cake", "hashtags": [] });
    let edited = event(500, "social.post", "post.updated", 10, edit);
    let after = write(&server, &[edited, event(501, "social.post", "post.deleted", 11, json!({}))]);
    let search = |query: &str| server.get(&format!("/v1/search/post_search?{query}&order=created_at.desc&after={after}"), None);
    assert_eq!(found(&search("q=stale+ca*"), "post_id"), [json!(10)]);
    assert_eq!(search("q=%22fresh+bread%22").json()["total"], 18);
    assert_eq!(found(&search("q=bread+-number29&post_id=gte.27"), "post_id"), [json!(28), json!(27)]);
    let users = server.get(&format!("/v1/search/user_search?q=user7&after={after}"), None);
    assert_eq!(found(&users, "user_id"), [json!(7)]);
    let tags = server.get(&format!("/v1/search/hashtag_search/suggest?prefix=x&after={after}"), None);
    assert_eq!(tags.json()["suggestions"], json!([{ "text": "x", "popularity": 18 }]));
}

#[test]
fn messages_are_found_within_the_conversations_of_the_caller() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let after = write(&server, &[conversation(1), sent(2, 1, 1, "the secret word"), sent(3, 2, 2, "another word")]);
    let path = |query: &str| format!("/v1/search/message_search{query}&after={after}");
    let as_user = |user: u64, query: &str| server.get(&path(query), Some(&token(user, "")));
    for member in [1, 2] {
        assert_eq!(found(&as_user(member, "?q=word&order=message_id"), "message_id"), [json!(1), json!(2)]);
        assert_eq!(found(&as_user(member, "?q=secret"), "user_id"), [json!(member)], "each finds the copy that is his");
    }
    assert_eq!(as_user(3, "?q=word&facets=sender_id").json()["total"], 0);
    assert_eq!(as_user(3, "?q=word&facets=sender_id").json()["facets"], json!({ "sender_id": [] }));
    assert_eq!(as_user(3, "/suggest?prefix=secr").json()["suggestions"], json!([]));
    assert_eq!(as_user(1, "/suggest?prefix=secr").json()["suggestions"], json!([{ "text": "secret", "popularity": 1 }]));
    assert_eq!(as_user(3, "?q=word&user_id=eq.1").json()["total"], 0, "asking for another's copy finds none");
    assert_eq!(server.get(&path("?q=word"), None).status, 401);
}

#[test]
fn signs_forms_of_letters_and_runs_without_blanks_are_found_in_the_program_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    write(&server, &[registered(1, 7)]);
    let texts = ["bread and #sale cake", "bread by @bob", "cafe\u{301} ΟΔΟΣ Straße", "日本語の投稿です"];
    let lines: Vec<Value> = (1..).zip(texts).map(|(post, text)| posted(post + 1, post, 7, text)).collect();
    let after = write(&server, &lines);
    for (query, expected) in [
        ("bread+-%23sale", vec![2]),
        ("bread+-%40bob", vec![1]),
        ("-%23sale+bread", vec![2]),
        ("caf%C3%A9", vec![3]),
        ("%CE%BF%CE%B4%CE%BF%CF%82+STRASSE", vec![3]),
        ("%E6%8A%95%E7%A8%BF", vec![4]),
    ] {
        let path = format!("/v1/search/post_search?q={query}&order=post_id&highlight=text&after={after}");
        let answer = server.get(&path, None);
        assert_eq!(found(&answer, "post_id"), expected.into_iter().map(|post: u64| json!(post)).collect::<Vec<_>>(), "{query}");
        if query.starts_with("%E6") {
            assert_eq!(answer.json()["hits"][0]["highlights"]["text"], "日本語の<mark>投稿</mark>です");
        }
    }
}

#[test]
fn messages_of_others_change_neither_the_order_of_hits_nor_what_a_prefix_may_ask_for() {
    let answers = [0, 45].map(|others: u64| {
        let data = tempfile::tempdir().unwrap();
        let server = Server::run(data.path(), &[]);
        let between = |number: u64, name: &str, members: [&str; 2]| {
            let payload = json!({ "members": members, "kind": "direct", "title": null });
            event(number, "social.conversation", "conversation.created", name, payload)
        };
        let said = |number: u64, message: u64, sender: u64, name: &str, body: &str| {
            let payload =
                json!({ "message_id": message.to_string(), "sender_id": sender.to_string(), "body": body, "encrypted": false });
            event(number, "social.conversation", "message.sent", name, payload)
        };
        let mut lines = vec![between(1, "1-2", ["1", "2"]), between(2, "8-9", ["8", "9"])];
        // By itself the rarer word is `tulip`; among those of others it is the common one.
        for (message, body) in (1..).zip(["rose red", "rose tulip red garden", "tulip", "rose", "zz1 zz2"]) {
            lines.push(said(10 + message, message, 1, "1-2", body));
        }
        for other in 0..others {
            let words: Vec<String> = (0..50).map(|word| format!("zz{} tulip", other * 50 + word)).collect();
            lines.push(said(100 + other, 100 + other, 8, "8-9", &words.join(" ")));
        }
        let after = write(&server, &lines);
        ["?q=rose+OR+tulip", "?q=rose+OR+tulip+OR+red", "?q=zz*", "/suggest?prefix=zz", "/suggest?prefix=tu"].map(|query| {
            let path = format!("/v1/search/message_search{query}&after={after}");
            let answer = server.get(&path, Some(&token(1, "")));
            assert_eq!(answer.status, 200, "{query}: {}", answer.text);
            let mut json = answer.json();
            json.as_object_mut().unwrap().remove("position");
            json.to_string()
        })
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn fault_37_an_index_goes_on_after_a_kill_and_is_rebuilt_when_its_files_are_gone() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &[]);
    let mut posts = 0;
    let check = |server: &Server, posts: u64, after: &str| {
        let all = server.get(&format!("/v1/search/post_search?q=news&limit=1&after={after}"), None);
        assert_eq!(all.json()["total"], posts, "{}", all.text);
    };
    for round in 0..3 {
        let lines: Vec<Value> = (0..50).map(|number| posted(1_000 + posts + number, posts + number + 1, 7, "news")).collect();
        let after = write(&server, &lines);
        posts += 50;
        if round != 1 {
            check(&server, posts, &after);
        }
        server.process.kill();
        if round == 2 {
            std::fs::remove_dir_all(data.path().join("search").join("post_search")).unwrap();
        }
        server = Server::run(data.path(), &[]);
        check(&server, posts, &after);
    }
}

#[test]
fn restricted_posts_are_found_and_suggested_for_those_who_may_see_them_alone() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let post = |number: u64, post: u64, visibility: &str| {
        let mut line = posted(number, post, 1, &format!("quiet {visibility} words"));
        line["event"]["payload"]["visibility"] = json!(visibility);
        line
    };
    let lines = [followed(1, 2, 1), post(2, 10, "public"), post(3, 11, "followers"), post(4, 12, "private")];
    let after = write(&server, &lines);
    let public = server.get(&format!("/v1/search/post_search?q=quiet&order=post_id&after={after}"), None);
    assert_eq!(found(&public, "post_id"), [json!(10)]);
    let restricted = |user: u64, query: &str, after: &str| {
        server.get(&format!("/v1/search/restricted_post_search{query}&after={after}"), Some(&token(user, "")))
    };
    for (user, expected) in [(1, vec![json!(11), json!(12)]), (2, vec![json!(11)]), (3, vec![])] {
        let answer = restricted(user, "?q=quiet&order=post_id&facets=author_id", &after);
        assert_eq!(found(&answer, "post_id"), expected, "{user}");
        let suggested = restricted(user, "/suggest?prefix=quiet", &after).json()["suggestions"].as_array().unwrap().len();
        assert_eq!(suggested, usize::from(!expected.is_empty()), "{user}");
    }
    let after = write(&server, &[event(5, "social.user", "user.deleted", 1, json!({}))]);
    assert_eq!(found(&restricted(2, "?q=quiet", &after), "post_id"), Vec::<Value>::new());
    assert_eq!(
        found(&server.get(&format!("/v1/search/post_search?q=quiet&after={after}"), None), "post_id"),
        Vec::<Value>::new()
    );
}

/// Posts with endings taken off, beside an index as it was and without the one of hashtags.
const OTHER_INDEXES: &str = "
CREATE INDEX post_search ON posts USING FULLTEXT (text) INCLUDE (post_id, author_id) WITH (tokenizer = 'en');
CREATE INDEX user_search ON profile_cards USING FULLTEXT (username, display_name, bio) INCLUDE (user_id, registered_at, followers)
  WITH (suggest = 'username', popularity = 'followers');
";

#[test]
fn indexes_are_added_changed_and_removed_by_a_deployment_and_search_goes_on_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let directory = changed(&folder, "other", "");
    std::fs::write(directory.join("search.sql"), OTHER_INDEXES).unwrap();
    let server = Server::run(&folder.path().join("data"), &[]);
    write(&server, &[registered(1, 7), posted(2, 1, 7, "she runs"), posted(3, 2, 7, "running late")]);
    let ask_for = |query: &str| server.get(&format!("/v1/search/post_search?q={query}&order=post_id"), None);
    let after = write(&server, &[posted(4, 3, 7, "a run")]);
    assert_eq!(found(&ask_for(&format!("run&after={after}")), "post_id"), [json!(3)]);
    let plan = ask(&server, &folder, &["plan", directory.to_str().unwrap()]).1;
    let expected = json!({ "added": [], "changed": ["search:post_search"], "removed": ["search:hashtag_search", "search:message_search", "search:restricted_post_search"],
        "kept": ["search:user_search"] });
    assert_eq!(plan["sinks"], expected, "{plan}");
    let (code, report, complaint) = ask(&server, &folder, &["deploy", directory.to_str().unwrap()]);
    assert_eq!((code, &report["changed"]), (Some(0), &json!([])), "{complaint}");
    // Until the new one is built the old one answers.
    let stems = eventually("the new index", || {
        let answer = ask_for("run");
        assert!([200, 503].contains(&answer.status), "{}", answer.text);
        (answer.status == 200 && answer.json()["total"] == 3).then_some(answer)
    });
    assert_eq!(found(&stems, "post_id"), [json!(1), json!(2), json!(3)]);
    assert_eq!(server.get("/v1/search/hashtag_search?q=x", None).status, 404);
    let after = write(&server, &[posted(5, 4, 7, "he ran, they run")]);
    let total = eventually("the position", || {
        let answer = ask_for(&format!("running&after={after}"));
        (answer.status == 200).then(|| answer.json()["total"].clone())
    });
    assert_eq!(total, 4);
    assert_eq!(found(&server.get("/v1/search/user_search?q=user7", None), "user_id"), [json!(7)]);
    let (code, _, complaint) = ask(&server, &folder, &["rollback"]);
    assert_eq!(code, Some(0), "{complaint}");
    eventually("the index as it was", || (ask_for("run").json()["total"] == 2).then_some(()));
    eventually("hashtags", || (server.get("/v1/search/hashtag_search?q=x", None).status == 200).then_some(()));
}
