//! Modules of a crate form no circle, so that each can be read after those that it uses.

use super::crates::{EDGES, root};
use super::modules::Modules;

#[test]
fn the_modules_of_a_crate_form_no_circle() {
    let mut found = Vec::new();
    let mut seen = 0;
    for (name, _) in EDGES {
        let modules = Modules::read(&root().join(name).join("src"));
        seen += modules.tokens.len();
        for circle in modules.circles() {
            found.push(format!("{name}: a circle of {}", circle.len()));
            for module in &circle {
                let uses = modules.edges[module].intersection(&circle).map(|used| used.join("::")).collect::<Vec<_>>();
                found.push(format!("    {} uses {}", module.join("::"), uses.join(", ")));
            }
        }
    }
    assert!(seen > 200, "only {seen} modules were read");
    assert!(found.is_empty(), "move what both sides use below them:\n{}", found.join("\n"));
}
