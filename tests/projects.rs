//! `tidewater new`: a project that is made runs as its README says, line by line; and what is not made.

use std::fs;

use serde_json::json;

use crate::documents::PageReader;
use crate::operate::run;

#[test]
fn a_new_project_does_what_its_readme_says() {
    let reader = PageReader::new();
    let printed = ["created 'shop' with README.md, topology.sql, topology.slt, events.jsonl, .gitignore", "..."];
    reader.run("tidewater new shop", &printed.map(ToOwned::to_owned));
    reader.run("cd shop", &[]);
    let readme = fs::read_to_string(reader.directory().join("README.md")).unwrap();
    assert!(readme.starts_with("# shop\n"), "{readme}");
    for file in ["topology.sql", "topology.slt", "events.jsonl"] {
        assert!(readme.contains(&format!("| `{file}` |")), "the README does not say what '{file}' is");
    }
    reader.follow(&readme);
    assert!(reader.directory().join("data").is_dir(), "the data is where the README says");
}

#[test]
fn a_project_is_made_where_nothing_is_and_under_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = run(&["new", &path("orders_2"), "--format", "json"]);
    assert_eq!(made.code, Some(0), "{}", made.complaint);
    let files = json!(["README.md", "topology.sql", "topology.slt", "events.jsonl", ".gitignore"]);
    assert_eq!(made.json(), json!({ "directory": path("orders_2"), "files": files }));

    let again = run(&["new", &path("orders_2")]);
    assert_eq!((again.code, again.printed.as_str()), (Some(1), ""), "{}", again.complaint);
    assert!(again.complaint.contains("orders_2' is not empty: choose another name"), "{}", again.complaint);
    for bad in ["2orders", "my orders", "..", "-x"] {
        let path = path(bad);
        let refused = run(&["new", "--", if bad == "-x" { bad } else { &path }]);
        assert_eq!(refused.code, Some(2), "{bad}: {}", refused.complaint);
        assert!(refused.complaint.contains("is not a name for a project: write letters, digits"), "{}", refused.complaint);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "what is refused leaves nothing behind");
}
