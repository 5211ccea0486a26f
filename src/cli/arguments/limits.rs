//! Arguments that limit connections, and what one client may ask for.

use std::time::Duration;

use api::{ConnectionLimits, Limits, RateLimit, RatePeriod, ViewLimit};
use clap::Args;

use crate::cli::duration;

/// Limits of a server's connections and clients. A client is the subject of a token, or else an address (of IPv6: a /64 network).
#[derive(Clone, Debug, Args)]
pub struct LimitArguments {
    /// Connections open at the same time; fewer where the process may not have so many files open
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_max: u32,
    /// Connections of one address open at the same time; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub connections_per_client: u32,
    /// Longest time until a handshake is made or the head of a request is whole, such as 10s; a connection that sends nothing is closed after it
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    pub header_timeout: Duration,
    /// Time after which a connection is closed on which there was no request since the last answer: let it be longer than a proxy before the
    /// server keeps one
    #[arg(long, value_name = "DURATION", default_value = "75s", value_parser = duration::parse)]
    pub idle_timeout: Duration,
    /// Requests of one client a second: beyond it they are refused with 429 and Retry-After; 0 for no limit. Without keys there is none
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub client_requests_per_second: u32,
    /// The same an hour
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub client_requests_per_hour: u32,
    /// Requests of one client to a view a second or an hour, such as trending=10/s or following_feed=5000/h; may be given again
    #[arg(long, value_name = "VIEW=N/s|N/h", value_parser = view_limit)]
    pub view_limit: Vec<ViewLimit>,
    /// Streams of one client open at the same time: subscriptions and invalidations; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub client_streams: u32,
    /// Requests of one client that wait at the same time, for a position ('after') or for a change of a shape ('live'); 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub client_waits: u32,
    /// Requests with events of one client answered at the same time: beyond it they are refused with 429 before their bodies are read; 0 for
    /// no limit
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub client_producer_requests: u32,
    /// Tokens with a wrong signature of one address a second: beyond it none of its tokens is verified for a moment (429); 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub client_bad_tokens_per_second: u32,
    /// Bytes of answers that one client has not taken yet: beyond it its requests are refused with 429; 0 for no limit
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub client_answer_bytes: u64,
    /// The same of all clients together: beyond it requests are refused with 503
    #[arg(long, value_name = "BYTES", default_value_t = 512 << 20, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    pub answer_bytes_max: u64,
    /// Requests with events answered at the same time; readers can't take their places
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub producer_requests_max: u32,
}

/// A text that is not a limit of requests to a view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a limit of a view: write its name, '=', a number from 1 on, and '/s' or '/h', such as trending=10/s")]
struct BadViewLimit(String);

impl LimitArguments {
    /// The limits of connections that they describe.
    pub(in crate::cli) fn connections(&self) -> ConnectionLimits {
        ConnectionLimits {
            open_max: count(self.connections_max),
            open_per_client: unlimited_if_zero(self.connections_per_client),
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
        }
    }

    /// The limits of requests that they describe.
    pub(in crate::cli) fn requests(&self) -> Limits {
        Limits {
            client_requests_per_second: self.client_requests_per_second,
            client_requests_per_hour: self.client_requests_per_hour,
            view_limits: self.view_limit.clone(),
            client_streams: unlimited_if_zero(self.client_streams),
            client_waits: unlimited_if_zero(self.client_waits),
            client_producer_requests: unlimited_if_zero(self.client_producer_requests),
            client_bad_tokens_per_second: self.client_bad_tokens_per_second,
            client_answer_bytes: if self.client_answer_bytes == 0 { u64::MAX } else { self.client_answer_bytes },
            answer_bytes_max: self.answer_bytes_max,
            producer_requests_max: count(self.producer_requests_max),
            ..Limits::default()
        }
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The meaning of 0 on the command line.
fn unlimited_if_zero(number: u32) -> usize {
    if number == 0 { usize::MAX } else { count(number) }
}

/// Reads `view=10/s` or `view=1000/h`.
fn view_limit(text: &str) -> Result<ViewLimit, BadViewLimit> {
    let bad = || BadViewLimit(text.to_owned());
    let (view, rate) = text.split_once('=').filter(|(view, _)| !view.is_empty()).ok_or_else(bad)?;
    let (requests, period) = rate.split_once('/').ok_or_else(bad)?;
    let period = match period {
        "s" => RatePeriod::Second,
        "h" => RatePeriod::Hour,
        _ => return Err(bad()),
    };
    let requests = requests.parse().ok().filter(|requests| *requests > 0).ok_or_else(bad)?;
    Ok(ViewLimit { view: view.to_owned(), limit: RateLimit { requests, period } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_a_view_is_a_name_and_a_rate() {
        let of = |requests, period| ViewLimit { view: "trending".to_owned(), limit: RateLimit { requests, period } };
        assert_eq!(view_limit("trending=10/s"), Ok(of(10, RatePeriod::Second)));
        assert_eq!(view_limit("trending=1000/h"), Ok(of(1_000, RatePeriod::Hour)));
        for text in ["", "trending", "=1/s", "trending=0/s", "trending=1", "trending=1/m", "trending=-1/s", "trending=1/s/h"] {
            let bad = view_limit(text).unwrap_err().to_string();
            assert!(bad.contains(&format!("'{text}'")), "{bad}");
        }
    }
}
