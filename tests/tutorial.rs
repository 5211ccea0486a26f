//! The tutorial, `docs/TUTORIAL.md`, followed line by line with the real program: what it has one write and type is written and typed here, and what
//! it shows has to come out.

use crate::documents::{PageReader, page};

#[test]
fn the_tutorial_does_what_it_says_from_its_first_line_to_its_last() {
    PageReader::new().follow(&page("docs/TUTORIAL.md"));
}

#[test]
fn every_page_that_the_tutorial_names_exists() {
    let text = page("docs/TUTORIAL.md");
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let mut named = 0;
    for link in links {
        named += 1;
        assert!(!page(&format!("docs/{link}")).is_empty(), "{link}");
    }
    assert!(named >= 8, "the tutorial names only {named} pages");
}
