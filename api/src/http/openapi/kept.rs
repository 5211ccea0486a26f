//! Documents that were written already: a document of all views of the social network has some 400 kB and takes milliseconds.
//!
//! Owns [`KeptDocuments`]. What a caller may read enters; the text of its document leaves, written once for all who may read the same.

use std::sync::Arc;

use axum::body::Bytes;
use parking_lot::Mutex;
use sinks::views::ServedView;

use super::document::DescribedIndex;
use crate::http::entity_tag::EntityTag;

/// Documents that are kept: those of readers without a token, with one, and of operators, before a deployment and after it.
const DOCUMENTS_KEPT_MAX: usize = 8;

/// Views and full-text indexes that a caller may read, by name.
pub(crate) struct Readable {
    pub(crate) views: Vec<Arc<ServedView>>,
    pub(crate) indexes: Vec<DescribedIndex>,
}

/// A document, and its tag.
pub(crate) struct KeptDocument {
    pub(crate) text: Bytes,
    pub(crate) tag: EntityTag,
}

/// The documents that were asked for last, the latest at the end.
#[derive(Default)]
pub(crate) struct KeptDocuments(Mutex<Vec<(Readable, Arc<KeptDocument>)>>);

impl PartialEq for Readable {
    /// A deployment serves a view that it changes as another one, so equal views are the same ones.
    fn eq(&self, other: &Self) -> bool {
        let are_same = |(left, right): (&Arc<ServedView>, &Arc<ServedView>)| Arc::ptr_eq(left, right);
        self.views.len() == other.views.len()
            && self.views.iter().zip(&other.views).all(are_same)
            && self.indexes == other.indexes
    }
}

impl KeptDocuments {
    /// The document of what is readable, which `write` writes unless it is kept.
    pub(crate) fn of(&self, readable: Readable, write: impl FnOnce(&Readable) -> KeptDocument) -> Arc<KeptDocument> {
        let mut kept = self.0.lock();
        if let Some(place) = kept.iter().position(|(known, _)| *known == readable) {
            let found = kept.remove(place);
            let document = Arc::clone(&found.1);
            kept.push(found);
            return document;
        }
        // Written under the lock: whoever asks for the same meanwhile waits for it instead of writing it too.
        let document = Arc::new(write(&readable));
        if kept.len() == DOCUMENTS_KEPT_MAX {
            kept.remove(0);
        }
        kept.push((readable, Arc::clone(&document)));
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(names: &[&str]) -> Readable {
        let index = |name: &&str| DescribedIndex { name: (*name).to_owned(), ..DescribedIndex::default() };
        Readable { views: Vec::new(), indexes: names.iter().map(index).collect() }
    }

    #[test]
    fn a_document_is_written_once_for_all_who_may_read_the_same_and_the_oldest_is_forgotten() {
        let documents = KeptDocuments::default();
        let mut written = 0;
        let mut ask = |names: &[&str]| {
            let document = documents.of(readable(names), |readable| {
                written += 1;
                let text = Bytes::from(readable.indexes.iter().map(|index| index.name.as_str()).collect::<String>());
                KeptDocument { tag: EntityTag::weak(0), text }
            });
            (written, document.text.clone())
        };
        assert_eq!(ask(&["a"]), (1, "a".into()));
        assert_eq!(ask(&["a"]), (1, "a".into()));
        assert_eq!(ask(&["a", "b"]), (2, "ab".into()));
        let others = ["c", "d", "e", "f", "g", "h"];
        others.iter().enumerate().for_each(|(place, name)| assert_eq!(ask(&[name]).0, place + 3));
        assert_eq!(ask(&["a"]).0, 8, "asked for among the last ones");
        ask(&["i"]);
        assert_eq!(ask(&["a"]).0, 9);
        assert_eq!(ask(&["a", "b"]).0, 10, "the one that nobody asked for longest was forgotten");
    }
}
