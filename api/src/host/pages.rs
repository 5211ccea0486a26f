//! Pages that the process adds to the one at `/`: files, and the part of the process that signs tokens for whoever looks at them.
//!
//! Owns the words for files, which the page at `/` is made of too, and the trait of the issuer. Texts that are embedded in the program enter.

/// A file of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageFile {
    /// its name, as the page names it
    pub name: &'static str,
    /// its media type
    pub content_type: &'static str,
    /// its text
    pub text: &'static str,
}

/// A page beside the one at `/`: the page itself at `/{name}`, its files at `/{name}/{file}`.
#[derive(Clone, Copy, Debug)]
pub struct HostPage {
    /// its part of the address
    pub name: &'static str,
    /// the words by which the page at `/` names it
    pub title: &'static str,
    /// the page itself
    pub page: PageFile,
    /// the files that it loads
    pub files: &'static [PageFile],
}

/// A token and its end.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// the bearer token
    pub token: String,
    /// its end, in seconds since 1970
    pub expires_at: u64,
}

/// Issuer of tokens for users whom nobody has to be protected from, because they are made up.
///
/// Whoever reaches the server from a page of its own, or from a program on this machine, gets a token for any user. So a process has one only
/// where it listens on this machine alone and holds nothing that is anybody's.
pub trait TokenIssuer: Send + Sync + 'static {
    /// Signs a token for a user. Must not block.
    fn issue(&self, user: u64) -> IssuedToken;
}

impl PageFile {
    /// A page.
    pub const fn html(name: &'static str, text: &'static str) -> Self {
        Self { name, content_type: "text/html; charset=utf-8", text }
    }

    /// A style sheet.
    pub const fn css(name: &'static str, text: &'static str) -> Self {
        Self { name, content_type: "text/css; charset=utf-8", text }
    }

    /// A module of JavaScript.
    pub const fn script(name: &'static str, text: &'static str) -> Self {
        Self { name, content_type: "text/javascript; charset=utf-8", text }
    }

    /// A picture.
    pub const fn svg(name: &'static str, text: &'static str) -> Self {
        Self { name, content_type: "image/svg+xml", text }
    }
}
