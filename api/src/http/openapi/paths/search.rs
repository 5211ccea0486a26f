//! Full-text indexes in general.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, in_path, json_answer, query};
use super::super::schema::{list, object, one_of, text, truth};
use super::super::searches::{SEARCH_TAG, hits, of_hits, of_suggestions, suggestions, words_query};
use super::super::views::{prefer, waiting};
use super::views::conditions;

pub(crate) static SEARCHES: DescribedPath = DescribedPath::new("/v1/search", || vec![searches()]);
pub(crate) static SEARCH: DescribedPath = DescribedPath::new("/v1/search/{index}", || vec![search()]);
pub(crate) static SUGGESTIONS: DescribedPath = DescribedPath::new("/v1/search/{index}/suggest", || vec![suggest()]);

fn index_name() -> Value {
    in_path("index", text(), "The name of a full-text index.")
}

fn searches() -> DescribedOperation {
    let column = object(&[("name", text()), ("type", text()), ("searched", truth()), ("included", truth())]);
    let index =
        object(&[("name", text()), ("view", text()), ("columns", list(column)), ("state", one_of(&["ready", "building"]))]);
    DescribedOperation::get("list_searches", SEARCH_TAG, "The full-text indexes that the caller may search")
        .to(Audience::Readers)
        .answers(200, json_answer("The indexes by name.", object(&[("indexes", list(index))])))
        .problems(&[400])
}

fn search() -> DescribedOperation {
    DescribedOperation::get("search", SEARCH_TAG, "Rows that match, by any full-text index")
        .to(Audience::Readers)
        .words("This document has a path of its own for each index that its reader may search.")
        .with([index_name(), words_query(), conditions()])
        .with([
            query("select", text(), "Columns, separated by commas."),
            query("order", text(), "`relevance`, or one included column."),
        ])
        .with(of_hits())
        .with([query("highlight", text(), "Searched columns whose matching part is returned.")])
        .with([query("facets", text(), "Included columns whose values are counted over all hits.")])
        .with(waiting())
        .with(prefer())
        .answers(200, hits(json!({ "type": "object" })))
        .problems(&[400, 404, 409])
}

fn suggest() -> DescribedOperation {
    DescribedOperation::get("suggest", SEARCH_TAG, "How what somebody types may go on, by any full-text index")
        .to(Audience::Readers)
        .with([index_name()])
        .with(of_suggestions())
        .with([conditions()])
        .with(waiting())
        .answers(200, suggestions())
        .problems(&[400, 404, 409])
}
