//! Scope of generated queries: the tables, their columns, and which of them have values in common.

/// Kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bool,
    /// a number that is only compared with itself: a sum, an average, an extreme
    Real,
}

/// A column in scope: how it is written and what is known of it.
#[derive(Clone, Debug)]
pub struct Column {
    pub sql: String,
    pub kind: Kind,
    pub nullable: bool,
    /// columns of the same domain have values in common
    pub domain: u8,
}

/// `(name, kind, nullable, domain)`
pub type Definition = (&'static str, Kind, bool, u8);

pub const USER: u8 = 1;
pub const POST: u8 = 2;
pub const COMMENT: u8 = 3;
pub const WORDS: u8 = 4;
/// numbers of which some are as large as can be
pub const HUGE: u8 = 5;
pub const OTHER: u8 = 0;

pub const TABLES: [(&str, &[Definition]); 5] = [
    ("users", &[("user_id", Kind::Int, false, USER), ("username", Kind::Text, false, OTHER), ("bio", Kind::Text, true, WORDS)]),
    ("follows", &[("follower_id", Kind::Int, false, USER), ("followee_id", Kind::Int, false, USER)]),
    (
        "posts",
        &[
            ("post_id", Kind::Int, false, POST),
            ("author_id", Kind::Int, false, USER),
            ("text", Kind::Text, false, WORDS),
            ("visibility", Kind::Text, true, OTHER),
            ("score", Kind::Int, true, OTHER),
            ("reply_to", Kind::Int, true, POST),
            ("pinned", Kind::Bool, true, OTHER),
            ("edits", Kind::Int, false, OTHER),
            ("video", Kind::Real, true, HUGE),
        ],
    ),
    ("likes", &[("post_id", Kind::Int, false, POST), ("user_id", Kind::Int, false, USER)]),
    (
        "comments",
        &[
            ("post_id", Kind::Int, false, POST),
            ("comment_id", Kind::Int, false, COMMENT),
            ("parent_id", Kind::Int, true, COMMENT),
            ("author_id", Kind::Int, false, USER),
            ("text", Kind::Text, true, WORDS),
        ],
    ),
];

/// A FROM clause and what it makes visible.
pub struct From {
    pub sql: String,
    pub conditions: Vec<String>,
    pub columns: Vec<Column>,
    /// meanings of a name without a relation, repeated by weight
    pub bare: Vec<(String, Kind)>,
    /// lists that can be unnested
    pub lists: Vec<String>,
}

/// A whole SELECT and the columns it yields, named `c0`, `c1`, ...
pub struct Select {
    pub sql: String,
    pub columns: Vec<Output>,
}

/// Knowledge of a column that a query yields: its kind, whether it can be NULL, its domain.
pub type Output = (Kind, bool, u8);

impl From {
    /// A relation with these columns.
    pub fn new(sql: String, columns: Vec<Column>) -> Self {
        let bare = columns.iter().map(|column| (column.name().to_owned(), column.kind)).collect();
        Self { sql, conditions: Vec::new(), columns, bare, lists: Vec::new() }
    }

    /// Adds the columns of another relation.
    pub fn add(&mut self, other: Self) {
        self.columns.extend(other.columns);
        self.bare.extend(other.bare);
        self.lists.extend(other.lists);
        self.conditions.extend(other.conditions);
        self.forget_ambiguous();
    }

    /// Drops merged columns whose name may by now be another's.
    pub fn forget_ambiguous(&mut self) {
        let bare = &self.bare;
        let is_clear = |name: &str| bare.iter().filter(|(other, _)| other == name).count() == 1;
        self.columns.retain(|column| column.sql.contains('.') || is_clear(&column.sql));
    }
}

impl Column {
    /// Its name without its relation.
    pub fn name(&self) -> &str {
        self.sql.rsplit('.').next().unwrap_or(&self.sql)
    }
}

pub fn table_columns(alias: &str, definitions: &[Definition]) -> Vec<Column> {
    let column = |&(name, kind, nullable, domain): &Definition| Column { sql: format!("{alias}.{name}"), kind, nullable, domain };
    definitions.iter().map(column).collect()
}

pub fn derived_columns(alias: &str, columns: &[Output]) -> Vec<Column> {
    let columns = columns.iter().enumerate();
    columns
        .map(|(place, &(kind, nullable, domain))| Column { sql: format!("{alias}.c{place}"), kind, nullable, domain })
        .collect()
}
