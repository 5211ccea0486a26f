//! Arguments that say how a server answers.

use std::ops::RangeInclusive;

use api::{ApiConfig, BigintForm, CorsOrigin, CorsSites, Limits, PAGE_BYTES_MAX};
use clap::Args;

use crate::process::error::ProcessError;

/// The values of --page-bytes-max: an answer is kept in memory until it is sent.
const PAGE_BYTES: RangeInclusive<u64> = 1_024..=256 * 1024 * 1024;

/// Form and size of answers.
#[derive(Clone, Debug, Args)]
pub struct AnswerArguments {
    /// The most bytes of the rows, hits, records or dead letters of one answer: it ends before and says where to go on. One alone may have
    /// more
    #[arg(long, value_name = "BYTES", default_value_t = PAGE_BYTES_MAX as u64, value_parser = clap::value_parser!(u64).range(PAGE_BYTES))]
    pub page_bytes_max: u64,
    /// Write BIGINT as text in pages, streams, hits and the rows of 'why', since JavaScript rounds larger numbers; a request may ask for either with
    /// 'Prefer: bigint=string' or 'bigint=number'
    #[arg(long)]
    pub bigint_as_text: bool,
    /// Compress answers to requests with a token too. Their length tells whoever sees the encrypted bytes something of what is in them, if
    /// he can add rows to the same answer: see docs/SECURITY.md
    #[arg(long)]
    pub compress_private_answers: bool,
    /// Origin whose pages may ask and read answers (CORS), such as https://app.example or http://localhost:5173; may be given again. '*' lets
    /// in the pages of every site, on a server with keys alone. Cookies are never used: a page sends its token itself
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Vec<CorsOrigin>,
}

impl AnswerArguments {
    /// Adds them to the configuration of an API.
    pub(in crate::cli) fn apply(&self, api: ApiConfig) -> Result<ApiConfig, ProcessError> {
        // The highest value fits.
        let page_bytes_max = usize::try_from(self.page_bytes_max).unwrap_or(PAGE_BYTES_MAX);
        let bigint = if self.bigint_as_text { BigintForm::Text } else { BigintForm::Number };
        let cors = CorsSites::new(self.cors_origin.iter().cloned());
        if cors.is_any() && api.verifier.is_none() {
            return Err(ProcessError::AnySiteWithoutKeys);
        }
        let compresses_private = self.compress_private_answers;
        Ok(ApiConfig { limits: Limits { page_bytes_max, ..api.limits }, bigint, cors, compresses_private, ..api })
    }
}
