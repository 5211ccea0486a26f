//! Queries that are compared with PostgreSQL in every run, whatever the seed.
//!
//! Owns the form of `fixed.sql`: queries that end with a semicolon; a line that begins with `--` is for people.

/// The queries of the file.
pub fn queries() -> Vec<String> {
    let text = include_str!("fixed.sql");
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let queries = lines.collect::<Vec<_>>().join("\n");
    let queries = queries.split(';').map(|query| query.trim().to_owned()).filter(|query| !query.is_empty());
    queries.collect()
}
