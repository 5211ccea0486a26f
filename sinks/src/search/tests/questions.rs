//! Results, their order, and refusals.

use std::ops::Bound;
use std::time::{Duration, Instant};

use schemas::field::{FieldKind, Value};
use schemas::serving::Language;

use super::super::compile::compile;
use super::super::document::Layout;
use super::super::generation::Generation;
use super::super::grammar::parse;
use super::super::scope::Scope;
use super::super::{EXPANSIONS_MAX, Place, Popularity, QueryError, Suggestion};
use super::*;

fn posts() -> Vec<Post> {
    vec![
        post(1, "The quick brown fox", 5),
        post(2, "Foxes run; a fox, running!", 9),
        post(3, "Well-known brown bread", 5),
        post(4, "", 1),
        Post { id: 5, author: None, text: "quick quick bread <b>".to_owned(), likes: None },
        Post { id: 6, author: Some("bob".to_owned()), text: "brown the quick".to_owned(), likes: Some(-3) },
    ]
}

fn found(reader: &SearchReader, query: &str) -> Vec<i64> {
    let mut found = ids(reader, &search_for(query));
    found.sort_unstable();
    found
}

fn by(place: usize, descending: bool) -> Search {
    Search { order: Order { by: OrderBy::Column(place), descending }, ..search_for("") }
}

#[test]
fn words_phrases_prefixes_and_alternatives_are_found() {
    let (_writer, reader) = index_of(&posts(), definition(&[0], None));
    for (query, expected) in [
        ("quick", vec![1, 5, 6]),
        ("QUICK brown", vec![1, 6]),
        ("quick bread OR foxes", vec![2, 5]),
        ("\"quick brown\"", vec![1]),
        ("\"the quick\"", vec![1, 6]),
        ("brown -the", vec![3]),
        ("brown -(\"the quick\" OR bread)", vec![]),
        ("brown -\"the quick\"", vec![3]),
        ("fox*", vec![1, 2]),
        ("well-known", vec![3]),
        ("well-kno*", vec![3]),
        ("run", vec![2]),
        ("text:bread", vec![3, 5]),
        ("absent", vec![]),
        ("quick !!! ?", vec![1, 5, 6]),
        ("!!!", vec![]),
        (&"x".repeat(600), vec![]),
        ("", vec![1, 2, 3, 4, 5, 6]),
    ] {
        assert_eq!(found(&reader, query), expected, "{query}");
    }
    let (_writer, reader) = index_of(&posts(), definition(&[0], Some(Language::English)));
    for (query, expected) in [
        ("run", vec![2]),
        ("foxes", vec![1, 2]),
        ("runn*", vec![2]),
        ("\"foxes running\"", vec![2]),
        ("\"running foxes\"", vec![]),
        ("\"fox run\"", vec![2]),
    ] {
        assert_eq!(found(&reader, query), expected, "{query} with stems");
    }
}

#[test]
fn hits_are_ordered_by_column_then_key_with_nulls_as_the_largest() {
    let (_writer, reader) = index_of(&posts(), definition(&[0], None));
    assert_eq!(ids(&reader, &by(LIKES, false)), [6, 4, 1, 3, 2, 5]);
    assert_eq!(ids(&reader, &by(LIKES, true)), [5, 2, 1, 3, 4, 6]);
    assert_eq!(ids(&reader, &by(AUTHOR, false)), [1, 2, 3, 4, 6, 5]);
    assert_eq!(ids(&reader, &by(AUTHOR, true)), [5, 6, 1, 2, 3, 4]);
    assert_eq!(ids(&reader, &Search { offset: 2, limit: 3, ..by(LIKES, true) }), [1, 3, 4]);
    assert_eq!(ids(&reader, &Search { offset: 6, ..by(LIKES, true) }), NONE);
    let total = reader.search(&Search { limit: 0, ..by(LIKES, true) }).unwrap().unwrap().total;
    assert_eq!(total, 6);
}

#[test]
fn filters_compare_as_sql_does() {
    let (_writer, reader) = index_of(&posts(), definition(&[0], None));
    let int = |value: i64| field(&FieldKind::Int64, &Value::Int(value));
    let text = |value: &str| field(&FieldKind::Text, &Value::Text(value.into()));
    let null = || field(&FieldKind::Text, &Value::Null);
    let filtered = |filter| ids(&reader, &Search { filter, ..by(ID, false) });
    assert_eq!(filtered(Filter::OneOf(LIKES, vec![int(5), int(9)])), [1, 2, 3]);
    assert_eq!(filtered(Filter::Between(LIKES, Bound::Included(int(-3)), Bound::Excluded(int(5)))), [4, 6]);
    assert_eq!(filtered(Filter::Between(LIKES, Bound::Unbounded, Bound::Unbounded)), [1, 2, 3, 4, 6]);
    assert_eq!(filtered(Filter::Between(AUTHOR, Bound::Excluded(text("ann")), Bound::Unbounded)), [6]);
    assert_eq!(filtered(Filter::OneOf(AUTHOR, vec![text("bob")])), [6]);
    assert_eq!(filtered(Filter::OneOf(AUTHOR, vec![text("bob"), null()])), [5, 6]);
    assert_eq!(filtered(Filter::OneOf(AUTHOR, vec![text("nobody")])), NONE);
    let either = vec![Filter::OneOf(AUTHOR, vec![text("bob")]), Filter::OneOf(ID, vec![int(2)])];
    assert_eq!(filtered(Filter::Any(either.clone())), [2, 6]);
    assert_eq!(filtered(Filter::All(either)), NONE);
    assert_eq!(filtered(Filter::never()), NONE);
    assert_eq!(filtered(Filter::OneOf(0, vec![text("brown the quick")])), NONE, "a column that is not included fulfils nothing");
}

#[test]
fn values_are_counted_and_matches_shown() {
    let (_writer, reader) = index_of(&posts(), definition(&[0], None));
    let search = Search { facets: vec![AUTHOR, LIKES], highlights: vec![0], ..search_for("brown OR bread") };
    let answer =
        reader.search(&Search { order: Order { by: OrderBy::Column(ID), descending: false }, ..search }).unwrap().unwrap();
    let values = |number: usize| {
        answer.facets[number]
            .values
            .iter()
            .map(|(field, count)| (reader.columns()[[AUTHOR, LIKES][number]].kind.read(field.as_bytes(), 0), *count))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(0), [(Value::Text("ann".into()), 2), (Value::Text("bob".into()), 1)]);
    assert_eq!(values(1), [(Value::Int(5), 2), (Value::Int(-3), 1)]);
    let shown: Vec<&str> = answer.hits.iter().map(|hit| hit.highlights[0].1.as_str()).collect();
    assert_eq!(
        shown,
        [
            "The quick <mark>brown</mark> fox",
            "Well-known <mark>brown</mark> <mark>bread</mark>",
            "quick quick <mark>bread</mark> &lt;b&gt;",
            "<mark>brown</mark> the quick",
        ]
    );
}

#[test]
fn fault_41_what_is_too_costly_is_refused_with_its_part() {
    let mut many = posts();
    many.extend((0..EXPANSIONS_MAX as i64 + 1).map(|number| post(100 + number, &format!("zz{number}"), 0)));
    let (_writer, reader) = index_of(&many, definition(&[0], None));
    let refused = |query: &str| reader.search(&search_for(query)).unwrap_err().to_string();
    assert_eq!(refused("quick a*"), "the prefix 'a*' is too short: write at least 2 letters before the '*'");
    assert_eq!(refused("*"), "the prefix '*' is too short: write at least 2 letters before the '*'");
    assert_eq!(refused("zz*"), "more than 2000 words begin with 'zz*': write more of it");
    assert!(reader.search(&search_for("zz1*")).is_ok());
    assert!(matches!(reader.search(&search_for("a (b")), Err(QueryError::Syntax { .. })));
}

#[test]
fn the_cost_of_a_query_is_known_before_it_runs() {
    let definition = definition(&[0], None);
    let layout = Layout::new(definition);
    let mut generation = Generation::create(&Place::Memory, &layout, 1).unwrap();
    for post in posts() {
        let row = stored(&post);
        let loaded = layout.load(row.as_bytes());
        generation.writer.add_document(loaded.document(&loaded.key(), 1)).unwrap();
    }
    generation.commit(&layout, &Stored::new(&layout, 1, "")).unwrap();
    let searcher = generation.searcher(&layout).unwrap();
    let cost = |query: &str, visible: &Filter| {
        let expression = (!query.is_empty()).then(|| parse(query, &[]).unwrap());
        let scope = Scope::new(visible, &layout, &searcher, Instant::now() + Duration::from_secs(60)).unwrap();
        match compile(expression.as_ref(), &Filter::always(), &scope, 0) {
            Err(QueryError::TooCommon { part, documents, .. }) => (part, documents),
            Ok(_) => (String::new(), 0),
            Err(other) => panic!("{other}"),
        }
    };
    let always = Filter::always();
    assert_eq!(cost("quick", &always), ("quick".into(), 3));
    assert_eq!(cost("quick OR fox", &always), ("quick".into(), 5));
    assert_eq!(cost("quick fox brown", &always), ("quick".into(), 6));
    assert_eq!(cost("\"quick brown\"", &always), ("quick brown".into(), 6));
    assert_eq!(cost("fo*", &always), ("fo*".into(), 3));
    assert_eq!(cost("quick absent", &always), (String::new(), 0));
    assert_eq!(cost("", &always), ("a search without a word".into(), 6));
    let bob = Filter::OneOf(AUTHOR, vec![field(&FieldKind::Text, &Value::Text("bob".into()))]);
    assert_eq!(cost("quick OR brown", &bob), ("quick".into(), 2), "others' rows are not looked at");
    assert_eq!(cost("fo*", &bob), (String::new(), 0));
    assert_eq!(cost("", &bob), ("a search without a word".into(), 1));
}

#[test]
fn suggestions_come_by_popularity_then_by_text() {
    let suggested = |text: &str, rows| Suggestion { text: text.to_owned(), popularity: Popularity::Rows(rows) };
    let (_writer, reader) = index_of(&posts(), definition(&[0], Some(Language::English)));
    let always = Filter::always();
    let suggest = |prefix: &str, filter: &Filter, limit| {
        let of_visible = reader.suggest(prefix, filter, &always, limit).unwrap().unwrap().1;
        let of_asked = reader.suggest(prefix, &always, filter, limit).unwrap().unwrap().1;
        assert_eq!(of_visible, of_asked, "{prefix} row by row and word by word");
        of_visible
    };
    assert_eq!(suggest("BR", &Filter::always(), 9), [suggested("brown", 3), suggested("bread", 2)]);
    assert_eq!(suggest("f", &Filter::always(), 1), [suggested("fox", 2)]);
    let bob = Filter::OneOf(AUTHOR, vec![field(&FieldKind::Text, &Value::Text("bob".into()))]);
    assert_eq!(suggest("br", &bob, 9), [suggested("brown", 1)]);
    assert_eq!(suggest("#BR", &bob, 9), [suggested("brown", 1)]);
    assert!(matches!(reader.suggest(" ", &always, &always, 9), Err(QueryError::ShortPrefix { .. })));

    let liked = |text: &str, likes| {
        let popularity = Popularity::Value(FieldKind::Int64, field(&FieldKind::Int64, &Value::Int(likes)));
        Suggestion { text: text.to_owned(), popularity }
    };
    let mut of_values = definition(&[0], None);
    of_values.index.suggested = Some(1);
    of_values.index.popularity = Some(3);
    let named = |id, author: &str, likes| Post { author: Some(author.to_owned()), ..post(id, "", likes) };
    let (_writer, reader) = index_of(
        &[named(1, "Anna B", 2), named(2, "anton", 7), named(3, "Anna B", 9), named(4, "ANA", 7), named(5, "bob", 99)],
        of_values,
    );
    let known = [liked("Anna B", 9), liked("ANA", 7), liked("anton", 7)];
    assert_eq!(reader.suggest("an", &always, &always, 9).unwrap().unwrap().1, known);
    let of_some = Filter::Between(ID, Bound::Unbounded, Bound::Unbounded);
    assert_eq!(reader.suggest("AN", &of_some, &always, 9).unwrap().unwrap().1, known);
}

#[test]
fn a_minus_excludes_whatever_sign_the_word_begins_with() {
    let texts = ["fresh bread and #sale cake", "fresh bread only", "bread by @bob today"];
    let posts: Vec<Post> = (1..).zip(texts).map(|(id, text)| post(id, text, 0)).collect();
    let (_writer, reader) = index_of(&posts, definition(&[0], None));
    for (query, expected) in [
        ("bread -sale", vec![2, 3]),
        ("bread -#sale", vec![2, 3]),
        ("bread -\"#sale\"", vec![2, 3]),
        ("bread -@bob", vec![1, 2]),
        ("bread -(#sale)", vec![2, 3]),
        ("-#sale bread", vec![2, 3]),
        ("bread -.sale", vec![2, 3]),
        ("bread -$sale -+bob", vec![2]),
        ("bread -\u{1f35e}sale", vec![2, 3]),
        ("bread -#sal*", vec![2, 3]),
        ("bread text:-#sale", vec![2, 3]),
        ("bread -text:#sale", vec![2, 3]),
        ("bread -\u{1f35e}", vec![1, 2, 3]),
        ("bread - sale", vec![1]),
    ] {
        assert_eq!(found(&reader, query), expected, "{query}");
    }
}

#[test]
fn texts_that_are_equal_to_a_reader_are_found_alike() {
    let texts = [
        "caf\u{e9} noir",
        "cafe\u{301} creme",
        "ΟΔΟΣ ΑΘΗΝΩΝ",
        "η οδος του κόσμου, ο κόσμος",
        "日本語の投稿です",
        "İstanbul gezisi",
        "Straße",
        "STRASSE",
        "ＦＵＬＬ width",
        "ภาษาไทยง่ายมาก",
        "한국어를 배우다",
        "iPhone手机壳",
        "ﬁrst ｶﾞｰﾄﾞ",
    ];
    let posts: Vec<Post> = (1..).zip(texts).map(|(id, text)| post(id, text, 0)).collect();
    for stemmer in [None, Some(Language::English)] {
        let (_writer, reader) = index_of(&posts, definition(&[0], stemmer));
        for (query, expected) in [
            ("caf\u{e9}", vec![1, 2]),
            ("CAFE\u{301}", vec![1, 2]),
            ("caf\u{e9}*", vec![1, 2]),
            ("\"cafe\u{301} noir\"", vec![1]),
            ("οδος", vec![3, 4]),
            ("ΟΔΟΣ", vec![3, 4]),
            ("ΚΌΣΜΟΣ", vec![4]),
            ("日本語", vec![5]),
            ("投稿", vec![5]),
            ("日本語*", vec![5]),
            ("投*", vec![5]),
            ("本", vec![5]),
            ("日語", vec![]),
            ("\"本語の投\"", vec![5]),
            ("投稿 -日本", vec![]),
            ("istanbul", vec![6]),
            ("ISTANBUL", vec![6]),
            ("strasse", vec![7, 8]),
            ("straße", vec![7, 8]),
            ("full", vec![9]),
            ("ｆｕｌｌ　ｗｉｄｔｈ", vec![9]),
            ("ไทย", vec![10]),
            ("ง่าย", vec![10]),
            ("งาย", vec![]),
            ("한국", vec![11]),
            ("국어", vec![11]),
            ("手机", vec![12]),
            ("iphone手机", vec![12]),
            ("\"iphone 手机\"", vec![12]),
            ("FIRST", vec![13]),
            ("ガード", vec![13]),
            ("ガ", vec![13]),
        ] {
            assert_eq!(found(&reader, query), expected, "{query} {stemmer:?}");
        }
    }
}

#[test]
fn what_is_marked_and_suggested_is_normalised_too() {
    let texts = ["cafe\u{301} noir", "日本語の投稿です", "日本の写真", "İstanbul", "ο κόσμος", "ΚΌΣΜΟΣ"];
    let posts: Vec<Post> = (1..).zip(texts).map(|(id, text)| post(id, text, 0)).collect();
    let (_writer, reader) = index_of(&posts, definition(&[0], None));
    let shown = |query: &str| {
        let answer = reader.search(&Search { highlights: vec![0], ..search_for(query) }).unwrap().unwrap();
        answer.hits.iter().map(|hit| hit.highlights[0].1.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown("caf\u{e9}"), ["<mark>cafe\u{301}</mark> noir"]);
    assert_eq!(shown("日本語"), ["<mark>日本語</mark>の投稿です"]);
    assert_eq!(shown("日本語* です"), ["<mark>日本語</mark>の投稿<mark>です</mark>"]);
    assert_eq!(shown("ISTAN*"), ["<mark>İstanbul</mark>"]);
    let suggested = |prefix: &str| {
        let always = Filter::always();
        let of_some = Filter::Between(ID, Bound::Unbounded, Bound::Unbounded);
        let by_word = reader.suggest(prefix, &always, &always, 9).unwrap().unwrap().1;
        assert_eq!(reader.suggest(prefix, &of_some, &always, 9).unwrap().unwrap().1, by_word);
        by_word.into_iter().map(|suggestion| (suggestion.text, suggestion.popularity)).collect::<Vec<_>>()
    };
    let rows = |text: &str, rows| (text.to_owned(), Popularity::Rows(rows));
    assert_eq!(suggested("CAFE\u{301}"), [rows("caf\u{e9}", 1)]);
    assert_eq!(suggested("İST"), [rows("istanbul", 1)]);
    assert_eq!(suggested("κόσ"), [rows("κόσμος", 2)]);
    assert_eq!(
        suggested("日本"),
        [
            rows("日本", 2),
            rows("日本の", 1),
            rows("日本の写", 1),
            rows("日本の写真", 1),
            rows("日本語", 1),
            rows("日本語の", 1),
            rows("日本語の投稿です", 1)
        ]
    );
    assert_eq!(suggested("投"), [rows("投稿", 1), rows("投稿で", 1), rows("投稿です", 1)]);
    assert_eq!(suggested("日本語の投"), [rows("日本語の投稿です", 1)]);
}
