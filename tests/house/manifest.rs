//! Manifests of crates: the packages that one depends on, and the members of the workspace.
//!
//! The text of a `Cargo.toml` enters. What is read is what the manifests of this workspace use of the format: tables, keys on one line, and a
//! dependency as a key or as a table of its own.

/// A package that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// its name, also where the manifest calls it otherwise
    pub package: String,
    /// true if only tests, examples and benchmarks have it
    pub is_dev: bool,
}

/// Tables that hold dependencies; true for those of tests.
const TABLES: [(&str, bool); 3] = [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];

/// Table of a manifest that a line is in.
enum Table {
    /// a dependency per key; true if they are for tests
    Dependencies(bool),
    /// options of the dependency that was read last
    OneDependency,
    /// anything else
    Other,
}

/// The dependencies of a manifest, in its order: for the program, its build and its tests, on every platform.
pub fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table = Table::Other;
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            let (entered, named) = header_table(header.trim_end_matches(']'));
            found.extend(named);
            table = entered;
            continue;
        }
        match (&table, line.split_once(['.', '='])) {
            (Table::Dependencies(is_dev), Some((name, value))) => {
                let package = renamed(value).unwrap_or_else(|| unquoted(name));
                found.push(Dependency { package: package.to_owned(), is_dev: *is_dev });
            }
            (Table::OneDependency, Some(_)) => {
                if let (Some(package), Some(last)) = (renamed(line), found.last_mut()) {
                    package.clone_into(&mut last.package);
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the table that a header begins, and the dependency that it names: `[dependencies]`, `[target.'cfg(unix)'.dependencies]`,
/// `[dependencies.serde]`. The table of the workspace only gives versions.
fn header_table(header: &str) -> (Table, Option<Dependency>) {
    let kind = |part: &str| TABLES.iter().find(|(name, _)| *name == part).map(|(_, is_dev)| *is_dev);
    let parts: Vec<&str> = header.split('.').map(unquoted).collect();
    match parts.as_slice() {
        ["workspace", ..] => (Table::Other, None),
        [.., last] if kind(last).is_some() => (Table::Dependencies(kind(last) == Some(true)), None),
        [.., table, package] => match kind(table) {
            Some(is_dev) => (Table::OneDependency, Some(Dependency { package: (*package).to_owned(), is_dev })),
            None => (Table::Other, None),
        },
        _ => (Table::Other, None),
    }
}

/// The package that a dependency of another name stands for: `other = { package = "serde" }`.
fn renamed(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once("package")?;
    behind.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// The value of a key of a table, which is a text.
pub fn text_of<'m>(manifest: &'m str, table: &str, key: &str) -> Option<&'m str> {
    let inside = manifest.lines().skip_while(|line| line.trim() != table).skip(1).take_while(|line| !line.starts_with('['));
    let mut values = inside.filter_map(|line| line.split_once('=')).filter(|(name, _)| name.trim() == key);
    values.next().map(|(_, value)| unquoted(value))
}

/// The folders of the members of a workspace.
pub fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("members = [").and_then(|(_, behind)| behind.split_once(']')).map_or("", |(list, _)| list);
    list.split(',').map(unquoted).filter(|member| !member.is_empty()).map(str::to_owned).collect()
}

#[test]
fn dependencies_are_found_in_every_form() {
    let manifest = r#"
[workspace.dependencies]
unused = { path = "unused" }
[package]
name = "a"
[dependencies]
# no = "1"
b.workspace = true
"c" = { version = "1", features = ["x"] }
short = { package = "long-name", path = "../long" }
[target.'cfg(unix)'.dependencies]
d = "1"
[build-dependencies]
e = "1"
[dependencies.f]
version = "1"
[dev-dependencies.g]
package = "h"
[dev-dependencies]
i.workspace = true
[lints]
workspace = true
"#;
    let found: Vec<(String, bool)> = dependencies(manifest).into_iter().map(|found| (found.package, found.is_dev)).collect();
    let names =
        [("b", false), ("c", false), ("long-name", false), ("d", false), ("e", false), ("f", false), ("h", true), ("i", true)];
    assert_eq!(found, names.map(|(name, is_dev)| (name.to_owned(), is_dev)));
    assert_eq!((text_of(manifest, "[package]", "name"), text_of(manifest, "[package]", "edition")), (Some("a"), None));
}

#[test]
fn members_are_found_on_one_line_and_on_several() {
    assert_eq!(members("[workspace]\nmembers = [\"a\", \"b/c\"]\nresolver = \"3\""), ["a", "b/c"]);
    assert_eq!(members("[workspace]\nmembers = [\n  \"a\",\n  \"b/c\",\n]"), ["a", "b/c"]);
    assert_eq!(members("[package]"), [""; 0]);
}
