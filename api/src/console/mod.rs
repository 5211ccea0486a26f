//! The page to look at and the page to try the API, embedded in the program.
//!
//! They hold no data: what they show they ask of the API, with the token of whoever looks.

use crate::host::pages::PageFile;

/// The place in the page where links to further pages go.
pub(crate) const FURTHER_PAGES: &str = "<!-- further pages -->";

/// The page itself.
pub(crate) const PAGE: PageFile = PageFile::html("index.html", include_str!("index.html"));

/// The page to try the API, which is made of what `/openapi.json` says.
pub(crate) const DOCS_PAGE: PageFile = PageFile::html("docs.html", include_str!("docs.html"));

/// The files that they load.
pub(crate) static FILES: [PageFile; 17] = [
    PageFile::script("api.js", include_str!("api.js")),
    PageFile::css("console.css", include_str!("console.css")),
    PageFile::css("docs.css", include_str!("docs.css")),
    PageFile::script("docs.js", include_str!("docs.js")),
    PageFile::script("docs_operation.js", include_str!("docs_operation.js")),
    PageFile::script("dom.js", include_str!("dom.js")),
    PageFile::script("graph.js", include_str!("graph.js")),
    PageFile::script("hits.js", include_str!("hits.js")),
    PageFile::svg("icon.svg", include_str!("icon.svg")),
    PageFile::script("layout.js", include_str!("layout.js")),
    PageFile::script("letters.js", include_str!("letters.js")),
    PageFile::script("live.js", include_str!("live.js")),
    PageFile::script("main.js", include_str!("main.js")),
    PageFile::script("relation.js", include_str!("relation.js")),
    PageFile::script("rows.js", include_str!("rows.js")),
    PageFile::script("search.js", include_str!("search.js")),
    PageFile::script("why.js", include_str!("why.js")),
];
