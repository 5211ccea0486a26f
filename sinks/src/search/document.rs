//! Conversion of a row of a view into a document of its index.
//!
//! Owns [`Definition`] and [`Layout`]: the fields of a document, and how each is made from a row. Rows of the view enter, documents and the
//! keys they are known by leave. A document keeps the columns of a hit as one row; words, numbers and values beside it are for looking up.

use schemas::field::{FieldEnds, FieldKind, Value, field_ends};
use schemas::row::{Diff, Row};
use schemas::serving::{Column, Language, SearchIndex};
use sha2::{Digest, Sha256};
use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::{TantivyDocument, Term};

use super::analysis::Analysis;
use super::normal::normalized;
use super::number::{is_number, to_number};

/// Bytes of a key, or of a value that is compared, that are kept as they are; of longer ones this much and a fingerprint of the whole.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// Bytes of a value that is suggested.
pub const SUGGESTED_BYTES_MAX: usize = 256;
/// Bytes of the fingerprint that stands for the end of a long value.
const FINGERPRINT_BYTES: usize = 16;
/// Says in what form documents are written; an index of another form is rebuilt.
const FORM: u32 = 2;

/// The name of the words of a text, with stems where the index has them.
pub(super) const WORDS: &str = "words";
/// The name of the words of a text as written.
pub(super) const WRITTEN: &str = "written";
/// The name of what is suggested of runs of letters without blanks.
pub(super) const PIECES: &str = "pieces";
/// The name of what a row's words begin with, kept by row.
pub(super) const BEGINNINGS: &str = "beginnings";
/// The name of the field of suggested values.
pub(super) const SUGGESTED: &str = "suggested";

/// Declaration and layout of an index.
#[derive(Clone, Debug)]
pub struct Definition {
    /// the declaration
    pub index: SearchIndex,
    /// the columns of its view, which the rows have in this order
    pub columns: Vec<Column>,
}

/// A column that is compared, ordered by or counted.
#[derive(Clone, Debug)]
pub(super) struct Included {
    /// its position among the columns of a hit
    pub place: usize,
    /// its type
    pub kind: FieldKind,
    /// the name of its field
    pub name: String,
    /// its field
    pub field: Field,
    /// true if its values are also looked up
    pub is_guarded: bool,
}

impl Included {
    /// The term of an encoded value that is not NULL, where values are looked up.
    pub fn term(&self, value: &Row) -> Option<Term> {
        if is_number(&self.kind) {
            return to_number(value.as_bytes()).map(|number| Term::from_field_u64(self.field, number));
        }
        Some(Term::from_field_bytes(self.field, &bounded(value.as_bytes())))
    }
}

/// The fields of a document.
pub(super) struct Layout {
    /// the declaration
    pub index: SearchIndex,
    /// the columns of a hit
    pub columns: Vec<Column>,
    /// analysis of its texts
    pub analysis: Analysis,
    /// the schema
    pub schema: Schema,
    /// tells documents apart
    pub key: Field,
    /// multiplicity of the row, when that is more than one
    pub count: Field,
    /// the columns of a hit, as a row
    pub row: Field,
    /// words of each searched column
    pub words: Vec<Field>,
    /// words of each searched column as written, where `words` has stems
    pub written: Vec<Field>,
    /// pieces of runs in each searched column that are suggested, where words are suggested
    pub pieces: Vec<Field>,
    /// names of the columns that hold the words of each row, where policies compare columns: what a reader may see is searched row by row
    pub beginnings: Vec<String>,
    /// the included columns
    pub included: Vec<Included>,
    /// values that are suggested, in the form in which they are compared
    pub suggested: Option<Field>,
    /// the types of the columns of the view
    kinds: Vec<FieldKind>,
}

/// The name of the field of keys.
pub(super) const KEY: &str = "key";
/// The name of the field of counts.
pub(super) const COUNT: &str = "count";

impl Layout {
    /// The fields of the documents of an index.
    pub fn new(definition: Definition) -> Self {
        let Definition { index, columns } = definition;
        let analysis = Analysis::new(index.stemmer);
        let mut schema = Schema::builder();
        let key = schema.add_bytes_field(KEY, BytesOptions::default().set_indexed().set_fast());
        let count = schema.add_u64_field(COUNT, NumericOptions::default().set_fast());
        let row = schema.add_bytes_field("row", BytesOptions::default().set_stored());
        let text = |tokenizer: &str, option| {
            TextOptions::default()
                .set_indexing_options(TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option))
        };
        let (mut words, mut written, mut pieces, mut beginnings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let is_guarded = !index.guarded.is_empty();
        for number in 0..index.searched.len() {
            words.push(schema.add_text_field(&format!("words{number}"), text(WORDS, IndexRecordOption::WithFreqsAndPositions)));
            if analysis.has_stems() {
                written.push(schema.add_text_field(&format!("written{number}"), text(WRITTEN, IndexRecordOption::Basic)));
            }
            if index.suggested.is_none() {
                pieces.push(schema.add_text_field(&format!("pieces{number}"), text(PIECES, IndexRecordOption::Basic)));
            }
            if is_guarded {
                let name = format!("beginnings{number}");
                schema.add_text_field(&name, TextOptions::default().set_fast(BEGINNINGS));
                beginnings.push(name);
            }
        }
        let hit = index.columns();
        let included = index.included.iter().enumerate().map(|(number, column)| {
            let name = format!("column{number}");
            let (kind, is_guarded) = (columns[*column].kind.clone(), index.guarded.contains(column));
            let field = match is_number(&kind) {
                true if is_guarded => schema.add_u64_field(&name, NumericOptions::default().set_fast().set_indexed()),
                true => schema.add_u64_field(&name, NumericOptions::default().set_fast()),
                false if is_guarded => schema.add_bytes_field(&name, BytesOptions::default().set_fast().set_indexed()),
                false => schema.add_bytes_field(&name, BytesOptions::default().set_fast()),
            };
            let place = hit.iter().position(|known| known == column);
            let place = place.unwrap_or_else(|| panic!("column {column} is included and not among the columns of a hit"));
            Included { place, kind, name, field, is_guarded }
        });
        let included = included.collect();
        let values = match is_guarded {
            true => BytesOptions::default().set_indexed().set_fast(),
            false => BytesOptions::default().set_indexed(),
        };
        let suggested = index.suggested.map(|_| schema.add_bytes_field(SUGGESTED, values));
        let kinds = columns.iter().map(|column| column.kind.clone()).collect();
        let columns = hit.iter().map(|&column| columns[column].clone()).collect();
        let schema = schema.build();
        Self { columns, analysis, schema, key, count, row, words, written, pieces, beginnings, included, suggested, kinds, index }
    }

    /// Says what documents are made of: an index with another text can't be gone on with.
    pub fn fingerprint(&self) -> String {
        let index = &self.index;
        let mut content = format!("form {FORM}\nview {}\n", index.view);
        for column in &self.columns {
            content.push_str(&format!("column {} {}\n", column.name, column.kind.sql_name()));
        }
        let language = Language::ALL.iter().find(|(known, ..)| Some(*known) == index.stemmer).map_or("", |(_, code, _)| code);
        content.push_str(&format!("stemmer {language}\n"));
        let numbers = |columns: &[usize]| columns.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let suggested: Vec<usize> = index.suggested.into_iter().collect();
        for (what, columns) in [
            ("suggested", &suggested),
            ("searched", &index.searched),
            ("included", &index.included),
            ("guarded", &index.guarded),
            ("key", &index.key),
        ] {
            content.push_str(&format!("{what} {}\n", numbers(columns)));
        }
        hex::encode(&Sha256::digest(content)[..FINGERPRINT_BYTES])
    }

    /// A row of the view, ready to be read.
    pub fn load<'r>(&'r self, row: &'r [u8]) -> Loaded<'r> {
        Loaded { layout: self, row, ends: field_ends(&self.kinds, row) }
    }
}

/// A row of the view, and where its fields end.
pub(super) struct Loaded<'a> {
    /// the fields of the index
    layout: &'a Layout,
    /// the row, with the columns of the view in their order
    row: &'a [u8],
    /// ends of its fields
    ends: FieldEnds,
}

impl Loaded<'_> {
    /// The encoded field of a column of the view.
    fn field(&self, column: usize) -> &[u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        &self.row[start..self.ends[column]]
    }

    /// Returns the text of a column; `None` for NULL and for other types.
    fn text(&self, column: usize) -> Option<String> {
        match FieldKind::Text.read(self.field(column), 0) {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    /// Returns the key of the row, or all of it when there is none.
    pub fn key(&self) -> Vec<u8> {
        let key = &self.layout.index.key;
        if key.is_empty() {
            return bounded(self.row);
        }
        bounded(&key.iter().flat_map(|&column| self.field(column)).copied().collect::<Vec<u8>>())
    }

    /// The document of a row that is there so often.
    pub fn document(&self, key: &[u8], count: Diff) -> TantivyDocument {
        let layout = self.layout;
        let mut document = TantivyDocument::new();
        document.add_bytes(layout.key, key);
        if count > 1 {
            document.add_u64(layout.count, count.unsigned_abs());
        }
        let hit: Vec<u8> = layout.index.columns().iter().flat_map(|&column| self.field(column)).copied().collect();
        document.add_bytes(layout.row, &hit);
        for (number, &column) in layout.index.searched.iter().enumerate() {
            let Some(text) = self.text(column) else { continue };
            for fields in [&layout.written, &layout.pieces] {
                fields.get(number).into_iter().for_each(|&field| document.add_text(field, &text));
            }
            if let Some(field) = layout.beginnings.get(number).and_then(|name| layout.schema.get_field(name).ok()) {
                document.add_text(field, &text);
            }
            document.add_text(layout.words[number], text);
        }
        for (included, &column) in layout.included.iter().zip(&layout.index.included) {
            let field = self.field(column);
            if is_number(&included.kind) {
                to_number(field).into_iter().for_each(|number| document.add_u64(included.field, number));
            } else if !schemas::field::is_null(field, 0) {
                document.add_bytes(included.field, &bounded(field));
            }
        }
        if let (Some(field), Some(text)) = (layout.suggested, layout.index.suggested.and_then(|column| self.text(column))) {
            document.add_bytes(field, suggested_form(&text).as_bytes());
        }
        document
    }
}

/// The term of a key.
pub(super) fn key_term(field: Field, key: &[u8]) -> Term {
    Term::from_field_bytes(field, key)
}

/// A value that is no longer than is kept; of a longer one its beginning and a fingerprint, so that it equals no other.
pub(super) fn bounded(value: &[u8]) -> Vec<u8> {
    if value.len() <= VALUE_BYTES_MAX {
        return value.to_vec();
    }
    [&value[..VALUE_BYTES_MAX], &Sha256::digest(value)[..FINGERPRINT_BYTES]].concat()
}

/// A text as it is compared with the beginning of what somebody types.
pub(super) fn suggested_form(text: &str) -> String {
    let mut form = normalized(text);
    let mut end = form.len().min(SUGGESTED_BYTES_MAX);
    while !form.is_char_boundary(end) {
        end -= 1;
    }
    form.truncate(end);
    form
}
