//! Helpers that the tests of this folder share: an index of small posts, and the encoding of its rows.

mod faults;
mod hidden;
mod model;
mod questions;

use schemas::field::{FieldKind, Value};
use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use schemas::serving::{Column, Language, SearchIndex};

use super::{Definition, Filter, Order, OrderBy, Place, Search, SearchReader, SearchWriter, Stored};

/// A post: its number, its author, its text and how popular it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Post {
    pub id: i64,
    pub author: Option<String>,
    pub text: String,
    pub likes: Option<i64>,
}

/// A post of `ann`.
pub(super) fn post(id: i64, text: &str, likes: i64) -> Post {
    Post { id, author: Some("ann".to_owned()), text: text.to_owned(), likes: Some(likes) }
}

/// The columns of posts: `id`, `author`, `text`, `likes`.
pub(super) fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    vec![
        column("id", FieldKind::Int64),
        column("author", FieldKind::Text),
        column("text", FieldKind::Text),
        column("likes", FieldKind::Int64),
    ]
}

/// No hits.
pub(super) const NONE: [i64; 0] = [];

/// Positions in a hit: `text`, `id`, `author`, `likes`.
pub(super) const ID: usize = 1;
pub(super) const AUTHOR: usize = 2;
pub(super) const LIKES: usize = 3;

/// An index over posts; `author` is guarded.
pub(super) fn definition(key: &[usize], stemmer: Option<Language>) -> Definition {
    let index = SearchIndex {
        name: "post_search".to_owned(),
        view: "posts".to_owned(),
        searched: vec![2],
        included: vec![0, 1, 3],
        guarded: vec![1],
        key: key.to_vec(),
        stemmer,
        prefix_letters: 2,
        suggested: None,
        popularity: None,
    };
    Definition { index, columns: columns() }
}

fn value<'a>(text: &'a Option<String>) -> Value<'a> {
    text.as_deref().map_or(Value::Null, |text| Value::Text(text.into()))
}

/// A row of the view.
pub(super) fn stored(post: &Post) -> Row {
    let mut row = Row::empty();
    let values = [
        Value::Int(post.id),
        value(&post.author),
        Value::Text(post.text.as_str().into()),
        post.likes.map_or(Value::Null, Value::Int),
    ];
    for (column, value) in columns().iter().zip(&values) {
        column.kind.write(value, &mut row);
    }
    row
}

/// The changes from some posts to others.
pub(super) fn changes(gone: &[Post], come: &[Post]) -> Vec<(Row, Diff)> {
    let gone = gone.iter().map(|post| (stored(post), -1));
    gone.chain(come.iter().map(|post| (stored(post), 1))).collect()
}

/// An index in memory that holds these posts.
pub(super) fn index_of(posts: &[Post], definition: Definition) -> (SearchWriter, SearchReader) {
    let (mut writer, reader, found) = SearchWriter::open(definition, Place::Memory).unwrap();
    assert_eq!(found, None);
    writer.replace(Epoch(1), "one", &changes(&[], posts)).unwrap();
    (writer, reader)
}

/// A search for a query, best first.
pub(super) fn search_for(query: &str) -> Search {
    let order = Order { by: OrderBy::Relevance, descending: true };
    Search {
        query: Some(query.to_owned()),
        visible: Filter::always(),
        filter: Filter::always(),
        order,
        offset: 0,
        limit: 100,
        highlights: vec![],
        facets: vec![],
    }
}

/// The ids of the hits in their order.
pub(super) fn ids(reader: &SearchReader, search: &Search) -> Vec<i64> {
    let answer = reader.search(search).unwrap().unwrap();
    answer.hits.iter().map(|hit| id_of(reader, &hit.row)).collect()
}

fn id_of(reader: &SearchReader, row: &Row) -> i64 {
    let start = reader.columns()[0].kind.end(row.as_bytes(), 0);
    match FieldKind::Int64.read(row.as_bytes(), start) {
        Value::Int(id) => id,
        other => panic!("{other:?} is no id"),
    }
}

/// The encoded field of a value.
pub(super) fn field(kind: &FieldKind, value: &Value<'_>) -> Row {
    let mut field = Row::empty();
    kind.write(value, &mut field);
    field
}

/// Returns the progress that a commit holds.
pub(super) fn place_of(stored: Option<&Stored>) -> Option<(u64, &str)> {
    stored.map(|stored| (stored.epoch, stored.progress.as_str()))
}
