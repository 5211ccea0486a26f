//! Arguments that say how a server answers.

use std::ops::RangeInclusive;

use api::{ApiConfig, BigintForm, Limits, PAGE_BYTES_MAX};
use clap::Args;

/// The values of --page-bytes-max: an answer is kept in memory until it is sent.
const PAGE_BYTES: RangeInclusive<u64> = 1_024..=256 * 1024 * 1024;

/// Form and size of answers.
#[derive(Clone, Debug, Args)]
pub struct AnswerArguments {
    /// The most bytes of the rows, hits, records or dead letters of one answer: it ends before and says where to go on. One alone may have
    /// more
    #[arg(long, value_name = "BYTES", default_value_t = PAGE_BYTES_MAX as u64, value_parser = clap::value_parser!(u64).range(PAGE_BYTES))]
    pub page_bytes_max: u64,
    /// Write BIGINT as text in pages, streams and hits, since JavaScript rounds larger numbers; a request may ask for either with
    /// 'Prefer: bigint=string' or 'bigint=number'
    #[arg(long)]
    pub bigint_as_text: bool,
}

impl AnswerArguments {
    /// Adds them to the configuration of an API.
    pub(in crate::cli) fn apply(&self, api: ApiConfig) -> ApiConfig {
        // The highest value fits.
        let page_bytes_max = usize::try_from(self.page_bytes_max).unwrap_or(PAGE_BYTES_MAX);
        let bigint = if self.bigint_as_text { BigintForm::Text } else { BigintForm::Number };
        ApiConfig { limits: Limits { page_bytes_max, ..api.limits }, bigint, ..api }
    }
}
