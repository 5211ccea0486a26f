//! The modules of a crate and which of them uses which.
//!
//! The `src` folder of a crate enters; leave its modules, each a file, and the edges between them. A path through a re-export is an edge
//! to the file that defines the item, so a parent may gather the names of its children for callers outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::tokens::{test_modules, tokens};

/// Path of a module inside its crate; the root of the crate is empty.
pub type ModulePath = Vec<String>;

/// Modules with what they use of each other.
pub struct Modules {
    /// tokens of each module
    pub tokens: BTreeMap<ModulePath, Vec<String>>,
    /// module that uses, module that is used
    pub edges: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
}

/// The paths that one module names, as it writes them.
#[derive(Default)]
struct Named {
    /// imported ones, with the name that each gets here
    imports: Vec<(ModulePath, String)>,
    /// in the code
    paths: Vec<ModulePath>,
}

impl Modules {
    /// Reads the modules of a crate. What is compiled for tests alone is left out.
    pub fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_folder(source, &[], &mut files);
        let tests: BTreeSet<ModulePath> =
            files.iter().flat_map(|(module, text)| test_modules(text).into_iter().map(|name| joined(module, &[name]))).collect();
        files.retain(|module, _| (1..=module.len()).all(|length| !tests.contains(&module[..length])));
        let tokens = files.iter().map(|(module, text)| (module.clone(), tokens(text))).collect();
        let mut modules = Self { tokens, edges: BTreeMap::new() };
        modules.edges = modules.find_edges();
        modules
    }

    /// The modules of a crate of these files, each a path and its text.
    pub fn of_files(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Self::read(folder.path())
    }

    fn find_edges(&self) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
        let named: BTreeMap<&ModulePath, Named> = self.tokens.iter().map(|(module, tokens)| (module, named(tokens))).collect();
        let mut names = BTreeMap::new();
        for (module, named) in &named {
            for (path, name) in &named.imports {
                if let Some(target) = self.absolute(module, path) {
                    names.insert(joined(module, std::slice::from_ref(name)), target);
                }
            }
        }
        let mut edges = BTreeMap::new();
        for (&module, named) in &named {
            let imports = named.imports.iter().filter_map(|(path, _)| self.absolute(module, path));
            let in_code = named.paths.iter().filter_map(|path| {
                let imported = names.get(&joined(module, &path[..1])).filter(|target| self.tokens.contains_key(*target));
                imported.map(|target| joined(target, &path[1..])).or_else(|| self.absolute(module, path))
            });
            let used = imports.chain(in_code).filter(|path| !self.tokens.contains_key(path));
            let mut targets: BTreeSet<ModulePath> = used.filter_map(|path| self.definer(path, &names)).collect();
            targets.remove(module);
            edges.insert(module.clone(), targets);
        }
        edges
    }

    /// The path from the root of the crate, if it leads into the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        match path[0].as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some(joined(module, &path[1..])),
            "super" => {
                let ups = path.iter().take_while(|word| *word == "super").count();
                Some(joined(&module[..module.len().checked_sub(ups)?], &path[ups..]))
            }
            first => {
                let child = joined(module, &[first.to_owned()]);
                self.tokens.contains_key(&child).then(|| joined(module, path))
            }
        }
    }

    /// The module that defines an item, behind the re-exports that lead to it.
    fn definer(&self, mut path: ModulePath, names: &BTreeMap<ModulePath, ModulePath>) -> Option<ModulePath> {
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|&length| self.tokens.contains_key(&path[..length]))?;
            let item = path.get(..=length).and_then(|item| names.get(item));
            match item {
                Some(target) if *target != path => path = joined(target, &path[length + 1..]),
                _ => return Some(path[..length].to_vec()),
            }
        }
        None
    }

    /// The circles: sets of modules of which each uses each, at last.
    pub fn circles(&self) -> Vec<BTreeSet<ModulePath>> {
        let reachable: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
            self.edges.keys().map(|module| (module, self.reachable(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reachable {
            if reached.contains(module) {
                let circle = reached.iter().filter(|other| reachable[*other].contains(module));
                circles.insert(circle.map(|other| (*other).clone()).collect::<BTreeSet<_>>());
            }
        }
        circles.into_iter().collect()
    }

    fn reachable(&self, from: &ModulePath) -> BTreeSet<&ModulePath> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&ModulePath> = self.edges[from].iter().collect();
        while let Some(module) = open.pop() {
            if reached.insert(module) {
                open.extend(&self.edges[module]);
            }
        }
        reached
    }
}

fn read_folder(folder: &Path, prefix: &[String], files: &mut BTreeMap<ModulePath, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("names are UTF-8").to_owned();
        if path.is_dir() {
            read_folder(&path, &joined(prefix, &[name]), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = if matches!(name.as_str(), "mod" | "lib" | "main") { prefix.to_vec() } else { joined(prefix, &[name]) };
            let text = fs::read_to_string(&path).expect("sources are text");
            files.entry(module).or_default().push_str(&text);
        }
    }
}

fn joined(start: &[String], end: &[String]) -> ModulePath {
    [start, end].concat()
}

fn named(tokens: &[String]) -> Named {
    let mut named = Named::default();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" {
            at = use_tree(tokens, at + 1, &[], &mut named.imports);
            continue;
        }
        let mut end = at + 1;
        while tokens.get(end).is_some_and(|sign| sign == "::") && tokens.get(end + 1).is_some_and(|word| is_word(word)) {
            end += 2;
        }
        if end > at + 1 && is_word(&tokens[at]) && (at == 0 || tokens[at - 1] != "::") {
            named.paths.push(tokens[at..end].iter().step_by(2).cloned().collect());
        }
        at = end;
    }
    named
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Reads one tree of a `use`, up to what ends it; returns the place behind.
fn use_tree(tokens: &[String], mut at: usize, prefix: &[String], found: &mut Vec<(ModulePath, String)>) -> usize {
    let mut path = prefix.to_vec();
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = use_tree(tokens, at, &path, found);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "as" => {
                name = tokens.get(at + 1).cloned();
                at += 1;
            }
            "," | "}" | ";" => break,
            "::" => {}
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(last) = path.last() {
        let name = name.unwrap_or_else(|| last.clone());
        found.push((path, name));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let circles = Modules::of_files(files).circles();
        circles.into_iter().map(|circle| circle.into_iter().map(|module| module.join("::")).collect()).collect()
    }

    #[test]
    fn a_circle_is_found_through_imports_paths_and_names_of_modules() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::{self, Other}; fn f() { b::g() }"),
            ("b.rs", "fn g() { super::c::h::<u8>(1) }"),
            ("c/mod.rs", "use std::fmt; use crate::{a::f as renamed};"),
        ];
        assert_eq!(circles(&files), [["a", "b", "c"]]);
    }

    #[test]
    fn a_parent_that_gathers_the_names_of_its_children_makes_no_circle() {
        let files = [
            ("lib.rs", "mod p;"),
            ("p/mod.rs", "mod kinds; mod work; pub use kinds::Kind; pub use work::work;"),
            ("p/kinds.rs", "pub struct Kind;"),
            ("p/work.rs", "use super::Kind; pub fn work(_: Kind) {}"),
        ];
        assert_eq!(circles(&files), [[""; 0]; 0]);
        let own = [("lib.rs", "mod p;"), ("p/mod.rs", "mod work; pub use work::work; pub struct Kind;"), files[3]];
        assert_eq!(circles(&own), [["p", "p::work"]]);
    }

    #[test]
    fn tests_may_look_at_everything() {
        let files = [
            ("lib.rs", "mod a; #[cfg(test)] mod tests;"),
            ("a.rs", "pub fn f() {} #[cfg(test)] mod inner { use crate::tests::help; }"),
            ("tests.rs", "use crate::a::f; pub fn help() {}"),
        ];
        assert_eq!(circles(&files), [[""; 0]; 0]);
    }
}
