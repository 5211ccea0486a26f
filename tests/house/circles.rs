//! Modules of a crate form no circle, so that each can be read after those that it uses.

use super::crates::{CRATES, root};
use super::modules::Modules;

#[test]
fn the_modules_of_a_crate_form_no_circle() {
    let mut found = Vec::new();
    let mut seen = 0;
    for known in &CRATES {
        let modules = Modules::read(&root().join(known.folder).join("src"));
        seen += modules.tokens.len();
        found.extend(described(known.package, &modules));
    }
    assert!(seen > 200, "only {seen} modules were read");
    assert!(found.is_empty(), "move what both sides use below them:\n{}", found.join("\n"));
}

/// The circles of a crate, with the edges that make each.
fn described(name: &str, modules: &Modules) -> Vec<String> {
    let mut lines = Vec::new();
    for circle in modules.circles() {
        lines.push(format!("{name}: a circle of {}", circle.len()));
        for module in &circle {
            let uses = modules.edges[module].intersection(&circle).map(|used| used.join("::")).collect::<Vec<_>>();
            lines.push(format!("    {} uses {}", module.join("::"), uses.join(", ")));
        }
    }
    lines
}

#[test]
fn a_circle_is_described_by_its_edges() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::f;"),
        ("b.rs", "use crate::a::g;"),
        ("c.rs", "use crate::a::g;"),
    ];
    let lines = described("wheel", &Modules::of_files(&files));
    assert_eq!(lines, ["wheel: a circle of 2", "    a uses b", "    b uses a"]);
}
