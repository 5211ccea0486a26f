//! Reasons why the events behind a row are not named.

/// Reason why the events behind a row are not named.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum ProvenanceError {
    #[error("name the row of '{view}' that you ask about by conditions, such as {}=eq.<value>", column.as_deref().unwrap_or("column"))]
    NoRowNamed { view: String, column: Option<String> },
    #[error("'{view}' was replaced while the events of its row were looked for: ask again")]
    Replaced { view: String },
    #[error("the events could not be found: {detail}")]
    Failed { detail: String },
    #[error("this process can't say which events made a row")]
    NotOffered,
}
