//! One name for one type: a type's name stands in one module of a crate only.

use std::collections::BTreeMap;

use super::crates::{EDGES, root};
use super::modules::Modules;

/// Names that may be defined more than once, since their module says whose they are.
const SHARED: [&str; 1] = ["Error"];

#[test]
fn no_type_name_is_defined_in_two_modules_of_a_crate() {
    let mut doubled = Vec::new();
    let mut seen = 0;
    for (name, _) in EDGES {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (module, tokens) in Modules::read(&root().join(name).join("src")).tokens {
            for defined in types(&tokens) {
                places.entry(defined).or_default().push(module.join("::"));
            }
        }
        seen += places.len();
        places.retain(|defined, modules| modules.len() > 1 && !SHARED.contains(&defined.as_str()));
        doubled.extend(places.iter().map(|(defined, modules)| format!("{name}: {defined} in {}", modules.join(", "))));
    }
    assert!(seen > 500, "only {seen} types were read");
    assert!(doubled.is_empty(), "say whose each is:\n{}", doubled.join("\n"));
}

/// The names of the types that a module defines.
fn types(tokens: &[String]) -> Vec<String> {
    let defines = |pair: &&[String]| matches!(pair[0].as_str(), "struct" | "enum" | "trait" | "union");
    let named = tokens.windows(2).filter(defines).map(|pair| pair[1].clone());
    named.filter(|name| name.starts_with(char::is_uppercase)).collect()
}

#[test]
fn types_are_found() {
    let tokens =
        super::tokens::tokens("pub struct A; enum B<'a> {} trait C {} fn f() { struct D; } // struct E\n#[cfg(test)] struct F;");
    assert_eq!(types(&tokens), ["A", "B", "C", "D"]);
}
