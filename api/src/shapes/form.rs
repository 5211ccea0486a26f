//! Messages of a shape as JSON, in the form of ElectricSQL: a key, the values as PostgreSQL prints them, and what happened to the row.

use schemas::field::{FieldKind, Value, json_string};
use schemas::serving::View;
use serde_json::{Map, Value as Json, json};

use super::question::{Replica, SCHEMA, ShapeColumns};
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::value_text::value_text;

/// The text of NULL in a key.
const NULL_IN_KEY: &str = "_";

/// A change of a row, or the row itself.
pub(super) enum RowMessage<'r> {
    /// the row is there; the number counts the equal rows before it
    Insert(&'r LoadedRow, i64),
    /// a row was replaced by another one of the same key
    Update(&'r LoadedRow, &'r LoadedRow),
    /// the row is gone
    Delete(&'r LoadedRow, i64),
}

/// The form of the messages of a shape.
pub(super) struct ShapeForm {
    /// `"public"."posts"`
    relation_text: String,
    /// `["public","posts"]`
    relation: String,
    /// `"post_id":` for each column of the view
    names: Vec<String>,
    columns: ShapeColumns,
    replica: Replica,
    schema: String,
}

impl ShapeForm {
    /// The form for a view.
    pub(super) fn new(view: &View, columns: ShapeColumns, replica: Replica) -> Self {
        let name = |column: &schemas::serving::Column| format!("{}:", Json::from(column.name.as_str()));
        Self {
            relation_text: format!("\"{SCHEMA}\".{}", in_key(&view.name)),
            relation: json!([SCHEMA, view.name]).to_string(),
            names: view.columns.iter().map(name).collect(),
            schema: schema(view, &columns),
            columns,
            replica,
        }
    }

    /// The types of the columns, as a header takes them.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The columns.
    pub(super) fn columns(&self) -> &ShapeColumns {
        &self.columns
    }

    /// The columns of a change that are sent.
    pub(super) fn replica(&self) -> Replica {
        self.replica
    }

    /// Returns the number of messages for a row that is there so many times.
    pub(super) fn copies(&self, count: i64) -> i64 {
        if self.columns.is_counted { count } else { count.min(1) }
    }

    /// Returns true if a reader sees a difference between two rows.
    pub(super) fn differ(&self, reader: &RowReader<'_>, old: &LoadedRow, new: &LoadedRow) -> bool {
        self.columns.sent.iter().any(|column| reader.field(old, *column) != reader.field(new, *column))
    }

    /// Appends a message; `place` are members of its headers, each with a comma before it.
    pub(super) fn write(&self, reader: &RowReader<'_>, message: &RowMessage<'_>, place: &str, out: &mut String) {
        let (operation, row, copy) = match *message {
            RowMessage::Insert(row, copy) => ("insert", row, copy),
            RowMessage::Update(_, new) => ("update", new, 0),
            RowMessage::Delete(row, copy) => ("delete", row, copy),
        };
        out.push_str("{\"key\":");
        json_string(&self.key_text(reader, row, copy), out);
        let is_key = |column: usize| self.replica == Replica::Full || self.columns.key.contains(&column);
        out.push_str(",\"value\":");
        match *message {
            RowMessage::Insert(row, _) => self.write_columns(reader, row, |_| true, out),
            RowMessage::Delete(row, _) => self.write_columns(reader, row, is_key, out),
            RowMessage::Update(old, new) => {
                let has_changed = |column: usize| reader.field(old, column) != reader.field(new, column);
                self.write_columns(reader, new, |column| is_key(column) || has_changed(column), out);
                if self.replica == Replica::Full {
                    out.push_str(",\"old_value\":");
                    self.write_columns(reader, old, has_changed, out);
                }
            }
        }
        out.extend([",\"headers\":{\"operation\":\"", operation, "\",\"relation\":", &self.relation, place, "}}"]);
    }

    fn write_columns(&self, reader: &RowReader<'_>, row: &LoadedRow, is_sent: impl Fn(usize) -> bool, out: &mut String) {
        out.push('{');
        let mut is_first = true;
        for &column in self.columns.sent.iter().filter(|column| is_sent(**column)) {
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            out.push_str(&self.names[column]);
            match reader.value(row, column) {
                Value::Null => out.push_str("null"),
                value => json_string(&value_text(&value), out),
            }
        }
        out.push('}');
    }

    /// `"public"."posts"/"7"`, with a number behind it for the second and further ones of equal rows.
    fn key_text(&self, reader: &RowReader<'_>, row: &LoadedRow, copy: i64) -> String {
        let mut text = self.relation_text.clone();
        for &column in &self.columns.key {
            text.push('/');
            match reader.value(row, column) {
                Value::Null => text.push_str(NULL_IN_KEY),
                value => text.push_str(&in_key(&value_text(&value))),
            }
        }
        if copy > 0 {
            text.push_str(&format!("/{}", copy + 1));
        }
        text
    }
}

/// A part of a key in quotes; the signs that end one are written twice.
fn in_key(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\"").replace('/', "//"))
}

/// The types of the columns that are sent, in letters that every header takes.
fn schema(view: &View, columns: &ShapeColumns) -> String {
    let described = columns.sent.iter().map(|&column| {
        let (kind, dimensions) = type_of(&view.columns[column].kind);
        let mut described = json!({ "type": kind });
        if dimensions > 0 {
            described["dims"] = dimensions.into();
        }
        if let Some(place) = columns.key.iter().position(|key| *key == column) {
            described["pk_index"] = place.into();
        }
        (view.columns[column].name.clone(), described)
    });
    in_ascii(&Json::Object(described.collect::<Map<_, _>>()).to_string())
}

/// The name that PostgreSQL has for a type within, and the number of dimensions of a list.
fn type_of(kind: &FieldKind) -> (&'static str, u64) {
    let name = match kind {
        FieldKind::Boolean => "bool",
        FieldKind::Int16 => "int2",
        FieldKind::Int32 => "int4",
        FieldKind::Int64 | FieldKind::UInt64 => "int8",
        FieldKind::Float64 => "float8",
        FieldKind::Decimal { .. } | FieldKind::Numeric => "numeric",
        FieldKind::Text => "text",
        FieldKind::Json => "jsonb",
        FieldKind::Bytes => "bytea",
        FieldKind::Timestamp => "timestamptz",
        FieldKind::LocalTimestamp => "timestamp",
        FieldKind::Date => "date",
        FieldKind::Interval => "interval",
        FieldKind::List(element) => {
            let (name, dimensions) = type_of(element);
            return (name, dimensions + 1);
        }
    };
    (name, 0)
}

/// JSON with every letter outside of ASCII as an escape.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii_graphic() || letter == ' ' {
            ascii.push(letter);
            continue;
        }
        let mut units = [0; 2];
        letter.encode_utf16(&mut units).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}")));
    }
    ascii
}

#[cfg(test)]
mod tests {
    use schemas::row::Row;
    use schemas::serving::{Access, IndexLayout};

    use super::*;

    fn view() -> View {
        let tags = FieldKind::List(Box::new(FieldKind::Text));
        let columns = [("id", FieldKind::Int64), ("name", FieldKind::Text), ("größe", FieldKind::Float64), ("tags", tags)];
        crate::tests::view("things", &columns, &[("by_id", &["-id"], None)], Access::Public)
    }

    fn stored(layout: &IndexLayout, name: Value<'_>) -> Row {
        let mut row = Row::empty();
        let tags = Value::List(vec![Value::Text("a b".into()), Value::Null]);
        let values = [Value::Int(7), name, Value::Float(1.5), tags];
        view().columns.iter().zip(&values).for_each(|(column, value)| column.kind.write(value, &mut row));
        layout.store(row.as_bytes())
    }

    fn written(
        is_counted: bool,
        replica: Replica,
        message: impl Fn(&LoadedRow, &LoadedRow, &mut dyn FnMut(&RowMessage<'_>)),
    ) -> Vec<Json> {
        let view = view();
        let layout = IndexLayout::new(&view.columns, &view.indexes[0]);
        let reader = RowReader::new(&layout);
        let key = if is_counted { vec![0, 1, 2, 3] } else { vec![0] };
        let form = ShapeForm::new(&view, ShapeColumns { sent: vec![0, 1, 2, 3], key, is_counted }, replica);
        let (old, new) = (stored(&layout, Value::Text("a/\"b\"".into())), stored(&layout, Value::Null));
        let (old, new) = (reader.load(old.as_bytes()), reader.load(new.as_bytes()));
        let mut texts = Vec::new();
        message(&old, &new, &mut |message: &RowMessage<'_>| {
            let mut text = String::new();
            form.write(&reader, message, ",\"lsn\":\"17\"", &mut text);
            texts.push(serde_json::from_str(&text).unwrap());
        });
        texts
    }

    #[test]
    fn values_are_texts_as_postgresql_prints_them() {
        let inserted = written(true, Replica::Changed, |old, new, write| {
            write(&RowMessage::Insert(old, 0));
            write(&RowMessage::Insert(new, 2));
        });
        let headers = json!({ "operation": "insert", "relation": ["public", "things"], "lsn": "17" });
        let value = json!({ "id": "7", "name": "a/\"b\"", "größe": "1.5", "tags": "{\"a b\",NULL}" });
        let key = "\"public\".\"things\"/\"7\"/\"a//\"\"b\"\"\"/\"1.5\"/\"{\"\"a b\"\",NULL}\"";
        assert_eq!(inserted[0], json!({ "key": key, "value": value, "headers": headers }));
        assert_eq!(inserted[1]["value"]["name"], Json::Null);
        assert_eq!(inserted[1]["key"], "\"public\".\"things\"/\"7\"/_/\"1.5\"/\"{\"\"a b\"\",NULL}\"/3");
    }

    #[test]
    fn a_change_has_the_key_and_what_has_changed_or_everything() {
        let changes = |replica| {
            written(false, replica, |old, new, write| {
                write(&RowMessage::Update(old, new));
                write(&RowMessage::Delete(new, 0));
            })
        };
        let [update, delete]: [Json; 2] = changes(Replica::Changed).try_into().unwrap();
        assert_eq!(
            (&update["key"], &update["value"]),
            (&json!("\"public\".\"things\"/\"7\""), &json!({ "id": "7", "name": null }))
        );
        assert_eq!((&update["old_value"], &update["headers"]["operation"]), (&Json::Null, &json!("update")));
        assert_eq!((&delete["value"], &delete["headers"]["operation"]), (&json!({ "id": "7" }), &json!("delete")));
        let [update, delete]: [Json; 2] = changes(Replica::Full).try_into().unwrap();
        assert_eq!(
            (update["value"]["tags"].as_str(), &update["old_value"]),
            (Some("{\"a b\",NULL}"), &json!({ "name": "a/\"b\"" }))
        );
        assert_eq!(delete["value"]["größe"], "1.5");
    }

    #[test]
    fn the_schema_fits_into_a_header() {
        let view = view();
        let columns = ShapeColumns { sent: vec![0, 2, 3], key: vec![0], is_counted: false };
        let form = ShapeForm::new(&view, columns, Replica::Full);
        assert!(form.schema().is_ascii() && form.schema().contains("gr\\u00f6\\u00dfe"), "{}", form.schema());
        let expected = json!({ "id": { "type": "int8", "pk_index": 0 }, "größe": { "type": "float8" }, "tags": { "type": "text", "dims": 1 } });
        assert_eq!(serde_json::from_str::<Json>(form.schema()).unwrap(), expected);
    }
}
