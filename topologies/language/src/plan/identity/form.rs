//! The canonical form: bytes that say everything that a result depends on, and nothing else.
//!
//! Owns [`Form`]. Tags, numbers, texts and lengths enter; the fingerprint of the whole leaves.

use schemas::fingerprint::Fingerprint;

/// The version of the form. Another one makes every state another one.
pub const FORM_VERSION: u8 = 1;

/// A canonical form that is being written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form(Vec<u8>);

/// Subject of a form: forms of different kinds are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// the deduplication window of a source
    Deduplication = 1,
    /// a node with everything that it is computed from
    Node = 2,
    /// everything that is served
    Plan = 3,
    /// a served view
    View = 4,
    /// the rows of a served view
    Rows = 5,
    /// quarantined events
    DeadLetters = 6,
    /// errors of rows of streams
    RowErrors = 7,
    /// a sink
    Sink = 8,
    /// a full-text index
    Search = 9,
    /// a node among those of one plan
    Interned = 10,
    /// a scalar expression by itself
    Scalar = 11,
}

impl Form {
    /// An empty form of a subject.
    pub fn new(subject: Subject) -> Self {
        Self(vec![FORM_VERSION, subject as u8])
    }

    /// The fingerprint of what was written.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }

    /// Writes which of several kinds follows.
    pub fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    /// The same form, after a tag.
    pub fn tagged(&mut self, tag: u8) -> &mut Self {
        self.tag(tag);
        self
    }

    /// Writes a truth value.
    pub fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    /// Writes a number.
    pub fn number(&mut self, number: impl Into<i128>) {
        self.0.extend_from_slice(&number.into().to_le_bytes());
    }

    /// Writes a position or a length.
    pub fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_le_bytes());
    }

    /// Writes bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes a fingerprint.
    pub fn identity(&mut self, identity: Fingerprint) {
        self.0.extend_from_slice(&identity.0);
    }

    /// Writes how many items there are, and each.
    pub fn each<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.count(items.len());
        items.for_each(|item| write(self, item));
    }

    /// Writes whether there is an item, and it.
    pub fn optional<T>(&mut self, item: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }

    /// Writes positions.
    pub fn counts(&mut self, counts: &[usize]) {
        self.each(counts.iter(), |form, count| form.count(*count));
    }
}

/// Writer of the columns of an expression's input, so that they are told apart.
pub type ColumnForm<'a> = &'a dyn Fn(&mut Form, usize);

/// Tells columns apart by their numbers.
pub fn by_number(form: &mut Form, column: usize) {
    form.tag(0);
    form.count(column);
}
