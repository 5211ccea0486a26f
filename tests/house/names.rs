//! One name for one type: a type's name, or that of an alias of one, stands in one module of a crate only.

use std::collections::BTreeMap;

use super::crates::{CRATES, root};
use super::modules::Modules;

/// Names that may be defined more than once, since their module says whose they are.
const SHARED: [&str; 1] = ["Error"];

#[test]
fn no_type_name_is_defined_in_two_modules_of_a_crate() {
    let mut found = Vec::new();
    let mut seen = 0;
    for known in &CRATES {
        let places = places(&Modules::read(&root().join(known.folder).join("src")));
        seen += places.len();
        found.extend(doubled(&places).into_iter().map(|name| format!("{}: {name}", known.package)));
    }
    assert!(seen > 500, "only {seen} types were read");
    assert!(found.is_empty(), "say whose each is:\n{}", found.join("\n"));
}

/// The modules that define each name.
fn places(modules: &Modules) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, tokens) in &modules.tokens {
        for defined in types(tokens) {
            places.entry(defined).or_default().push(module.join("::"));
        }
    }
    places
}

/// The names that more than one module defines, with these modules.
fn doubled(places: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let doubled = places.iter().filter(|(name, modules)| modules.len() > 1 && !SHARED.contains(&name.as_str()));
    doubled.map(|(name, modules)| format!("{name} in {}", modules.join(", "))).collect()
}

/// The names of the types that a module defines, and of its aliases of types. The types of a trait or of its implementation are none.
fn types(tokens: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    // For each block that is open here, true if it is one of an inline module.
    let mut blocks = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let defines = match token.as_str() {
            "{" => {
                blocks.push(at >= 2 && tokens[at - 2] == "mod");
                false
            }
            "}" => {
                blocks.pop();
                false
            }
            "struct" | "enum" | "trait" | "union" => true,
            "type" => blocks.iter().all(|is_module| *is_module),
            _ => false,
        };
        let name = tokens.get(at + 1).filter(|name| defines && name.starts_with(char::is_uppercase));
        names.extend(name.cloned());
    }
    names
}

#[test]
fn types_and_their_aliases_are_found() {
    let text = "pub struct A; enum B<'a> {} trait C { type Not; } fn f() { struct D; } // struct E\n#[cfg(test)] struct F;
        type G = A; impl C for A { type Not = G; } mod inner { pub(super) type H<T> = Vec<T>; } fn g() -> impl C { A } type I = H<A>;";
    assert_eq!(types(&super::tokens::tokens(text)), ["A", "B", "C", "D", "G", "H", "I"]);
}

#[test]
fn a_name_of_two_modules_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; pub enum Error {}"),
        ("a.rs", "type Outcome = u8; struct Error; struct Own;"),
        ("b.rs", "struct Outcome;"),
    ];
    assert_eq!(doubled(&places(&Modules::of_files(&files))), ["Outcome in a, b"]);
}
