//! The changes that each subscriber gets: no subscription, and no id of somebody else's, shows a row of another reader.

use super::*;

const FEED: &str = "/v1/views/following_feed/subscribe?limit=1000";

fn feed_row(views: &Views, user: i64, number: i64) -> Row {
    let columns = views.view("following_feed").unwrap().view.columns.clone();
    row(&columns, &[Value::Int(user), Value::Timestamp(number * 1_000_000), Value::Int(number), text("new")])
}

#[test]
fn a_subscriber_gets_its_own_rows_and_changes_only() {
    let server = Server::start(social(), config());
    for transport in [Transport::Sse, Transport::WebSocket] {
        for query in ["", "&user_id=eq.2", "&user_id=in.(1,2,3)", "&order=user_id.desc", "&text=gte.a"] {
            let authorization = format!("Bearer {}", token(1));
            let (uri, headers) = (format!("{FEED}{query}"), [("Authorization", authorization.as_str())]);
            let mut client = match transport {
                Transport::Sse => server.sse(&uri, &headers),
                Transport::WebSocket => Client::web_socket(server.address, &uri, &headers).unwrap(),
            };
            let rows_of = |client: &mut Client| {
                let mut fold = Fold::new(None);
                while fold.take(&client.next().unwrap()).is_none() {}
                assert!(fold.rows.values().all(|(row, _)| row["user_id"] == 1), "{query}");
                fold.rows.len()
            };
            assert_eq!(rows_of(&mut client) as i64, if query == "&user_id=eq.2" { 0 } else { FEED_ROWS }, "{query}");
            let epoch = server.views.position().epoch.0 + 1;
            let changes = [1, 2, 3].map(|user| (feed_row(&server.views, user, 1_000 + epoch as i64), 1)).to_vec();
            publish(&server.views, epoch, &[("following_feed", changes)]);
            let mut seen = 0;
            let position = loop {
                let event = client.next().unwrap();
                match event.name.as_str() {
                    "upsert" => assert_eq!(event.data["row"]["user_id"], 1, "{query}"),
                    _ => break event.data["position"].clone(),
                }
                seen += 1;
            };
            assert_eq!((seen, position), (i32::from(query != "&user_id=eq.2"), json!(format!("2a:{epoch}"))), "{query}");
            let gone = [1, 2, 3].map(|user| (feed_row(&server.views, user, 1_000 + epoch as i64), -1)).to_vec();
            publish(&server.views, epoch + 1, &[("following_feed", gone)]);
        }
    }
}

#[test]
fn fault_44_the_id_of_another_subject_or_query_gives_nothing() {
    let server = Server::start(social(), config());
    let mine = format!("Bearer {}", token(1));
    let theirs = format!("Bearer {}", token(2));
    let id = server.sse(FEED, &[("Authorization", &theirs)]).until("progress").id.unwrap();
    let change = vec![(feed_row(&server.views, 1, 1_000), 1), (feed_row(&server.views, 2, 1_000), 1)];
    publish(&server.views, 2, &[("following_feed", change)]);
    let resets = |uri: &str, id: &str| {
        let mut client = server.sse(uri, &[("Authorization", &mine), ("Last-Event-ID", id)]);
        let mut fold = Fold::new(None);
        while fold.take(&client.next().unwrap()).is_none() {}
        assert!(fold.rows.values().all(|(row, _)| row["user_id"] == 1));
        (fold.resets, fold.rows.len() as i64)
    };
    let begun = |reason: &str| (vec![reason.to_owned()], FEED_ROWS + 1);
    assert_eq!(resets(FEED, &id), begun("unknown_id"));
    for broken in ["x", "2a:1", "2a:1:p", "2a:1:p:0", "2a:999:p:0", "2a:18446744073709551615:p:0"] {
        assert_eq!(resets(FEED, broken), begun("unknown_id"), "{broken}");
    }
    assert_eq!(resets(FEED, ""), begun("start"));

    let own = server.sse(FEED, &[("Authorization", &mine)]).until("progress").id.unwrap();
    assert_eq!(resets(&format!("{FEED}&select=user_id,post_id"), &own), begun("unknown_id"));
    let (prefix, seal) = own.rsplit_once(':').unwrap();
    let epoch = prefix.trim_end_matches(":p");
    for changed in [format!("{epoch}:77:{seal}"), format!("{epoch}:s:{seal}"), format!("2a:9:p:{seal}"), format!("2a:0:p:{seal}")]
    {
        assert_eq!(resets(FEED, &changed), begun("unknown_id"), "{changed} was not given out");
    }

    // The header is of the last connection, the parameter of the first one.
    let uri = format!("{FEED}&last_event_id={id}");
    let mut client = server.sse(&uri, &[("Authorization", &mine), ("Last-Event-ID", &own)]);
    publish(&server.views, 3, &[("following_feed", vec![(feed_row(&server.views, 1, 1_001), 1)])]);
    assert_eq!(client.next().unwrap().data["row"]["post_id"], 1_001);
}

#[test]
fn a_whole_epoch_is_asked_for_again_from_its_middle() {
    let server = Server::start(social(), config());
    let mine = format!("Bearer {}", token(1));
    let mut client = server.sse(FEED, &[("Authorization", &mine)]);
    client.until("progress");
    let changes: Vec<_> = (0..100).map(|number| (feed_row(&server.views, 1, 1_000 + number), 1)).collect();
    publish(&server.views, 2, &[("following_feed", changes)]);
    let whole: Vec<_> = (0..101).map(|_| client.next().unwrap()).collect();
    assert_eq!(whole[100].name, "progress");
    for from in [0, 1, 50, 99] {
        let mut late = server.sse(FEED, &[("Authorization", &mine), ("Last-Event-ID", whole[from].id.as_deref().unwrap())]);
        let rest: Vec<_> = (from + 1..=100).map(|_| late.next().unwrap()).collect();
        assert_eq!(rest, whole[from + 1..], "from event {from}");
    }
}
