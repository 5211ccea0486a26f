//! The topologies beside the social one: each is valid, every file beside it holds, and all four together are one topology.

use std::path::PathBuf;

use engine::slt;
use language::load::{build, load, read_folder};

/// The topologies beside the social one, and the views that each serves at least.
const DOMAINS: [(&str, usize); 3] = [("commerce", 20), ("tasks", 12), ("agents", 14)];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn every_statement_is_valid() {
    for (name, views) in DOMAINS {
        let topology = load(&folder(name)).unwrap_or_else(|error| panic!("{error}"));
        assert!(topology.served.len() >= views, "only {} views of {name} are served", topology.served.len());
    }
}

#[test]
fn every_test_beside_them_holds() {
    let mut failures = Vec::new();
    for (name, _) in DOMAINS {
        let reports = slt::run(&folder(name)).unwrap_or_else(|error| panic!("{error}"));
        for report in reports {
            match report.failure {
                Some(failure) => failures.push(failure.to_string()),
                None => assert!(report.queries > 0, "{} asks nothing", report.path.display()),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_file_of_statements_has_a_test() {
    for (name, _) in DOMAINS {
        for file in read_folder(&folder(name)).unwrap_or_else(|error| panic!("{error}")) {
            let path = PathBuf::from(file.path.as_ref());
            assert!(path.with_extension("slt").is_file(), "{} has no test beside it", path.display());
        }
    }
}

#[test]
fn no_name_of_one_is_a_name_of_another() {
    let names = DOMAINS.iter().map(|(name, _)| *name).chain(["social"]);
    let files: Vec<_> = names.flat_map(|name| read_folder(&folder(name)).unwrap_or_else(|error| panic!("{error}"))).collect();
    if let Err(diagnostics) = build(&files) {
        panic!("{}", diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"));
    }
}
