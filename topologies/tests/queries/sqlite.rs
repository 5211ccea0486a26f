//! SQLite as the independent engine: the same tables, the same queries.

use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use rusqlite::{Connection, ToSql};

use super::world::{Cell, World};

const TABLES: &str = "\
PRAGMA case_sensitive_like = ON;
CREATE TABLE users (user_id INTEGER, username TEXT, bio TEXT);
CREATE TABLE follows (follower_id INTEGER, followee_id INTEGER);
CREATE TABLE posts (post_id INTEGER, author_id INTEGER, text TEXT, visibility TEXT, score INTEGER, reply_to INTEGER, pinned INTEGER, edits INTEGER);
CREATE TABLE likes (post_id INTEGER, user_id INTEGER);
CREATE TABLE comments (post_id INTEGER, comment_id INTEGER, parent_id INTEGER, author_id INTEGER, text TEXT);
";

/// Significant digits by which numbers that are not exact are compared.
pub fn real(value: f64) -> Cell {
    Cell::Real(format!("{value:.9e}"))
}

pub struct Reference(Connection);

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self {
            Self::Null => Stored::Null,
            Self::Int(value) => Stored::Integer(*value),
            Self::Real(text) | Self::Text(text) => Stored::Text(text.clone()),
        }))
    }
}

impl Reference {
    pub fn new() -> Self {
        let connection = Connection::open_in_memory().expect("SQLite opens");
        connection.execute_batch(TABLES).expect("the tables are created");
        Self(connection)
    }

    /// Replaces the contents of all tables.
    pub fn load(&self, world: &World) {
        for (name, rows) in world.tables() {
            self.0.execute(&format!("DELETE FROM {name}"), []).expect("the table is emptied");
            for row in rows.values() {
                let places = vec!["?"; row.len()].join(", ");
                let insert = format!("INSERT INTO {name} VALUES ({places})");
                self.0.execute(&insert, rusqlite::params_from_iter(row)).expect("the row is inserted");
            }
        }
    }

    /// The rows of a query, sorted.
    pub fn query(&self, sql: &str) -> Result<Vec<Vec<Cell>>, rusqlite::Error> {
        let mut statement = self.0.prepare(sql)?;
        let width = statement.column_count();
        let mut found = statement.query([])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push((0..width).map(|column| row.get_ref(column).map(cell)).collect::<Result<Vec<_>, _>>()?);
        }
        rows.sort();
        Ok(rows)
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => real(value),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}
