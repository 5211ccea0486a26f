//! `GET /healthz`: that the process serves, and no more.

/// Always 200.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
