//! Attacks on hidden rows: two worlds that differ only in rows that the reader may not see give the same answers to the byte.

use std::time::{Duration, Instant};

use schemas::field::{FieldKind, Value};

use super::super::compile::compile;
use super::super::document::Layout;
use super::super::generation::Generation;
use super::super::grammar::parse;
use super::super::scope::Scope;
use super::super::{EXPANSIONS_MAX, Place, SearchWriter};
use super::*;
use testkit::random::Random;

const WORDS: &[&str] =
    &["ant", "antler", "bee", "beetle", "cat", "cow", "dog", "eel", "caf\u{e9}", "日本語", "投稿", "running", "runs"];
/// Authors whose rows the readers of these tests may not see.
const OTHERS: [Option<&str>; 3] = [None, Some("bob"), Some("eve")];

fn text(random: &mut Random, words_max: usize) -> String {
    let words: Vec<String> = (0..random.below(words_max))
        .map(|_| match random.below(6) {
            0 => format!("an{}", random.below(50)),
            _ => WORDS[random.below(WORDS.len())].to_owned(),
        })
        .collect();
    words.join(" ")
}

/// Rows that `ann` sees.
fn own(random: &mut Random) -> Vec<Post> {
    (0..60).map(|id| Post { author: Some("ann".to_owned()), ..post(id, &text(random, 12), random.below(4) as i64) }).collect()
}

/// An index of the own rows, among rows of others that come and go, in commits of any size.
fn world(random: &mut Random, own: &[Post], others: usize, stemmer: Option<Language>) -> (SearchWriter, SearchReader) {
    let mut steps: Vec<(Option<Post>, Option<Post>)> = own.iter().map(|post| (None, Some(post.clone()))).collect();
    for number in 0..others {
        let author = OTHERS[random.below(OTHERS.len())].map(str::to_owned);
        let other = Post { author, ..post(1_000 + number as i64, &text(random, 30), random.below(9) as i64 + 10) };
        let at = random.below(steps.len() + 1);
        steps.insert(at, (None, Some(other.clone())));
        if random.below(3) == 0 {
            let later = at + 1 + random.below(steps.len() - at);
            steps.insert(later, (Some(other), None));
        }
    }
    let (mut writer, reader) = index_of(&[], definition(&[0], stemmer));
    for (gone, come) in steps {
        writer.apply(Epoch(2), "", &changes(gone.as_slice(), come.as_slice())).unwrap();
        if random.below(20) == 0 {
            writer.flush().unwrap();
        }
    }
    writer.flush().unwrap();
    (writer, reader)
}

fn query(random: &mut Random, depth: usize) -> String {
    let word = |random: &mut Random| WORDS[random.below(WORDS.len())].to_owned();
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 | 1 => word(random),
        2 => format!("an{}", random.below(50)),
        3 => format!("{}*", ["an", "ant", "be", "ru", "zz", "日本", "caf"][random.below(7)]),
        4 => format!("\"{} {}\"", word(random), word(random)),
        5 => format!("({} OR {})", query(random, depth - 1), query(random, depth - 1)),
        6 => format!("{} -{}", word(random), query(random, depth - 1)),
        _ => format!("{} {}", query(random, depth - 1), query(random, depth - 1)),
    }
}

fn search(random: &mut Random, visible: &Filter) -> Search {
    let by = [OrderBy::Relevance, OrderBy::Relevance, OrderBy::Column(LIKES), OrderBy::Column(ID)][random.below(4)];
    let text = |value: &str| field(&FieldKind::Text, &Value::Text(value.into()));
    let filters =
        [Filter::always(), Filter::OneOf(AUTHOR, vec![text("ann"), text("bob")]), Filter::OneOf(AUTHOR, vec![text("eve")])];
    Search {
        visible: visible.clone(),
        filter: filters[random.below(filters.len())].clone(),
        order: Order { by, descending: random.below(2) == 0 || by == OrderBy::Relevance },
        offset: random.below(3),
        limit: 1 + random.below(70),
        highlights: vec![0],
        facets: vec![AUTHOR, LIKES],
        ..search_for(&query(random, 3))
    }
}

/// Rules that the own rows fulfil and those of others do not: one that is looked up, one that is not, and a combination.
fn rules() -> Vec<Filter> {
    let text = |value: &str| field(&FieldKind::Text, &Value::Text(value.into()));
    let int = |value: i64| field(&FieldKind::Int64, &Value::Int(value));
    let is_own = Filter::OneOf(AUTHOR, vec![text("ann")]);
    let has_likes = |likes: &[i64]| Filter::OneOf(LIKES, likes.iter().copied().map(int).collect());
    vec![
        is_own.clone(),
        has_likes(&[0, 1, 2, 3]),
        Filter::All(vec![is_own.clone(), has_likes(&[1, 2])]),
        Filter::Any(vec![is_own, has_likes(&[0])]),
        Filter::never(),
    ]
}

#[test]
fn hidden_rows_change_no_byte_of_an_answer() {
    let mut random = Random::new(21);
    for (round, stemmer) in [None, Some(Language::English)].into_iter().enumerate() {
        let own = own(&mut random);
        let (_alone, alone) = world(&mut random, &own, 0, stemmer);
        let (_among, among) = world(&mut random, &own, 900, stemmer);
        let mut ordered = 0;
        for _ in 0..600 {
            for visible in rules() {
                let search = search(&mut random, &visible);
                let answers = [&alone, &among].map(|reader| reader.search(&search).map_err(|error| error.to_string()));
                let [first, second] = answers;
                assert_eq!(first, second, "round {round}: {search:?}");
                ordered += usize::from(first.is_ok_and(|answer| answer.is_some_and(|answer| answer.hits.len() > 2)));
                let prefix: String = query(&mut random, 0).chars().take(2).collect();
                let suggestions = [&alone, &among]
                    .map(|reader| reader.suggest(&prefix, &visible, &search.filter, 20).map_err(|error| error.to_string()));
                assert_eq!(suggestions[0], suggestions[1], "round {round}: suggestions of {prefix} for {visible:?}");
            }
        }
        assert!(ordered > 500, "{ordered} answers had an order");
    }
}

#[test]
fn what_others_write_is_never_too_much() {
    let mut posts: Vec<Post> = (0..10).map(|id| post(id, &format!("zz{id} note"), 0)).collect();
    let (_alone, alone) = index_of(&posts, definition(&[0], None));
    let other = |number: i64| Post { author: Some("bob".to_owned()), ..post(100 + number, &format!("zz{number} zy{number}"), 0) };
    posts.extend((0..EXPANSIONS_MAX as i64 + 1).map(other));
    let (_among, among) = index_of(&posts, definition(&[0], None));
    let visible = &rules()[0];
    for reader in [&alone, &among] {
        let search = Search { visible: visible.clone(), ..search_for("zz*") };
        assert_eq!(ids(reader, &search), (0..10).collect::<Vec<_>>());
        assert_eq!(ids(reader, &Search { visible: visible.clone(), ..search_for("note -zz1*") }).len(), 9);
        assert_eq!(reader.suggest("zz", visible, &Filter::always(), 50).unwrap().unwrap().1.len(), 10);
    }
    assert!(among.search(&search_for("zz*")).is_err(), "who sees everything asks for too much");
}

#[test]
fn the_cost_of_a_query_is_that_of_the_visible_rows() {
    let mut random = Random::new(22);
    let own = own(&mut random);
    let layout = Layout::new(definition(&[0], None));
    let mut searchers = Vec::new();
    for others in [0, 300] {
        let mut generation = Generation::create(&Place::Memory, &layout, 1).unwrap();
        let others =
            (0..others).map(|number| Post { author: Some("bob".to_owned()), ..post(1_000 + number, &text(&mut random, 30), 10) });
        for post in others.collect::<Vec<_>>().iter().chain(&own) {
            let row = stored(post);
            let loaded = layout.load(row.as_bytes());
            generation.writer.add_document(loaded.document(&loaded.key(), 1)).unwrap();
        }
        generation.commit(&layout, &Stored::new(&layout, 1, "")).unwrap();
        searchers.push(generation.searcher(&layout).unwrap());
    }
    for _ in 0..1_000 {
        let query = query(&mut random, 3);
        let Ok(expression) = parse(&query, &[]) else { continue };
        for visible in rules() {
            let refusals = [0, 1].map(|number| {
                let scope = Scope::new(&visible, &layout, &searchers[number], Instant::now() + Duration::from_secs(60)).unwrap();
                compile(Some(&expression), &Filter::always(), &scope, 0).map(|_| ()).map_err(|error| error.to_string())
            });
            assert_eq!(refusals[0], refusals[1], "{query} for {visible:?}");
        }
    }
}
