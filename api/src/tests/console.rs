//! The page as it is served: whole, from here alone, and with the headers that keep it so.

use super::*;

#[tokio::test]
async fn the_page_and_its_files_are_served_to_everybody_with_strict_headers() {
    let api = api();
    let page = get(&api, "/").await;
    assert!(page.status == StatusCode::OK && page.text.starts_with("<!doctype html>"), "{page:?}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let mut open = vec!["console/main.js".to_owned(), "console/console.css".into(), "console/icon.svg".into()];
    assert!(open.iter().all(|path| page.text.contains(&format!("\"{path}\""))), "{}", page.text);
    open.extend(["console/docs.js".to_owned(), "console/docs.css".into()]);
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        let file = get(&api, &format!("/{path}")).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        let policy = file.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{path}: {policy}");
        }
        assert_eq!((file.header("x-content-type-options"), file.header("referrer-policy")), ("nosniff", "no-referrer"));
        let imported = file.text.split(" from './").skip(1).filter_map(|rest| rest.split('\'').next());
        open.extend(imported.map(|name| format!("console/{name}")));
        seen.push(path);
    }
    assert_eq!(seen.len(), 17, "a file is served that nothing loads, or the other way round: {seen:?}");
}

#[tokio::test]
async fn nothing_in_the_page_names_another_server_or_reads_text_as_markup() {
    let api = api();
    for path in [
        "/",
        "/console/api.js",
        "/console/console.css",
        "/console/graph.js",
        "/console/rows.js",
        "/console/letters.js",
        "/console/hits.js",
        "/console/why.js",
    ] {
        let text = get(&api, path).await.text;
        for forbidden in [
            "https://",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "@import",
            " style=\"",
            "onclick=",
        ] {
            assert!(!text.contains(forbidden), "{path} has '{forbidden}'");
        }
    }
}

#[tokio::test]
async fn other_names_are_unknown() {
    for path in ["/console/", "/console/main", "/console/..%2fmain.js", "/index.html"] {
        get(&api(), path).await.problem(404, "unknown_path", None);
    }
    get(&api(), "/console/%ff").await.problem(400, "bad_encoding", None);
}
