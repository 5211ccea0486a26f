//! Full-text indexes as paths of their own: what is searched, and the columns that hits can be narrowed, ordered and counted by.

use schemas::field::FieldKind;
use schemas::serving::Column;
use serde_json::{Value, json};

use super::columns::{condition, condition_schemas, row_schema};
use super::operation::{Audience, DescribedOperation, positioned, query, query_list};
use super::schema::{anything, component, format, list, nullable, object, one_of, position, text, whole, whole_within};
use super::views::{in_address, in_names, prefer, waiting};
use crate::read::limits::{DEPTH_MAX, FACETS_MAX, HITS_DEFAULT, HITS_MAX, SUGGESTIONS_DEFAULT, SUGGESTIONS_MAX};

/// Tag of the paths of full-text indexes.
pub(super) const SEARCH_TAG: &str = "search";
/// Parameters of a search that are not conditions.
const PARAMETERS: [&str; 9] = ["q", "select", "order", "limit", "offset", "highlight", "facets", "after", "wait"];
/// Parameters of suggestions that are not conditions.
const OF_SUGGESTIONS: [&str; 4] = ["prefix", "limit", "after", "wait"];
const QUERY_WORDS: &str = "Words, all of which are wanted; `\"phrases\"`, `beginnings*`, `OR`, `-not`, parentheses, `column:word`. Without it \
     every row is a hit.";

/// A full-text index as its callers see it.
#[derive(Default, PartialEq)]
pub(crate) struct DescribedIndex {
    /// its name
    pub(crate) name: String,
    /// the view that it finds rows of
    pub(crate) view: String,
    /// true if everybody may search it
    pub(crate) is_public: bool,
    /// columns of a hit
    pub(crate) columns: Vec<Column>,
    /// places of those whose words are found
    pub(crate) searched: Vec<usize>,
    /// places of those that can be compared, ordered by and counted
    pub(crate) included: Vec<usize>,
}

impl DescribedIndex {
    fn names<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Column> {
        places.iter().filter_map(|place| self.columns.get(*place))
    }

    fn audience(&self) -> Audience {
        if self.is_public { Audience::Readers } else { Audience::Holders }
    }
}

/// `q`.
pub(super) fn words_query() -> Value {
    query("q", format("tidewater-query"), QUERY_WORDS)
}

/// `limit` and `offset` of hits.
pub(super) fn of_hits() -> [Value; 2] {
    let offset = whole_within(0, DEPTH_MAX, 0);
    [
        query("limit", whole_within(1, HITS_MAX, HITS_DEFAULT), "Hits of the page."),
        query("offset", offset, "Hits that are left out: the `next_offset` of the page before."),
    ]
}

/// `prefix` and `limit` of suggestions.
pub(super) fn of_suggestions() -> [Value; 2] {
    let limit = whole_within(1, SUGGESTIONS_MAX, SUGGESTIONS_DEFAULT);
    let mut prefix = query(
        "prefix",
        format("tidewater-prefix"),
        "The beginning of a word or a value, of as many letters as the index asks for.",
    );
    prefix["required"] = true.into();
    [prefix, query("limit", limit, "Suggestions.")]
}

/// The answer of a search whose hits have rows of this schema.
pub(super) fn hits(row: Value) -> Value {
    let hit = object(&[("row", row), ("highlights", json!({ "type": "object", "additionalProperties": { "type": "string" } }))]);
    let counted = object(&[("value", anything()), ("count", whole())]);
    let facets = json!({ "type": "object", "additionalProperties": list(counted) });
    let members = [
        ("hits", list(hit)),
        ("total", whole()),
        ("next_offset", nullable(whole())),
        ("facets", facets),
        ("position", position()),
    ];
    positioned("The hits, best first, and how many there are.", object(&members))
}

/// The answer with suggestions.
pub(super) fn suggestions() -> Value {
    let suggestion = object(&[("text", text()), ("popularity", anything())]);
    positioned("Words or values, the most popular first.", object(&[("suggestions", list(suggestion)), ("position", position())]))
}

/// The paths of an index, and their operations.
pub(super) fn index_paths(index: &DescribedIndex) -> [(String, DescribedOperation); 2] {
    let path = format!("/v1/search/{}", in_address(&index.name));
    [(path.clone(), hits_of(index)), (format!("{path}/suggest"), suggestions_of(index))]
}

fn hits_of(index: &DescribedIndex) -> DescribedOperation {
    let searched: Vec<&str> = index.names(&index.searched).map(|column| column.name.as_str()).collect();
    let all: Vec<&str> = index.columns.iter().map(|column| column.name.as_str()).collect();
    let is_counted = |column: &&Column| !matches!(column.kind, FieldKind::List(_) | FieldKind::Float64);
    let counted: Vec<&str> = index.names(&index.included).filter(is_counted).map(|column| column.name.as_str()).collect();
    let orders = std::iter::once("relevance".to_owned())
        .chain(index.names(&index.included).flat_map(|column| [column.name.clone(), format!("{}.desc", column.name)]))
        .collect::<Vec<_>>();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let summary = format!("Rows of {} that match", index.view);
    let operation = DescribedOperation::get(&format!("search_{}", in_names(&index.name)), SEARCH_TAG, &summary)
        .to(index.audience())
        .words(&format!("Found in {}. What the policies of the view hide is neither found nor counted.", searched.join(", ")))
        .with([words_query()])
        .with(index.names(&index.included).filter_map(|column| condition(column, &PARAMETERS)))
        .with([query_list("select", one_of(&all), "Columns of a hit; all of them if it is left out.")])
        .with([query("order", one_of(&orders), "The order of the hits; equal ones come by their key.")])
        .with(of_hits())
        .with([query_list("highlight", one_of(&searched), "Columns whose matching part is returned, with marks.")]);
    let operation = if counted.is_empty() { operation } else { operation.with([facets(&counted)]) };
    operation.with(waiting()).with(prefer()).answers(200, hits(row(index))).problems(&[400, 404, 409])
}

fn facets(counted: &[&str]) -> Value {
    let mut facets = query_list("facets", one_of(counted), "Columns whose values are counted over all hits.");
    facets["schema"]["maxItems"] = FACETS_MAX.into();
    facets
}

fn suggestions_of(index: &DescribedIndex) -> DescribedOperation {
    let summary = format!("How what somebody types may go on, in {}", index.view);
    DescribedOperation::get(&format!("suggest_{}", in_names(&index.name)), SEARCH_TAG, &summary)
        .to(index.audience())
        .with(of_suggestions())
        .with(index.names(&index.included).filter_map(|column| condition(column, &OF_SUGGESTIONS)))
        .with(waiting())
        .answers(200, suggestions())
        .problems(&[400, 404, 409])
}

fn hit_name(index: &DescribedIndex) -> String {
    format!("Hit.{}", in_names(&index.name))
}

fn row(index: &DescribedIndex) -> Value {
    component(&format!("schemas/{}", hit_name(index)))
}

/// The schemas of an index's hits and conditions.
pub(super) fn index_schemas(index: &DescribedIndex) -> Vec<(String, Value)> {
    let mut schemas = vec![(hit_name(index), row_schema(&index.columns))];
    schemas.extend(condition_schemas(index.columns.iter()));
    schemas
}
