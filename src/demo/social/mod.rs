//! The social client at `/social`: files that are embedded in the program, and tokens for the made-up people who look at it.
//!
//! It holds no data: what it shows it asks of the API, as one of the people. Whoever reaches the address may be any of them, so the page is
//! served where everybody in the network is made up, and to this machine alone. Its tokens are good for minutes, read what their user may read,
//! and send events of what the page does and of nothing else.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::{ApiConfig, HostPage, INGEST_SCOPE, IssuedToken, PageFile, TokenIssuer};

use super::error::DemoError;
use super::key::signed_token;
use crate::file_error::FileError;

/// Validity of a token of the page, which gets another one in time.
const PAGE_TOKEN_VALID: Duration = Duration::from_secs(15 * 60);
/// Topics of the events that the page sends.
const TOPICS: [&str; 3] = ["social.user", "social.post", "social.notification"];
/// A file that says that the data directory began with events of somebody.
const LOADED_MARK: &str = "loaded-from-file";

/// The page and the files that it loads.
const PAGE: HostPage = HostPage {
    name: "social",
    title: "Social client",
    page: PageFile::html("index.html", include_str!("index.html")),
    files: &FILES,
};

static FILES: [PageFile; 18] = [
    PageFile::script("api.js", include_str!("api.js")),
    PageFile::script("compose.js", include_str!("compose.js")),
    PageFile::script("dom.js", include_str!("dom.js")),
    PageFile::script("events.js", include_str!("events.js")),
    PageFile::svg("icon.svg", include_str!("icon.svg")),
    PageFile::script("live.js", include_str!("live.js")),
    PageFile::script("main.js", include_str!("main.js")),
    PageFile::script("notifications.js", include_str!("notifications.js")),
    PageFile::script("people.js", include_str!("people.js")),
    PageFile::script("post.js", include_str!("post.js")),
    PageFile::script("posts.js", include_str!("posts.js")),
    PageFile::script("profile.js", include_str!("profile.js")),
    PageFile::script("search.js", include_str!("search.js")),
    PageFile::script("session.js", include_str!("session.js")),
    PageFile::script("sign_in.js", include_str!("sign_in.js")),
    PageFile::css("social.css", include_str!("social.css")),
    PageFile::script("timeline.js", include_str!("timeline.js")),
    PageFile::script("trending.js", include_str!("trending.js")),
];

/// Signs tokens of the page with the demo's secret.
struct PageTokens {
    secret: Vec<u8>,
    scope: String,
}

impl TokenIssuer for PageTokens {
    fn issue(&self, user: u64) -> IssuedToken {
        let signed = signed_token(&self.secret, user, &self.scope, PAGE_TOKEN_VALID);
        let (token, expires_at) = signed.expect("HS256 signs with any secret, and texts and numbers are JSON");
        IssuedToken { token, expires_at }
    }
}

/// Adds the page and its tokens to an API whose tokens are signed with `secret`.
pub(super) fn open_page(api: &mut ApiConfig, secret: &[u8]) {
    let scope = TOPICS.map(|topic| format!("{INGEST_SCOPE}:{topic}")).join(" ");
    api.pages = vec![PAGE];
    api.token_issuer = Some(Arc::new(PageTokens { secret: secret.to_vec(), scope }));
}

/// Returns true if everybody in the data directory is made up. A directory that begins with a file of events is marked as one that is not.
pub(super) fn is_made_up(data: &Path, has_file: bool) -> Result<bool, DemoError> {
    let mark = data.join(LOADED_MARK);
    if has_file {
        fs::write(&mark, "").map_err(FileError::write(&mark))?;
    }
    Ok(!mark.try_exists().map_err(FileError::read(&mark))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_page_is_of_its_user_and_sends_what_the_page_sends() {
        let secret = b"0123456789012345678901234567890123456789";
        let mut api = ApiConfig::default();
        open_page(&mut api, secret);
        let issued = api.token_issuer.unwrap().issue(u64::MAX);
        let key = jsonwebtoken::DecodingKey::from_secret(secret);
        let claims = jsonwebtoken::decode::<serde_json::Value>(&issued.token, &key, &jsonwebtoken::Validation::default());
        let claims = claims.unwrap().claims;
        assert_eq!((claims["sub"].as_str(), claims["exp"].as_u64()), (Some("18446744073709551615"), Some(issued.expires_at)));
        let scope = "events:write:social.user events:write:social.post events:write:social.notification";
        assert_eq!(claims["scope"], scope, "a token of the page is no operator's");
    }

    #[test]
    fn a_directory_with_events_of_somebody_stays_one() {
        let data = tempfile::tempdir().unwrap();
        assert!(is_made_up(data.path(), false).unwrap());
        assert!(!is_made_up(data.path(), true).unwrap());
        assert!(!is_made_up(data.path(), false).unwrap(), "a second start says no file");
    }

    #[test]
    fn every_file_that_the_page_loads_is_served_and_no_other() {
        let text = |name: &str| FILES.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no file {name}")).text;
        let mut open = vec!["social.css", "icon.svg", "main.js"];
        assert!(open.iter().all(|name| PAGE.page.text.contains(&format!("\"social/{name}\""))));
        let mut seen = Vec::new();
        while let Some(name) = open.pop() {
            if !seen.contains(&name) {
                seen.push(name);
                open.extend(text(name).split(" from './").skip(1).filter_map(|rest| rest.split('\'').next()));
            }
        }
        assert_eq!(seen.len(), FILES.len(), "{seen:?}");
        for file in FILES.iter().chain([&PAGE.page]) {
            for forbidden in
                ["https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "@import", " style=\"", "onclick="]
            {
                assert!(!file.text.contains(forbidden), "{} has '{forbidden}'", file.name);
            }
        }
    }
}
